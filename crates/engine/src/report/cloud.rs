//! What is where, and what was brought there.

use serde::{Deserialize, Serialize};

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
