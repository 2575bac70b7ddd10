//! What is told of accounts in the cloud.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who signs in, and to what.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct AuthorizeOptions {
    /// The `name` of the target in `cloud`; by default the first Google Drive there. It may be before any is configured.
    pub target: Option<String>,
}

/// Somebody has signed in, and it works.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "DriveAccount")]
pub struct Authorized {
    /// Whose Drive it is: an e-mail address.
    pub account: String,
    /// Bytes that are left in the account, where it has a limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub free: Option<u64>,
}
