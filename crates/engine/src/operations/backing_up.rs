//! Making backups, and putting them off.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Call, Operation};
use crate::Result;
use crate::report::{BackupOptions, BackupResult, BackupType, Preview, instant};

/// Makes a backup of the root. The first one makes the vault.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateBackup {
    /// Default: `'MANUAL'`.
    #[serde(rename = "type", default = "manual")]
    pub kind: BackupType,
    #[serde(default)]
    pub options: BackupOptions,
}

fn manual() -> BackupType {
    BackupType::Manual
}

impl Operation for CreateBackup {
    type Answer = BackupResult;

    fn run(&self, call: &Call<'_>) -> Result<BackupResult> {
        call.engine.create_backup(self.kind, &self.options, call.control)
    }
}

/// Shows what a backup would take, by folder and category, and what it would not take, and why. Writes nothing, not
/// even a vault, and needs no passphrase.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PreviewBackup {}

impl Operation for PreviewBackup {
    type Answer = Preview;

    fn run(&self, call: &Call<'_>) -> Result<Preview> {
        call.engine.preview_backup(call.control)
    }
}

/// Pauses scheduled backups until a given time, for every host and cluster of this vault. The pause ends by itself.
/// Missed backups are then made once. Backups by hand and by commands (cron), and the checks of the vault, continue.
/// During the pause, `backup:stale` is not raised.
/// @throws BackupError E_NOT_FOUND if there is no vault yet
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pause {
    /// A time in the future, within ten years.
    #[serde(deserialize_with = "instant::deserialize")]
    #[schemars(with = "instant::Instant")]
    pub until: i64,
}

impl Operation for Pause {
    type Answer = ();

    fn run(&self, call: &Call<'_>) -> Result<()> {
        call.engine.pause(self.until, call.control)
    }
}

/// Ends a pause of scheduled backups.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resume {}

impl Operation for Resume {
    type Answer = ();

    fn run(&self, call: &Call<'_>) -> Result<()> {
        call.engine.resume(call.control)
    }
}

/// Does now what the schedule does for this type: a backup, pruning, and an archive if the configuration wants one.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunScheduled {
    #[serde(rename = "type")]
    pub kind: BackupType,
    /// The smaller types for which this backup counts.
    #[serde(default)]
    pub covers: Vec<BackupType>,
    #[serde(default)]
    pub wait: bool,
}

impl Operation for RunScheduled {
    type Answer = BackupResult;

    fn run(&self, call: &Call<'_>) -> Result<BackupResult> {
        call.engine.run_scheduled(self.kind, &self.covers, self.wait, call.control)
    }
}

/// Makes the backup that is due by the schedule, as the vault knows it. Null: none is due.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunDue {
    /// The time zone of the host, if none is configured.
    #[serde(default)]
    pub zone: Option<String>,
}

impl Operation for RunDue {
    type Answer = Option<BackupResult>;

    fn run(&self, call: &Call<'_>) -> Result<Option<BackupResult>> {
        call.engine.run_due(self.zone.as_deref(), call.control)
    }
}
