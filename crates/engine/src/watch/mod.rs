//! The watch: it notices what nobody else would, and makes sure that it is heard.
//!
//! Silence is the enemy: backups that no longer happen, a vault that fills up, a pack that rots. [`Watch::look`] is cheap
//! and is called again and again by whoever runs the schedule; it needs no key and opens nothing outside the vault. What
//! it notices becomes an event in the [`outbox`], which stays there until everybody has taken it who wants to hear of it.

pub mod event;
pub mod inspection;
mod lines;
pub mod logbook;
mod look;
pub mod lost;
pub mod outbox;
mod recorder;
pub mod rehearsal;
mod runs;
mod schema;
pub mod settle;
mod state;

pub use event::{Event, News};
pub use lines::ledger;
pub use logbook::Logbook;
pub use look::{NextLook, Watch};
pub use outbox::{EventClaim, EventConsumer};
pub use recorder::{Outcome, Recorder, tell};
pub use state::{makers, status};

use std::collections::{BTreeSet, HashSet};
use std::ops::ControlFlow;
use std::path::Path;

use crate::replica::known::KnownObjects;
use crate::replica::standing;
use crate::report::{BackupInfo, BackupType, HistoryFilter, ListFilter, Run};
use crate::retention;
use crate::vault::catalog::Catalog;
use crate::vault::name::BackupName;
use crate::vault::place;
use crate::{Config, Result, vault};

/// The names of facts in the logbook.
pub(crate) mod fact {
    /// When somebody was last told that the backups are too old.
    pub const STALE: &str = "stale";
    /// Of the storage warnings, the percentage that was told last.
    pub const STORAGE: &str = "storage";
    /// When a restore was last rehearsed.
    pub const REHEARSED: &str = "rehearsed";
    /// The report of a rehearsal that failed.
    pub const REHEARSAL: &str = "rehearsal";
    /// The report of a verification that found damage.
    pub const DAMAGE: &str = "damage";
    /// By code: since when there is this problem.
    pub const PROBLEM: &str = "problem.";
    /// By archive: when it was read back.
    pub const ARCHIVE: &str = "archive.";
    /// By backup: when all of it was read back.
    pub const VERIFIED: &str = "verified.";
    /// The time zone of the host that ran the schedule last.
    pub const ZONE: &str = "zone";
}

/// What the catalog says of backups, the newest first, until `visit` has seen enough; but nothing of what restores have
/// replaced. Needs no key.
fn newest_first(dir: &Path, mut visit: impl FnMut(BackupInfo) -> ControlFlow<()>) {
    let Some(catalog) = Catalog::open_read_only(dir) else { return };
    // It may still name some that were removed.
    let snapshots = dir.join("snapshots");
    let _ = catalog.newest_first(|info| match snapshots.join(&info.backup).exists() {
        true => visit(info),
        false => ControlFlow::Continue(()),
    });
}

/// When the newest good backup was made, if there is one. Those that are dated in the future tell nothing, and what a restore
/// replaced is no backup that anybody waits for. One that the catalog does not know counts as good: the catalog may be gone.
pub(crate) fn newest_good(dir: &Path, now: i64) -> Result<Option<i64>> {
    Ok(newest_good_of(&vault::list_snapshots(dir)?, dir, now))
}

/// The same of these, which are in no order.
fn newest_good_of(names: &[BackupName], dir: &Path, now: i64) -> Option<i64> {
    let mut bad = HashSet::new();
    newest_first(dir, |info| match info.degraded || is_doubted(dir, &info) {
        true => {
            bad.insert(info.backup);
            ControlFlow::Continue(())
        }
        false if retention::is_ahead(info.timestamp, now) => ControlFlow::Continue(()),
        false => ControlFlow::Break(()),
    });
    let is_good = |name: &&BackupName| {
        name.kind() != BackupType::Safety && !retention::is_ahead(name.millis(), now) && !bad.contains(name.as_str())
    };
    names.iter().filter(is_good).map(BackupName::millis).max()
}

fn is_doubted(dir: &Path, info: &BackupInfo) -> bool {
    info.suspicious.is_some() && !vault::is_accepted(dir, &info.backup)
}

/// The newest backup that is suspicious, if there is one. Needs no key.
pub(crate) fn doubted(dir: &Path) -> Option<BackupInfo> {
    let mut doubted = None;
    newest_first(dir, |info| match is_doubted(dir, &info) {
        true => {
            doubted = Some(info);
            ControlFlow::Break(())
        }
        false => ControlFlow::Continue(()),
    });
    doubted
}

/// The backups of a vault, newest first, also those that are known to be at a target. Needs no key; `None` where one is needed,
/// because the catalog does not know all.
pub fn backups(config: &Config, filter: &ListFilter) -> Result<Option<Vec<BackupInfo>>> {
    let vault = &place::of(&config.backup_dir);
    let mut all_known = true;
    let mut backups = vault::backups(vault, Catalog::open_read_only(vault), filter, |_| {
        all_known = false;
        None
    })?;
    let targets = config.cloud.iter().map(|target| target.name().to_owned()).collect();
    if let Some(known) = KnownObjects::of_folder(vault, targets) {
        let read = |name: &BackupName| known.info(name).or_else(|| Some(BackupInfo::of_name(name)));
        vault::add_those_elsewhere(vault, &mut backups, filter, known.backups(), |object| known.holders(object), read)?;
    }
    Ok(all_known.then(|| standing::where_they_are(config, vault, inspection::verified(vault, backups))))
}

/// The days, since the epoch, on which anything ran in a vault, as far as its history goes back.
pub(crate) fn days(vault: &Path) -> BTreeSet<i64> {
    let days = Logbook::open_read_only(vault).and_then(|logbook| logbook.days().ok());
    days.unwrap_or_default().into_iter().collect()
}

/// The history of a vault, newest first. Needs no key.
pub fn history(vault: &Path, filter: &HistoryFilter) -> Result<Vec<Run>> {
    Logbook::read(vault)?.map_or(Ok(Vec::new()), |logbook| logbook.runs(filter))
}
