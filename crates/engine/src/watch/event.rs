//! Everything that listeners hear of, with what it tells: the one list of it.
//!
//! The names, the payloads and the block `Events` of `index.d.ts` follow from [`News`]; a test compares them. Only `progress` is
//! not here: it is for whoever looks at this moment, and is kept nowhere.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::inspection::is_news;
use crate::Error;
use crate::report::{BackupResult, BackupType, Damage, RestoreResult, SyncReport, VerifyReport};

/// Something that happened, as the logbook keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Grows from one event to the next.
    pub id: i64,
    /// Milliseconds since the epoch.
    pub at: i64,
    /// The name, such as `backup:failure`.
    pub event: String,
    pub value: Value,
}

/// How long news is worth keeping when there is little room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewsWeight {
    /// It goes first.
    Good,
    /// It is also kept for whoever comes.
    Bad,
    /// For running hosts, each by its name.
    Errand,
}

macro_rules! news {
    ($($(#[doc = $doc:literal])* $name:literal $variant:ident($payload:ty) $weight:ident $declared:literal)*) => {
        /// Something that somebody should be told.
        #[derive(Clone, Debug, Serialize, Deserialize)]
        #[serde(tag = "event", content = "value")]
        pub enum News {
            $($(#[doc = $doc])* #[serde(rename = $name)] $variant($payload),)*
        }

        impl News {
            pub fn name(&self) -> &'static str {
                match self { $(News::$variant(_) => $name,)* }
            }

            /// What it tells, as listeners get it.
            pub fn value(&self) -> Value {
                match self { $(News::$variant(payload) => serde_json::json!(payload),)* }
            }
        }

        /// Each name, what it weighs, its documentation, and its payload in TypeScript.
        const LIST: &[(&str, NewsWeight, &[&str], &str)] = &[$(($name, NewsWeight::$weight, &[$($doc),*], $declared)),*];
    };
}

news! {
    "backup:success" BackupSuccess(Box<BackupResult>) Good "BackupResult"
    /// A backup was made, but some data could not be stored. `warnings` say what, and what to do. Replaces `backup:success`.
    "backup:degraded" BackupDegraded(Box<BackupResult>) Bad "BackupResult"
    /// A backup was made that looks wrong: see {@link Suspicion}. Once for each doubt. Replaces the two events above.
    "backup:suspicious" BackupSuspicious(BackupSuspicious) Bad "{ backup: string; reasons: string[] }"
    /// A backup failed, or was cut off with its machine. Not raised for a backup that was cancelled (E_ABORTED) or refused because another
    /// operation was running (E_BUSY).
    "backup:failure" BackupFailure(BackupFailure) Bad "{ type: BackupType; code: ErrorCode; message: string }"
    "restore:success" RestoreSuccess(Box<RestoreResult>) Good "RestoreResult"
    /// `rolledBack`: files had been replaced, and were put back. Otherwise nothing was changed, or `message` says what was.
    /// `backup` is the requested name or ISO time, or `'pending'` for a restore that waited for the next start.
    /// Not raised for a dry run, nor for a restore that was cancelled or refused because another operation was running.
    "restore:failure" RestoreFailure(RestoreFailure) Bad
        "{ backup: string; code: ErrorCode; message: string; rolledBack: boolean }"
    /// Files were replaced or removed while the host runs, by itself or by a command. Read again what you keep in memory of them, also
    /// of databases. The event is kept until it is taken, and the restore waits for it, also for a promise. The host's JavaScript is
    /// paused from the moment the files change until the listener runs. So a listener that reads with `readFileSync` can be sure that
    /// the app wrote nothing in between.
    "restore:reload" RestoreReload(Paths) Errand "{ paths: string[] }"
    /// The app overwrote or removed files after they were restored.
    "restore:overwritten" RestoreOverwritten(Overwritten) Bad "{ backup: string; paths: string[] }"
    /// New damage was found when stored data was read back, or a rehearsed restore did not restore everything.
    "integrity:failure" IntegrityFailure(VerifyReport) Bad "VerifyReport"
    /// A check of the backups could not be made: the vault could not be read back, or there was no room for a rehearsal.
    /// Once for each cause, until the check works again.
    "inspection:failure" InspectionFailure(InspectionFailure) Bad
        "{ operation: 'VERIFY' | 'REHEARSAL'; code: ErrorCode; message: string }"
    /// There is no good backup younger than `monitor.maxAgeHours`, or none was ever made in that time. Once a day, until there is one.
    "backup:stale" BackupStale(BackupStale) Bad "{ ageMs: number; limitMs: number }"
    /// The vault has reached `monitor.storageWarnPercent` (80) or 95 percent of `maxLocalStorage`. Raised again only after it was clearly
    /// below that.
    "storage:warning" StorageWarning(StorageWarning) Bad "{ used: number; limit: number; percent: number }"
    /// All backups are at a target for the first time, or again after a failure.
    "sync:success" SyncSuccess(SyncReport) Good "SyncReport"
    /// Another vault at a target has had no new backup for longer than its owner allows: its machine may be dead. Once, until it has
    /// a new one. Only with `monitor.neighbours`.
    "neighbour:late" NeighbourLate(NeighbourLate) Bad "{ target: string; owner: string; newest?: number }"
    /// Backups cannot be sent to a target. Once for each cause, until it works again. `pending`: the number of objects that wait.
    "sync:failure" SyncFailure(SyncFailed) Bad
        "{ target: string; code: ErrorCode; message: string; pending: number }"
}

/// A backup that was not made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BackupFailure {
    #[serde(rename = "type")]
    pub kind: BackupType,
    pub code: String,
    pub message: String,
}

/// A backup that does not look as it should.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BackupSuspicious {
    pub backup: String,
    pub reasons: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestoreFailure {
    pub backup: String,
    pub code: String,
    pub message: String,
    pub rolled_back: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Paths {
    pub paths: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Overwritten {
    pub backup: String,
    pub paths: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InspectionFailure {
    pub operation: String,
    pub code: String,
    pub message: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackupStale {
    pub age_ms: i64,
    pub limit_ms: i64,
}

/// A target that backups do not get to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SyncFailed {
    pub target: String,
    pub code: String,
    pub message: String,
    pub pending: u64,
}

/// Another vault that gets no backups.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NeighbourLate {
    pub target: String,
    pub owner: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<i64>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StorageWarning {
    pub used: u64,
    pub limit: u64,
    pub percent: f64,
}

impl News {
    pub fn is_bad(&self) -> bool {
        is_bad(self.name())
    }

    /// Of a backup that ended; none where somebody cancelled it, or it met another operation.
    pub fn of_backup(kind: BackupType, result: &Result<BackupResult, Error>) -> Option<News> {
        match result {
            Ok(BackupResult { backup, suspicious: Some(doubt), .. }) if doubt.since == *backup => {
                let (backup, reasons) = (backup.clone(), doubt.reasons.clone());
                Some(News::BackupSuspicious(BackupSuspicious { backup, reasons }))
            }
            Ok(result) if result.degraded => Some(News::BackupDegraded(Box::new(result.clone()))),
            Ok(result) => Some(News::BackupSuccess(Box::new(result.clone()))),
            Err(error) if error.is_nobodys_fault() => None,
            Err(error) => Some(News::backup_failure(kind, error.code(), &error.to_string())),
        }
    }

    pub fn backup_failure(kind: BackupType, code: &str, message: &str) -> News {
        News::BackupFailure(BackupFailure { kind, code: code.into(), message: message.into() })
    }

    /// Of a restore that ended. `name`: what was asked for.
    pub fn of_restore(name: &str, result: Result<&RestoreResult, &Error>) -> Option<News> {
        match result {
            Ok(result) if result.dry_run || result.staged => None,
            Ok(result) => Some(News::RestoreSuccess(Box::new(result.clone()))),
            Err(error) if error.is_nobodys_fault() => None,
            Err(error) => Some(News::RestoreFailure(RestoreFailure {
                backup: name.into(),
                code: error.code().into(),
                message: error.to_string(),
                rolled_back: matches!(error, Error::RolledBack { .. }),
            })),
        }
    }

    /// Of an inspection or a rehearsal that ended. `known`: the damage that somebody was told of before.
    pub fn of_inspection(operation: &str, known: &[Damage], result: &Result<VerifyReport, Error>) -> Option<News> {
        match result {
            Ok(report) => (!report.ok && is_news(known, report)).then(|| News::IntegrityFailure(report.clone())),
            Err(error) if error.is_nobodys_fault() => None,
            Err(error) => Some(News::inspection_failure(operation, error.code(), &error.to_string())),
        }
    }

    pub fn sync_failure(target: &str, code: &str, message: &str, pending: u64) -> News {
        let (target, code, message) = (target.into(), code.into(), message.into());
        News::SyncFailure(SyncFailed { target, code, message, pending })
    }

    pub fn neighbour_late(target: &str, owner: &str, newest: Option<i64>) -> News {
        News::NeighbourLate(NeighbourLate { target: target.into(), owner: owner.into(), newest })
    }

    pub fn inspection_failure(operation: &str, code: &str, message: &str) -> News {
        let (operation, code, message) = (operation.into(), code.into(), message.into());
        News::InspectionFailure(InspectionFailure { operation, code, message })
    }
}

/// Is this the name of something that is bad? What an older Lifeboat kept is known by its name only.
pub fn is_bad(name: &str) -> bool {
    LIST.iter().any(|(known, weight, ..)| *known == name && *weight == NewsWeight::Bad)
}

/// The names of what goes first where there is too much.
pub(super) fn bad_names() -> impl Iterator<Item = &'static str> {
    LIST.iter().filter(|(_, weight, ..)| *weight == NewsWeight::Bad).map(|(name, ..)| *name)
}

/// The lines of `index.d.ts` that follow from this list.
pub fn declarations() -> String {
    let mut text = String::new();
    for (name, _, doc, declared) in LIST {
        match doc {
            [] => {}
            [line] => text += &format!("  /**{line} */\n"),
            lines => {
                text += "  /**\n";
                lines.iter().for_each(|line| text += &format!("   *{line}\n"));
                text += "   */\n";
            }
        }
        text += &format!("  '{name}': {declared}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGINS: &str =
        "  // What follows is generated from crates/engine/src/watch/event.rs: `npm run generate:events`\n";
    const ENDS: &str = "  // The end of what is generated\n";

    #[test]
    fn index_d_ts_declares_what_there_is() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../index.d.ts");
        let text = std::fs::read_to_string(&path).unwrap();
        let (before, rest) = text.split_once(BEGINS).unwrap();
        let (declared, after) = rest.split_once(ENDS).unwrap();
        if std::env::var_os("LIFEBOAT_GENERATE").is_some() {
            std::fs::write(&path, format!("{before}{BEGINS}{}{ENDS}{after}", declarations())).unwrap();
        } else {
            assert_eq!(declared, declarations(), "run `npm run generate:events`");
        }
    }

    #[test]
    fn what_is_declared_is_what_is_told() {
        let code = || String::from("E_SOURCE");
        let told = [
            News::backup_failure(BackupType::Daily, "E_SOURCE", "why"),
            News::RestoreFailure(RestoreFailure {
                backup: "latest".into(),
                code: code(),
                message: "why".into(),
                rolled_back: false,
            }),
            News::BackupSuspicious(BackupSuspicious { backup: "latest".into(), reasons: vec![] }),
            News::RestoreReload(Paths { paths: vec![] }),
            News::RestoreOverwritten(Overwritten { backup: "latest".into(), paths: vec![] }),
            News::inspection_failure("VERIFY", "E_SOURCE", "why"),
            News::BackupStale(BackupStale { age_ms: 1, limit_ms: 1 }),
            News::StorageWarning(StorageWarning { used: 1, limit: 1, percent: 1.0 }),
            News::sync_failure("s3", "E_CLOUD", "why", 3),
            News::neighbour_late("s3", "bot on server", Some(1)),
        ];
        for news in told {
            let declared = LIST.iter().find(|(name, ..)| *name == news.name()).unwrap().3;
            let fields = declared.trim_matches(['{', '}', ' ']).split("; ");
            let mut fields: Vec<&str> = fields.map(|field| field.split([':', '?']).next().unwrap()).collect();
            let value = news.value();
            let mut keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
            fields.sort();
            keys.sort();
            assert_eq!(keys, fields, "{}", news.name());
        }
        assert!(is_bad("backup:failure") && !is_bad("backup:success") && !is_bad("restore:reload"));
    }
}
