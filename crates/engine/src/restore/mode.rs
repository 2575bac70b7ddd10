//! Which way a restore in place goes, and why.
//!
//! A restore has one mode for all that it brings back. Databases that somebody has open are changed through SQLite, so that
//! open connections see it. Other files are what an app keeps in memory, and writes back: they are put in place under a
//! running app only where it reads them again; else at its next start, if it has shown that it applies what waits for it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::holders::{self, Hold, Holder, PossiblyOpen, app_in};
use super::live;
use super::plan::{ChangePlan, ReplacedDatabase};
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
    /// Who has a database open that was deleted, moved or replaced: only its start opens what is restored.
    pub astray: Vec<Holder>,
    /// Who has other files open for writing that are replaced or removed.
    pub opened: Vec<Holder>,
}

/// Who uses what goes or is replaced.
struct FileUsers {
    /// Who has a database of it open where it lies, in a sentence without an end.
    user: Option<String>,
    /// Nobody else can have one open.
    is_sure: bool,
    /// Paths of databases that somebody has open where they lie.
    held: HashSet<PathBuf>,
    /// Paths of databases whose side files belong to another file than the one that lies there.
    torn: HashSet<PathBuf>,
    astray: Vec<Holder>,
    opened: Vec<Holder>,
}

/// `hosts`: the processes of apps that are there. `is_start`: the app starts, and applies a restore that waited. `E_RESTORE`
/// where the mode that was asked for cannot be had.
pub fn choose(
    wanted: RestoreMode,
    plan: &ChangePlan,
    config: &Config,
    hosts: &[Host],
    is_start: bool,
) -> Result<Choice> {
    let root = config.root.as_path();
    let apps: Vec<&Host> = hosts.iter().filter(|host| host.is_app()).collect();
    let seen = look(plan, root)?;
    // An app that does not know Lifeboat has things in memory all the same.
    let stranger =
        || app_in(root, &config.backup_dir).map(|app| format!("{} ({}) works in this folder", app.name, app.pid));
    let stranger = plan.in_memory.as_ref().filter(|_| apps.is_empty()).and_then(|_| stranger());
    let app_runs = !apps.is_empty() || stranger.is_some() || seen.user.is_some() || !seen.astray.is_empty();
    let (mode, reason) = match wanted {
        RestoreMode::OnRestart => (wanted, "It was asked for.".into()),
        RestoreMode::Offline => match &seen.user {
            Some(user) => {
                return Err(Error::Restore {
                    message: format!(
                        "{user}. If the database is replaced now, that process writes to the old file, which no \
                         longer has a name. {}",
                        if is_start {
                            "Stop it, and start the app again."
                        } else {
                            "Stop it first, or restore with the mode `live` or `on-restart` (--mode live)."
                        }
                    ),
                });
            }
            None => (wanted, "It was asked for.".into()),
        },
        RestoreMode::Live => match obstacle(plan, &seen, root) {
            None => (wanted, "It was asked for.".into()),
            Some(why) => {
                return Err(Error::Restore {
                    message: format!(
                        "{why} Stop the app and restore with the mode `offline` (--mode offline), or use `on-restart`."
                    ),
                });
            }
        },
        RestoreMode::Auto => match (seen.astray.first(), &plan.in_memory, apps.first()) {
            (Some(astray), ..) if !apps.is_empty() && apps.iter().all(|app| app.applies) => {
                let why = "Only when it starts again does it open what is restored, and it applies a restore then.";
                (RestoreMode::OnRestart, format!("{}. {why}", astray.sentence(root)))
            }
            (_, Some(path), Some(app)) => under_app(path, app, &apps, plan, &seen, root),
            _ => for_databases(stranger, plan, &seen, root),
        },
    };
    Ok(Choice { mode, reason, app_runs, astray: seen.astray, opened: seen.opened })
}

/// An app runs that knows Lifeboat, and may have `path` in memory.
fn under_app(
    path: &RelPath,
    app: &Host,
    apps: &[&Host],
    plan: &ChangePlan,
    seen: &FileUsers,
    root: &Path,
) -> (RestoreMode, String) {
    let (who, path) = (app.display(), path.display());
    if apps.iter().all(|app| app.reloads) {
        return match obstacle(plan, seen, root) {
            None => (RestoreMode::Live, format!("{who} runs, and reads again what is restored.")),
            Some(why) => (RestoreMode::OnRestart, format!("{who} runs. {why}")),
        };
    }
    if apps.iter().all(|app| app.applies) {
        let reason =
            format!("{who} runs, and may write {path:?} from its memory again; it applies a restore when it starts.");
        return (RestoreMode::OnRestart, reason);
    }
    match obstacle(plan, seen, root) {
        None => (
            RestoreMode::Live,
            format!("{who} runs, and neither reads again what is restored nor applies a restore when it starts."),
        ),
        Some(why) => (RestoreMode::OnRestart, format!("{who} runs. {why}")),
    }
}

/// No app is known to have anything in memory: only who has a database open counts, or works in the folder (`stranger`).
fn for_databases(stranger: Option<String>, plan: &ChangePlan, seen: &FileUsers, root: &Path) -> (RestoreMode, String) {
    let who = match (&seen.user, stranger) {
        (Some(user), _) => user.clone(),
        (None, _) if !seen.is_sure => "It cannot be told whether another process has a database open".into(),
        (None, Some(stranger)) => stranger,
        // What it writes to that file is lost with it: only its start opens what is restored.
        (None, None) if !seen.astray.is_empty() => {
            return (RestoreMode::Offline, format!("{}.", seen.astray[0].sentence(root)));
        }
        (None, None) if databases(plan).next().is_none() => {
            return (RestoreMode::Offline, "No running app is known to use any of it.".into());
        }
        (None, None) => return (RestoreMode::Offline, "No other process has a database of it open.".into()),
    };
    match obstacle(plan, seen, root) {
        None => (RestoreMode::Live, format!("{who}.")),
        Some(why) => (RestoreMode::OnRestart, format!("{who}. {why}")),
    }
}

/// Why these databases cannot be replaced while others have them open.
fn obstacle(plan: &ChangePlan, seen: &FileUsers, root: &Path) -> Option<String> {
    let may_be_held = |path: &&RelPath| !seen.is_sure || seen.held.contains(&path.under(root));
    if let Some(path) = plan.lost_databases.iter().find(may_be_held) {
        return Some(format!("{:?} would be removed, and whoever has it open would not notice.", path.display()));
    }
    let cannot =
        |path: &RelPath, why: &str| Some(format!("{:?} cannot be replaced through SQLite: {why}.", path.display()));
    if let Some(swapped) = plan.swapped.iter().find(|swapped| may_be_held(&&swapped.path)) {
        return cannot(&swapped.path, swapped.why);
    }
    plan.databases.iter().find_map(|database| {
        let why = if seen.torn.contains(&database.path.under(root)) {
            Err("files beside it belong to another one, which was deleted, moved or replaced".into())
        } else {
            fits(database, root)
        };
        why.err().and_then(|why| cannot(&database.path, &why))
    })
}

/// Can the connections that others have to the database go on with the content of the backup?
fn fits(database: &ReplacedDatabase, root: &Path) -> std::result::Result<(), String> {
    let live = database.path.under(root);
    live::check(&live)?;
    match &database.header {
        Some(header) => live::check_fit(&live, header),
        None => Err("it was empty when it was backed up".into()),
    }
}

/// Databases that go or are replaced.
fn databases(plan: &ChangePlan) -> impl Iterator<Item = &RelPath> {
    let replaced = plan.databases.iter().map(|database| &database.path);
    replaced.chain(plan.swapped.iter().map(|swapped| &swapped.path)).chain(&plan.lost_databases)
}

/// Looks who has what open. `E_RESTORE` where somebody uses what was not there when the plan was made.
fn look(plan: &ChangePlan, root: &Path) -> Result<FileUsers> {
    let in_use: HashSet<PathBuf> = databases(plan).map(|path| path.under(root)).collect();
    let created: HashSet<PathBuf> = plan.created.iter().map(|path| path.under(root)).collect();
    let ask = |path: &RelPath, is_database| PossiblyOpen {
        path: path.under(root),
        is_database,
        ino: plan.inodes.get(path).copied(),
    };
    let mut asked: Vec<PossiblyOpen> =
        databases(plan).chain(&plan.created).chain(&plan.unchanged).map(|path| ask(path, true)).collect();
    let known: HashSet<PathBuf> = asked.iter().map(|one| one.path.clone()).collect();
    asked.extend(plan.replaced.iter().map(|path| ask(path, false)).filter(|one| !known.contains(&one.path)));
    let found = if asked.is_empty() { None } else { holders::of(&asked) };
    let is_complete = found.as_ref().is_some_and(|found| found.complete);
    let mut seen = FileUsers {
        user: None,
        is_sure: is_complete || in_use.is_empty(),
        held: HashSet::new(),
        torn: HashSet::new(),
        astray: Vec::new(),
        opened: Vec::new(),
    };
    for holder in found.map(|found| found.holders).unwrap_or_default() {
        if !known.contains(&holder.path) {
            seen.opened.extend(Some(holder).filter(|holder| holder.writes));
            continue;
        }
        if holder.hold != Hold::Astray {
            if created.contains(&holder.path) {
                let message = format!(
                    "{}. It was not there when the restore began. Nothing was changed: restore again.",
                    holder.sentence(root)
                );
                return Err(Error::Restore { message });
            }
            if in_use.contains(&holder.path) {
                seen.held.insert(holder.path.clone());
                seen.user.get_or_insert_with(|| holder.sentence(root));
            }
        }
        if holder.hold != Hold::Here {
            let is_torn = holder.hold == Hold::Torn || holder.files.iter().any(|file| file.is_here);
            seen.torn.extend(Some(&holder.path).filter(|_| is_torn).cloned());
            seen.astray.push(holder);
        }
    }
    if !seen.is_sure {
        // In a container only its own processes are seen, but the kernel knows of all.
        let open: Vec<(&PathBuf, Option<bool>)> =
            in_use.iter().map(|path| (path, holders::is_open_elsewhere(path))).collect();
        for (path, _) in open.iter().filter(|(path, is_open)| *is_open == Some(true) && !seen.held.contains(*path)) {
            let what = path.strip_prefix(root).unwrap_or(path).display();
            seen.user.get_or_insert_with(|| format!("{what} is open in a process that cannot be seen from here"));
        }
        seen.is_sure = open.iter().all(|(path, is_open)| *is_open == Some(false) || seen.held.contains(*path));
    }
    Ok(seen)
}
