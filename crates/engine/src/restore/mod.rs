//! A restore into a folder: nothing live is touched.
//!
//! plan → check (key, every chunk present, space) → stage beside the target → verify by hash → sync → move into
//! place. Any error before the last step removes what was staged and leaves the target as it was. Paths come from the
//! snapshot and are not trusted: they are checked when they are parsed, files are only ever created new in a fresh
//! folder, and links are made after everything else, so that nothing can be written through one.

mod consumer;
mod metadata;
mod producer;
mod stage;
mod target;

use std::time::Instant;

use crate::capture::rules::Selection;
use crate::path::RelPath;
use crate::report::{BackupRef, ItemType, RestoreOptions, RestorePlan, RestoreResult};
use crate::vault::Vault;
use crate::vault::item::{Content, Item};
use crate::vault::list::ListReader;
use crate::vault::snapshot::Snapshot;
use crate::{Control, Error, Result};

use stage::Stage;
use target::Target;

/// Restores into `options.target`.
pub fn run(
    vault: &Vault,
    backup: &BackupRef,
    options: &RestoreOptions,
    threads: usize,
    control: &Control,
) -> Result<RestoreResult> {
    let started = Instant::now();
    let name = vault.resolve(backup)?;
    let snapshot = Snapshot::read(vault, &name)?;
    let blame = |error: Error| match error {
        Error::Corrupt { object, detail, backups } if backups.is_empty() => {
            Error::Corrupt { object, detail, backups: vec![name.to_string()] }
        }
        other => other,
    };
    let plan = plan(vault, &snapshot, options).map_err(blame)?;
    let target = options.target.as_deref().ok_or_else(|| Error::internal("in place is not built yet"))?;
    let target = Target::check(target)?;
    target.check_space(plan.bytes)?;
    if !options.dry_run {
        let target = target.begin()?;
        Stage::new(vault, &snapshot, &options.items, target.folder(), &plan, threads, control)?.run().map_err(blame)?;
        target.commit()?;
    }
    Ok(RestoreResult {
        success: true,
        backup: name.to_string(),
        restored: if options.dry_run { Vec::new() } else { plan.create.clone() },
        timestamp: snapshot.timestamp,
        safety_backup: None,
        plan,
        dry_run: options.dry_run,
        staged: false,
        mode: None,
        reason: None,
        failed: Vec::new(),
        duration_ms: started.elapsed().as_millis() as u64,
        warnings: Vec::new(),
    })
}

/// What would be done. Fails where an item does not exist, or a chunk that is needed is not there.
fn plan(vault: &Vault, snapshot: &Snapshot, options: &RestoreOptions) -> Result<RestorePlan> {
    let mut selection = Selection::new(&options.items)?;
    let mut reader = vault.reader()?;
    let mut presence = reader.another();
    let mut plan = RestorePlan::default();
    let mut last: Option<RelPath> = None;
    // The last item that is no folder: nothing can lie below it, and below a link it would be written elsewhere.
    let mut leaf: Option<RelPath> = None;
    for item in ListReader::forwards(&mut reader, &snapshot.list) {
        let item = item?;
        let path = item.rel_path()?;
        // Sorted and without repetition: what is not cannot have been written by us.
        if last.as_ref().is_some_and(|last| *last >= path) {
            return Err(Error::UnsafePath { path: path.display(), reason: "it is out of order or there twice" });
        }
        if leaf.as_ref().is_some_and(|leaf| path.starts_with(leaf)) {
            return Err(Error::UnsafePath {
                path: path.display(),
                reason: "it lies below something that is not a folder",
            });
        }
        if item.kind != ItemType::Dir {
            leaf = Some(path.clone());
        }
        if selection.takes(&path, item.category) {
            if item.kind == ItemType::Symlink {
                item.link_target()?;
            }
            check_presence(&item, &mut presence)?;
            let sides = item.sides.iter().map(|side| side.size);
            plan.bytes = sides.fold(plan.bytes.saturating_add(item.size), u64::saturating_add);
            plan.create.push(item.display_path().to_owned());
        }
        last = Some(path);
    }
    if let Some(missed) = selection.missed().first() {
        return Err(not_found(missed, snapshot, vault)?);
    }
    Ok(plan)
}

/// Is there a place for every chunk that the item needs?
fn check_presence(item: &Item, reader: &mut crate::vault::reader::Reader) -> Result<()> {
    for id in item.named_chunks() {
        reader.expect(id)?;
    }
    if let Content::Lists(lists) = item.content() {
        for list in lists {
            for id in crate::vault::list::ids(&reader.get(*list)?)? {
                reader.expect(id)?;
            }
        }
    }
    Ok(())
}

/// `E_NOT_FOUND` with the nearest paths that the backup has.
fn not_found(wanted: &str, snapshot: &Snapshot, vault: &Vault) -> Result<Error> {
    let nearest = crate::vault::list::nearest(&mut vault.reader()?, &snapshot.list, wanted)?;
    let hint =
        if nearest.is_empty() { "It is empty.".into() } else { format!("The nearest are {}.", nearest.join(", ")) };
    Ok(Error::NotFound { message: format!("The backup {} has nothing that fits {wanted:?}. {hint}", snapshot.backup) })
}

/// The items of a backup that `items` select, for a listing.
pub fn select(vault: &Vault, name: &str, items: &[String]) -> Result<Vec<crate::report::ItemInfo>> {
    let name = vault.resolve(&BackupRef::Name(name.into()))?;
    let snapshot = Snapshot::read(vault, &name)?;
    let mut selection = Selection::new(items)?;
    let mut reader = vault.reader()?;
    let mut found = Vec::new();
    for item in ListReader::forwards(&mut reader, &snapshot.list) {
        let item = item?;
        if selection.takes(&item.rel_path()?, item.category) {
            found.push(item.info());
        }
    }
    match selection.missed().first() {
        Some(missed) => Err(not_found(missed, &snapshot, vault)?),
        None => Ok(found),
    }
}
