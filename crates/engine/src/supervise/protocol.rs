//! The language between host and worker: JSON lines over the worker's stdin and stdout.
//!
//! The host writes one [`Request`] line, and later perhaps [`Signal`] lines. The worker answers with any number of
//! progress lines, perhaps untold news, and then exactly one result or error line, and exits. Every few seconds in which the work
//! has moved on it says that, too; so its silence tells something. When its stdin ends, its host is gone, and the worker cancels
//! itself. Secrets travel here and nowhere else: never in arguments or the environment.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::Config;
use crate::operations::AnyOperation;
use crate::report::Progress;
use crate::seal::places::Environment;
use crate::secret::MasterKey;
use crate::store::SignInPrompt;
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
    pub operation: AnyOperation,
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
pub enum WorkerAnswer {
    /// `"alive"`: since the last such line the work has moved on, whether or not there is progress to tell of.
    Alive,
    Progress(Progress),
    /// The master key that was unlocked by a passphrase, so that the host can hand it to its next worker.
    Key(MasterKey),
    /// What listeners should hear of, and could not be kept in the vault: the host tells it from memory.
    Untold(News),
    /// What a person is to do with a browser.
    Ask(SignInPrompt),
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
