//! What is told of accounts in the cloud.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which account to sign in to.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct AuthorizeOptions {
    /// The `name` of the target in `cloud`. Default: the first Google Drive there. Works also before a target is
    /// configured.
    pub target: Option<String>,
}

/// A sign-in that works.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "DriveAccount")]
pub struct Authorized {
    /// The owner of the Drive: an e-mail address.
    pub account: String,
    /// Free bytes in the account, if it has a limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub free: Option<u64>,
}
