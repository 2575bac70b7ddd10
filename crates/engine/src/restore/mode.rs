//! Which way a restore in place goes, and why.

use std::path::Path;

use super::holders::holders;
use super::live;
use super::plan::{Database, Plan};
use crate::path::RelPath;
use crate::report::RestoreMode;
use crate::{Error, Result};

/// Who uses the databases that go or are replaced.
enum Use {
    Nobody,
    /// A sentence says who.
    Somebody(String),
    /// This system does not tell.
    Unknown,
}

/// The mode, never `auto`, with the reason in a sentence. `E_RESTORE` where the mode that was asked for cannot be had.
pub fn choose(wanted: RestoreMode, plan: &Plan, root: &Path) -> Result<(RestoreMode, String)> {
    if wanted == RestoreMode::OnRestart {
        return Ok((RestoreMode::OnRestart, "It was asked for.".into()));
    }
    let databases: Vec<&RelPath> =
        plan.databases.iter().map(|database| &database.path).chain(&plan.lost_databases).collect();
    if databases.is_empty() {
        let mode = if wanted == RestoreMode::Auto { RestoreMode::Offline } else { wanted };
        return Ok((mode, "No database that is there is replaced.".into()));
    }
    let used = used(&databases, root);
    match (wanted, used) {
        (RestoreMode::Offline, Use::Somebody(who)) => Err(Error::Restore {
            message: format!(
                "{who}. A database that is swapped under it would go on being written where nobody finds it. Stop it \
                 first, or restore with the mode `live` or `on-restart`."
            ),
        }),
        (RestoreMode::Offline, _) => Ok((RestoreMode::Offline, "It was asked for.".into())),
        (RestoreMode::Live, _) => match obstacle(plan, root) {
            None => Ok((RestoreMode::Live, "It was asked for.".into())),
            Some(why) => Err(Error::Restore {
                message: format!("{why} Stop the app and restore with the mode `offline`, or use `on-restart`."),
            }),
        },
        (_, Use::Nobody) => Ok((RestoreMode::Offline, "No other process has a database of it open.".into())),
        (_, used) => {
            let who = match used {
                Use::Somebody(who) => who,
                _ => "It cannot be told whether another process has a database open".into(),
            };
            Ok(match obstacle(plan, root) {
                None => (RestoreMode::Live, format!("{who}.")),
                Some(why) => (RestoreMode::OnRestart, format!("{who}. {why}")),
            })
        }
    }
}

/// Why these databases cannot be replaced while others have them open.
fn obstacle(plan: &Plan, root: &Path) -> Option<String> {
    if let Some(path) = plan.lost_databases.first() {
        return Some(format!("{:?} would be removed, and whoever has it open would not notice.", path.display()));
    }
    let why = |database: &Database| match database.raw {
        true => Some("SQLite could not read it when it was backed up".to_string()),
        false => live::check(&database.path.under(root)).err(),
    };
    plan.databases.iter().find_map(|database| {
        why(database).map(|why| format!("{:?} cannot be replaced through SQLite: {why}.", database.path.display()))
    })
}

fn used(databases: &[&RelPath], root: &Path) -> Use {
    let places: Vec<_> = databases.iter().map(|path| path.under(root)).collect();
    let Some(found) = holders(&places) else { return Use::Unknown };
    match found.holders.first() {
        Some(holder) => {
            let name = holder.path.strip_prefix(root).unwrap_or(&holder.path);
            Use::Somebody(format!("{} is open in process {} ({})", name.display(), holder.pid, holder.name))
        }
        None if found.complete => Use::Nobody,
        None => Use::Unknown,
    }
}
