//! A backup, from the live root to a snapshot in the vault.
//!
//! One thread walks the root in path order and compares it with the backup before. What is new or changed goes to a
//! pool of threads that read, hash, compress and seal ([`pool`]); what is unchanged goes straight to the item list
//! ([`emit`]). Packs become durable while the walk goes on, and the snapshot is written last: until then, nothing of
//! this backup counts, and afterwards all of it does.
//!
//! Every queue is bounded, by itself or by the window of items under way: memory grows neither with the size of a file nor with the number of files.

mod database;
mod emit;
mod estimate;
mod file;
mod json;
mod links;
mod nameless;
mod pool;
mod preview;
mod previous;
mod raw;
mod set;
mod settle;
mod spool;
mod stream;
mod suspicion;
mod useless;
mod walker;
mod would_take;

pub use estimate::LEAST as LEAST_ROOM;
pub use links::MetLinks;
pub use nameless::warnings as nameless_databases;
pub use preview::preview;
pub use previous::still_stands;
pub use suspicion::restored_before;
pub use would_take::would_take;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use crate::capture::rules::Rules;
use crate::capture::sqlite;
use crate::capture::walk::Walk;
use crate::config::Config;
use crate::mutex::lock;
use crate::path::RelPath;
use crate::report::{BackupOptions, BackupResult, BackupType, Warning};
use crate::restore::WORKSPACE;
use crate::vault::Vault;
use crate::vault::name::BackupName;
use crate::vault::snapshot::Snapshot;
use crate::vault::writer::Writer;
use crate::watch::inspection;
use crate::{Control, Error, Result, marriage, retention, room};

use estimate::Estimate;
use suspicion::Bases;
use walker::Late;

/// A snapshot keeps at most this many warnings; the last one then says how many more there were.
const MAX_WARNINGS: usize = 1000;
/// With so many bytes more than everything could take, nothing is reckoned.
const PLENTY: u64 = 64 << 20;

/// Makes a backup. The caller holds the vault's lock.
pub fn run(
    vault: &Vault,
    config: &Config,
    kind: BackupType,
    options: &BackupOptions,
    control: &Control,
) -> Result<BackupResult> {
    let mut warnings = Vec::new();
    let attempt = BackupAttempt { vault, config, kind, options, control };
    let mut result = attempt.within_limit(&mut warnings);
    if matches!(result, Err(Error::NoSpace { .. })) && kind != BackupType::Safety {
        // Backups do not give way to whatever fills the disk; but what no rule keeps goes anyway.
        if let Ok(pruned) = room::by_the_rules(vault, config, control)
            && pruned.freed > 0
        {
            warnings.extend(pruned.warnings);
            result = attempt.within_limit(&mut warnings);
        }
    }
    result.map(|result| {
        warnings.extend(result.warnings);
        BackupResult { warnings, ..result }
    })
}

struct BackupAttempt<'a> {
    vault: &'a Vault,
    config: &'a Config,
    kind: BackupType,
    options: &'a BackupOptions,
    control: &'a Control,
}

/// What became of a backup.
enum Made {
    Backup(Box<BackupResult>),
    /// It has no room, and this is how many bytes it would take.
    Needs(u64),
}

impl BackupAttempt<'_> {
    /// Makes room for what it reckons to need, and then the backup. Beyond the limit it only measures how much it would be,
    /// and with that is tried once more. Where it fails it leaves nothing behind.
    fn within_limit(&self, warnings: &mut Vec<Warning>) -> Result<BackupResult> {
        let BackupAttempt { vault, config, kind, control, .. } = *self;
        vault.clean_up()?;
        if kind == BackupType::Safety {
            // Before a restore nothing goes to make room: the disk is its limit.
            return self.make(None).and_then(Made::for_certain);
        }
        let Estimate { likely, most } = estimate(vault, config, control.now())?;
        match room::make_for_guess(vault, config, likely, most, control) {
            Ok(gone) => warnings.extend(gone),
            // Nobody knows yet how much of it the vault has already, under other names: it is tried with what is left.
            Err(Error::StorageLimit { .. }) => {}
            Err(error) => return Err(error),
        }
        match self.make(Some(self.left()?))? {
            Made::Backup(result) => Ok(*result),
            Made::Needs(bytes) => {
                // The root goes on changing meanwhile.
                let needed = bytes + bytes / 20 + estimate::LEAST;
                warnings.extend(room::make(vault, config, needed, control)?);
                self.make(Some(self.left()?))?.for_certain()
            }
        }
    }

    fn left(&self) -> Result<u64> {
        Ok(room::left(self.vault, self.config)?.saturating_sub(estimate::LEAST / 2))
    }

    fn make(&self, room: Option<u64>) -> Result<Made> {
        let BackupAttempt { vault, config, kind, options, control } = *self;
        let earlier = vault.list_packs()?.into_iter().map(|(pack, _)| pack).collect();
        let made = tidy(vault, make(vault, config, kind, options, None, room, control), control);
        if matches!(made, Ok(Made::Needs(_)) | Err(Error::StorageLimit { .. } | Error::NoSpace { .. })) {
            room::give_back(vault, &earlier, control);
        }
        made
    }
}

impl Made {
    fn for_certain(self) -> Result<BackupResult> {
        match self {
            Made::Backup(result) => Ok(*result),
            Made::Needs(_) => Err(Error::StorageLimit {
                message:
                    "The vault would become larger than maxLocalStorage. Raise it, or delete backups that are not \
                     needed. Earlier backups are whole."
                        .into(),
            }),
        }
    }
}

/// Bytes that a backup would probably add now. Reads no file of the root.
pub fn likely_size(vault: &Vault, config: &Config, now: i64) -> Result<u64> {
    let rules = Rules::new(config)?;
    let walk = Walk::new(config, &rules, vault.dir());
    Ok(Estimate::of(&walk, &mut vault.reader()?, previous_snapshot(vault, now).0.as_ref())?.likely)
}

/// Where there is plenty of room, nobody walks through the root to find out how much is needed.
fn estimate(vault: &Vault, config: &Config, now: i64) -> Result<Estimate> {
    let (previous, _) = previous_snapshot(vault, now);
    if let Some(previous) = &previous {
        let all = previous.total_size + previous.total_size / 10 + PLENTY;
        if room::left(vault, config)? > all {
            return Ok(Estimate { likely: estimate::LEAST, most: all });
        }
    }
    let rules = Rules::new(config)?;
    let walk = Walk::new(config, &rules, vault.dir());
    Estimate::of(&walk, &mut vault.reader()?, previous.as_ref())
}

/// Makes the backup `base` again, with the content of some paths from elsewhere. The caller holds the vault's lock.
pub fn amend(
    vault: &Vault,
    config: &Config,
    base: &Snapshot,
    files: &BTreeMap<RelPath, PathBuf>,
    remark: &str,
    control: &Control,
) -> Result<BackupResult> {
    let note = match &base.note {
        None => remark.to_owned(),
        // More than once.
        Some(note) if note.ends_with(remark) => note.clone(),
        Some(note) => format!("{note}; {remark}"),
    };
    let options = BackupOptions { note: Some(note), covers: base.covers.clone(), ..BackupOptions::default() };
    let late = Some(Late { base, files });
    tidy(vault, make(vault, config, base.kind, &options, late, None, control), control)?.for_certain()
}

fn tidy(vault: &Vault, result: Result<Made>, control: &Control) -> Result<Made> {
    // Where the lock is lost, what lies there may be another's.
    if !matches!(result, Ok(Made::Backup(_))) && control.hold().is_ok() {
        // On a full disk every byte counts; what cannot be removed now, the next backup removes.
        let _ = vault.clean_up();
    }
    result
}

fn make(
    vault: &Vault,
    config: &Config,
    kind: BackupType,
    options: &BackupOptions,
    late: Option<Late<'_>>,
    room: Option<u64>,
    control: &Control,
) -> Result<Made> {
    let started = Instant::now();
    sqlite::check_library()?;
    let rules = Rules::new(config)?;
    // What a backup is amended with may lie there.
    if late.is_none() {
        vault.clean_up()?;
    }
    let (catalog, unreadable) = vault.catalog_for_writing()?;
    let full = options.full.unwrap_or(kind.is_full());
    let complete = catalog.complete()?;
    let name = new_name(vault, kind, control.now())?;

    let damaged = inspection::damaged_packs(vault.dir());
    let are_doubts = !damaged.is_empty();
    let writer = Arc::new(Writer::new(vault, catalog, full, room)?.measuring().doubting(vault, damaged));
    let is_amended = late.is_some();
    let captured = {
        // The backup before is read while this one is written, so it has a catalog of its own.
        let mut reader = vault.reader()?;
        let (previous, mut warnings) = previous_snapshot(vault, control.now());
        warnings.extend(unreadable.iter().map(|error| Warning { path: String::new(), message: error.to_string() }));
        let walk = Walk::new(config, &rules, vault.dir());
        // An amended backup leans on what its base says, and on nothing before.
        let previous = previous.filter(|_| late.is_none());
        let is_complete = complete.is_some() && complete.as_ref() == previous.as_ref().map(|previous| &previous.backup);
        let job = walker::WalkContext {
            vault,
            config,
            walk,
            late,
            writer: &writer,
            full,
            check_holes: !is_complete || full || are_doubts,
            control,
        };
        job.run(&mut reader, previous.as_ref(), warnings)
    };
    let writer = Arc::into_inner(writer).ok_or_else(|| Error::internal("a thread still writes"))?;
    let mut captured = match captured {
        Ok(captured) => captured,
        // What the committer died of is the cause; what the others noticed only follows from it.
        Err(error) => return Err(writer.abandon().unwrap_or(error)),
    };
    if let Some(bytes) = writer.lacks() {
        return writer.abandon().map_or(Ok(Made::Needs(bytes)), Err);
    }
    let (added, catalog) = writer.finish()?;
    if !is_amended {
        captured.add_nameless(config, vault.dir());
    }

    if let Some(unfinished) = &options.unfinished {
        captured.degraded = true;
        captured.warnings.insert(0, Warning { path: WORKSPACE.into(), message: unfinished.clone() });
    }
    let left_out = captured.warnings.len().saturating_sub(MAX_WARNINGS);
    captured.warnings.truncate(MAX_WARNINGS);
    if left_out > 0 {
        captured
            .warnings
            .push(Warning { path: String::new(), message: format!("There were {left_out} more warnings.") });
    }
    let mut snapshot = Snapshot {
        backup: name.to_string(),
        kind,
        timestamp: name.millis(),
        note: options.note.clone(),
        engine: env!("CARGO_PKG_VERSION").into(),
        root: config.root.display().to_string(),
        full,
        degraded: captured.degraded,
        root_id: marriage::root_of(vault),
        suspicious: None,
        selection: Some(suspicion::selection(config)?),
        covers: options.covers.clone(),
        items: captured.totals.items,
        changed: captured.totals.changed,
        removed: captured.removed,
        size: added,
        total_size: captured.totals.bytes,
        categories: captured.totals.categories,
        warnings: captured.warnings,
        list: captured.list,
        root_folder: captured.root_folder,
        lease: None,
    };
    let catalog = Arc::new(Mutex::new(catalog));
    // What a restore replaces is in doubt already, or it would not be replaced.
    if kind != BackupType::Safety
        && let Some(bases) = Bases::of(vault, snapshot.root_id.as_deref(), control.now())
    {
        snapshot.suspicious = bases.judge(vault, &catalog, &snapshot);
    }
    let told = snapshot.suspicious.as_ref().map(|doubt| doubt.advice(&snapshot.backup));
    snapshot.warnings.extend(told.map(|message| Warning { path: String::new(), message }));
    control.check()?;
    control.hold()?;
    snapshot.size += snapshot.write(vault.dir(), vault.keys())?;
    // The backup exists. What the catalog does not take in now, it finds out by itself the next time.
    let mut catalog = lock(&catalog);
    let _ = catalog.add_backup(&snapshot.info()).and_then(|()| catalog.set_complete(Some(&snapshot.backup)));
    Ok(Made::Backup(Box::new(BackupResult {
        success: true,
        backup: snapshot.backup,
        kind,
        size: snapshot.size,
        total_size: snapshot.total_size,
        items: snapshot.items,
        changed: snapshot.changed,
        removed: snapshot.removed,
        full,
        duration_ms: started.elapsed().as_millis() as u64,
        degraded: snapshot.degraded,
        suspicious: snapshot.suspicious,
        warnings: snapshot.warnings,
        notes: captured.notes,
        cloud: if config.syncs() { "queued" } else { "off" }.into(),
    })))
}

/// The name of a backup that begins now. Two within a millisecond, or a clock that went back, take the next free one.
fn new_name(vault: &Vault, kind: BackupType, mut millis: i64) -> Result<BackupName> {
    loop {
        let name = BackupName::new(kind, millis)?;
        if !vault.dir().join("snapshots").join(name.as_str()).exists() {
            return Ok(name);
        }
        millis += 1;
    }
}

/// The newest backup that can be opened: what did not change since then need not be read again. One that is dated in the
/// future is not what came before.
fn previous_snapshot(vault: &Vault, now: i64) -> (Option<Snapshot>, Vec<Warning>) {
    let mut warnings = Vec::new();
    let mut names = vault.list_snapshots().unwrap_or_default();
    names.sort_by_key(|name| std::cmp::Reverse((!retention::is_ahead(name.millis(), now), name.millis())));
    for name in &names {
        match Snapshot::read(vault, name) {
            Ok(snapshot) => return (Some(snapshot), warnings),
            Err(error) => warnings.push(Warning { path: String::new(), message: error.to_string() }),
        }
    }
    (None, warnings)
}
