//! Staying within `maxLocalStorage`, which counts everything in the vault's folder.
//!
//! Room for a new backup is made in this order: what no rule keeps; archives, which only repeat what the vault has; then
//! backups before their time, those from before a restore first, then the smallest tier, and in it the oldest ([`retention::sacrifices`]). Never the newest
//! good backup, never a pinned one, none that no target has whole where there are targets, and none that a restore leans on ([`crate::held`]). All is reckoned before anything is
//! removed: where it would not be enough, nothing is removed. What goes for the sake of room goes at once.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::sync::{Arc, Mutex};

use crate::mutex::lock;
use crate::replica::safe;
use crate::report::{BackupInfo, PruneOptions, PruneReport, PruneVerdict, Warning};
use crate::retention;
use crate::vault::list::{self, ListReader};
use crate::vault::mark::NeedsMarker;
use crate::vault::name::BackupName;
use crate::vault::pack::PackId;
use crate::vault::reader::ChunkReader;
use crate::vault::snapshot::Snapshot;
use crate::vault::strangers;
use crate::vault::sweep::SweepPace;
use crate::vault::{self, Vault, durable, shelf};
use crate::{Config, Control, Error, Result, held, prune, space};

/// While room is made, packs are written anew from so many percent of dead bytes on.
const TIGHT: u64 = 5;

/// Bytes that may still be written; none where the limit is passed already.
pub fn left(vault: &Vault, config: &Config) -> Result<u64> {
    Ok(limit(vault, config).saturating_sub(vault::usage(vault.dir())?.used))
}

/// What the vault may take: the safety backup of the last restore lies beside it.
fn limit(vault: &Vault, config: &Config) -> u64 {
    config.max_local_storage.0.saturating_add(held::beyond_limit(vault))
}

/// Makes room for `needed` bytes, or fails with `E_STORAGE_LIMIT` and has removed nothing. Returns what had to go before
/// its time. The caller holds the vault's lock.
pub fn make(vault: &Vault, config: &Config, needed: u64, control: &Control) -> Result<Vec<Warning>> {
    if left(vault, config)? >= needed {
        return Ok(Vec::new());
    }
    let room = Room { vault, config, needed, control };
    if let Some(frozen) = room.frozen()? {
        return room.make_from_archives(&frozen);
    }
    let reckoned = room.reckon()?;
    finish(room, reckoned)
}

/// As [`make`], for a guess that may be too low. No backup goes before its time for a guess unless there would be room for
/// the `most` that it can be, too: else it would have gone for nothing.
pub fn make_for_guess(
    vault: &Vault,
    config: &Config,
    likely: u64,
    most: u64,
    control: &Control,
) -> Result<Vec<Warning>> {
    if left(vault, config)? >= likely {
        return Ok(Vec::new());
    }
    let room = Room { vault, config, needed: likely, control };
    if let Some(frozen) = room.frozen()? {
        return room.make_from_archives(&frozen);
    }
    let reckoned = room.reckon()?;
    let at_most = Room { needed: most.max(likely), ..room };
    match reckoned.goes.is_empty() || at_most.reckon().is_ok() {
        true => finish(room, reckoned),
        false => Ok(by_the_rules(vault, config, control)?.warnings),
    }
}

/// Removes at once what no rule keeps: that would go anyway.
pub fn by_the_rules(vault: &Vault, config: &Config, control: &Control) -> Result<PruneReport> {
    let options = PruneOptions { at_once: true, ..PruneOptions::default() };
    prune::run(vault, config, &options, HashSet::new(), control)
}

fn finish(room: Room<'_>, reckoned: Reckoned) -> Result<Vec<Warning>> {
    let Room { vault, config, needed, .. } = room;
    let mut warnings = room.act(reckoned)?;
    if left(vault, config)? < needed {
        warnings.extend(room.clear_archives(u64::MAX)?);
    }
    match left(vault, config)? < needed {
        // What is being read at this moment, or a record that cannot be read, holds on to what it may need.
        true => Err(room.refused(None)),
        false => Ok(warnings),
    }
}

#[derive(Clone, Copy)]
struct Room<'a> {
    vault: &'a Vault,
    config: &'a Config,
    needed: u64,
    control: &'a Control,
}

/// What has to go, so that there is room.
struct Reckoned {
    infos: Vec<BackupInfo>,
    verdicts: Vec<PruneVerdict>,
    /// Before their time.
    goes: Vec<usize>,
    /// The targets that have a backup whole.
    safe: HashMap<String, Vec<String>>,
    /// Bytes of archives.
    archives: u64,
    /// From how many percent of dead bytes on packs are written anew.
    dead: u64,
}

impl Room<'_> {
    fn reckon(&self) -> Result<Reckoned> {
        if let Some((_, error)) = strangers::in_records(self.vault)?.into_iter().next() {
            return Err(self.unreadable(&error));
        }
        let now = self.control.now();
        let infos = prune::backups(self.vault, now)?;
        let verdicts = retention::judge(&infos, &prune::rules(self.vault, self.config), now);
        let mut verdicts = prune::verdicts(&infos, verdicts);
        // The most valuable first: those that never go, then the last that would.
        let held = held::held(self.vault, self.config);
        let mut sacrifices = retention::sacrifices(&infos, now);
        sacrifices.retain(|index| !held.contains_key(&infos[*index].backup));
        // Where there are targets, what none of them has whole is not given up for room.
        let candidates: Vec<&BackupInfo> = sacrifices.iter().map(|index| &infos[*index]).collect();
        let safe = safe::at_targets(self.vault, self.config, &candidates, self.control);
        sacrifices.retain(|index| !self.config.syncs() || safe.contains_key(&infos[*index].backup));
        let may_go: HashSet<usize> = sacrifices.iter().copied().collect();
        let stays = |index: &usize| verdicts[*index].keep || held.contains_key(&infos[*index].backup);
        let mut order: Vec<usize> = (0..infos.len()).filter(|index| !may_go.contains(index) && stays(index)).collect();
        let untouchable = order.len();
        order.extend(sacrifices.into_iter().rev().filter(|index| verdicts[*index].keep));

        let used = vault::usage(self.vault.dir())?.used;
        let (catalog, _) = self.vault.catalog_for_writing()?;
        let packs: u64 = catalog.all_packs()?.iter().map(|(_, size)| size).sum();
        let archives: u64 = shelf::expendable(self.vault)?.iter().map(|(.., size)| size).sum();
        let fixed = used.saturating_sub(packs + archives);
        let Some(budget) = limit(self.vault, self.config).checked_sub(fixed.saturating_add(self.needed)) else {
            // The first backup takes nobody's room.
            return Err(self.refused((!infos.is_empty()).then(|| used.saturating_sub(archives))));
        };
        // Of what stays, some lies in packs that are a little dead.
        let tight = budget - budget / 100 * TIGHT;

        for verdict in verdicts.iter_mut().filter(|verdict| held.contains_key(&verdict.backup)) {
            verdict.keep = true;
        }
        let mut marker = NeedsMarker::new(self.vault, Arc::new(Mutex::new(catalog)));
        // Of what never goes.
        let mut least = 0;
        let mut goes = Vec::new();
        for (place, index) in order.into_iter().enumerate() {
            self.control.check()?;
            let stays = place < untouchable;
            if !stays && !goes.is_empty() && marker.live() > tight {
                goes.push(index);
                continue;
            }
            let is_readable = match marker.backup(&infos[index].backup.parse()?)? {
                // What it needs is not known: while it stays, nothing that it may need can go.
                Some(error) if stays || !matches!(error, Error::Corrupt { .. }) => return Err(self.unreadable(error)),
                unreadable => unreadable.is_none(),
            };
            least = if stays { marker.live() } else { least };
            if least > budget {
                return Err(self.refused(Some(fixed + marker.live())));
            }
            if !is_readable || !stays && marker.live() > tight {
                goes.push(index);
            }
        }
        // Archives make room for the rest, as many as it takes.
        let archives = if marker.live() <= tight { (marker.live() + archives).saturating_sub(tight) } else { u64::MAX };
        // Where it is tight to the last, packs are written anew for whatever is dead in them.
        let dead = if least > tight { 0 } else { TIGHT };
        Ok(Reckoned { infos, verdicts, goes, safe, archives, dead })
    }

    fn act(&self, reckoned: Reckoned) -> Result<Vec<Warning>> {
        let Reckoned { infos, mut verdicts, goes, safe, archives, dead } = reckoned;
        let mut warnings = self.clear_archives(archives)?;
        warnings.extend(goes.iter().map(|index| went(&infos[*index], safe.get(&infos[*index].backup))));
        for index in goes {
            let verdict: &mut PruneVerdict = &mut verdicts[index];
            (verdict.keep, verdict.why) = (false, "room was needed".into());
        }
        let how = prune::How { dry_run: false, dead, pace: SweepPace::AtOnce, damaged: HashSet::new() };
        let report = prune::remove(self.vault, verdicts, how, self.control)?;
        warnings.extend(report.warnings);
        Ok(warnings)
    }

    fn frozen(&self) -> Result<Option<String>> {
        Ok(prune::frozen(&prune::backups(self.vault, self.control.now())?))
    }

    /// While a backup is suspicious no backup goes; archives only repeat what the vault has.
    fn make_from_archives(&self, frozen: &str) -> Result<Vec<Warning>> {
        let missing = self.needed.saturating_sub(left(self.vault, self.config)?);
        let archives: u64 = shelf::expendable(self.vault)?.iter().map(|(.., size)| size).sum();
        match self.refused(None) {
            Error::StorageLimit { message } if archives < missing => {
                Err(Error::StorageLimit { message: format!("{message} {frozen}") })
            }
            _ => self.clear_archives(missing),
        }
    }

    /// Removes archives until `bytes` are free.
    fn clear_archives(&self, bytes: u64) -> Result<Vec<Warning>> {
        let (mut freed, mut warnings) = (0, Vec::new());
        for (path, _, size) in shelf::expendable(self.vault)? {
            if freed >= bytes {
                break;
            }
            self.control.hold()?;
            fs::remove_file(&path).map_err(|error| Error::io("removing", &path, error))?;
            freed += size;
            let message = "This archive was removed to stay within maxLocalStorage. The backup in it is still there.";
            warnings.push(Warning { path: shelf::object(&path), message: message.into() });
        }
        if !warnings.is_empty() {
            durable::sync_dir(&self.vault.dir().join(shelf::FOLDER))?;
        }
        Ok(warnings)
    }

    fn unreadable(&self, error: &Error) -> Error {
        Error::StorageLimit {
            message: format!(
                "The backup needs about {}, and the vault has less room than that left (maxLocalStorage). None can be made, \
                 because nobody knows what this backup needs: {error} Delete it, or raise maxLocalStorage.",
                space::said(self.needed)
            ),
        }
    }

    /// `stays`: bytes that could not be removed.
    fn refused(&self, stays: Option<u64>) -> Error {
        let stays = stays.map_or(String::new(), |stays| {
            let others = if self.config.syncs() {
                ", pinned ones and those that no target has yet"
            } else {
                " and by pinned ones"
            };
            format!(" {} of them are needed by the newest good backup{others}, which stay.", space::said(stays))
        });
        // What can be removed, and what is left of it.
        let (remove, earlier) = match self.vault.list_snapshots() {
            Ok(names) if names.is_empty() => ("", ""),
            _ => ("unpin or delete backups, ", " Earlier backups are whole."),
        };
        Error::StorageLimit {
            message: format!(
                "The backup needs about {}, and the vault has {} of {} (maxLocalStorage) left.{stays} Raise \
                 maxLocalStorage, {remove}or leave large files out (`exclude`).{earlier}",
                space::said(self.needed),
                space::said(left(self.vault, self.config).unwrap_or(0)),
                space::said(self.config.max_local_storage.0),
            ),
        }
    }
}

fn went(info: &BackupInfo, safe: Option<&Vec<String>>) -> Warning {
    let name = &info.backup;
    let message = match safe {
        None => format!("{name} was removed before its time to stay within maxLocalStorage. Raise it to keep more."),
        Some(targets) => {
            format!("{name} was removed here to stay within maxLocalStorage. {} has it.", targets.join(", "))
        }
    };
    Warning { path: String::new(), message }
}

/// Where a backup was refused in its middle: what it had written already goes again. `earlier`: the packs that were there
/// before it.
pub fn give_back(vault: &Vault, earlier: &HashSet<PackId>, control: &Control) {
    // Where nobody can say which backups there are, none of their packs may go.
    if let Ok(kept) = vault.list_snapshots() {
        let _ = prune::sweep_new(vault, &kept, earlier, &control.to_the_end());
    }
}

/// Bytes that an archive of one backup will have, told from what its content takes in the vault. What several files share
/// there, an archive has once for each of them.
pub fn size_of(vault: &Vault, name: &BackupName) -> Result<u64> {
    let snapshot = Snapshot::read(vault, name)?;
    let catalog = Arc::new(Mutex::new(vault.catalog_for_reading()?));
    let mut reader = ChunkReader::new(vault.clone(), catalog.clone());
    let mut lists = reader.another();
    let sealed = |id| -> Result<(u64, u64)> {
        let places = lock(&catalog).places(id)?;
        Ok(places.first().map_or((0, 1), |place| (place.entry.sealed.into(), u64::from(place.entry.plain).max(1))))
    };
    let mut sum = snapshot.list.size / 4;
    for item in ListReader::forwards(&mut reader, &snapshot.list) {
        let item = item?;
        let mut chunks = item.chunks.clone();
        chunks.extend(item.sides.iter().flat_map(|side| &side.chunks));
        for ids in &item.lists {
            chunks.extend(list::ids(&lists.get(*ids)?)?);
        }
        for id in chunks {
            sum += sealed(id)?.0;
        }
        if let Some((id, _)) = item.bundle {
            // A share of what all in the bundle take together.
            let (bytes, plain) = sealed(id)?;
            sum += item.size.saturating_mul(bytes) / plain;
        }
    }
    Ok(sum)
}
