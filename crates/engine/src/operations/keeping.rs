//! What is kept, and what goes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::arguments::filled;
use super::{Call, Operation};
use crate::report::{PruneOptions, PruneReport};
use crate::{Error, Result};

/// Removes the backups that no rule keeps, and what only they needed. Kept are the newest of each type (`keep` in
/// `schedules`), the newest `keepManual` made by hand, those from before a restore for `localRetentionDays`, what is pinned,
/// and always the newest good one. A backup that is being read stays until the next time. While a backup is suspicious nothing
/// goes, and this is E_VAULT: see {@link acceptBackup}.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Prune {
    #[serde(default)]
    pub options: PruneOptions,
}

impl Operation for Prune {
    type Answer = PruneReport;

    fn run(&self, call: &Call<'_>) -> Result<PruneReport> {
        let options = &self.options;
        let Some(target) = &options.target else { return call.engine.prune(options, call.control) };
        if options.at_once {
            return Err(Error::Config { message: "`atOnce` is for the vault here, and not for a target.".into() });
        }
        call.engine.prune_target(target, options.vault_id.as_deref(), options, call.control)
    }
}

/// Removes one backup, and what only it needed. No other backup needs it.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteBackup {
    #[serde(deserialize_with = "filled")]
    pub backup: String,
}

impl Operation for DeleteBackup {
    type Answer = PruneReport;

    fn run(&self, call: &Call<'_>) -> Result<PruneReport> {
        call.engine.delete_backup(&self.backup, call.control)
    }
}

/// Keeps a backup until it is unpinned, whatever the rules say. Returns its name.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// A backup's name, or `'latest'`.
    #[serde(deserialize_with = "filled")]
    pub backup: String,
}

impl Operation for Pin {
    type Answer = String;

    fn run(&self, call: &Call<'_>) -> Result<String> {
        call.engine.pin(&self.backup, true)
    }
}

/// Leaves a pinned backup to the rules again. Returns its name.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Unpin {
    /// A backup's name, or `'latest'`.
    #[serde(deserialize_with = "filled")]
    pub backup: String,
}

impl Operation for Unpin {
    type Answer = String;

    fn run(&self, call: &Call<'_>) -> Result<String> {
        call.engine.pin(&self.backup, false)
    }
}

/// Says that a suspicious backup is right after all, so that pruning goes on. Those before it, and later ones with the same
/// doubt, are accepted with it: their names are returned. Of one that is wrong: restore `suspicious.against`, and delete it.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptBackup {
    /// A backup's name, or `'latest'`: the newest suspicious one.
    #[serde(deserialize_with = "filled")]
    pub backup: String,
}

impl Operation for AcceptBackup {
    type Answer = Vec<String>;

    fn run(&self, call: &Call<'_>) -> Result<Vec<String>> {
        call.engine.accept_backup(&self.backup)
    }
}

/// Says that this root and this vault belong together. The first backup does so, too, and `migrate`. Where a root meets another's
/// vault, every backup is E_VAULT, because the rules would count the backups of both together.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdoptVault {}

impl Operation for AdoptVault {
    type Answer = ();

    fn run(&self, call: &Call<'_>) -> Result<()> {
        call.engine.adopt_vault()
    }
}
