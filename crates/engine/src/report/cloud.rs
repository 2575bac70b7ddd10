//! What is where, and what was brought there.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ErrorCode, Warning};

/// Which targets.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct SyncOptions {
    /// The name of the only target to send to. Default: all.
    pub target: Option<String>,
}

/// What a sync did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SyncReport {
    /// The number of objects that were sent, to all targets together.
    pub uploaded: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The number of objects that still wait.
    pub pending: u64,
    pub failed: Vec<SyncFailure>,
    /// Problems at a target that are not failures: that nothing is pruned there, and why. `path` is the target's name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
}

/// An object that could not be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SyncFailure {
    /// Its path inside the vault; empty if the target itself failed.
    pub object: String,
    pub target: String,
    #[schemars(with = "ErrorCode")]
    pub code: String,
    pub message: String,
}

/// The state of one target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CloudStatus {
    pub target: String,
    #[schemars(extend("enum" = ["gdrive", "s3", "folder"]))]
    pub provider: String,
    /// `off`: nothing is sent there by itself (`cloudSync`). `failing`: see `lastFailure`.
    pub state: CloudState,
    /// The number of objects that wait to be sent.
    pub pending: u64,
    /// Their bytes.
    pub pending_bytes: u64,
    /// The last time when everything was there, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_success: Option<i64>,
    /// The last failure; absent if the target has worked since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<CloudFailure>,
    /// What the last pruning there could not do, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CloudState {
    /// Nothing is sent by itself: `cloudSync` is false.
    Off,
    /// Objects wait to be sent.
    Queued,
    /// Everything is there.
    Synced,
    /// The last attempt failed.
    Failing,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CloudFailure {
    pub at: i64,
    #[schemars(with = "ErrorCode")]
    pub code: String,
    pub message: String,
}

/// A vault at a target that many machines may share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VaultInfo {
    /// The vault's folder at the target, which is named by the vault's id.
    pub prefix: String,
    /// The owner, as the vault names it: `bot on server-1`.
    pub owner: String,
    /// When the newest backup there was made, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<i64>,
    /// Bytes of everything there.
    pub bytes: u64,
    /// The newest backup is older than the owner of the vault allows.
    pub late: bool,
}
