//! A restore rehearsed: the newest backup is restored into a temporary folder, compared, and thrown away.
//!
//! That every stored byte is whole does not say yet that a restore works. This does: each file is read back from the disk
//! and its hash computed again, each database is opened and checked.
//!
//! It takes at most half of the room that the disk has left, for the app writes meanwhile. Where that is not enough, the
//! media stay out, which are most of it; their bytes are read by the inspections.

use std::path::Path;
use std::time::Instant;

use rusqlite::Connection;

use super::{Logbook, fact};
use crate::capture::stat::{FileKind, Stat, open_file};
use crate::path::RelPath;
use crate::report::{BackupRef, Category, Damage, ItemType, RestoreOptions, VerifyReport};
use crate::vault::durable;
use crate::vault::item::{Item, JournalMode};
use crate::vault::list::ListReader;
use crate::vault::snapshot::Snapshot;
use crate::vault::{Vault, name::BackupName};
use crate::{Control, Error, Result, restore, space};

/// A rehearsal a week, at the inspection that comes next; those are not always at the same minute.
const INTERVAL: i64 = 7 * 24 * 3_600_000 - 6 * 3_600_000;
/// So many faults are told.
const TOLD: usize = 100;
/// Inside the vault's `tmp/`, which whatever comes next empties.
const FOLDER: &str = "rehearsal";

/// Is it time for one? What has failed is rehearsed again at the next inspection.
pub fn is_due(vault: &Vault, now: i64) -> bool {
    let Ok(logbook) = Logbook::open(vault.dir()) else { return true };
    let has_failed = logbook.fact::<VerifyReport>(fact::REHEARSAL).is_ok_and(|report| report.is_some());
    let last: Option<i64> = logbook.fact(fact::REHEARSED).unwrap_or_default();
    has_failed || last.is_none_or(|last| !(0..INTERVAL).contains(&(now - last)))
}

/// What the last rehearsal found, if it failed.
pub fn failed(dir: &Path) -> Vec<Damage> {
    let report = Logbook::open_read_only(dir).and_then(|logbook| logbook.fact::<VerifyReport>(fact::REHEARSAL).ok()?);
    report.map_or(Vec::new(), |report| report.damaged)
}

/// Rehearses; what is wrong is in the report. Where there is no room for it, that is an error. The caller holds the vault's lock: `tmp/` is its own.
pub fn run(vault: &Vault, name: &BackupName, threads: usize, control: &Control) -> Result<VerifyReport> {
    let started = Instant::now();
    vault.clean_up()?;
    let folder = vault.dir().join("tmp").join(FOLDER);
    let mut faults = Vec::new();
    let bytes = match rehearse(vault, name, &folder, threads, &mut faults, control) {
        Ok(bytes) => bytes,
        Err(error @ (Error::Aborted | Error::NoSpace { .. } | Error::Restore { .. })) => {
            // It could not be rehearsed, which says nothing of the backup.
            let _ = vault.clean_up();
            return Err(error);
        }
        Err(error) => {
            faults.push((format!("snapshots/{name}"), format!("it could not be restored: {error}")));
            0
        }
    };
    if control.hold().is_ok() {
        let _ = vault.clean_up();
    }
    let damage = |(object, message)| Damage { object, backups: vec![name.to_string()], healed: false, message };
    let report = VerifyReport {
        ok: faults.is_empty(),
        backups: 1,
        packs: 0,
        bytes,
        damaged: faults.into_iter().map(damage).collect(),
        duration_ms: started.elapsed().as_millis() as u64,
    };
    let now = control.now();
    let _ = Logbook::open(vault.dir()).and_then(|logbook| {
        logbook.note(fact::REHEARSED, &now)?;
        match report.ok {
            true => logbook
                .forget(fact::REHEARSAL)
                .and_then(|()| logbook.note_all(fact::VERIFIED, &[name.to_string()], now)),
            false => logbook.note(fact::REHEARSAL, &report),
        }
    });
    Ok(report)
}

/// Restores and compares. Returns how many bytes came back.
fn rehearse(
    vault: &Vault,
    name: &BackupName,
    folder: &Path,
    threads: usize,
    faults: &mut Vec<(String, String)>,
    control: &Control,
) -> Result<u64> {
    let snapshot = Snapshot::read(vault, name)?;
    let room = space::free(vault.dir()).map_or(u64::MAX, |free| free / 2);
    let Some(items) = part(&snapshot, room) else {
        return Err(Error::Restore {
            message: format!(
                "The disk has too little room to rehearse a restore in: {} are free, and half of that may be taken. Free some.",
                space::said(room * 2)
            ),
        });
    };
    let reference = BackupRef::Name(name.to_string());
    let without_media = !items.is_empty();
    let options = RestoreOptions { allow_outside_links: true, items, ..RestoreOptions::default() };
    let result = restore::into(vault, folder, &reference, &options, threads, control)?;
    let mut reader = vault.reader()?;
    for item in ListReader::forwards(&mut reader, &snapshot.list) {
        control.check()?;
        let item = item?;
        if without_media && item.category == Category::Media {
            continue;
        }
        let path = item.rel_path()?;
        if let Some(fault) = fault(&item, &path, folder, control)
            && faults.len() < TOLD
        {
            faults.push((item.display_path().to_owned(), fault));
        }
    }
    Ok(result.plan.bytes)
}

/// What there is room for: all of it (nothing is selected), or all categories but the media.
fn part(snapshot: &Snapshot, room: u64) -> Option<Vec<String>> {
    let fits = |bytes: u64| bytes.saturating_add(bytes / 10) <= room;
    if fits(snapshot.total_size) {
        return Some(Vec::new());
    }
    let others = || snapshot.categories.iter().filter(|(category, _)| **category != Category::Media);
    let items: Vec<String> = others().map(|(category, _)| category.as_str().to_owned()).collect();
    (!items.is_empty() && fits(others().fold(0, |sum, (_, totals)| sum.saturating_add(totals.size)))).then_some(items)
}

/// What is wrong with an item that was restored.
fn fault(item: &Item, path: &RelPath, folder: &Path, control: &Control) -> Option<String> {
    let place = path.under(folder);
    let stat = match Stat::of(&place) {
        Ok(stat) => stat,
        Err(error) => return Some(format!("it did not come back: {error}")),
    };
    let came_back_as = match stat.kind {
        FileKind::Dir => Some(ItemType::Dir),
        FileKind::File => Some(ItemType::File),
        FileKind::Symlink => Some(ItemType::Symlink),
        _ => None,
    };
    if came_back_as != Some(item.kind) {
        return Some("it came back as something else".into());
    }
    if item.kind != ItemType::File {
        return None;
    }
    if stat.size != item.size {
        return Some(format!("it came back with {} bytes instead of {}", stat.size, item.size));
    }
    if let Some(expected) = &item.sha256 {
        match open_file(&place).and_then(|(file, _)| durable::sha256(&file)) {
            Ok(found) if found == *expected => {}
            Ok(_) => return Some("its content is not what was backed up".into()),
            Err(error) => return Some(format!("it cannot be read: {error}")),
        }
    }
    // One that was corrupt where it came from came back as it was.
    item.db.as_ref().filter(|db| db.journal != JournalMode::Raw)?;
    match integrity(&place, control) {
        Ok(answer) if answer == "ok" => None,
        Ok(answer) => Some(format!("the database is not whole: {answer}")),
        Err(error) => Some(format!("the database cannot be opened: {error}")),
    }
}

/// A large one takes minutes, in which nobody else asks whether it is cancelled.
fn integrity(place: &Path, control: &Control) -> rusqlite::Result<String> {
    const STEPS: i32 = 100_000;
    let mut connection = Connection::open(place)?;
    let control = control.clone();
    connection.progress_handler(STEPS, Some(move || control.is_cancelled()))?;
    connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
}
