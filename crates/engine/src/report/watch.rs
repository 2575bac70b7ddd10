//! What was found, what happened, and how things are.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::*;

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Damage {
    /// The object's path inside the vault.
    pub object: String,
    /// The backups that need the object, oldest first.
    pub backups: Vec<String>,
    pub healed: bool,
    pub message: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct VerifyOptions {
    /// Also decompress every chunk and compute its hash again.
    pub deep: bool,
    /// Verify this target, instead of the local vault. Damaged objects there are replaced from here. Not together with
    /// a backup.
    pub target: Option<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VerifyReport {
    pub ok: bool,
    pub backups: u64,
    pub packs: u64,
    /// Bytes that were read back and authenticated.
    pub bytes: u64,
    pub damaged: Vec<Damage>,
    pub duration_ms: u64,
}

/// The result of a scheduled check of the vault.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Inspection {
    /// The result for the part of the vault that was due.
    pub verify: VerifyReport,
    /// The result of a rehearsed restore: what was wrong with the restored files. Absent on days without a rehearsal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rehearsal: Option<VerifyReport>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum RunResult {
    Success,
    /// The backup is degraded: see its warnings.
    Degraded,
    Failure,
    /// Its process was killed, or the machine went down.
    Interrupted,
    Running,
}

impl RunResult {
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// One entry of the history, which keeps the newest 20,000. An operation that was refused with E_BUSY did nothing, and
/// has no entry.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    #[schemars(extend("tsType" = "HistoryName"))]
    pub operation: String,
    /// The type, for a backup.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<BackupType>,
    /// The smaller scheduled types for which it counted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub covers: Vec<BackupType>,
    /// When it began, in milliseconds since 1970.
    pub at: i64,
    pub duration_ms: u64,
    pub result: RunResult,
    /// The backup that was made, restored, exported, ...
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<String>,
    /// Bytes that were added, freed, written or read, depending on the operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Bytes of the backup's items.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_size: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<u64>,
    /// True if a host requested it, false if a command did.
    #[serde(default)]
    pub hosted: bool,
    /// For a backup: the schedule requested it, and tries again if it failed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub scheduled: bool,
    /// The code of the error, if it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<ErrorCode>")]
    pub code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The first ten warnings.
    #[serde(default)]
    pub warnings: Vec<Warning>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct HistoryFilter {
    /// In upper or lower case: `backup`, `PRUNE`, ...
    pub operation: Option<String>,
    #[serde(rename = "type")]
    pub kind: Option<BackupType>,
    /// Inclusive.
    #[serde(deserialize_with = "instant::maybe")]
    #[schemars(with = "Option<instant::Instant>")]
    pub since: Option<i64>,
    /// Inclusive.
    #[serde(deserialize_with = "instant::maybe")]
    #[schemars(with = "Option<instant::Instant>")]
    pub until: Option<i64>,
    /// At most so many, the newest.
    pub limit: Option<usize>,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    #[schemars(with = "ErrorCode")]
    pub code: String,
    pub message: String,
    pub since: i64,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StorageStatus {
    /// Bytes of everything in the vault's folder.
    pub used: u64,
    /// The limit, `maxLocalStorage`.
    pub limit: u64,
    /// Bytes free on the vault's disk.
    pub free: u64,
    /// The number of backups.
    pub backups: u64,
    /// Bytes of the items of all backups, as if each backup were a plain copy.
    pub source_bytes: u64,
    /// Bytes of the packs and snapshots that store them.
    pub stored_bytes: u64,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct ScheduleStatus {
    /// Whether a scheduler runs: in this process, or, if asked from outside, in any host.
    pub running: bool,
    /// The next scheduled backup. Absent if no process will make it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<NextRun>,
    pub by: Maker,
    /// Scheduled backups are paused until this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<i64>,
    /// The hosts that are running.
    #[serde(default)]
    pub hosts: Vec<HostStatus>,
    /// The last backup of a scheduled type that a command made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_command: Option<NextRun>,
}

/// Who makes the scheduled backups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Maker {
    /// A host's scheduler.
    Host,
    /// Commands, for example by cron: the history shows it.
    Commands,
    #[default]
    Nobody,
}

/// A process of the app that has loaded Lifeboat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostStatus {
    pub pid: u32,
    pub name: String,
    /// Milliseconds since the epoch.
    pub since: i64,
    pub zone: String,
    /// Since when its scheduler runs, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheduler: Option<i64>,
    /// It applies a waiting restore at its start.
    pub applies_pending: bool,
    /// It reads restored files again while it runs.
    pub reloads: bool,
}

/// One run: when, and of which type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NextRun {
    #[serde(rename = "type")]
    pub kind: BackupType,
    /// Milliseconds since the epoch.
    pub at: i64,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    pub healthy: bool,
    pub problems: Vec<Problem>,
    #[schemars(extend("tsType" = "Partial<Record<BackupType, number>>"))]
    pub last_success: BTreeMap<BackupType, i64>,
    /// The newest failure of a backup.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<LastFailure>,
    /// Milliseconds since the newest good backup.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age: Option<i64>,
    /// What is running now, if anything: "BACKUP HOURLY", ...
    #[serde(skip_serializing_if = "Option::is_none")]
    pub running: Option<Running>,
    /// A restore waits for the next start of the app.
    pub pending_restore: bool,
    pub storage: StorageStatus,
    /// The state of each target.
    #[serde(default)]
    pub cloud: Vec<CloudStatus>,
    pub schedule: ScheduleStatus,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct LastFailure {
    #[serde(rename = "type")]
    pub kind: BackupType,
    pub at: i64,
    #[schemars(with = "ErrorCode")]
    pub code: String,
    pub message: String,
}

/// The operation that holds the vault's lock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Running {
    pub operation: String,
    pub pid: u32,
    /// Milliseconds since the epoch.
    pub since: i64,
    /// Its progress, as it last reported it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
}
