//! Where objects can lie: one small trait, a local folder ([`folder`]) and a memory ([`memory`]). Google Drive and S3 are in a
//! crate of their own, so that only the executable links them.
//!
//! An object has a name, such as `packs/ab/abcd….pack`, and bytes. It is written whole, and nobody sees half of one. A store
//! knows nothing of what objects mean; [`conformance`] says what every store promises, as tests.
//!
//! A store tries everything once. Whoever uses it asks [`Fault::is_transient`], waits, and tries again; a put that is tried
//! again goes on where it stopped ([`Course::session`]).

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub mod downloaded;
mod fault;
pub mod folder;
pub mod memory;
mod sign_in;
pub mod within;

pub use fault::{Fault, Kind};
pub use sign_in::{Person, SignInPrompt, Way};

use std::fs::File;
use std::sync::Arc;

use crate::config::cloud::Target;
use crate::secret::Secret;
use crate::vault::durable;

pub type Result<T, E = Fault> = std::result::Result<T, E>;

/// Objects by name. All calls block, and may come from several threads at a time.
pub trait Store: Send + Sync {
    /// Writes an object, or replaces it; whole, or not at all. Fails where the service then reports another size or
    /// checksum than what was sent.
    fn put(&self, object: &str, body: &dyn Body, course: &dyn Course) -> Result<Stored>;

    /// Writes a small object unless there is one of that name; of several at a time, one does. Says whether this was it.
    fn put_if_absent(&self, object: &str, bytes: &[u8]) -> Result<bool>;

    /// `length` bytes from `offset` on; [`Kind::Damaged`] where the object has fewer, [`Kind::Missing`] where there is none.
    fn get(&self, object: &str, offset: u64, length: usize) -> Result<Vec<u8>>;

    /// What is known of an object without reading it. `None`: there is none.
    fn head(&self, object: &str) -> Result<Option<Stored>>;

    /// Every object whose name begins with `prefix`, in no order. What others have put there is listed, too.
    fn list(&self, prefix: &str, visit: &mut dyn FnMut(Stored)) -> Result<()>;

    /// Removes an object. That there is none is no error.
    fn delete(&self, object: &str) -> Result<()>;

    /// What was listed or written earlier, and is remembered: a service that finds objects by ids need not look for them.
    fn recall(&self, _known: &[Stored]) {}

    /// Ends what an earlier put has begun, and nobody will go on with.
    fn abandon(&self, _object: &str, _session: &Secret) -> Result<()> {
        Ok(())
    }

    /// Keeps an object from being removed or replaced until then, in milliseconds since the epoch, where the service can. What is
    /// kept for longer already stays so. `known`: as it was when it was written; where somebody has written over it since, that is
    /// [`Kind::Damaged`]. False: it was kept for long enough, `enough` being the least.
    fn keep_until(&self, known: &Stored, _until: i64, _enough: i64) -> Result<bool> {
        Err(Fault::new(Kind::Refused, "The target", format!("{} cannot be locked there.", known.object)))
    }

    /// Whose account it is, and how much room it has: for people. Writes, reads and removes nothing.
    fn account(&self) -> Result<Account> {
        Ok(Account::default())
    }
}

/// An object as a store reports it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    pub object: String,
    /// Bytes.
    pub size: u64,
    /// Of all bytes, where the service tells one: `md5:…` or `sha256:…`, in hex.
    pub checksum: Option<String>,
    /// By what the service itself finds it.
    pub id: Option<String>,
    /// When it was written, in milliseconds since the epoch, by the service's clock.
    pub written: Option<i64>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Who is signed in, such as an e-mail address.
    pub name: Option<String>,
    /// Bytes of room, where there is a limit.
    pub limit: Option<u64>,
    /// Bytes that are used, by whatever shares the limit.
    pub used: Option<u64>,
    /// Bytes of them that lie in the trash.
    pub trash: Option<u64>,
    /// By how many milliseconds this machine's clock is ahead of the service's, where that tells the time.
    pub ahead: Option<i64>,
}

/// The bytes of an object that is put: any part of them, as often as it takes.
pub trait Body: Send + Sync {
    fn size(&self) -> u64;
    /// Exactly these bytes.
    fn read(&self, offset: u64, length: usize) -> std::io::Result<Vec<u8>>;
}

impl Body for [u8] {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read(&self, offset: u64, length: usize) -> std::io::Result<Vec<u8>> {
        let part = usize::try_from(offset).ok().and_then(|offset| self.get(offset..offset.checked_add(length)?));
        part.map(<[u8]>::to_vec).ok_or_else(|| std::io::ErrorKind::UnexpectedEof.into())
    }
}

impl Body for Vec<u8> {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read(&self, offset: u64, length: usize) -> std::io::Result<Vec<u8>> {
        Body::read(self.as_slice(), offset, length)
    }
}

/// A file of the vault, which is immutable.
pub struct WholeFile {
    file: File,
    size: u64,
}

impl WholeFile {
    pub fn new(file: File) -> std::io::Result<WholeFile> {
        Ok(WholeFile { size: file.metadata()?.len(), file })
    }
}

impl Body for WholeFile {
    fn size(&self) -> u64 {
        self.size
    }

    fn read(&self, offset: u64, length: usize) -> std::io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        durable::read_at(&self.file, &mut bytes, offset)?;
        Ok(bytes)
    }
}

/// How a put goes: what it went on with, how fast it may, whether it shall stop.
pub trait Course: Send + Sync {
    /// What an earlier put of the same object has begun, as [`Course::keep`] was given it.
    fn session(&self) -> Option<Secret> {
        None
    }

    /// Remembers, durably, by what this put can be gone on with; `None` once it has ended. Whoever has it can write to the
    /// target: it is a secret.
    fn keep(&self, _session: Option<&Secret>) -> Result<()> {
        Ok(())
    }

    /// Was something lost lately? Then a put risks less at a time: it goes in short parts, where the service keeps each.
    fn is_careful(&self) -> bool {
        false
    }

    /// Bytes were sent, and are to be sent again: enough of them that shorter parts would have helped.
    fn lost(&self) {}

    /// So many bytes from the object's beginning are there, and a put that is tried again goes on behind them.
    fn reached(&self, _bytes: u64) {}

    /// Asked before so many bytes are sent: waits where a limit of the bandwidth wants it, and fails with
    /// [`Kind::Cancelled`] where the put shall stop.
    fn send(&self, _bytes: u64) -> Result<()> {
        Ok(())
    }
}

/// One that begins anew, as fast as it can.
pub struct Straight;

impl Course for Straight {}

/// Makes the store of a target. The executable's knows all kinds; [`Folders`] knows none but folders.
pub trait Opener: Send + Sync {
    /// The objects of the vault with this id, which lie at the target below a folder of that name ([`within::of_vault`]): many
    /// vaults share a target. An empty id: the objects of all vaults, with that folder in their names.
    fn open(&self, target: &Target, vault_id: &str) -> Result<Arc<dyn Store>>;

    /// Lets a person sign in to the target, proves that it works by a small object, and keeps what opens it.
    fn sign_in(&self, target: &Target, _person: &dyn Person) -> Result<Account> {
        Err(Fault::new(Kind::Refused, target.name(), "There is nothing to sign in to."))
    }
}

/// Opens folders, and says of any other target who can.
pub struct Folders;

impl Opener for Folders {
    fn open(&self, target: &Target, vault_id: &str) -> Result<Arc<dyn Store>> {
        match target {
            Target::Folder(folder) => {
                Ok(within::of_vault(folder::FolderStore::new(target.name(), &folder.path), vault_id))
            }
            other => Err(Fault::new(
                Kind::Refused,
                other.name(),
                "This program cannot reach a cloud. The `lifeboat` executable can.",
            )),
        }
    }
}
