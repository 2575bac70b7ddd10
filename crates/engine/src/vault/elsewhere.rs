//! Other places that hold objects of this vault, as whoever reads from it sees them.
//!
//! A reader takes from there what is missing or damaged here; see [`super::Vault::with_elsewhere`]. What writes, marks, sweeps or
//! verifies never has such a vault: to those only counts what lies in the folder. Nothing that comes from elsewhere is
//! believed: the reader authenticates it, and asks for another place's where it is not what was written.

use super::catalog::ChunkPlace;
use super::name::BackupName;
use crate::Result;
use crate::chunk::ChunkId;
use crate::report::BackupInfo;

/// What is remembered of other places, in the vault's folder: a cache.
pub const FILE: &str = "elsewhere.sqlite";

/// Decides whether bytes are what was written, and takes them if so.
pub type Accept<'a> = dyn FnMut(Vec<u8>) -> bool + 'a;

pub trait Elsewhere: Send + Sync {
    /// The backups that are known to be there, in no order. Asks nobody.
    fn backups(&self) -> Vec<BackupName>;

    /// The names of the places that are known to have this object. Asks nobody.
    fn holders(&self, object: &str) -> Vec<String>;

    /// What is remembered of a backup. Asks nobody.
    fn info(&self, name: &BackupName) -> Option<BackupInfo>;

    /// Remembers what was read of a backup.
    fn remember(&self, info: &BackupInfo);

    /// Has every place ever told what it has? Asks nobody.
    fn is_told(&self) -> bool;

    /// Asks what is there now, unless that was done already. An error where no place answers.
    fn look(&self) -> Result<()>;

    /// Where a chunk lies. Looks into the indexes of packs that nobody has looked into yet, as far as it takes.
    fn places(&self, chunk: ChunkId) -> Result<Vec<ChunkPlace>>;

    /// Offers `length` bytes of an object from `offset` on, from one place after another, until they are accepted. False: no
    /// place has what was written. An error: some place could not be asked.
    fn part(&self, object: &str, offset: u64, length: usize, accept: &mut Accept<'_>) -> Result<bool>;

    /// The same for all of an object of at most `max` bytes.
    fn whole(&self, object: &str, max: u64, accept: &mut Accept<'_>) -> Result<bool>;
}
