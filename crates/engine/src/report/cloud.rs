//! What is where, and what was brought there.

use serde::{Deserialize, Serialize};

use super::Warning;

/// What a sync did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncReport {
    /// Objects that were sent.
    pub uploaded: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Objects that still wait, of all targets together.
    pub pending: u64,
    pub failed: Vec<SyncFailure>,
    /// What is not right at a target, and no failure: that nothing is pruned there, and why. `path` is the target's name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
}

/// What could not be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncFailure {
    /// Its path inside the vault; empty where it is the target itself that failed.
    pub object: String,
    pub target: String,
    pub code: String,
    pub message: String,
}

/// How one target is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CloudStatus {
    pub target: String,
    /// `gdrive`, `s3` or `folder`.
    pub provider: String,
    pub state: CloudState,
    /// Objects that wait to be sent.
    pub pending: u64,
    /// Their bytes.
    pub pending_bytes: u64,
    /// When everything was last there, in milliseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_success: Option<i64>,
    /// Why it failed, if nothing went well since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<CloudFailure>,
    /// What its last pruning could not do, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloudFailure {
    pub at: i64,
    pub code: String,
    pub message: String,
}

/// A vault at a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
