//! Damaged and missing objects made good from where they are whole: those here from a target, and those at a target from here.
//!
//! Nothing is put in place that was not authenticated first. Here it is written beside, synced and renamed, under the vault's lock;
//! at a target it is put whole or not at all. So a kill leaves each object as it was, or good.

use std::collections::BTreeSet;
use std::fs::File;
use std::sync::Arc;
use std::time::Instant;

use super::expected::Expected;
use super::fetch::Fetch;
use super::ledger::Ledger;
use super::opening;
use super::patience::patiently;
use super::whole::{self, bring, is_whole};
use crate::chunk::ChunkId;
use crate::config::cloud::Target;
use crate::error::IoContext;
use crate::report::{Damage, Progress, VerifyReport};
use crate::store::{Kind, Straight, WholeFile};
use crate::vault::elsewhere::Elsewhere;
use crate::vault::layout::{self, Object, Part};
use crate::vault::name::BackupName;
use crate::vault::{self, Vault, durable};
use crate::{Config, Control, Error, Result};

/// Of a target so many days' looks read everything once.
const DAYS: i64 = 28;
const DAY: i64 = 24 * 3_600_000;

/// Makes good what a verification has found damaged or missing here. `lost`: chunks that no pack here has. What cannot be had stays
/// as it was found. The caller holds the vault's lock.
pub fn here(vault: &Vault, fetch: &Fetch, damaged: &mut [Damage], lost: &[ChunkId]) -> Result<()> {
    let temporary = vault.dir().join("tmp");
    durable::make_folder(&temporary)?;
    let fetch_one = |object: &str| {
        if fetch.holders(object).is_empty() {
            fetch.look()?;
        }
        bring(fetch, vault, object, vault.dir(), &temporary)
    };
    opening::mend_keys(vault, fetch, damaged)?;
    let mut unreachable = None;
    for damage in
        damaged.iter_mut().filter(|damage| matches!(Part::of(&damage.object), Some(Part::Pack | Part::Snapshot)))
    {
        if was_removed(vault, &damage.object)? {
            // Since it was found, by whoever had the vault meanwhile.
            damage.healed = true;
            damage.message = format!("{}; it was removed meanwhile", damage.message);
            continue;
        }
        match fetch_one(&damage.object) {
            Ok(Some((place, _))) => {
                damage.healed = true;
                damage.message = format!("{}; it was fetched whole from {place}", damage.message);
            }
            Ok(None) => {}
            // Another target may have the next one.
            Err(error @ (Error::Cloud { .. } | Error::CloudCredentials { .. } | Error::CloudFull { .. })) => {
                unreachable.get_or_insert(error);
            }
            Err(error) => return Err(error),
        }
    }
    if let Some(error) = unreachable {
        return Err(error);
    }
    forget_lost(vault, damaged)?;
    let mut packs = BTreeSet::new();
    for chunk in lost {
        // Several packs may have it: one of them is enough.
        packs.extend(fetch.places(*chunk)?.first().map(|place| place.pack.object()));
    }
    let mut from = BTreeSet::new();
    let mut is_complete = !lost.is_empty();
    for object in &packs {
        match fetch_one(object)? {
            Some((place, _)) => drop(from.insert(place)),
            None => is_complete = false,
        }
    }
    if let Some(damage) = damaged.iter_mut().find(|damage| damage.object == "packs")
        && !from.is_empty()
    {
        let from: Vec<String> = from.into_iter().collect();
        damage.healed = is_complete;
        damage.message = format!("{}; {} packs were fetched from {}", damage.message, packs.len(), from.join(", "));
    }
    Ok(())
}

/// Is this the record of a backup, and not here?
pub fn is_lost_record(vault: &Vault, object: &str) -> bool {
    lost_record(vault, object).is_some()
}

/// The record of a backup that is not here, and that nobody misses.
fn was_removed(vault: &Vault, object: &str) -> Result<bool> {
    match lost_record(vault, object) {
        Some(name) => Ok(!vault::lost::records(vault)?.contains(&name)),
        None => Ok(false),
    }
}

fn lost_record(vault: &Vault, object: &str) -> Option<BackupName> {
    let name = object.strip_prefix("snapshots/")?.parse().ok()?;
    (!vault.dir().join(object).exists()).then_some(name)
}

/// Records that are lost, and that nobody has, are told once. The caller holds the vault's lock.
pub fn forget_lost(vault: &Vault, damaged: &mut [Damage]) -> Result<()> {
    for damage in damaged.iter_mut().filter(|damage| !damage.healed) {
        let Some(name) = lost_record(vault, &damage.object) else { continue };
        damage.message = format!("{}; no target that was asked has it, so this is told once", damage.message);
        vault::lost::forget(vault, &name)?;
    }
    Ok(())
}

/// Reads back what a target has of this vault: all of it, or today's part; and puts a whole object from here in the place of one
/// that is damaged or missing there, where this server may write there. `E_NOT_FOUND`: nothing was ever there.
pub fn there(
    vault: &Vault,
    fetch: &Arc<Fetch>,
    config: &Config,
    target: &Target,
    all: bool,
    control: &Control,
) -> Result<VerifyReport> {
    let started = Instant::now();
    fetch.look()?;
    let temporary = tempfile::tempdir().map_err(|error| Error::io("making a folder", std::env::temp_dir(), error))?;
    let local: Vec<Object> = layout::objects(vault)?;
    // Where nothing can be remembered no copy here can go either.
    let ledger = Ledger::open(vault.dir()).ok();
    let listed: BTreeSet<String> = [Part::Pack, Part::Snapshot, Part::Key, Part::Description]
        .into_iter()
        .flat_map(|part| fetch.known().objects(part))
        .collect();
    let expected = Expected::of(vault, config, target, fetch, &local, control)?;
    let mut report = VerifyReport { backups: expected.backups.len() as u64, ..VerifyReport::default() };
    if listed.is_empty() {
        if !expected.was_filled {
            let name = target.name();
            return Err(Error::NotFound {
                message: format!("{name} has nothing of this vault yet. `lifeboat sync` sends it."),
            });
        }
        // Nothing is put there: an empty folder may be a disk that is not mounted.
        report.damaged.push(Damage {
            object: target.name().into(),
            backups: expected.backups.iter().map(ToString::to_string).collect(),
            healed: false,
            message: "nothing of the vault is there any more. If it is a disk, is it mounted? If all of it is gone, the next \
                      `lifeboat sync` sends it again"
                .into(),
        });
        report.duration_ms = started.elapsed().as_millis() as u64;
        return Ok(report);
    }
    let day = control.now().div_euclid(DAY).rem_euclid(DAYS);
    let is_due = |object: &str| all || i64::from(blake3::hash(object.as_bytes()).as_bytes()[0]) % DAYS == day;
    let mut progress = Progress { phase: "verifying".into(), ..Progress::default() };
    let objects: BTreeSet<&String> = listed.iter().chain(&expected.objects).collect();
    progress.total_items = Some(objects.len() as u64);
    for object in objects {
        control.check()?;
        progress.items += 1;
        let is_there = !fetch.holders(object).is_empty();
        let is_here = local.iter().find(|one| one.name == *object);
        let size_there = fetch.copies(object).first().map(|copy| copy.size);
        let differs = is_here.is_some_and(|here| {
            Part::of(object) != Some(Part::Key) && size_there.is_some_and(|size| size != here.size)
        });
        if is_there && !differs && !is_due(object) {
            continue;
        }
        let whole = if !is_there { None } else { whole::read_back(fetch, vault, object, temporary.path())? };
        match whole {
            Some(bytes) => {
                ledger.as_ref().map_or(Ok(()), |ledger| ledger.is_whole(fetch.name(0), object, control.now()))?;
                report.bytes += bytes;
                report.packs += u64::from(Part::of(object) == Some(Part::Pack));
            }
            None => {
                // Before it is replaced: a kill leaves it known as damaged, and the next sync sends it again.
                ledger.as_ref().map_or(Ok(()), |ledger| ledger.is_damaged(fetch.name(0), object, control.now()))?;
                let what = if is_there { "it is not what was written" } else { "it is missing" };
                let may_write = !target.is_append_only();
                report.damaged.push(put_back(vault, fetch, object, what, is_here.is_some(), may_write)?);
            }
        }
        progress.bytes = report.bytes;
        control.report(&progress);
    }
    expected.name_those_hurt(vault, fetch, &mut report.damaged, control)?;
    report.ok = report.damaged.is_empty();
    report.duration_ms = started.elapsed().as_millis() as u64;
    Ok(report)
}

fn put_back(vault: &Vault, fetch: &Fetch, object: &str, what: &str, is_here: bool, may_write: bool) -> Result<Damage> {
    let target = fetch.name(0).to_owned();
    let damage = |healed, message: String| Damage {
        object: format!("{target}: {object}"),
        backups: Vec::new(),
        healed,
        message,
    };
    let path = vault.dir().join(object);
    if !is_here || !is_whole(vault, object, &path)? {
        return Ok(damage(false, format!("{what}, and there is no whole one here to replace it")));
    }
    if !may_write {
        return Ok(damage(false, format!("{what}, and these credentials may not replace it")));
    }
    let body = File::open(&path).and_then(WholeFile::new).at("reading", &path)?;
    let put = fetch.store(0).and_then(|store| patiently(fetch.control(), || store.put(object, &body, &Straight)));
    Ok(match put {
        Ok(stored) => {
            let now = fetch.control().now();
            Ledger::open(vault.dir())
                .and_then(|ledger| ledger.arrived(&target, &stored, None, now))
                .unwrap_or_default();
            damage(true, format!("{what}; it was replaced by the whole one from here"))
        }
        Err(fault) if fault.kind == Kind::Cancelled => return Err(Error::Aborted),
        Err(fault) => damage(false, format!("{what}, and could not be replaced: {fault}")),
    })
}
