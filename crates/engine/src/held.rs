//! Backups that something leans on, and that no rule and no lack of room removes: the one that waits for the next start of
//! the app, and the safety backup that takes the last restore back.

use std::collections::HashMap;

use crate::vault::Vault;
use crate::vault::last_restore::LastRestore;
use crate::vault::snapshot::Snapshot;
use crate::{Config, restore};

/// Why a backup that waits stays.
pub const WAITS: &str = "it is restored at the next start of the app";
const TAKES_BACK: &str = "it is needed to take back the last restore";

/// The names of these backups, and why each of them stays.
pub fn held(vault: &Vault, config: &Config) -> HashMap<String, &'static str> {
    let mut held = HashMap::new();
    held.extend(safety(vault).map(|name| (name, TAKES_BACK)));
    held.extend(restore::pending_backups(&config.root).into_iter().map(|name| (name, WAITS)));
    held
}

/// Bytes that the safety backup of the last restore has added. They do not count against `maxLocalStorage`: on the worst
/// day no backup goes to make room for it.
pub fn beyond_limit(vault: &Vault) -> u64 {
    let name = safety(vault).and_then(|name| name.parse().ok());
    name.and_then(|name| Snapshot::read(vault, &name).ok()).map_or(0, |snapshot| snapshot.size)
}

fn safety(vault: &Vault) -> Option<String> {
    LastRestore::read(vault).ok().flatten()?.safety_backup
}
