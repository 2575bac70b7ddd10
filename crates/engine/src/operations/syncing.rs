//! Targets in the cloud, and what lies there.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::arguments::filled;
use super::{Call, Operation};
use crate::Result;
use crate::report::{AuthorizeOptions, Authorized, SyncOptions, SyncReport, VaultInfo};

/// Sends everything that waits to the targets of the configuration (`cloud`), the newest backup first, and waits until
/// it is there. Objects that are already at a target are not sent again. Uploads that were cut off continue, even those
/// of another process. A running scheduler does this by itself after each backup. Objects that could not be sent are in
/// `failed`, and are not an error.
/// @throws BackupError E_CONFIG if there is no such target, E_VAULT if the vault belongs to another root
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

/// The same for all targets, if something waits and no other process is sending. Null: nothing waits.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SyncDue {}

impl Operation for SyncDue {
    type Answer = Option<SyncReport>;

    fn run(&self, call: &Call<'_>) -> Result<Option<SyncReport>> {
        call.engine.sync_due(call.control)
    }
}

/// Lists all vaults of a target, with their owners, and says which are late. With `monitor.neighbours`, each machine
/// watches the others.
/// @throws BackupError E_CONFIG if there is no such target; E_CLOUD, E_CLOUD_AUTH if it cannot be reached
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

/// Lets the owner sign in to Google Drive, by Google's device flow. `show` gets a short link and a code. The owner
/// opens the link on a phone and types the code. The promise is fulfilled after a small test file was written to Drive,
/// read and removed. Then the sign-in is stored in `tokenFile`. Until then the previous sign-in stays. The command is
/// `lifeboat auth gdrive`.
/// @throws BackupError E_CLOUD_AUTH if the owner refuses or is too late, or if there is no client id; E_CLOUD if Google
/// cannot be reached; E_ABORTED
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
