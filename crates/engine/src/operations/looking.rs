//! Looking at what there is, and whether it is whole.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::arguments::{filled, filled_or_none};
use super::{Call, Operation};
use crate::report::{
    BackupInfo, BackupRef, Diagnosis, DiffReport, HistoryFilter, Inspection, ItemFilter, ItemInfo, ListFilter, Run,
    Status, VerifyOptions, VerifyReport, Version,
};
use crate::{Error, Result};

/// Lists the backups, newest first. Never waits for a running operation.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListBackups {
    #[serde(default)]
    pub filter: ListFilter,
}

impl Operation for ListBackups {
    type Answer = Vec<BackupInfo>;

    fn run(&self, call: &Call<'_>) -> Result<Vec<BackupInfo>> {
        call.engine.list_backups(&self.filter)
    }
}

/// Lists the items of a backup, in path order. Never waits for a running operation.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListItems {
    /// A backup's name, or `'latest'`.
    #[serde(deserialize_with = "filled")]
    pub backup: String,
    #[serde(default)]
    pub filter: ItemFilter,
}

impl Operation for ListItems {
    type Answer = Vec<ItemInfo>;

    fn run(&self, call: &Call<'_>) -> Result<Vec<ItemInfo>> {
        call.engine.list_items(&self.backup, &self.filter.items)
    }
}

/// Lists every version of one path over time, newest first. The same content in several backups in a row is one
/// version. Never waits.
/// @throws BackupError E_NOT_FOUND with the nearest names, if no backup has it
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListVersions {
    /// The path relative to the root, as `listItems` gives it.
    #[serde(deserialize_with = "filled")]
    pub path: String,
}

impl Operation for ListVersions {
    type Answer = Vec<Version>;

    fn run(&self, call: &Call<'_>) -> Result<Vec<Version>> {
        call.engine.versions(&self.path)
    }
}

/// Shows what changed between two backups, or, without `to`, from a backup to the root as it is now. For a SQLite
/// database it says which tables changed, and by how many rows. The worker reads the root and writes nothing there.
/// Never waits.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Compare {
    pub from: BackupRef,
    #[serde(default)]
    pub to: Option<BackupRef>,
}

impl Operation for Compare {
    type Answer = DiffReport;

    fn run(&self, call: &Call<'_>) -> Result<DiffReport> {
        call.engine.diff(&self.from, self.to.as_ref(), call.control)
    }
}

/// Reads back and authenticates one backup, or the whole vault with its archives. Damage is reported in the result, not
/// as an error.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Verify {
    /// Default: the whole vault.
    #[serde(default, deserialize_with = "filled_or_none")]
    pub backup: Option<String>,
    #[serde(default)]
    pub options: VerifyOptions,
}

impl Operation for Verify {
    type Answer = VerifyReport;

    fn run(&self, call: &Call<'_>) -> Result<VerifyReport> {
        let VerifyOptions { deep, target } = &self.options;
        match (target, &self.backup) {
            (Some(_), Some(_)) => {
                Err(Error::Config { message: "A target is verified as a whole: name no backup with `target`.".into() })
            }
            (Some(target), None) => call.engine.verify_target(target, *deep, call.control),
            (None, backup) => call.engine.verify(backup.as_deref(), *deep, call.control),
        }
    }
}

/// Returns the state of the backups: what is wrong, since when, and what to do. Needs no passphrase, and never waits.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadStatus {}

impl Operation for ReadStatus {
    type Answer = Status;

    fn run(&self, call: &Call<'_>) -> Result<Status> {
        call.engine.status()
    }
}

/// Lists what happened, newest first: every run of an operation that reads or writes the vault. Needs no passphrase.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadHistory {
    #[serde(default)]
    pub filter: HistoryFilter,
}

impl Operation for ReadHistory {
    type Answer = Vec<Run>;

    fn run(&self, call: &Call<'_>) -> Result<Vec<Run>> {
        call.engine.history(&self.filter)
    }
}

/// Checks everything that a backup needs, from the root to the vault. A failed check says how to fix it. All checks are
/// made, even if one fails. A wrong configuration is one of the failed checks, and not an error.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Diagnose {}

impl Operation for Diagnose {
    type Answer = Diagnosis;

    fn run(&self, call: &Call<'_>) -> Result<Diagnosis> {
        call.engine.doctor(None, call.control)
    }
}

/// Reads back the part of the vault that is due, and sometimes rehearses a restore.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Inspect {}

impl Operation for Inspect {
    type Answer = Inspection;

    fn run(&self, call: &Call<'_>) -> Result<Inspection> {
        call.engine.inspect(call.control)
    }
}

/// The same, if it is due by the schedule. Null: it is not due.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InspectDue {
    /// The time zone of the host, if none is configured.
    #[serde(default)]
    pub zone: Option<String>,
}

impl Operation for InspectDue {
    type Answer = Option<Inspection>;

    fn run(&self, call: &Call<'_>) -> Result<Option<Inspection>> {
        call.engine.inspect_due(self.zone.as_deref(), call.control)
    }
}
