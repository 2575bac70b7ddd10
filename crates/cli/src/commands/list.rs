//! `lifeboat list`: the backups, newest first.

use std::io::{self, Write};

use indicatif::HumanCount;
use lifeboat_engine::Result;
use lifeboat_engine::report::{BackupInfo, ListFilter};
use lifeboat_engine::zone::Zone;

use crate::args::ListArgs;
use crate::output::{escaped, size, table};
use crate::session::{Session, Vault};
use crate::{exit, time};

pub fn run(args: &ListArgs, session: &Session) -> Result<u8> {
    let zone = session.zone()?;
    let since = args.since.as_ref().map(|since| since.since(&zone)).transpose()?;
    let filter = ListFilter { kind: args.kind, since, ..ListFilter::default() };
    let backups = session.engine(Vault::MustExist, |engine| engine.list_backups(&filter))?;
    let filtered = args.kind.is_some() || since.is_some();
    session.output.result(&backups, |out| show(out, &backups, filtered, &zone))?;
    Ok(exit::DONE)
}

fn show(out: &mut dyn Write, backups: &[BackupInfo], filtered: bool, zone: &Zone) -> io::Result<()> {
    match (backups, filtered) {
        ([], true) => return writeln!(out, "No backup fits. Without --type and --since, all are shown."),
        ([], false) => return writeln!(out, "There is no backup yet. Make one: lifeboat backup"),
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
    if backup.degraded {
        remarks.push("degraded".to_string());
    }
    if backup.pinned {
        remarks.push("pinned".to_string());
    }
    if let Some(note) = &backup.note {
        remarks.push(escaped(note).into_owned());
    }
    remarks.join(", ")
}
