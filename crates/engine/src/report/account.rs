//! What is told of accounts in the cloud.

use serde::{Deserialize, Serialize};

/// Somebody has signed in, and it works.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Authorized {
    /// Whose account it is: an e-mail address.
    pub account: String,
    /// Bytes that are left there, where there is a limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub free: Option<u64>,
}
