//! What is kept, and what goes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::arguments::filled;
use super::{Call, Operation};
use crate::report::{PruneOptions, PruneReport};
use crate::{Error, Result};

/// Removes the backups that no retention rule keeps, and the data that only they needed. The rules keep the newest of
/// each type (`keep` in `schedules`), the newest `keepManual` that were made by hand, safety backups for
/// `localRetentionDays`, all pinned ones, and always the newest good one. A backup that is being read stays until the
/// next pruning. While a backup is suspicious, nothing is removed, and the error is E_VAULT: see {@link acceptBackup}.
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

/// Removes one backup, and the data that only it needed. The other backups stay whole.
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

/// Pins a backup: it is kept until it is unpinned, whatever the rules say. Returns its name.
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

/// Unpins a backup: the retention rules apply to it again. Returns its name.
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

/// Accepts a suspicious backup as right, so that pruning continues. Earlier suspicious backups, and later ones with the
/// same doubt, are accepted with it. Returns the names of all accepted backups. If the backup is wrong, restore
/// `suspicious.against`, and delete the backup.
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

/// Says that this root and this vault belong together. The first backup does this, too, and so does `migrate`. If a
/// root finds the vault of another root, every backup fails with E_VAULT, because retention would count the backups of
/// both together.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdoptVault {}

impl Operation for AdoptVault {
    type Answer = ();

    fn run(&self, call: &Call<'_>) -> Result<()> {
        call.engine.adopt_vault()
    }
}
