//! Removing the backups that no rule keeps, and what only they needed.
//!
//! The record of a backup goes first: from then on it does not exist, and no other backup has ever needed it. What only it
//! needed is swept afterwards, in two steps, see [`crate::vault::sweep`]. So a kill at any moment leaves whole backups, and at worst
//! packs that the next pruning removes. A backup that somebody reads at this moment is left for the next time.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use crate::held::{self, held};
use crate::replica::safe;
use crate::report::{BackupInfo, ListFilter, PruneOptions, PruneReport, PruneVerdict, Warning};
use crate::retention::{self, RetentionRules, Verdict};
use crate::vault::Vault;
use crate::vault::catalog::Catalog;
use crate::vault::mark::{Marks, NeedsMarker};
use crate::vault::name::BackupName;
use crate::vault::pack::PackId;
use crate::vault::shelf;
use crate::vault::snapshot::Snapshot;
use crate::vault::strangers;
use crate::vault::sweep::{MOSTLY, Sweep, SweepPace, Swept};
use crate::{Config, Control, Error, Result, restore, room, watch};

/// Applies the rules of the configuration. The caller holds the vault's lock. `damaged`: packs in which a verification
/// has found damage; they are written anew where all that is needed of them is whole.
pub fn run(
    vault: &Vault,
    config: &Config,
    options: &PruneOptions,
    damaged: HashSet<PackId>,
    control: &Control,
) -> Result<PruneReport> {
    let mut infos = backups(vault, control.now())?;
    let rules = rules(vault, config);
    let is_old = |info: &&BackupInfo| !info.pinned && control.now() - info.timestamp >= rules.local;
    let old: Vec<&BackupInfo> = infos.iter().filter(is_old).collect();
    let mut safe = safe::at_targets(vault, config, &old, control);
    infos.iter_mut().for_each(|info| info.location.extend(safe.remove(&info.backup).unwrap_or_default()));
    let mut verdicts = verdicts(&infos, retention::judge(&infos, &rules, control.now()));
    let held = held(vault, config);
    for verdict in verdicts.iter_mut().filter(|verdict| !verdict.keep) {
        if let Some(why) = held.get(&verdict.backup) {
            (verdict.keep, verdict.why) = (true, (*why).into());
        }
    }
    let frozen = frozen(&infos).filter(|_| !options.despite_suspicion);
    if frozen.is_some() {
        for verdict in verdicts.iter_mut().filter(|verdict| !verdict.keep) {
            (verdict.keep, verdict.why) =
                (true, format!("a backup is suspicious; otherwise it would be removed: {}", verdict.why));
        }
    }
    let pace = if options.at_once { SweepPace::AtOnce } else { gently(vault, config, control)? };
    let how = How { dry_run: options.dry_run, dead: MOSTLY, pace, damaged };
    let mut report = remove(vault, verdicts, how, control)?;
    report.warnings.extend(frozen.map(|message| Warning { path: String::new(), message }));
    Ok(report)
}

/// Why nothing may be pruned now, if so: a backup is suspicious, and nobody has said what is right.
pub(crate) fn frozen(infos: &[BackupInfo]) -> Option<String> {
    let doubted = infos.iter().find(|info| info.suspicious.is_some())?;
    let name = &doubted.backup;
    Some(format!(
        "Nothing is pruned while {name} is suspicious, because the backups before it may be the good ones. If it is \
         right, run `lifeboat accept {name}`. If not, `lifeboat delete {name}` removes it."
    ))
}

/// For whoever prunes by hand.
pub fn refuse_frozen(vault: &Vault, options: &PruneOptions, now: i64) -> Result<()> {
    match frozen(&backups(vault, now)?).filter(|_| !options.despite_suspicion) {
        None => Ok(()),
        Some(message) => Err(Error::Vault {
            message: format!("{message} `lifeboat prune --despite-suspicion` prunes nevertheless."),
        }),
    }
}

/// The rules of the configuration, with the days that this vault has seen.
pub(crate) fn rules(vault: &Vault, config: &Config) -> RetentionRules {
    RetentionRules::of(config).seeing(watch::days(vault.dir()))
}

fn gently(vault: &Vault, config: &Config, control: &Control) -> Result<SweepPace<'static>> {
    Ok(SweepPace::Gently { now: control.now(), room: room::left(vault, config)? })
}

/// How what backups leave behind is swept.
pub(crate) struct How<'a> {
    pub dry_run: bool,
    /// From how many percent of dead bytes on a pack is written anew.
    pub dead: u64,
    pub pace: SweepPace<'a>,
    /// Packs in which damage is known.
    pub damaged: HashSet<PackId>,
}

pub(crate) fn verdicts(infos: &[BackupInfo], verdicts: Vec<Verdict>) -> Vec<PruneVerdict> {
    let verdict = |(info, verdict): (&BackupInfo, Verdict)| PruneVerdict {
        backup: info.backup.clone(),
        kind: info.kind,
        timestamp: info.timestamp,
        keep: verdict.keep,
        why: verdict.why,
    };
    infos.iter().zip(verdicts).map(verdict).collect()
}

/// A backup that waits to be restored is deleted nowhere.
pub fn refuse_waiting(config: &Config, name: &BackupName) -> Result<()> {
    if !restore::pending_backups(&config.root).iter().any(|waits| waits == name.as_str()) {
        return Ok(());
    }
    Err(Error::Restore {
        message: format!(
            "{name} cannot be deleted: {}. `lifeboat restore --discard-pending` discards that restore.",
            held::WAITS
        ),
    })
}

/// Removes one backup, whatever the rules say.
pub fn delete(vault: &Vault, config: &Config, name: &BackupName, control: &Control) -> Result<PruneReport> {
    let verdict = |info: &BackupInfo| {
        let keep = info.backup != name.as_str();
        let why = if keep { "not asked for" } else { "asked for" };
        let (backup, kind, timestamp) = (info.backup.clone(), info.kind, info.timestamp);
        PruneVerdict { backup, kind, timestamp, keep, why: why.into() }
    };
    let verdicts = backups(vault, control.now())?.iter().map(verdict).collect();
    vault.unpin(name)?;
    let pace = gently(vault, config, control)?;
    remove(vault, verdicts, How { dry_run: false, dead: MOSTLY, pace, damaged: HashSet::new() }, control)
}

/// All backups, newest first. One that cannot be read is known by its name, and no good one.
pub(crate) fn backups(vault: &Vault, now: i64) -> Result<Vec<BackupInfo>> {
    has_records(vault)?;
    let mut infos = vault.backups(&ListFilter::default())?;
    let pins = vault.pins()?;
    let known: HashSet<String> = infos.iter().map(|info| info.backup.clone()).collect();
    for name in vault.list_snapshots()?.iter().filter(|name| !known.contains(name.as_str())) {
        let pinned = pins.contains(name.as_str());
        infos.push(BackupInfo { pinned, location: vec!["local".into()], ..BackupInfo::of_name(name) });
    }
    infos.sort_by(|a, b| (b.timestamp, &b.backup).cmp(&(a.timestamp, &a.backup)));
    distrust(vault, &mut infos, now)?;
    Ok(infos)
}

/// A vault is made with its `snapshots/`: without it there may be backups that nobody sees, and all of theirs would go.
fn has_records(vault: &Vault) -> Result<()> {
    match vault.dir().join("snapshots").is_dir() {
        true => Ok(()),
        false => Err(Error::corrupt("snapshots", "the folder is missing, so it is not known what is needed")),
    }
}

/// The catalog may call a backup good whose record has rotted since: that must not pass for the newest good one, which is
/// kept whatever happens.
fn distrust(vault: &Vault, infos: &mut [BackupInfo], now: i64) -> Result<()> {
    let mut reader = vault.reader()?;
    while let Some(newest) = retention::newest_good(infos, now).filter(|index| !infos[*index].degraded) {
        let read = Snapshot::read(vault, &infos[newest].backup.parse()?)
            .and_then(|snapshot| snapshot.list.chunks.iter().try_for_each(|id| reader.get(*id).map(drop)));
        match read {
            Err(Error::Corrupt { .. } | Error::Format { .. } | Error::NotFound { .. }) => infos[newest].degraded = true,
            other => return other,
        }
    }
    Ok(())
}

/// Removes one backup. False: it stays, and its verdict says why.
fn remove_one(vault: &Vault, catalog: &mut Catalog, verdict: &mut PruneVerdict, control: &Control) -> Result<bool> {
    control.check()?;
    control.hold()?;
    // Pinned meanwhile: that takes no lock.
    if vault.is_pinned(&verdict.backup) {
        (verdict.keep, verdict.why) = (true, "pinned".into());
        return Ok(false);
    }
    // First the catalog: a record that it has and the folder has not is lost, and looked for at the targets. It is a cache:
    // what it does not learn now, it finds out by itself.
    let _ = catalog.remove_backup(&verdict.backup);
    if !Snapshot::remove(vault, &verdict.backup.parse()?)? {
        if let Ok(snapshot) = Snapshot::read(vault, &verdict.backup.parse()?) {
            let _ = catalog.add_backup(&snapshot.info());
        }
        (verdict.keep, verdict.why) = (true, "being read at this moment; the next pruning removes it".into());
        return Ok(false);
    }
    shelf::remove(vault, &verdict.backup)?;
    vault.forget_acceptance(&verdict.backup)?;
    Ok(true)
}

/// What people should know of a sweep.
fn told(swept: &Swept) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if swept.cramped > 0 {
        warnings.push(Warning {
            path: "packs".into(),
            message: format!(
                "The disk has no room to rewrite {} packs that are mostly unused. Free some space: the next pruning \
                 continues.",
                swept.cramped
            ),
        });
    }
    if swept.hurried > 0 {
        warnings.push(Warning {
            path: "packs".into(),
            message: format!(
                "Space was needed. So unneeded data ({}) was removed at once, and not after a day. If somebody was copying \
                 the vault at this moment, the copy may be incomplete: make it again.",
                if swept.hurried == 1 { "a pack".into() } else { format!("{} packs", swept.hurried) }
            ),
        });
    }
    warnings
}

/// Removes the backups that their verdict does not keep.
pub(crate) fn remove(
    vault: &Vault,
    mut verdicts: Vec<PruneVerdict>,
    how: How<'_>,
    control: &Control,
) -> Result<PruneReport> {
    let started = Instant::now();
    let How { dry_run, dead, pace, damaged } = how;
    let mut warnings = Vec::new();
    let (mut catalog, unreadable) = catalog(vault)?;
    let mut removed = 0;
    for verdict in verdicts.iter_mut().filter(|verdict| !verdict.keep) {
        if !dry_run && !remove_one(vault, &mut catalog, verdict, control)? {
            continue;
        }
        removed += 1;
    }
    let kept = verdicts.iter().filter(|verdict| verdict.keep).map(|verdict| verdict.backup.parse());
    let kept = kept.collect::<Result<Vec<_>>>()?;
    let (mut marks, catalog, unknown) = mark_surely(vault, catalog, &kept, !dry_run, control)?;
    marks.damaged.extend(damaged);
    warnings.extend(unknown.into_iter().map(|(name, error)| Warning {
        path: name.to_string(),
        message: format!(
            "{error} While it is kept, nothing is removed that it may need. Delete it to get the room back."
        ),
    }));
    warnings.extend(strangers::in_records(vault)?.into_iter().map(|(object, error)| Warning {
        path: object,
        message: format!("{error} While it is there, nothing is removed that it may need."),
    }));
    let sweep = Sweep { vault, marks: &marks, unreadable: &unreadable, dead, pace, control };
    let is_known = warnings.is_empty();
    let archives = if is_known && !dry_run { shelf::remove_orphans(vault, control)? } else { 0 };
    let swept = match (is_known, dry_run) {
        (false, _) => Swept::default(),
        (true, true) => sweep.plan(&catalog)?,
        (true, false) => sweep.run(catalog)?,
    };
    warnings.extend(told(&swept));
    Ok(PruneReport {
        dry_run,
        backups: verdicts,
        removed,
        packs_removed: swept.removed,
        packs_rewritten: swept.rewritten,
        freed: swept.freed + archives,
        waiting: swept.waiting,
        copied: swept.copied,
        duration_ms: started.elapsed().as_millis() as u64,
        warnings,
    })
}

/// Removes the packs in which nothing is needed by these backups, which are all that there are, and that are not among the
/// `earlier` ones.
pub(crate) fn sweep_new(
    vault: &Vault,
    kept: &[BackupName],
    earlier: &HashSet<PackId>,
    control: &Control,
) -> Result<()> {
    let (catalog, _) = catalog(vault)?;
    let (mut marks, catalog, unknown) = mark_surely(vault, catalog, kept, true, control)?;
    // Nothing is written here.
    marks.damaged.clear();
    if unknown.is_empty() && strangers::in_records(vault)?.is_empty() {
        Sweep { vault, marks: &marks, unreadable: &[], dead: 100, pace: SweepPace::Back { earlier }, control }
            .run(catalog)?;
    }
    Ok(())
}

/// The vault's catalog, and the packs whose index is damaged. On a full disk, or one that fails, another catalog in memory,
/// and the room of the old one: it is only a cache.
fn catalog(vault: &Vault) -> Result<(Catalog, Vec<PackId>)> {
    has_records(vault)?;
    let (catalog, damaged) = match vault.catalog_for_writing() {
        Err(Error::NoSpace { .. } | Error::Io { .. }) => {
            Catalog::remove(vault.dir())?;
            let mut catalog = Catalog::temporary()?;
            let damaged = catalog.reconcile_packs(vault)?;
            (catalog, damaged)
        }
        other => other?,
    };
    let unreadable = damaged.into_iter().filter_map(|error| match error {
        Error::Corrupt { object, .. } => PackId::of_object(&object),
        _ => None,
    });
    Ok((catalog, unreadable.collect()))
}

type MarkedObject = (Marks, Catalog, Vec<(BackupName, Error)>);

/// As [`mark`]. A chunk that is nowhere may be in a pack of which a damaged catalog has lost it: before anything is removed, the
/// catalog is made anew from what the packs say themselves.
fn mark_surely(
    vault: &Vault,
    catalog: Catalog,
    kept: &[BackupName],
    are_all: bool,
    control: &Control,
) -> Result<MarkedObject> {
    let marked = mark(vault, catalog, kept, are_all, control)?;
    if !marked.0.lost {
        return Ok(marked);
    }
    drop(marked);
    Catalog::remove(vault.dir())?;
    mark(vault, self::catalog(vault)?.0, kept, are_all, control)
}

/// `are_all`: there are no other backups.
fn mark(
    vault: &Vault,
    catalog: Catalog,
    kept: &[BackupName],
    are_all: bool,
    control: &Control,
) -> Result<MarkedObject> {
    let catalog = Arc::new(Mutex::new(catalog));
    let damaged = watch::inspection::damaged_packs(vault.dir());
    let mut marker = NeedsMarker::new(vault, catalog.clone()).doubting(damaged);
    for name in kept {
        control.check()?;
        marker.backup(name)?;
    }
    if are_all {
        // Somebody may just have put back records from a copy.
        let known: HashSet<&BackupName> = kept.iter().collect();
        for name in vault.list_snapshots()?.iter().filter(|name| !known.contains(name)) {
            marker.backup(name)?;
        }
        marker.forget_others();
    }
    let (marks, unreadable) = marker.finish();
    let catalog = Arc::into_inner(catalog).ok_or_else(|| Error::internal("the catalog is still in use"))?;
    Ok((marks, catalog.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner), unreadable))
}
