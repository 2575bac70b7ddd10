//! `lifeboat list`: the backups, newest first.

use std::io::{self, Write};

use indicatif::HumanCount;
use lifeboat_engine::Result;
use lifeboat_engine::report::{BackupInfo, ListFilter};

use crate::args::ListArgs;
use crate::output::{escaped, size, table};
use crate::session::{Session, Vault};
use crate::{exit, time};

pub fn run(args: &ListArgs, session: &Session) -> Result<u8> {
    let filter = ListFilter { kind: args.kind, since: args.since, ..ListFilter::default() };
    let backups = session.engine(Vault::MustExist, |engine| engine.list_backups(&filter))?;
    let filtered = args.kind.is_some() || args.since.is_some();
    session.output.result(&backups, |out| show(out, &backups, filtered))?;
    Ok(exit::DONE)
}

fn show(out: &mut dyn Write, backups: &[BackupInfo], filtered: bool) -> io::Result<()> {
    match (backups, filtered) {
        ([], true) => return writeln!(out, "No backup fits. Without --type and --since, all are shown."),
        ([], false) => return writeln!(out, "There is no backup yet. Make one: lifeboat backup"),
        _ => {}
    }
    let rows = backups.iter().map(|one| {
        [
            one.backup.clone(),
            one.kind.to_string(),
            time::ago(one.timestamp),
            HumanCount(one.items).to_string(),
            size(one.total_size),
            size(one.size),
            remarks(one),
        ]
    });
    out.write_all(table(["NAME", "TYPE", "AGE", "ITEMS", "TOTAL", "ADDED", ""], rows.collect(), &[3, 4, 5]).as_bytes())
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
