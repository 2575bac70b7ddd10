//! From a snapshot to files.
//!
//! | module | what it is |
//! |---|---|
//! | `source` | which backup gives which items, and the checks that every item passes |
//! | `plan` | what a backup says, held against what the root has |
//! | `stage`, `producer`, `consumer`, `links`, `sparse` | writing items into fresh folders, on many threads |
//! | `metadata`, `attributes`, `unset` | what a file is besides its content, and what of it cannot be given back |
//! | `target` | a restore into another folder: nothing live is touched |
//! | `in_place` | a restore of the root itself: staged, verified, journaled, swapped, or undone |
//! | `afterwards` | a running app and what was restored under it |
//! | `workspace`, `journal`, `swap`, `check`, `safety` | the parts of that |
//! | `spot`, `overwrite` | places of the root: without following links, and where no rename leads |
//! | `displaced` | what was replaced is in the vault before it goes |
//! | `recovery` | after a crash |
//! | `mode`, `holders`, `holding`, `live` | an app that is running: who has what open, and databases through SQLite |
//! | `nature`, `session`, `astray` | what lies there now: databases, sessions that work, and files that lost their names |
//! | `permission` | may it be done at all |
//!
//! All or nothing: up to the last step everything is as it was, and after a crash it is finished or undone. Paths come
//! from the snapshot and are not trusted; files are only ever created new, in folders of our own, and links are made
//! after everything else, so that nothing can be written through one.

pub mod afterwards;
mod astray;
mod attributes;
mod check;
mod consumer;
mod displaced;
mod doubts;
mod ending;
pub mod holders;
mod holding;
mod in_place;
pub mod journal;
mod links;
pub mod live;
mod metadata;
mod mode;
mod nature;
mod overwrite;
mod permission;
mod plan;
mod producer;
mod recovery;
mod safety;
mod session;
pub mod source;
mod sparse;
mod spot;
mod stage;
mod swap;
mod target;
mod unset;
mod workspace;

use std::path::Path;
use std::time::Instant;

use crate::capture::stat::open_file;
use crate::report::{BackupRef, ItemInfo, RestoreOptions, RestorePlan, RestoreResult, TakenBack, UndoOptions, Warning};
use crate::vault::Vault;
use crate::vault::last_restore::LastRestore;
use crate::vault::list::ListReader;
use crate::vault::snapshot::Snapshot;
use crate::{Config, Control, Error, Result, owner};

pub use displaced::{store_waiting, waits as displaced_waits};
use in_place::{InPlace, WaitingRestore};
pub use in_place::{Restored, discard_pending};
pub use recovery::recover;
use source::{ListAccess, SelectedBackup, not_found, sources};
use stage::{Stage, StagingOrder};
use target::TargetFolder;
use unset::Unset;
pub use workspace::{Unfinished, WORKSPACE, unfinished};

/// Refuses options that do not go together, and a target that cannot be filled.
pub fn check_options(options: &RestoreOptions) -> Result<()> {
    let refuse = |message: &str| Err(Error::Config { message: message.into() });
    if options.per_item && options.items.is_empty() {
        return refuse("A restore per item needs items: paths, globs or categories.");
    }
    if options.salvage && options.target.is_none() {
        return refuse("A salvage is not all or nothing: it needs another folder to write to (`target`, --to DIR).");
    }
    // At once, and not after the backup was looked at.
    options.target.as_deref().map(TargetFolder::check).transpose()?;
    owner::of(options).map(drop)
}

/// Restores in place. The caller holds the vault's lock.
pub fn in_place(
    vault: &Vault,
    config: &Config,
    backup: &BackupRef,
    options: &RestoreOptions,
    control: &Control,
) -> Result<Restored> {
    InPlace { vault, config, options, control, undo: None }.run(backup, None)
}

/// Takes the last restore in place back. The caller holds the vault's lock.
pub fn undo(vault: &Vault, config: &Config, options: &UndoOptions, control: &Control) -> Result<Restored> {
    if let Some(WaitingRestore { backup, .. }) = in_place::waiting(config)? {
        return Err(Error::Restore {
            message: format!(
                "A restore of {backup} waits for the next start of the app, and has changed nothing yet. `lifeboat \
                 restore --discard-pending` discards it. Then `lifeboat undo` takes back the restore before it."
            ),
        });
    }
    let record = LastRestore::read(vault)?.filter(|record| record.root == config.root.display().to_string());
    let Some(record) = record else {
        return Err(Error::NotFound {
            message: "There is no restore to take back: none was made in this folder with this vault.".into(),
        });
    };
    let options = options.as_restore();
    let backup = BackupRef::Name(record.safety_backup.clone().unwrap_or_default());
    let mut restored = InPlace { vault, config, options: &options, control, undo: Some(&record) }.run(&backup, None)?;
    restored.result.takes_back = Some(TakenBack { backup: record.backup, at: record.at, undo: record.was_undo });
    Ok(restored)
}

/// The backups that wait for the next start of the app. Only to keep it: whose the folder is does not matter for that, for
/// root may have staged it for the app's user.
pub fn pending_backups(root: &Path) -> Vec<String> {
    #[derive(serde::Deserialize)]
    struct PendingStage {
        backup: String,
        #[serde(default)]
        others: Vec<String>,
    }
    if unfinished(root) != Some(Unfinished::Waits) {
        return Vec::new();
    }
    let Ok((file, _)) = open_file(&root.join(WORKSPACE).join("pending")) else { return Vec::new() };
    let pending = serde_json::from_reader::<_, PendingStage>(std::io::BufReader::new(file)).ok();
    pending.map_or_else(Vec::new, |PendingStage { backup, others }| [vec![backup], others].concat())
}

/// Applies the restore that waits for this start; `None` where none does. The caller holds the vault's lock.
pub fn apply_pending(vault: &Vault, config: &Config, control: &Control) -> Result<Option<RestoreResult>> {
    let Some(WaitingRestore { backup, options, undo, workspace }) = in_place::waiting(config)? else { return Ok(None) };
    let undo = undo.as_ref();
    let restored = InPlace { vault, config, options: &options, control, undo }.run(&backup, Some(workspace))?;
    Ok(Some(restored.result))
}

/// Why the journal of a restore that was cut off cannot be used, where it cannot. Only looks.
pub fn unusable(root: &Path) -> Option<Error> {
    let journal = root.join(WORKSPACE).join("journal");
    if journal.exists() { journal::RestoreJournal::read(&journal).err() } else { None }
}

/// Since when a restore waits for the next start of the app, in milliseconds since the epoch; `None`: none does.
pub fn pending_since(config: &Config) -> Result<Option<i64>> {
    let Some(WaitingRestore { workspace, .. }) = in_place::waiting(config)? else { return Ok(None) };
    let since = workspace.file("pending").metadata().and_then(|metadata| metadata.modified());
    let since = since.ok().and_then(|since| since.duration_since(std::time::UNIX_EPOCH).ok());
    Ok(Some(since.map_or(i64::MAX, |since| since.as_millis() as i64)))
}

/// What a restore into another folder makes there. What is lost of it goes to `lost`, where a salvage asks for that.
fn foresee(
    vault: &Vault,
    sources: &mut [SelectedBackup],
    options: &RestoreOptions,
    lost: &mut Vec<Warning>,
    warnings: &mut Vec<Warning>,
) -> Result<RestorePlan> {
    let mut plan = RestorePlan::default();
    let mut taken = std::collections::HashSet::new();
    for source in sources {
        source.leave_out(&taken);
        let allows = |_: &_, _: &[u8]| options.allow_outside_links;
        let lost = options.salvage.then_some(&mut *lost);
        ListAccess { vault, allows: &allows, lost }
            .run(source, |path, item| {
                let sides = item.sides.iter().map(|side| side.size);
                plan.bytes = sides.fold(plan.bytes.saturating_add(item.on_disk()), u64::saturating_add);
                plan.create.push(item.display_path().to_owned());
                if options.per_item {
                    taken.insert(path.clone());
                }
                Ok(())
            })
            .map_err(|error| source.blame(error))?;
        warnings.extend(source.wanted.remarks());
    }
    plan.create.sort();
    Ok(plan)
}

/// Restores into another folder, which must not exist or be empty.
pub fn into(
    vault: &Vault,
    target: &Path,
    backup: &BackupRef,
    options: &RestoreOptions,
    threads: usize,
    control: &Control,
) -> Result<RestoreResult> {
    let started = Instant::now();
    let mut sources = sources(vault, backup, options)?;
    let mut lost = Vec::new();
    let mut warnings = doubts::of(vault, backup, &sources)?;
    let plan = foresee(vault, &mut sources, options, &mut lost, &mut warnings)?;
    let target = TargetFolder::check(target)?;
    target.check_space(&plan)?;
    let mut restored = Vec::new();
    if !options.dry_run {
        let unset = Unset::default();
        let staging = target.begin(plan.create.iter().map(String::len).max().unwrap_or(0))?;
        for source in &sources {
            let order = StagingOrder {
                source,
                places: staging.folder(),
                owner: owner::of(options)?,
                salvage: options.salvage,
                reuse: false,
                plan: &plan,
                unset: &unset,
            };
            lost.extend(Stage::new(vault, order, threads, control)?.run().map_err(|error| source.blame(error))?);
        }
        // A part of a backup says nothing of the folder that it lies in.
        if options.items.is_empty()
            && let Some(root) = &sources[0].snapshot.root_folder
        {
            staging.describe(root, owner::of(options)?, &unset)?;
        }
        warnings.extend(unset.warnings());
        staging.commit()?;
        restored = plan.create.clone();
    }
    lost.sort_by(|a, b| a.path.cmp(&b.path));
    lost.dedup_by(|a, b| a.path == b.path && !a.path.is_empty());
    restored.retain(|path| lost.binary_search_by(|lost| lost.path.as_str().cmp(path)).is_err());
    Ok(RestoreResult {
        success: true,
        backup: sources[0].name.to_string(),
        timestamp: sources[0].snapshot.timestamp,
        restored,
        plan,
        dry_run: options.dry_run,
        failed: lost,
        warnings,
        duration_ms: started.elapsed().as_millis() as u64,
        ..RestoreResult::default()
    })
}

/// The items of a backup that `items` select, for a listing.
pub fn select(vault: &Vault, name: &str, items: &[String]) -> Result<Vec<ItemInfo>> {
    let name = vault.resolve(&BackupRef::Name(name.into()))?;
    let snapshot = Snapshot::read(vault, &name)?;
    let selection = source::selection(items, vault, &snapshot)?;
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
