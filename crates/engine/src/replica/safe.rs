//! Which backups are safe at a target, so that the copy here may go. In doubt none is. A target has a backup where
//!
//! - it has answered just now, and has this vault's `vault.json` and a key that is here, too, so that what is there can be opened;
//! - the record that it gives authenticates, and its own rules keep the backup, also when it is no longer new there;
//! - it lists each pack that the backup needs with the length here, and with the checksum that it had where the service tells one;
//!   and each was sent from here or read back since, and no damage of it is known: a list alone proves nothing;
//! - it is on another disk than the vault.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex};

use super::fetch::{Fetch, FetchTarget as Place, read_description};
use super::ledger::Ledger;
use super::patience::patiently;
use super::{keep, read_small, standing, whole};
use crate::config::cloud::Target;
use crate::report::{BackupInfo, ListFilter};
use crate::store::folder;
use crate::store::{self, Fault, Kind, Store, Stored};
use crate::vault::elsewhere::Elsewhere;
use crate::vault::layout::{self, Part};
use crate::vault::mark::NeedsMarker;
use crate::vault::name::BackupName;
use crate::vault::{Vault, checked_json, description, durable, snapshot};
use crate::{Config, Control, Error, Result, watch};

/// A target that lists more is not one vault's.
const MOST_OBJECTS: usize = 1 << 20;

/// The names of the targets that hold each of these backups whole; those that no target does are left out. Their facts are
/// remembered, for lists.
pub fn at_targets(
    vault: &Vault,
    config: &Config,
    candidates: &[&BackupInfo],
    control: &Control,
) -> HashMap<String, Vec<String>> {
    if candidates.is_empty() || !config.syncs() {
        return HashMap::new();
    }
    // Whatever cannot be found out, nothing goes for it.
    ask(vault, config, candidates, control).unwrap_or_default()
}

fn ask(
    vault: &Vault,
    config: &Config,
    candidates: &[&BackupInfo],
    control: &Control,
) -> Result<HashMap<String, Vec<String>>> {
    let Some(ledger) = Ledger::read(vault.dir()) else { return Ok(HashMap::new()) };
    let mut needed = Vec::new();
    for info in candidates {
        control.check()?;
        let name: BackupName = info.backup.parse()?;
        if let Some(packs) = packs_of(vault, &name)? {
            needed.push(Needed { info, name, packs });
        }
    }
    let mut safe: HashMap<String, Vec<String>> = HashMap::new();
    for target in &config.cloud {
        control.check()?;
        // One that cannot be asked has nothing; the others may.
        let held = match AnsweringTarget::new(vault, config, target, &ledger, control) {
            Ok(Some(asked)) => asked.held(&needed),
            Ok(None) => continue,
            Err(error) => Err(error),
        };
        match held {
            Err(Error::Aborted) => return Err(Error::Aborted),
            Err(_) => {}
            Ok(held) => held.into_iter().for_each(|name| safe.entry(name).or_default().push(target.name().into())),
        }
    }
    Ok(safe)
}

/// A backup, and the packs that it needs, with their sizes here.
struct Needed<'a> {
    info: &'a BackupInfo,
    name: BackupName,
    packs: Vec<(String, u64)>,
}

/// A target that has answered, and is a vault that we can open.
struct AnsweringTarget<'a> {
    vault: &'a Vault,
    config: &'a Config,
    target: &'a Target,
    control: &'a Control,
    fetch: Arc<Fetch>,
    store: Arc<dyn Store>,
    listed: HashMap<String, Stored>,
    proved: HashMap<String, (u64, Option<String>)>,
    damaged: HashSet<String>,
}

impl<'a> AnsweringTarget<'a> {
    fn new(
        vault: &'a Vault,
        config: &'a Config,
        target: &'a Target,
        ledger: &Ledger,
        control: &'a Control,
    ) -> Result<Option<AnsweringTarget<'a>>> {
        let name = target.name();
        if ledger.standing(name, &standing::identity(target))?.is_none() || is_on_the_vaults_disk(target, vault.dir()) {
            return Ok(None);
        }
        let (reach, to_open, id) = (config.reach.clone(), target.clone(), vault.id());
        let open = Box::new(move || reach.0.open(&to_open, &id));
        let fetch = Arc::new(Fetch::new(vault, vec![Place { name: name.into(), open }], control)?);
        let store = fetch.store(0)?.clone();
        if description::id_in(&read_description(store.as_ref(), control)?)? != vault.id() {
            return Ok(None);
        }
        let listed = list(store.as_ref(), name, control)?;
        let objects: Vec<_> = listed.values().map(|it| (it.object.clone(), it.size, it.written.unwrap_or(0))).collect();
        fetch.known().set_held(0, &objects, control.now());
        let proved = ledger.proved(name)?;
        let damaged = ledger.damaged(name)?.into_iter().map(|(object, _)| object).collect();
        let asked = AnsweringTarget { vault, config, target, control, fetch, store, listed, proved, damaged };
        Ok(asked.has_a_key()?.then_some(asked))
    }

    /// The names of those that it has.
    fn held(&self, needed: &[Needed<'_>]) -> Result<Vec<String>> {
        let kept = self.kept_there()?;
        let mut held = Vec::new();
        for Needed { info, name, packs } in needed {
            self.control.check()?;
            let has_all = packs.iter().all(|(object, size)| self.has(object, *size));
            if has_all && kept.contains(&info.backup) && self.has_record(name)? {
                self.fetch.remember(info);
                held.push(info.backup.clone());
            }
        }
        Ok(held)
    }

    fn has(&self, object: &str, size: u64) -> bool {
        let (Some(listed), Some((proved, checksum))) = (self.listed.get(object), self.proved.get(object)) else {
            return false;
        };
        let differs = matches!((&listed.checksum, checksum), (Some(now), Some(before)) if now != before);
        (listed.size, *proved) == (size, size) && !differs && !self.damaged.contains(object)
    }

    /// One of those here, so that whoever opens the vault here opens it there.
    fn has_a_key(&self) -> Result<bool> {
        for object in layout::objects(self.vault)?.into_iter().filter(|object| object.part == Part::Key) {
            if self.listed.get(&object.name).is_none_or(|listed| listed.size != object.size) {
                continue;
            }
            let path = self.vault.dir().join(&object.name);
            let ours = durable::read_small(&path, checked_json::MAX_LEN)?;
            let theirs = self.read(&object.name, checked_json::MAX_LEN)?;
            if theirs.as_ref() == Some(&ours) && whole::is_whole(self.vault, &object.name, &path)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn has_record(&self, name: &BackupName) -> Result<bool> {
        let object = snapshot::object(name);
        if self.damaged.contains(&object) || !self.listed.contains_key(&object) {
            return Ok(false);
        }
        let Some(mut theirs) = self.read(&object, snapshot::MAX_LEN)? else { return Ok(false) };
        let opened = snapshot::Snapshot::open(self.vault.keys(), name, &mut theirs);
        Ok(opened.is_ok())
    }

    fn read(&self, object: &str, most: u64) -> Result<Option<Vec<u8>>> {
        let read = || read_small(self.store.as_ref(), self.target.name(), object, most);
        match patiently(self.control, read) {
            Err(fault) if matches!(fault.kind, Kind::Missing | Kind::Damaged) => Ok(None),
            read => Ok(read?),
        }
    }

    /// The backups that its own rules keep tomorrow, too: that one is new there saves it for a day only.
    fn kept_there(&self) -> Result<HashSet<String>> {
        let far = self.vault.with_elsewhere(self.fetch.clone());
        let here = self.vault.backups(&ListFilter::default())?;
        let mut here: HashMap<String, BackupInfo> = here.into_iter().map(|info| (info.backup.clone(), info)).collect();
        let is_marked = |mark: &str| self.listed.contains_key(mark) || self.vault.dir().join(mark).exists();
        let mut there = Vec::new();
        for stored in self.listed.values() {
            let Some(name) = stored.object.strip_prefix("snapshots/").and_then(|name| name.parse().ok()) else {
                continue;
            };
            let known = here.remove(&stored.object["snapshots/".len()..]).or_else(|| self.fetch.info(&name));
            let info = match known {
                Some(info) => Some(info),
                None => snapshot::Snapshot::read(&far, &name).ok().map(|snapshot| snapshot.info()),
            };
            self.control.check()?;
            there.push(keep::RemoteBackup::new(&name, info, stored.written, is_marked));
        }
        keep::sort(&mut there);
        let rules = keep::rules(self.config, self.target.keep()).seeing(watch::days(self.vault.dir()));
        let verdicts = keep::judge(&there, &rules, self.control.now() + keep::DAY);
        let kept = there.into_iter().zip(verdicts).filter(|(_, verdict)| verdict.keep);
        Ok(kept.map(|(backup, _)| backup.info.backup).collect())
    }
}

/// A folder on the disk of the vault is lost with it; and so is one in which another disk should be mounted, and is not.
pub fn is_on_the_vaults_disk(target: &Target, vault: &Path) -> bool {
    matches!(target, Target::Folder(folder) if folder::are_on_one_disk(&folder.path, vault))
}

fn list(store: &dyn Store, target: &str, control: &Control) -> store::Result<HashMap<String, Stored>> {
    patiently(control, || {
        let (mut listed, mut is_bounded) = (HashMap::new(), true);
        store.list("", &mut |stored| {
            is_bounded &= listed.len() < MOST_OBJECTS;
            if is_bounded && Part::of(&stored.object).is_some() {
                listed.insert(stored.object.clone(), stored);
            }
        })?;
        match is_bounded {
            true => Ok(listed),
            false => Err(Fault::new(Kind::Refused, target, "It lists more objects than any vault has.")),
        }
    })
}

/// The packs that a backup needs, with their sizes. `None`: it is not whole here, and nobody knows what it needs.
fn packs_of(vault: &Vault, name: &BackupName) -> Result<Option<Vec<(String, u64)>>> {
    let catalog = Arc::new(Mutex::new(vault.catalog_for_reading()?));
    let mut marker = NeedsMarker::new(vault, catalog);
    if marker.backup(name)?.is_some() {
        return Ok(None);
    }
    let (marks, _) = marker.finish();
    if marks.lost {
        return Ok(None);
    }
    let size = |object: String| std::fs::metadata(vault.dir().join(&object)).ok().map(|file| (object, file.len()));
    Ok(marks.packs().map(|id| size(id.object())).collect())
}
