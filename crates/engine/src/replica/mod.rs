//! Replicas: how a vault gets to its targets, and stays there as it should be.
//!
//! A target has the same objects as the vault, under a prefix of its own. [`sync`] brings them there: first what opens the vault,
//! then backup by backup, the newest first, each with its packs before its record ([`push`]); so what is there is always a whole
//! vault of fewer backups. What is where stands in the [`ledger`], and what waits is what the vault has and the ledger has not:
//! it survives everything. Nothing here takes the vault's lock.
//!
//! | module | what it is |
//! |---|---|
//! | [`sync`] | all targets, each in a thread of its own |
//! | [`push`] | one target, from the first look at it to the note that it is up to date |
//! | `compare.rs` | is there what the ledger says? |
//! | [`meeting`] | is what lies there this vault, and nobody else's? |
//! | [`needs`] | which packs a backup needs |
//! | `read_back.rs` | what is there is compared with what is here, a part each week |
//! | [`line`] | objects on their way, several at a time, in order |
//! | [`ledger`] | what is where |
//! | [`about`] | the note about a vault that others of the same target read |
//! | [`keep`] | which backups stay at a target, and why |
//! | [`prune`], [`there`] | removing the others; what a target holds, looked at from here |
//! | [`locks`] | what a kept backup needs stays locked at a target that locks |
//! | [`unneeded`] | since when packs are needed by no backup, where no ledger says it |
//! | [`vaults`] | all vaults of a target, and which are late |
//! | [`bandwidth`], [`patience`] | how fast, and how often |
//! | `care.rs` | how much at a time, where something was lost |
//! | [`turn`] | one process at a time |
//! | [`standing`] | how the targets are, for whoever only looks |
//!
//! And the way back, which uses the vault and stores, and to which nothing of the vault points:
//!
//! | module | what it is |
//! |---|---|
//! | [`fetch`] | reading from targets: what of the vault is missing or damaged here |
//! | [`known`] | what is remembered of targets, so that nobody has to ask twice |
//! | [`windows`] | parts of objects that were fetched, a little ahead, within a bound |
//! | [`whole`] | whole objects, proved before they count |
//! | [`safe`] | which backups a target has whole, so that the copy here may go |
//! | [`expected`] | what a target should have, and which backups there lean on it |
//! | [`marks`] | pins, and what somebody has accepted, of backups that are only at targets |
//! | [`opening`] | what opens the vault, brought back where it is gone here |
//! | [`heal`] | damaged objects made good from where they are whole, here and at a target |

pub mod about;
pub mod bandwidth;
mod care;
mod compare;
pub mod expected;
pub mod fetch;
pub mod heal;
pub mod keep;
pub mod known;
pub mod ledger;
pub mod line;
pub mod locks;
pub mod marks;
pub mod meeting;
pub mod needs;
pub mod opening;
pub mod patience;
pub mod prune;
pub mod push;
mod read_back;
pub mod safe;
pub mod standing;
pub mod sync;
pub mod there;
pub mod turn;
pub mod unneeded;
pub mod vaults;
pub mod whole;
pub mod windows;

pub use ledger::Ledger;
pub use patience::Patience;
pub use sync::SyncRun;
pub use turn::Turn;

use crate::store::{Fault, Kind, Result, Store};

/// A small object of a target, which may be anything: more than `most` bytes of it are not read. `None`: it is not there.
pub fn read_small(store: &dyn Store, target: &str, object: &str, most: u64) -> Result<Option<Vec<u8>>> {
    let Some(stored) = store.head(object)? else { return Ok(None) };
    if stored.size > most {
        let message = format!("{object} has {} bytes, which is far too large for what it is.", stored.size);
        return Err(Fault::new(Kind::Damaged, target, message));
    }
    match store.get(object, 0, stored.size as usize) {
        Err(fault) if fault.kind == Kind::Missing => Ok(None),
        other => other.map(Some),
    }
}
