//! Which way a restore in place goes, and why.
//!
//! A restore has one mode for all that it brings back. Databases that somebody has open are changed through SQLite, so that
//! open connections see it. Other files are what an app keeps in memory, and writes back: they are put in place under a
//! running app only where it reads them again; else at its next start, if it has shown that it applies what waits for it.

use std::path::Path;

use super::holders::{app_in, holders};
use super::live;
use super::plan::{Database, Plan};
use crate::path::RelPath;
use crate::presence::Host;
use crate::report::RestoreMode;
use crate::{Config, Error, Result};

/// What was chosen.
pub struct Choice {
    /// Never `auto`.
    pub mode: RestoreMode,
    /// Why, in a sentence.
    pub reason: String,
    /// An app runs, or may run, and has things in memory.
    pub app_runs: bool,
}

/// Who uses the databases that go or are replaced.
enum Use {
    Nobody,
    /// A sentence says who.
    Somebody(String),
    /// This system does not tell.
    Unknown,
}

/// `hosts`: the processes of apps that are there. `E_RESTORE` where the mode that was asked for cannot be had.
pub fn choose(wanted: RestoreMode, plan: &Plan, config: &Config, hosts: &[Host]) -> Result<Choice> {
    let root = config.root.as_path();
    let apps: Vec<&Host> = hosts.iter().filter(|host| host.is_app()).collect();
    let databases: Vec<&RelPath> =
        plan.databases.iter().map(|database| &database.path).chain(&plan.lost_databases).collect();
    let used = if databases.is_empty() { Use::Nobody } else { used(&databases, root) };
    // An app that does not know Lifeboat has things in memory all the same.
    let stranger =
        || app_in(root, &config.backup_dir).map(|app| format!("{} ({}) works in this folder", app.name, app.pid));
    let stranger = plan.in_memory.as_ref().filter(|_| apps.is_empty()).and_then(|_| stranger());
    let app_runs = !apps.is_empty() || stranger.is_some() || matches!(used, Use::Somebody(_));
    let choice = |mode, reason: String| Ok(Choice { mode, reason, app_runs });
    match wanted {
        RestoreMode::OnRestart => choice(wanted, "It was asked for.".into()),
        RestoreMode::Offline => match used {
            Use::Somebody(who) => Err(Error::Restore {
                message: format!(
                    "{who}. A database that is swapped under it would go on being written where nobody finds it. Stop it \
                     first, or restore with the mode `live` or `on-restart`."
                ),
            }),
            _ => choice(wanted, "It was asked for.".into()),
        },
        RestoreMode::Live => match obstacle(plan, root) {
            None => choice(wanted, "It was asked for.".into()),
            Some(why) => Err(Error::Restore {
                message: format!("{why} Stop the app and restore with the mode `offline`, or use `on-restart`."),
            }),
        },
        RestoreMode::Auto => {
            let (mode, reason) = match (&plan.in_memory, apps.first()) {
                (Some(path), Some(app)) => under_app(path, app, &apps, plan, root),
                _ => match (used, stranger) {
                    (Use::Nobody, Some(stranger)) => for_databases(Use::Somebody(stranger), plan, root),
                    (used, _) => for_databases(used, plan, root),
                },
            };
            choice(mode, reason)
        }
    }
}

/// An app runs that knows Lifeboat, and may have `path` in memory.
fn under_app(path: &RelPath, app: &Host, apps: &[&Host], plan: &Plan, root: &Path) -> (RestoreMode, String) {
    let (who, path) = (app.display(), path.display());
    if apps.iter().all(|app| app.reloads) {
        return match obstacle(plan, root) {
            None => (RestoreMode::Live, format!("{who} runs, and reads again what is restored.")),
            Some(why) => (RestoreMode::OnRestart, format!("{who} runs. {why}")),
        };
    }
    if apps.iter().all(|app| app.applies) {
        let reason =
            format!("{who} runs, and may write {path:?} from its memory again; it applies a restore when it starts.");
        return (RestoreMode::OnRestart, reason);
    }
    match obstacle(plan, root) {
        None => (
            RestoreMode::Live,
            format!("{who} runs, and neither reads again what is restored nor applies a restore when it starts."),
        ),
        Some(why) => (RestoreMode::OnRestart, format!("{who} runs. {why}")),
    }
}

/// No app is known to have anything in memory: only who has a database open counts.
fn for_databases(used: Use, plan: &Plan, root: &Path) -> (RestoreMode, String) {
    let who = match used {
        Use::Nobody if plan.databases.is_empty() && plan.lost_databases.is_empty() => {
            return (RestoreMode::Offline, "No running app is known to use any of it.".into());
        }
        Use::Nobody => return (RestoreMode::Offline, "No other process has a database of it open.".into()),
        Use::Somebody(who) => who,
        Use::Unknown => "It cannot be told whether another process has a database open".into(),
    };
    match obstacle(plan, root) {
        None => (RestoreMode::Live, format!("{who}.")),
        Some(why) => (RestoreMode::OnRestart, format!("{who}. {why}")),
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
