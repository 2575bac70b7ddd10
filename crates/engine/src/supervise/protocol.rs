//! The language between host and worker: JSON lines over the worker's stdin and stdout.
//!
//! The host writes one [`Request`] line, and later perhaps [`Signal`] lines. The worker answers with any number of
//! progress lines, perhaps untold news, and then exactly one result or error line, and exits. Every few seconds in which the work
//! has moved on it says that, too; so its silence tells something. When its stdin ends, its host is gone, and the worker cancels
//! itself. Secrets travel here and nowhere else: never in arguments or the environment.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::Config;
use crate::report::{
    BackupOptions, BackupRef, BackupType, ExportOptions, ListFilter, MigrateOptions, Progress, PruneOptions,
    RestoreOptions, UndoOptions,
};
use crate::seal::places::Environment;
use crate::secret::{MasterKey, Secret};
use crate::store::Ask;
use crate::watch::News;

/// The first line that the worker reads.
#[derive(Debug, Serialize, Deserialize)]
pub struct Request {
    pub config: Config,
    /// What the host's environment says besides: the worker's own says nothing.
    #[serde(default)]
    pub environment: Environment,
    /// The vault's master key, where the host has it already: then no key is derived again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<MasterKey>,
    pub operation: Operation,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Operation {
    /// Result: `BackupResult`.
    CreateBackup {
        #[serde(rename = "type")]
        kind: BackupType,
        #[serde(default)]
        options: BackupOptions,
    },
    /// What the schedule does for this type, now: a backup, pruning, and an archive where one is asked for. `covers`: smaller
    /// types that it counts for. Result: `BackupResult`.
    RunScheduled {
        #[serde(rename = "type")]
        kind: BackupType,
        #[serde(default)]
        covers: Vec<BackupType>,
        #[serde(default)]
        wait: bool,
    },
    /// The backup that is due by the schedule, as the vault knows it. `zone`: the host's. Result: `BackupResult`, or null.
    RunDue {
        #[serde(default)]
        zone: Option<String>,
    },
    /// Reads back the part of the vault whose turn it is, and now and then rehearses a restore. Result: `Inspection`.
    Inspect,
    /// The same, where it is due by the schedule. Result: `Inspection`, or null.
    InspectDue {
        #[serde(default)]
        zone: Option<String>,
    },
    /// No scheduled backups until then, in milliseconds since the epoch. Result: null.
    Pause { until: i64 },
    /// Ends a pause. Result: null.
    Resume,
    /// Result: `BackupInfo[]`, newest first.
    ListBackups {
        #[serde(default)]
        filter: ListFilter,
    },
    /// Result: `ItemInfo[]`, in path order.
    ListItems {
        backup: String,
        #[serde(default)]
        items: Vec<String>,
    },
    /// Result: `RestoreResult`.
    Restore { backup: BackupRef, options: RestoreOptions },
    /// Takes the last restore in place back. Result: `RestoreResult`.
    UndoRestore {
        #[serde(default)]
        options: UndoOptions,
    },
    /// Result: `VerifyReport`.
    Verify {
        #[serde(default)]
        backup: Option<String>,
        #[serde(default)]
        deep: bool,
        /// Instead of the vault here: what lies at this target.
        #[serde(default)]
        target: Option<String>,
    },
    /// Removes what no rule keeps; at this target, where one is named. Result: `PruneReport`.
    Prune {
        #[serde(default)]
        options: PruneOptions,
        #[serde(default)]
        target: Option<String>,
        #[serde(default)]
        vault_id: Option<String>,
    },
    /// Brings what waits to its targets, or to the one of this name. Result: `SyncReport`.
    Sync {
        #[serde(default)]
        target: Option<String>,
    },
    /// The same of all targets, where something waits and nobody is at it. Result: `SyncReport`, or null.
    SyncDue,
    /// All vaults of a target. Result: `VaultInfo[]`.
    Vaults { target: String },
    /// Result: `PruneReport`.
    DeleteBackup { backup: String },
    /// Result: the backup's name.
    Pin { backup: String, pinned: bool },
    /// A suspicious backup is right. Result: the names of all that are accepted with it.
    AcceptBackup { backup: String },
    /// This root and this vault belong together. Result: null.
    AdoptVault,
    /// What a backup would take, and what not. Result: `Preview`.
    PreviewBackup,
    /// A person signs in to a Google Drive: to the target of this name, or to the first. Result: `Authorized`.
    AuthorizeDrive {
        #[serde(default)]
        target: Option<String>,
    },
    /// Looks at everything that a backup needs. Result: `Diagnosis`.
    Doctor,
    /// Result: `Status`.
    Status,
    /// Applies a restore that was staged for this start, and finishes or undoes one that was cut off.
    /// Result: `RestoreResult`, or null where there is neither.
    ApplyPendingRestore,
    /// Finishes or undoes a restore that was cut off. Result: `RestoreResult`, or null where none was, or it was undone.
    Recover,
    /// Forgets a restore that waits for the next start. Result: whether there was one.
    DiscardPendingRestore,
    /// Result: `Version[]`, newest first.
    Versions { path: String },
    /// Result: `DiffReport`. Without `to`: against the live root.
    Diff {
        from: BackupRef,
        #[serde(default)]
        to: Option<BackupRef>,
    },
    /// Result: `ExportResult`.
    ExportBackup {
        backup: String,
        file: PathBuf,
        #[serde(default)]
        options: ExportOptions,
    },
    /// Result: `BackupInfo`.
    ImportBackup {
        file: PathBuf,
        /// The archive's, where it is not the vault's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        passphrase: Option<Secret>,
    },
    /// Sets up the root from a vault or an archive. Result: `MigrateReport`.
    Migrate {
        from: PathBuf,
        #[serde(default)]
        options: MigrateOptions,
    },
}

/// A later line from the host.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Signal {
    /// `"cancel"`: stop at the next safe place and answer with `E_ABORTED`.
    Cancel,
}

/// A line from the worker.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Answer {
    /// `"alive"`: since the last such line the work has moved on, whether or not there is progress to tell of.
    Alive,
    Progress(Progress),
    /// The master key that was unlocked by a passphrase, so that the host can hand it to its next worker.
    Key(MasterKey),
    /// What listeners should hear of, and could not be kept in the vault: the host tells it from memory.
    Untold(News),
    /// What a person is to do with a browser.
    Ask(Ask),
    Result(Value),
    Error(Failure),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Failure {
    pub code: String,
    pub message: String,
}

impl From<&crate::Error> for Failure {
    fn from(error: &crate::Error) -> Failure {
        Failure { code: error.code().into(), message: error.to_string() }
    }
}
