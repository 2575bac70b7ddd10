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
    /// `'MANUAL'` by default.
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

/// What a backup would take, by folder and category, and what it would not, and why. Writes nothing, not even a vault, and needs
/// no passphrase.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PreviewBackup {}

impl Operation for PreviewBackup {
    type Answer = Preview;

    fn run(&self, call: &Call<'_>) -> Result<Preview> {
        call.engine.preview_backup(call.control)
    }
}

/// No scheduled backups until then, by whatever host or cluster; it ends by itself, and what was missed is made up once.
/// Backups by hand and by commands (cron's), and what looks after the vault, go on. Meanwhile `backup:stale` is not raised.
/// @throws BackupError E_NOT_FOUND where there is no vault yet
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pause {
    /// A time that is still to come, within ten years.
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

/// Ends a pause.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resume {}

impl Operation for Resume {
    type Answer = ();

    fn run(&self, call: &Call<'_>) -> Result<()> {
        call.engine.resume(call.control)
    }
}

/// What the schedule does for this type, now: a backup, pruning, and an archive where one is asked for.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunScheduled {
    #[serde(rename = "type")]
    pub kind: BackupType,
    /// Smaller types that it counts for.
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

/// The backup that is due by the schedule, as the vault knows it. Null: none is due.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunDue {
    /// The host's, where none is configured.
    #[serde(default)]
    pub zone: Option<String>,
}

impl Operation for RunDue {
    type Answer = Option<BackupResult>;

    fn run(&self, call: &Call<'_>) -> Result<Option<BackupResult>> {
        call.engine.run_due(self.zone.as_deref(), call.control)
    }
}
