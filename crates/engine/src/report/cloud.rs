//! What is where, and what was brought there.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ErrorCode, Warning};

/// Which targets.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct SyncOptions {
    /// Only this target, by its name.
    pub target: Option<String>,
}

/// What a sync did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SyncReport {
    /// Objects that were sent, to all targets together.
    pub uploaded: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Objects that still wait.
    pub pending: u64,
    pub failed: Vec<SyncFailure>,
    /// What is not right at a target, and no failure: that nothing is pruned there, and why. `path` is the target's name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
}

/// What could not be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SyncFailure {
    /// Its path inside the vault; empty where it is the target itself that failed.
    pub object: String,
    pub target: String,
    #[schemars(with = "ErrorCode")]
    pub code: String,
    pub message: String,
}

/// How one target is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CloudStatus {
    pub target: String,
    #[schemars(extend("enum" = ["gdrive", "s3", "folder"]))]
    pub provider: String,
    /// `off`: nothing goes there by itself (`cloudSync`). `failing`: see `lastFailure`.
    pub state: CloudState,
    /// Objects that wait to be sent.
    pub pending: u64,
    /// Their bytes.
    pub pending_bytes: u64,
    /// When everything was last there, in milliseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_success: Option<i64>,
    /// Absent where it went well since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<CloudFailure>,
    /// What its last pruning could not do, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CloudState {
    /// Nothing is synced by itself: `cloudSync` is false.
    Off,
    /// Something waits.
    Queued,
    /// All is there.
    Synced,
    /// It failed the last time.
    Failing,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CloudFailure {
    pub at: i64,
    #[schemars(with = "ErrorCode")]
    pub code: String,
    pub message: String,
}

/// A vault at a target, which many machines may share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VaultInfo {
    /// The folder at the target that it lies in, which is called by its id.
    pub prefix: String,
    /// Whose it is, as its owner has said: `bot on server-1`.
    pub owner: String,
    /// When the newest backup there was made, in milliseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<i64>,
    /// Bytes of all that lies there.
    pub bytes: u64,
    /// The newest backup is older than its owner has said that it may be.
    pub late: bool,
}
