//! Targets in the cloud, and what lies there.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::arguments::filled;
use super::{Call, Operation};
use crate::Result;
use crate::report::{AuthorizeOptions, Authorized, SyncOptions, SyncReport, VaultInfo};

/// Brings everything that waits to the targets of the configuration (`cloud`), the newest backup first, and waits for that. What
/// is there is not sent again, and what was cut off, also with its process, is gone on with. A scheduler that runs does so by
/// itself after each backup. What could not be sent is in `failed`, and is no error.
/// @throws BackupError E_CONFIG where there is no such target, E_VAULT where the vault is another root's
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sync {
    #[serde(default)]
    pub options: SyncOptions,
}

impl Operation for Sync {
    type Answer = SyncReport;

    fn run(&self, call: &Call<'_>) -> Result<SyncReport> {
        call.engine.sync(self.options.target.as_deref(), call.control)
    }
}

/// The same of all targets, where something waits and nobody is at it. Null: nothing does.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SyncDue {}

impl Operation for SyncDue {
    type Answer = Option<SyncReport>;

    fn run(&self, call: &Call<'_>) -> Result<Option<SyncReport>> {
        call.engine.sync_due(call.control)
    }
}

/// All vaults of a target, whose they are, and which are late. With `monitor.neighbours` each machine looks after the others.
/// @throws BackupError E_CONFIG where there is no such target, E_CLOUD and the like where it cannot be asked
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListVaults {
    /// A target's name in the configuration.
    #[serde(deserialize_with = "filled")]
    pub target: String,
}

impl Operation for ListVaults {
    type Answer = Vec<VaultInfo>;

    fn run(&self, call: &Call<'_>) -> Result<Vec<VaultInfo>> {
        call.engine.vaults(&self.target, call.control)
    }
}

/// The owner signs in to Google Drive, by Google's device flow: `show` gets a short link and a code, the owner opens the link on
/// a phone and types the code. Fulfilled once that was done and a small file was written there, read and removed; the sign-in is
/// kept in `tokenFile` then. What was there before stays until then. The command is `lifeboat auth gdrive`.
/// @throws BackupError E_CLOUD_AUTH where the owner refuses, is too late, or there is no client id; E_CLOUD where Google cannot be
/// reached; E_ABORTED
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuthorizeDrive {
    #[serde(default)]
    pub options: AuthorizeOptions,
}

impl Operation for AuthorizeDrive {
    type Answer = Authorized;

    fn run(&self, call: &Call<'_>) -> Result<Authorized> {
        call.engine.authorize_drive(self.options.target.as_deref(), call.person)
    }
}
