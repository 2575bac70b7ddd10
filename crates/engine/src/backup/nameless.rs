//! Databases that an app has open although their names are gone: what it writes to them is in no backup, and its owner has
//! to know.

use std::path::Path;

use super::walker::WalkResult;
use crate::Config;
use crate::path::in_shell;
use crate::report::Warning;
use crate::restore::holders::nameless_databases;

impl WalkResult {
    /// The backup is degraded by what an app writes where nobody finds it.
    pub fn add_nameless(&mut self, config: &Config, vault: &Path) {
        let found = warnings(config, vault);
        self.degraded |= !found.is_empty();
        self.warnings.splice(0..0, found);
    }
}

/// A warning for each database that somebody has open under a name that is gone.
pub fn warnings(config: &Config, vault: &Path) -> Vec<Warning> {
    let root = config.root.canonicalize().unwrap_or_else(|_| config.root.clone());
    let mut warnings: Vec<Warning> = Vec::new();
    for holder in nameless_databases(&root, vault) {
        let path = holder.what(&root);
        if warnings.iter().all(|warning| warning.path != path) {
            let message = format!(
                "{} has a file of this database open that was deleted, moved or replaced. What it writes there is in \
                 no backup, and is lost when it ends. Restore the database from a backup that has it (`lifeboat \
                 versions {}` lists them): the restore also saves what the app has in the old file. Then start the app \
                 again.",
                holder.who(),
                in_shell(Path::new(&path))
            );
            warnings.push(Warning { path, message });
        }
    }
    warnings
}
