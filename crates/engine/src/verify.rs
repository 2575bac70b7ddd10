//! Verification: read back what is stored, and say which backups any damage hurts.
//!
//! Every pack that the verified backups need is read from end to end and every sealed byte of it authenticated; every
//! snapshot and item list is opened; every chunk that an item names must exist. `deep` also decompresses every chunk
//! and computes its id again. Damage is reported, not thrown.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use crate::chunk::ChunkId;
use crate::chunk::gzip::Inflater;
use crate::error::IoContext;
use crate::mutex::lock;
use crate::report::{Damage, Progress, VerifyReport};
use crate::seal::keyring;
use crate::vault::Vault;
use crate::vault::catalog::{Catalog, ChunkPlace};
use crate::vault::durable;
use crate::vault::layout;
use crate::vault::list;
use crate::vault::lost;
use crate::vault::name::BackupName;
use crate::vault::pack::{PackCipher, PackId};
use crate::vault::reader::ChunkReader;
use crate::vault::snapshot::{self, Snapshot};
use crate::vault::tally::Tally;
use crate::{Control, Error, Result};

/// What is wrong with the vault's objects, by object.
#[derive(Default)]
struct Findings {
    damage: BTreeMap<String, (String, BTreeSet<String>)>,
}

impl Findings {
    fn add(&mut self, object: &str, message: impl Into<String>) {
        self.damage.entry(object.to_owned()).or_insert_with(|| (message.into(), BTreeSet::new()));
    }

    fn hurts(&mut self, object: &str, message: &str, backup: &BackupName) {
        self.add(object, message);
        if let Some((_, backups)) = self.damage.get_mut(object) {
            backups.insert(backup.to_string());
        }
    }
}

/// What is read back.
pub enum Scope<'a> {
    All,
    Backup(&'a BackupName),
    /// All records and item lists, and of the packs those that this names.
    Packs(&'a SnapshotChoice<'a>),
}

/// Chooses among all packs, which come with their sizes.
pub type SnapshotChoice<'a> = dyn Fn(&[(PackId, u64)]) -> Result<HashSet<PackId>> + 'a;

/// What was found, and in which packs nothing was wrong.
pub struct Verified {
    pub report: VerifyReport,
    pub backups: Vec<BackupName>,
    pub whole: Vec<PackId>,
    /// Every pack that there is.
    pub packs: HashSet<PackId>,
    /// Chunks that backups need and no pack has; of very many, some.
    pub lost: Vec<ChunkId>,
}

/// So many lost chunks are named: the packs that have them hold many more.
const LOST: usize = 100_000;

/// Verifies one backup, a part of the vault, or all of it.
pub fn run(vault: &Vault, scope: &Scope<'_>, deep: bool, threads: usize, control: &Control) -> Result<Verified> {
    let started = Instant::now();
    let mut findings = Findings::default();
    let backups = match scope {
        Scope::Backup(name) => vec![(*name).clone()],
        _ => vault.list_snapshots()?,
    };
    // A catalog of its own, from what the packs say of themselves: the one on disk is not what is verified.
    let catalog = Arc::new(Mutex::new(Catalog::temporary()?));
    let mut check = ListCheck::new(ChunkReader::new(vault.clone(), catalog.clone()), catalog.clone());
    let mut read = PacksRead::default();
    let all = loop {
        for error in lock(&catalog).reconcile_packs(vault)? {
            match error {
                Error::Corrupt { object, detail, .. } => findings.add(&object, detail),
                Error::Format { message } => findings.add("packs", message),
                // What cannot be opened cannot be restored either.
                Error::Io { ref path, ref source, .. } if pack_at(vault, path).is_some() => {
                    findings.add(&pack_at(vault, path).unwrap_or_default(), unreadable(source));
                }
                other => return Err(other),
            }
        }
        let all = lock(&catalog).all_packs()?;
        let chosen = match scope {
            Scope::All => None,
            Scope::Backup(_) => Some(check.packs_of(vault, &backups)?),
            Scope::Packs(choose) => Some(choose(&all)?),
        };
        let is_due = |id: &PackId| chosen.as_ref().is_none_or(|chosen| chosen.contains(id)) && !read.packs.contains(id);
        let packs: Vec<(PackId, u64)> = all.iter().filter(|(id, _)| is_due(id)).copied().collect();
        if read_packs(vault, &packs, &mut read, deep, threads, control)? {
            break all;
        }
        // What was pruned beside us is needed no more, or was written anew.
    };
    for (pack, message) in &read.damaged {
        findings.add(&pack.object(), message.clone());
    }
    check.damaged = read.damaged_chunks;
    let mut bytes = read.bytes;
    for name in &backups {
        control.check()?;
        match check.backup(vault, name, &mut findings) {
            // It was pruned meanwhile.
            Err(Error::NotFound { .. }) if !matches!(scope, Scope::Backup(_)) => {}
            other => bytes += other?,
        }
    }
    if !matches!(scope, Scope::Backup(_)) {
        keyring::damaged(&vault.dir().join(layout::KEYS))?.iter().for_each(|(object, how)| findings.add(object, how));
        for name in lost::records(vault)? {
            findings.hurts(&snapshot::object(&name), "it is gone, and Lifeboat has not removed it", &name);
        }
    }
    let damaged: Vec<Damage> = findings
        .damage
        .into_iter()
        .map(|(object, (message, backups))| Damage {
            object,
            backups: backups.into_iter().collect(),
            healed: false,
            message,
        })
        .collect();
    let packs = read.packs.len() as u64;
    let whole = read.packs.into_iter().filter(|id| !read.damaged.contains_key(id)).collect();
    let report = VerifyReport {
        ok: damaged.is_empty(),
        backups: backups.len() as u64,
        packs,
        bytes,
        damaged,
        duration_ms: started.elapsed().as_millis() as u64,
    };
    let lost = check.lost.into_iter().collect();
    Ok(Verified { report, backups, whole, packs: all.into_iter().map(|(id, _)| id).collect(), lost })
}

/// The packs here that these backups lean on.
pub fn packs_of(vault: &Vault, backups: &[BackupName]) -> Result<HashSet<PackId>> {
    let catalog = Arc::new(Mutex::new(vault.catalog_for_reading()?));
    ListCheck::new(ChunkReader::new(vault.clone(), catalog.clone()), catalog).packs_of(vault, backups)
}

/// An object and what is wrong with it.
type ObjectFault = (String, String);

/// What is wrong with a chunk of an item list or with what it names, and what it holds; `None` where it cannot be read.
struct Checked {
    faults: Vec<ObjectFault>,
    tally: Option<Tally>,
}

/// Checks that everything a backup names is there and whole.
struct ListCheck {
    reader: ChunkReader,
    catalog: Arc<Mutex<Catalog>>,
    damaged: HashSet<(PackId, u32)>,
    lost: HashSet<ChunkId>,
    /// By chunk of an item list: most backups share most of theirs.
    checked: HashMap<ChunkId, Arc<Checked>>,
}

impl ListCheck {
    fn new(reader: ChunkReader, catalog: Arc<Mutex<Catalog>>) -> ListCheck {
        ListCheck { reader, catalog, damaged: HashSet::new(), lost: HashSet::new(), checked: HashMap::new() }
    }

    /// The bytes of the snapshot; what is wrong goes to `findings`.
    fn backup(&mut self, vault: &Vault, name: &BackupName, findings: &mut Findings) -> Result<u64> {
        let object = format!("snapshots/{name}");
        let snapshot = match Snapshot::read(vault, name) {
            Ok(snapshot) => snapshot,
            Err(error) => {
                let (object, message) = fault(error, &object)?;
                findings.hurts(&object, &message, name);
                return Ok(0);
            }
        };
        let mut tally = Some(Tally::default());
        for id in &snapshot.list.chunks {
            let checked = self.list_chunk(*id, &object)?;
            for (object, message) in &checked.faults {
                findings.hurts(object, message, name);
            }
            tally = tally.zip(checked.tally).map(|(mut tally, part)| {
                tally.add(part);
                tally
            });
        }
        if let Some(difference) = tally.and_then(|tally| tally.difference(&snapshot)) {
            findings.hurts(&object, &difference, name);
        }
        Ok(std::fs::metadata(vault.dir().join(&object)).map_or(0, |metadata| metadata.len()))
    }

    fn list_chunk(&mut self, id: ChunkId, snapshot: &str) -> Result<Arc<Checked>> {
        if let Some(checked) = self.checked.get(&id) {
            return Ok(checked.clone());
        }
        let (mut faults, mut tally) = (BTreeSet::new(), None);
        match read_list(&mut self.reader, id) {
            Ok(listed) => {
                tally = Some(listed.tally);
                for id in listed.named {
                    faults.extend(self.chunk(id)?);
                }
            }
            Err(error) => {
                self.note_if_lost(id)?;
                faults.insert(fault(error, snapshot)?);
            }
        }
        let checked = Arc::new(Checked { faults: faults.into_iter().collect(), tally });
        self.checked.insert(id, checked.clone());
        Ok(checked)
    }

    fn note_if_lost(&mut self, id: ChunkId) -> Result<()> {
        if self.lost.len() < LOST && lock(&self.catalog).places(id)?.is_empty() {
            self.lost.insert(id);
        }
        Ok(())
    }

    /// What is wrong with a chunk that an item names: no pack has it, or none has it whole.
    fn chunk(&mut self, id: ChunkId) -> Result<Vec<ObjectFault>> {
        let places = lock(&self.catalog).places(id)?;
        if places.is_empty() {
            self.note_if_lost(id)?;
            return Ok(vec![(
                "packs".into(),
                "a pack is missing or its index is damaged: some chunks are nowhere".into(),
            )]);
        }
        let is_damaged = |place: &ChunkPlace| self.damaged.contains(&(place.pack, place.entry.ordinal));
        if !places.iter().all(is_damaged) {
            return Ok(Vec::new());
        }
        Ok(places.iter().map(|place| (place.pack.object(), "a chunk in it is damaged".into())).collect())
    }

    /// The packs that these backups lean on.
    fn packs_of(&mut self, vault: &Vault, backups: &[BackupName]) -> Result<HashSet<PackId>> {
        let mut packs = HashSet::new();
        for name in backups {
            let Ok(snapshot) = Snapshot::read(vault, name) else { continue };
            for list in &snapshot.list.chunks {
                let listed = read_list(&mut self.reader, *list).unwrap_or_default();
                for id in listed.named.into_iter().chain([*list]) {
                    packs.extend(lock(&self.catalog).places(id)?.into_iter().map(|place| place.pack));
                }
            }
        }
        Ok(packs)
    }
}

/// The object at this place, if it is a pack's.
fn pack_at(vault: &Vault, path: &Path) -> Option<String> {
    let object = path.strip_prefix(vault.dir()).ok()?.to_str()?;
    PackId::of_object(object).is_some().then(|| object.to_owned())
}

fn unreadable(error: &std::io::Error) -> String {
    format!("it cannot be read: {error}")
}

/// An error of reading as a finding; what is no damage stays an error.
fn fault(error: Error, snapshot: &str) -> Result<ObjectFault> {
    match error {
        Error::Corrupt { object, detail, .. } => Ok((object, detail)),
        Error::Format { message } => Ok((snapshot.to_owned(), message)),
        Error::UnsafePath { path, reason } => {
            Ok((snapshot.to_owned(), format!("the path {path:?} is unsafe: {reason}")))
        }
        other => Err(other),
    }
}

/// What one chunk of an item list says.
#[derive(Default)]
struct Listed {
    /// The chunks that its items name.
    named: HashSet<ChunkId>,
    tally: Tally,
}

fn read_list(reader: &mut ChunkReader, id: ChunkId) -> Result<Listed> {
    let mut listed = Listed::default();
    let chunk = reader.get(id)?;
    listed.tally.list = chunk.len() as u64;
    for item in list::parse(&chunk, false)? {
        item.rel_path()?;
        item.check_sides()?;
        listed.tally.item(&item);
        listed.named.extend(item.named_chunks());
        for id in &item.lists {
            listed.named.extend(list::ids(&reader.get(*id)?)?);
        }
    }
    Ok(listed)
}

/// What reading packs from end to end found.
#[derive(Default)]
struct PacksRead {
    packs: HashSet<PackId>,
    bytes: u64,
    damaged: BTreeMap<PackId, String>,
    damaged_chunks: HashSet<(PackId, u32)>,
}

/// False: some of them were not there any more.
fn read_packs(
    vault: &Vault,
    packs: &[(PackId, u64)],
    read: &mut PacksRead,
    deep: bool,
    threads: usize,
    control: &Control,
) -> Result<bool> {
    let next = AtomicUsize::new(0);
    let total: u64 = read.bytes + packs.iter().map(|(_, size)| size).sum::<u64>();
    let found = Mutex::new(read);
    let failure = Mutex::new(None);
    let all_there = AtomicBool::new(true);
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                let mut inflater = Inflater::default();
                while let Some((id, size)) = packs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let result = control.check().and_then(|()| read_pack(vault, *id, deep, &mut inflater));
                    let mut found = lock(&found);
                    match result {
                        Ok(None) => {
                            all_there.store(false, Ordering::Relaxed);
                            continue;
                        }
                        Ok(Some(bad)) if bad.is_empty() => {}
                        Ok(Some(bad)) => {
                            found.damaged.insert(*id, format!("{} of its chunks do not authenticate", bad.len()));
                            found.damaged_chunks.extend(bad.into_iter().map(|ordinal| (*id, ordinal)));
                        }
                        Err(Error::Corrupt { detail, .. }) => drop(found.damaged.insert(*id, detail)),
                        Err(Error::Io { source, .. }) => drop(found.damaged.insert(*id, unreadable(&source))),
                        Err(error) => {
                            lock(&failure).get_or_insert(error);
                            return;
                        }
                    }
                    found.packs.insert(*id);
                    found.bytes += size;
                    let done = found.bytes;
                    drop(found);
                    control.report(&Progress {
                        phase: "verifying".into(),
                        items: next.load(Ordering::Relaxed).min(packs.len()) as u64,
                        total_items: Some(packs.len() as u64),
                        bytes: done,
                        total_bytes: Some(total),
                        ..Progress::default()
                    });
                }
            });
        }
    });
    match failure.into_inner().unwrap_or_default() {
        Some(error) => Err(error),
        None => Ok(all_there.into_inner()),
    }
}

/// The ordinals of a pack's chunks that are not what was written. `None`: there is no such pack.
pub(crate) fn read_pack(vault: &Vault, id: PackId, deep: bool, inflater: &mut Inflater) -> Result<Option<Vec<u32>>> {
    let path = id.path(vault.dir());
    let file = match File::open(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        other => other.at("reading", &path)?,
    };
    bad_chunks(&PackCipher::new(vault.keys(), id), &file, deep.then_some((vault, inflater))).map(Some)
}

/// The ordinals of the chunks that are not what was written, in the file of a pack whose index is whole. `deep`: each is also
/// unpacked, and its id computed again.
pub fn bad_chunks(cipher: &PackCipher, file: &File, mut deep: Option<(&Vault, &mut Inflater)>) -> Result<Vec<u32>> {
    let mut bad = Vec::new();
    let mut sealed = Vec::new();
    for entry in cipher.read_index(file)? {
        sealed.resize(entry.sealed as usize, 0);
        match durable::read_at(file, &mut sealed, entry.offset) {
            Err(error) if durable::is_bad_sector(&error) => {
                bad.push(entry.ordinal);
                continue;
            }
            read => read.at("reading", cipher.id.object())?,
        }
        let whole = cipher.open_chunk(entry.ordinal, &mut sealed).is_some_and(|member| match &mut deep {
            None => true,
            Some((vault, inflater)) => inflater
                .plain(member, entry.plain as usize)
                .is_some_and(|plain| ChunkId::of(&vault.keys().ids, &plain) == entry.id),
        });
        if !whole {
            bad.push(entry.ordinal);
        }
    }
    Ok(bad)
}
