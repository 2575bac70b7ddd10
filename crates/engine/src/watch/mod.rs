//! The watch: it notices what nobody else would, and makes sure that it is heard.
//!
//! Silence is the enemy: backups that no longer happen, a vault that fills up, a pack that rots. [`Watch::look`] is cheap
//! and is called again and again by whoever runs the schedule; it needs no key and opens nothing outside the vault. What
//! it notices becomes an event in the [`logbook`], which stays there until somebody has taken it, in order and once.

pub mod inspection;
pub mod logbook;
mod recorder;
pub mod rehearsal;
mod state;

pub use logbook::{Event, Logbook};
pub use recorder::Recorder;
pub use state::{makers, status};

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::report::{BackupInfo, BackupType, HistoryFilter, ListFilter, Run};
use crate::retention;
use crate::vault::catalog::Catalog;
use crate::vault::{self, Vault, place};
use crate::{Config, Result};

/// How often one is reminded of backups that are too old.
const REMIND: i64 = 24 * 3_600_000;
/// From so many percent on, the vault is about to be full.
const NEARLY_FULL: f64 = 95.0;

/// The names of facts in the logbook.
pub(crate) mod fact {
    /// When somebody was last told that the backups are too old.
    pub const STALE: &str = "stale";
    /// Of the storage warnings, the percentage that was told last.
    pub const STORAGE: &str = "storage";
    /// By type: up to when the schedule was followed.
    pub const SCHEDULE: &str = "schedule.";
    /// When the vault was last inspected.
    pub const INSPECTED: &str = "inspected";
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

/// One vault under watch.
#[derive(Clone, Debug)]
pub struct Watch {
    /// The folder that is named for it.
    dir: PathBuf,
    limit: u64,
    max_age: i64,
    warn_percent: f64,
}

impl Watch {
    pub fn new(config: &Config) -> Watch {
        Watch {
            dir: config.backup_dir.clone(),
            limit: config.max_local_storage.0,
            max_age: (config.monitor.max_age_hours * 3_600_000.0) as i64,
            warn_percent: config.monitor.storage_warn_percent,
        }
    }

    fn vault(&self) -> PathBuf {
        place::of(&self.dir)
    }

    fn logbook(&self) -> Result<Option<Logbook>> {
        let vault = self.vault();
        Vault::exists(&vault).then(|| Logbook::open(&vault)).transpose()
    }

    /// Notes `backup:stale` and `storage:warning` where they are due. `now`: milliseconds since the epoch.
    pub fn look(&self, now: i64) -> Result<()> {
        let Some(logbook) = self.logbook()? else { return Ok(()) };
        self.look_at_age(&logbook, now)?;
        self.look_at_storage(&logbook, now)
    }

    fn look_at_age(&self, logbook: &Logbook, now: i64) -> Result<()> {
        let newest = newest_good(&self.vault(), now)?;
        // Of a vault without a backup: since it is known that there should be one.
        let since = match newest {
            Some(newest) => newest,
            None => self.since(logbook, now)?,
        };
        let age = now - since;
        if age <= self.max_age {
            return logbook.forget(fact::STALE);
        }
        let told: Option<i64> = logbook.fact(fact::STALE)?;
        // A clock that went back does not silence it.
        if told.is_some_and(|told| (0..REMIND).contains(&(now - told))) {
            return Ok(());
        }
        let value = json!({ "ageMs": age, "limitMs": self.max_age });
        logbook.keep("backup:stale", &value, now)?;
        logbook.note(fact::STALE, &now)
    }

    fn since(&self, logbook: &Logbook, now: i64) -> Result<i64> {
        let seen = logbook.facts::<i64>(fact::SCHEDULE)?;
        Ok(seen.into_iter().map(|(_, at)| at).min().unwrap_or(now))
    }

    fn look_at_storage(&self, logbook: &Logbook, now: i64) -> Result<()> {
        let used = vault::usage(&self.vault())?.used;
        let percent = used as f64 * 100.0 / self.limit as f64;
        let level = match percent {
            percent if percent >= NEARLY_FULL => NEARLY_FULL,
            percent if percent >= self.warn_percent => self.warn_percent,
            _ => 0.0,
        };
        let told: f64 = logbook.fact(fact::STORAGE)?.unwrap_or(0.0);
        if level > told {
            let value = json!({ "used": used, "limit": self.limit, "percent": (percent * 10.0).round() / 10.0 });
            logbook.keep("storage:warning", &value, now)?;
        }
        if level != told {
            logbook.note(fact::STORAGE, &level)?;
        }
        Ok(())
    }

    /// What nobody has taken yet, in order.
    pub fn events(&self) -> Result<Vec<Event>> {
        self.logbook()?.map_or(Ok(Vec::new()), |logbook| logbook.events())
    }

    /// Somebody has taken it: it will not come again.
    pub fn acknowledge(&self, id: i64) -> Result<()> {
        self.logbook()?.map_or(Ok(()), |logbook| logbook.acknowledge(id))
    }

    /// Keeps an event that nobody could take. Its id; `None` where there is no vault to keep it in.
    pub fn keep(&self, event: &str, value: &Value, now: i64) -> Result<Option<i64>> {
        self.logbook()?.map(|logbook| logbook.keep(event, value, now)).transpose()
    }

    /// Up to when each type's schedule was followed. What was never looked at is from now on. A logbook that cannot be used,
    /// on a full disk for one, is no reason for no schedule.
    pub fn seen_to(&self, now: i64) -> BTreeMap<BackupType, i64> {
        let mut seen: BTreeMap<BackupType, i64> = BackupType::SCHEDULED.map(|kind| (kind, i64::MIN)).into();
        let mut note = |kind, at: i64| {
            // Of a time that is still to come nothing was seen.
            if let Some(seen) = seen.get_mut(&kind).filter(|seen| at <= now && **seen < at) {
                *seen = at;
            }
        };
        let mut unseen: BTreeSet<BackupType> = BackupType::SCHEDULED.into();
        newest_first(&self.vault(), |info| {
            for kind in BackupType::SCHEDULED.into_iter().filter(|kind| info.counts_for(*kind)) {
                note(kind, info.timestamp);
                if info.timestamp <= now {
                    unseen.remove(&kind);
                }
            }
            if unseen.is_empty() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        let logbook = self.logbook().ok().flatten();
        let known = logbook.as_ref().and_then(|logbook| logbook.facts::<i64>(fact::SCHEDULE).ok());
        for (kind, at) in known.unwrap_or_default() {
            if let Ok(kind) = kind.parse() {
                note(kind, at);
            }
        }
        for (kind, at) in seen.iter_mut().filter(|(_, at)| **at == i64::MIN) {
            *at = now;
            if let Some(logbook) = &logbook {
                let _ = logbook.note(&format!("{}{kind}", fact::SCHEDULE), at);
            }
        }
        seen
    }

    /// The zone of the host that follows the schedule, for whoever asks while no host runs. What cannot be noted is not.
    pub fn note_zone(&self, zone: Option<&str>) {
        let Ok(Some(logbook)) = self.logbook() else { return };
        let _ = match zone {
            Some(zone) => logbook.note(fact::ZONE, zone),
            None => logbook.forget(fact::ZONE),
        };
    }

    /// When the vault was last inspected; now, where it never was, or nobody knows.
    pub fn inspected(&self, now: i64) -> i64 {
        let Ok(Some(logbook)) = self.logbook() else { return now };
        let known = logbook.fact::<i64>(fact::INSPECTED).ok().flatten().filter(|at| *at <= now);
        known.unwrap_or_else(|| {
            let _ = logbook.note(fact::INSPECTED, &now);
            now
        })
    }
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
/// replaced is no backup that anybody waits for.
pub(crate) fn newest_good(dir: &Path, now: i64) -> Result<Option<i64>> {
    let mut newest = None;
    newest_first(dir, |info| {
        let is_doubted = info.suspicious.is_some() && !vault::is_accepted(dir, &info.backup);
        if info.degraded || is_doubted || info.kind == BackupType::Safety || retention::is_ahead(info.timestamp, now) {
            return ControlFlow::Continue(());
        }
        newest = Some(info.timestamp);
        ControlFlow::Break(())
    });
    Ok(newest)
}

/// The newest backup that is suspicious, if there is one. Needs no key.
pub(crate) fn doubted(dir: &Path) -> Option<BackupInfo> {
    let mut doubted = None;
    newest_first(dir, |info| match info.suspicious.is_some() && !vault::is_accepted(dir, &info.backup) {
        true => {
            doubted = Some(info);
            ControlFlow::Break(())
        }
        false => ControlFlow::Continue(()),
    });
    doubted
}

/// The backups of a vault, newest first. Needs no key; `None` where one is needed, because the catalog does not know all.
pub fn backups(vault: &Path, filter: &ListFilter) -> Result<Option<Vec<BackupInfo>>> {
    let mut all_known = true;
    let backups = vault::backups(vault, Catalog::open_read_only(vault), filter, |_| {
        all_known = false;
        None
    })?;
    Ok(all_known.then(|| inspection::verified(vault, backups)))
}

/// The days, since the epoch, on which anything ran in a vault, as far as its history goes back.
pub(crate) fn days(vault: &Path) -> BTreeSet<i64> {
    let days = Logbook::open_read_only(vault).and_then(|logbook| logbook.days().ok());
    days.unwrap_or_default().into_iter().collect()
}

/// The history of a vault, newest first. Needs no key.
pub fn history(vault: &Path, filter: &HistoryFilter) -> Result<Vec<Run>> {
    Logbook::open_read_only(vault).map_or(Ok(Vec::new()), |logbook| logbook.runs(filter))
}
