//! What changed: versions of a path over time, the difference between two backups or a backup and the live root, and
//! the rows of databases.

mod difference;
mod hostile;
mod live;
mod tables;
mod versions;

// The same bot as for the vault's tests; not all of its helpers are needed here.
#[allow(dead_code)]
#[path = "../vault/support.rs"]
mod support;

use lifeboat_engine::report::*;
use lifeboat_engine::{Control, Result};

use support::Bot;

/// What changed between two backups, or, without `to`, up to the live root.
fn diff(bot: &Bot, from: &str, to: Option<&str>) -> DiffReport {
    try_diff(bot, from, to).unwrap()
}

fn try_diff(bot: &Bot, from: &str, to: Option<&str>) -> Result<DiffReport> {
    let name = |name: &str| BackupRef::Name(name.into());
    bot.engine().diff(&name(from), to.map(name).as_ref(), &Control::silent())
}

fn backup(bot: &Bot) -> String {
    bot.backup(BackupType::Hourly).backup
}

/// "added path", "removed path", "changed path", "touched path": folders' times are left out.
fn told(report: &DiffReport) -> Vec<String> {
    let added = report.added.iter().map(|item| format!("added {}", item.path));
    let removed = report.removed.iter().map(|item| format!("removed {}", item.path));
    let changed = report.changed.iter().filter(|change| !(change.metadata_only && change.after.kind == ItemType::Dir));
    let changed =
        changed.map(|change| format!("{} {}", if change.metadata_only { "touched" } else { "changed" }, change.path));
    added.chain(removed).chain(changed).collect()
}

/// "table +1 -2 ~3", with "*" where its definition changed.
fn rows(change: &Change) -> Vec<String> {
    let line = |table: &TableDiff| {
        let mark = if table.schema { "*" } else { "" };
        format!("{}{mark} +{} -{} ~{}", table.table, table.added, table.removed, table.changed)
    };
    change.tables.iter().map(line).collect()
}
