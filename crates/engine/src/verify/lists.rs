//! Whether the item lists of backups can be read, and all that they name is there.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex};

use super::{Findings, LOST};
use crate::chunk::ChunkId;
use crate::mutex::lock;
use crate::vault::Vault;
use crate::vault::catalog::{Catalog, ChunkPlace};
use crate::vault::list;
use crate::vault::name::BackupName;
use crate::vault::pack::PackId;
use crate::vault::reader::ChunkReader;
use crate::vault::snapshot::Snapshot;
use crate::vault::tally::Tally;
use crate::{Error, Result};

/// An object and what is wrong with it.
type ObjectFault = (String, String);

/// What is wrong with a chunk of an item list or with what it names, and what it holds; `None` where it cannot be read.
pub(super) struct Checked {
    faults: Vec<ObjectFault>,
    tally: Option<Tally>,
}

/// Checks that everything a backup names is there and whole.
pub(super) struct ListCheck {
    pub(super) reader: ChunkReader,
    pub(super) catalog: Arc<Mutex<Catalog>>,
    pub(super) damaged: HashSet<(PackId, u32)>,
    pub(super) lost: HashSet<ChunkId>,
    /// By chunk of an item list: most backups share most of theirs.
    pub(super) checked: HashMap<ChunkId, Arc<Checked>>,
}

/// What one chunk of an item list says.
#[derive(Default)]
struct Listed {
    /// The chunks that its items name.
    named: HashSet<ChunkId>,
    tally: Tally,
}

impl ListCheck {
    pub(super) fn new(reader: ChunkReader, catalog: Arc<Mutex<Catalog>>) -> ListCheck {
        ListCheck { reader, catalog, damaged: HashSet::new(), lost: HashSet::new(), checked: HashMap::new() }
    }

    /// The bytes of the snapshot; what is wrong goes to `findings`.
    pub(super) fn backup(&mut self, vault: &Vault, name: &BackupName, findings: &mut Findings) -> Result<u64> {
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
    pub(super) fn packs_of(&mut self, vault: &Vault, backups: &[BackupName]) -> Result<HashSet<PackId>> {
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
