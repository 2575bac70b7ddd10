//! What a target should have of this vault, and which backups there lean on what is damaged or missing.
//!
//! What the ledger knows as there should be there, unless the target's own rules do not keep it: then somebody has pruned from
//! elsewhere. So should what opens the vault, and every pack that a backup there needs. What was not sent yet is for the next sync.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use super::fetch::Fetch;
use super::keep::{self, RemoteBackup};
use super::ledger::Ledger;
use super::standing::identity;
use crate::config::cloud::Target;
use crate::report::{Damage, ListFilter};
use crate::vault::Vault;
use crate::vault::elsewhere::Elsewhere;
use crate::vault::layout::{Object, Part};
use crate::vault::list::{self, ListReader};
use crate::vault::name::BackupName;
use crate::vault::snapshot::{self, Snapshot};
use crate::{Config, Control, Error, Result, verify, watch};

/// What is wrong with a target where a chunk of a backup is in no pack there, and nobody knows in which one it was.
const NOWHERE: &str = "packs";

pub struct Expected {
    /// Of these, each is there, or missing.
    pub objects: BTreeSet<String>,
    /// Those that are there, and those that should be.
    pub backups: Vec<BackupName>,
    /// Something was there once.
    pub was_filled: bool,
}

impl Expected {
    /// The target was asked what it has.
    pub fn of(
        vault: &Vault,
        config: &Config,
        target: &Target,
        fetch: &Fetch,
        local: &[Object],
        control: &Control,
    ) -> Result<Expected> {
        let ledger = Ledger::read(vault.dir());
        let standing = ledger.as_ref().and_then(|ledger| ledger.standing(target.name(), &identity(target)).ok()?);
        // Of another place, what the ledger has under this name says nothing.
        let ledger = ledger.filter(|_| standing.is_some());
        let sent: HashSet<String> = match &ledger {
            Some(ledger) => ledger.objects(target.name(), "")?.into_iter().map(|(object, _)| object).collect(),
            None => HashSet::new(),
        };
        let mut backups: HashSet<BackupName> = fetch.known().backups().into_iter().collect();
        if let Some(ledger) = &ledger {
            backups.extend(kept(vault, config, target, ledger, &sent, control)?);
        }
        let mut objects: BTreeSet<String> = backups.iter().map(snapshot::object).collect();
        let has_any = |part| !fetch.known().objects(part).is_empty();
        let opens = |object: &&Object| match object.part {
            Part::Page => sent.contains(&object.name),
            Part::Key | Part::Description => sent.contains(&object.name) || ledger.is_none() || !has_any(object.part),
            _ => false,
        };
        objects.extend(local.iter().filter(opens).map(|object| object.name.clone()));
        let mut names: Vec<BackupName> = backups.into_iter().collect();
        names.sort_by(|a, b| a.as_str().cmp(b.as_str()));
        let spare = ledger.as_ref().map_or(Ok(HashSet::new()), |ledger| ledger.spare(target.name()))?;
        let packs = verify::packs_of(vault, &names)?.into_iter().map(|id| id.object());
        objects.extend(packs.filter(|pack| !spare.contains(pack)));
        Ok(Expected { objects, backups: names, was_filled: !sent.is_empty() })
    }

    /// Names the backups that lean on what stays damaged or missing. `damaged`: objects with the target's name before them.
    pub fn name_those_hurt(
        &self,
        vault: &Vault,
        fetch: &Arc<Fetch>,
        damaged: &mut Vec<Damage>,
        control: &Control,
    ) -> Result<()> {
        let target = fetch.name(0).to_owned();
        let object =
            |damage: &Damage| damage.object.strip_prefix(&format!("{target}: ")).unwrap_or_default().to_owned();
        let are_open = damaged.iter().filter(|damage| !damage.healed).map(&object).collect::<HashSet<String>>();
        let opens_it = |object: &str| match Part::of(object) {
            Some(Part::Description) => true,
            // Where another one is whole, that opens it.
            Some(Part::Key) => {
                !fetch.known().objects(Part::Key).iter().any(|key| !are_open.contains(key))
                    && !damaged.iter().any(|damage| damage.healed && self::is_key(&damage.object))
            }
            _ => false,
        };
        let mut hurt: Vec<(String, BackupName)> = Vec::new();
        for object in are_open.iter().filter(|object| opens_it(object)) {
            hurt.extend(self.backups.iter().map(|name| (object.clone(), name.clone())));
        }
        let reading = vault.with_elsewhere(fetch.clone());
        for name in &self.backups {
            control.check()?;
            let record = snapshot::object(name);
            if are_open.contains(&record) {
                hurt.push((record, name.clone()));
            }
            // What is whole here says what it needs; else the target does, as far as it still has it.
            let here = match vault.dir().join(snapshot::object(name)).exists() {
                true => verify::packs_of(vault, std::slice::from_ref(name))?,
                false => HashSet::new(),
            };
            let mut needed: HashSet<String> = here.into_iter().map(|id| id.object()).collect();
            if needed.is_empty() && packs_there(&reading, fetch, name, &mut needed)? {
                needed.insert(NOWHERE.into());
            }
            hurt.extend(
                needed
                    .into_iter()
                    .filter(|object| object == NOWHERE || are_open.contains(object))
                    .map(|object| (object, name.clone())),
            );
        }
        if hurt.iter().any(|(object, _)| object == NOWHERE) {
            let message = "a pack is missing: some chunks are in none that is there".into();
            damaged.push(Damage {
                object: format!("{target}: {NOWHERE}"),
                backups: Vec::new(),
                healed: false,
                message,
            });
        }
        for damage in damaged.iter_mut().filter(|damage| !damage.healed) {
            let object = object(damage);
            damage.backups = hurt.iter().filter(|(one, _)| *one == object).map(|(_, name)| name.to_string()).collect();
        }
        Ok(())
    }
}

fn is_key(object: &str) -> bool {
    object.contains(": keys/")
}

/// The backups that the ledger knows as there, and that the rules of the target keep.
fn kept(
    vault: &Vault,
    config: &Config,
    target: &Target,
    ledger: &Ledger,
    sent: &HashSet<String>,
    control: &Control,
) -> Result<Vec<BackupName>> {
    let mut there = Vec::new();
    for info in vault.here().backups(&ListFilter::default())? {
        let record = format!("snapshots/{}", info.backup);
        if sent.contains(&record) {
            let stored = ledger.known_one(target.name(), &record)?;
            let written = stored.and_then(|stored| stored.written).unwrap_or(info.timestamp);
            there.push(RemoteBackup { info, written });
        }
    }
    let rules = keep::rules(config, target.keep()).seeing(watch::days(vault.dir()));
    let verdicts = keep::judge(&there, &rules, control.now());
    let kept = there.iter().zip(verdicts).filter(|(_, verdict)| verdict.keep);
    kept.map(|(backup, _)| backup.info.backup.parse()).collect()
}

/// Adds the packs that a backup at the target needs there. True: some chunk is in none, or its list cannot be read.
fn packs_there(vault: &Vault, fetch: &Fetch, name: &BackupName, packs: &mut HashSet<String>) -> Result<bool> {
    let tell = |error| match error {
        Error::Corrupt { .. } | Error::Format { .. } | Error::NotFound { .. } => Ok(true),
        other => Err(other),
    };
    let snapshot = match Snapshot::read(vault, name) {
        Ok(snapshot) => snapshot,
        // That is told of the record.
        Err(error) => return tell(error).map(|_| false),
    };
    let mut is_lost = false;
    let mut reader = vault.reader()?;
    let mut lists = reader.another();
    let mut need = |id| -> Result<()> {
        let places = fetch.places(id)?;
        is_lost |= places.is_empty();
        packs.extend(places.iter().map(|place| place.pack.object()));
        Ok(())
    };
    let mut walk = || -> Result<()> {
        snapshot.list.chunks.iter().try_for_each(|id| need(*id))?;
        for item in ListReader::forwards(&mut reader, &snapshot.list) {
            let item = item?;
            item.named_chunks().into_iter().try_for_each(&mut need)?;
            for ids in &item.lists {
                list::ids(&lists.get(*ids)?)?.into_iter().try_for_each(&mut need)?;
            }
        }
        Ok(())
    };
    match walk() {
        Ok(()) => Ok(is_lost),
        Err(error) => tell(error),
    }
}
