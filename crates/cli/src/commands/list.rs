//! `lifeboat list`: the backups, newest first, and which records cannot be read.

use std::collections::HashSet;
use std::io::{self, Write};

use indicatif::HumanCount;
use lifeboat_engine::Result;
use lifeboat_engine::report::{BackupInfo, ListFilter};
use lifeboat_engine::vault::name::BackupName;
use lifeboat_engine::vault::{self, snapshot};
use lifeboat_engine::zone::Zone;

use crate::args::ListArgs;
use crate::output::{count, escaped, size, table};
use crate::session::{Session, SessionVault};
use crate::{exit, shell, time};

/// On a terminal no more are shown unless asked for: the newest would scroll away.
const SCREENFUL: usize = 60;

pub fn run(args: &ListArgs, session: &Session) -> Result<u8> {
    let zone = session.zone()?;
    let since = args.since.as_ref().map(|since| since.since(&zone)).transpose()?;
    let filter = ListFilter { kind: args.kind, since, ..ListFilter::default() };
    let (mut backups, unreadable) = session.engine(SessionVault::MustExist, |engine| {
        let dir = &engine.config().backup_dir;
        // Listed before: what is made meanwhile is missing nowhere, and what is pruned meanwhile is gone.
        let names = vault::list_snapshots(dir)?;
        let backups = engine.list_backups(&filter)?;
        let listed: HashSet<&str> = backups.iter().map(|one| one.backup.as_str()).collect();
        let is_lost = |name: &BackupName| {
            filter.takes(name.kind(), name.millis())
                && !listed.contains(name.as_str())
                && dir.join(snapshot::object(name)).exists()
        };
        let unreadable: Vec<BackupName> = names.into_iter().filter(is_lost).collect();
        Ok((backups, unreadable))
    })?;
    let all = backups.len();
    backups.truncate(most(args, session.output.is_on_screen()));
    let filtered = args.kind.is_some() || args.since.is_some();
    session.output.result(&backups, |out| match unreadable.is_empty() || all > 0 {
        true => show(out, &backups, filtered, &zone, session),
        false => Ok(()),
    })?;
    for name in &unreadable {
        let verify = shell::command(&session.typed_again("verify"));
        let message = format!(
            "The record of {name} cannot be read, so the backup is not listed. This command says what is \
             wrong: {verify}"
        );
        session.output.remark(&message);
        session.output.alarm(&message);
    }
    if backups.len() < all {
        let older = count((all - backups.len()) as u64, "older backup is", "older backups are");
        session
            .output
            .remark(&format!("{older} not shown. All of them: {} --all", shell::command(&session.typed_again("list"))));
    }
    Ok(exit::DONE)
}

fn most(args: &ListArgs, on_screen: bool) -> usize {
    match args.limit {
        Some(limit) => limit,
        None if on_screen && !args.all => SCREENFUL,
        None => usize::MAX,
    }
}

fn show(out: &mut dyn Write, backups: &[BackupInfo], filtered: bool, zone: &Zone, session: &Session) -> io::Result<()> {
    match (backups, filtered) {
        ([], true) => return writeln!(out, "No backup matches. Without --type and --since, all are shown."),
        ([], false) => {
            let command = shell::command(&session.typed_again("backup"));
            return writeln!(out, "There is no backup yet. Make one: {command}");
        }
        _ => {}
    }
    let rows = backups.iter().map(|one| {
        [
            one.backup.clone(),
            one.kind.to_string(),
            zone.show(one.timestamp),
            time::ago(one.timestamp),
            HumanCount(one.items).to_string(),
            size(one.total_size),
            size(one.size),
            remarks(one),
        ]
    });
    let when = format!("WHEN ({})", zone.name);
    let head = ["NAME", "TYPE", when.as_str(), "AGE", "ITEMS", "TOTAL", "ADDED", ""];
    out.write_all(table(head, rows.collect(), &[4, 5, 6]).as_bytes())
}

fn remarks(backup: &BackupInfo) -> String {
    let mut remarks = Vec::new();
    if backup.suspicious.is_some() {
        remarks.push("suspicious".to_string());
    }
    if backup.degraded {
        remarks.push("degraded".to_string());
    }
    if backup.pinned {
        remarks.push("pinned".to_string());
    }
    match backup.location.split_first() {
        Some((here, targets)) if here == "local" && !targets.is_empty() => {
            remarks.push(format!("also at {}", targets.join(", ")))
        }
        Some((here, _)) if here != "local" => remarks.push(format!("only at {}", backup.location.join(", "))),
        _ => {}
    }
    if let Some(note) = &backup.note {
        remarks.push(escaped(note).into_owned());
    }
    remarks.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_terminal_is_spared_unless_somebody_says_how_many() {
        let args = |limit, all| ListArgs { kind: None, since: None, limit, all };
        assert_eq!((most(&args(None, false), true), most(&args(None, false), false)), (SCREENFUL, usize::MAX));
        assert_eq!((most(&args(Some(100), false), true), most(&args(Some(5), false), false)), (100, 5));
        assert_eq!(most(&args(None, true), true), usize::MAX);
    }
}
