//! Meeting a target: is what lies there this vault, and does nobody else write to it?
//!
//! `vault.json` is put there only where there is none, so of two vaults under one prefix the second one is refused. A copy of a
//! vault has the same id; it is found out by the note about the root that writes there ([`About`]).

use super::about::{self, About};
use super::push::Push;
use super::read_small;
use crate::capture::mounts;
use crate::config::cloud::Target;
use crate::mutex::lock;
use crate::store::{Fault, Kind, Result, Straight};
use crate::vault::{checked_json, description, durable};

/// When this vault was last said to be this root's, which then takes the place of any other at the targets.
pub const ADOPTED: &str = "adopted";

impl Push<'_> {
    /// Says what the vault is, or finds that it was said. Fails where another vault or another root is there.
    pub(super) fn meet(&self) -> Result<()> {
        self.refuse_an_empty_folder()?;
        let ours = durable::read_small(&self.vault.dir().join(description::FILE), checked_json::MAX_LEN)?;
        self.retry(|| {
            let Some(theirs) = self.read_small(description::FILE)? else {
                // Whatever was there has gone: all of it is to be sent again.
                lock(self.ledger).forget_objects(self.name())?;
                return match self.store.put_if_absent(description::FILE, &ours)? {
                    true => self.note_description(&ours),
                    // Somebody else did at this moment. Whose it is the next look tells.
                    false => Err(Fault::new(
                        Kind::Transient { after: None },
                        self.name(),
                        "Another vault is just being made.",
                    )),
                };
            };
            match description::id_in(&theirs) {
                Ok(id) if id == self.vault.id() => self.note_description(&theirs),
                Ok(id) => Err(self.is_anothers(&id)),
                // What we have written there was damaged since.
                Err(_) if lock(self.ledger).has(self.name(), description::FILE)?.is_some() => {
                    self.store.put(description::FILE, &ours, &Straight)?;
                    self.note_description(&ours)
                }
                Err(error) => Err(self.refuse(format!(
                    "This target contains something other than this vault: {error} Name another place, or move that \
                     away."
                ))),
            }
        })?;
        self.refuse_another_root()
    }

    /// A disk that is not mounted may look like an empty folder. What was brought there is not brought there a second time before
    /// somebody has said that it is right so, by making the vault's own folder.
    fn refuse_an_empty_folder(&self) -> Result<()> {
        let Target::Folder(folder) = self.target else { return Ok(()) };
        if let Some(place) = mounts::missing(&folder.path) {
            return Err(self.refuse(format!(
                "/etc/fstab names a disk for {}, and it is not mounted. Data written to {} would fill the disk below. \
                 Mount it, and try again. Nothing was written.",
                place.display(),
                folder.path.display()
            )));
        }
        let place = folder.path.join(self.vault.id());
        let knows = lock(self.ledger).has(self.name(), description::FILE)?.is_some();
        // A folder that is not there itself the store refuses.
        if !knows || !folder.path.is_dir() || place.exists() {
            return Ok(());
        }
        Err(self.refuse(format!(
            "This vault was synced to {0}, and is not there any more. Is the right disk mounted there? Mount it, and \
             try again. If the disk is new, or was emptied, make the folder {1}: then everything is sent again. \
             Nothing was written.",
            folder.path.display(),
            place.display()
        )))
    }

    fn note_description(&self, bytes: &[u8]) -> Result<()> {
        let stored = crate::store::Stored {
            object: description::FILE.into(),
            size: bytes.len() as u64,
            ..crate::store::Stored::default()
        };
        let ledger = lock(self.ledger);
        if ledger.has(self.name(), description::FILE)?.is_none() {
            ledger.arrived(self.name(), &stored, None, self.control.now())?;
        }
        Ok(())
    }

    fn is_anothers(&self, id: &str) -> Fault {
        let short = &id[..8.min(id.len())];
        self.refuse(format!(
            "Another vault, {short}…, is in the place of this one ({}…). Nothing was written. Give this target \
             another `prefix` or folder, or move that vault away.",
            &self.vault.id()[..8]
        ))
    }

    /// Two roots with copies of one vault would remove each other's backups.
    fn refuse_another_root(&self) -> Result<()> {
        let Some(ours) = &self.root else { return Ok(()) };
        let bytes = self.retry(|| self.read_small(about::FILE))?;
        // A note that cannot be read is written anew.
        let Some(theirs) = bytes.and_then(|bytes| About::parse(&bytes).ok()) else { return Ok(()) };
        let adopted = lock(self.ledger).noted(ADOPTED)?.unwrap_or(0);
        let age = self.control.now() - theirs.at;
        match &theirs.root {
            Some(root) if root != ours && (0..about::ALIVE).contains(&age) && adopted <= theirs.at => {
                Err(self.refuse(format!(
                    "Another root with a copy of this vault, {}, writes there, and each would remove the backups of \
                     the other. Give one of them its own vault. If the other root no longer exists, run `lifeboat \
                     adopt` here, or wait a day.",
                    theirs.owner()
                )))
            }
            _ => Ok(()),
        }
    }

    /// Says how the vault is, where that is worth saying.
    pub(super) fn tell_about(&self) -> Result<()> {
        let about = About::of(self.config, self.root.clone(), self.control.now());
        let known = lock(self.ledger).standing(self.name(), &self.identity)?.and_then(|standing| standing.about);
        let known = known.and_then(|text| About::parse(text.as_bytes()).ok());
        if known.is_some_and(|known| known.says_as_much_as(&about)) {
            return Ok(());
        }
        let bytes = about.to_bytes()?;
        self.retry(|| self.store.put(about::FILE, &bytes, &Straight))?;
        Ok(lock(self.ledger).set_about(self.name(), &String::from_utf8_lossy(&bytes))?)
    }

    pub(super) fn read_small(&self, object: &str) -> Result<Option<Vec<u8>>> {
        read_small(self.store, self.name(), object, checked_json::MAX_LEN)
    }

    pub(super) fn refuse(&self, message: String) -> Fault {
        Fault::new(Kind::Refused, self.name(), message)
    }
}
