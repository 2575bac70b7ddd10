//! What a target holds, looked at from here: a folder with its records, and with packs of which only what tells what they hold is
//! there. Every other part of the vault reads it as it reads any vault.
//!
//! What lies here, too, is linked and not fetched. Of any other pack the index is fetched, and those chunks that say what backups
//! need: a few kilobytes of sixteen megabytes. Nothing of it is believed before it has authenticated.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex};

use tempfile::TempDir;

use super::patience::Patience;
use crate::chunk::ChunkId;
use crate::error::IoContext;
use crate::mutex::lock;
use crate::store::{Kind, Store, Stored};
use crate::vault::catalog::Catalog;
use crate::vault::layout::Part;
use crate::vault::mark::NeedsMarker;
use crate::vault::name::BackupName;
use crate::vault::pack::PackId;
use crate::vault::reader::ChunkReader;
use crate::vault::snapshot::Snapshot;
use crate::vault::{Vault, durable, list};
use crate::{Control, Error, Result};

/// No record is anywhere near as large.
const MOST: u64 = 64 << 20;
/// At the ends of a pack: what it is, and how long its index is.
const HEADER: u64 = 40;
const FOOTER: u64 = 24;
/// An index of a million chunks.
const LONGEST_INDEX: u64 = 64 << 20;

pub struct There<'a> {
    store: &'a dyn Store,
    patience: Patience,
    control: &'a Control,
    folder: TempDir,
    vault: Vault,
    /// Every object of ours, as it was listed.
    pub listed: HashMap<String, Stored>,
    /// Packs of which only the index is here.
    partial: HashSet<PackId>,
    catalog: Arc<Mutex<Catalog>>,
}

impl<'a> There<'a> {
    /// Lists the target, and fetches records and indexes.
    pub fn look(vault: &Vault, store: &'a dyn Store, patience: Patience, control: &'a Control) -> Result<There<'a>> {
        let folder =
            tempfile::tempdir().map_err(|error| Error::io("making a folder in", std::env::temp_dir(), error))?;
        let there = vault.in_folder(folder.path());
        let listed = list_ours(store, patience, control)?;
        let catalog = Arc::new(Mutex::new(Catalog::temporary()?));
        let partial = HashSet::new();
        let mut there = There { store, patience, control, folder, vault: there, listed, partial, catalog };
        there.lay_out(vault)?;
        let _ = lock(&there.catalog).reconcile_packs(&there.vault)?;
        Ok(there)
    }

    fn lay_out(&mut self, here: &Vault) -> Result<()> {
        let objects: Vec<Stored> = self.listed.values().cloned().collect();
        for stored in objects {
            self.control.check()?;
            let (part, path) = (Part::of(&stored.object), self.folder.path().join(&stored.object));
            if !matches!(part, Some(Part::Pack | Part::Snapshot | Part::Mark)) {
                continue;
            }
            durable::make_folder(path.parent().unwrap_or(Path::new(".")))?;
            let own = here.dir().join(&stored.object);
            if std::fs::metadata(&own).is_ok_and(|metadata| metadata.is_file() && metadata.len() == stored.size) {
                link(&own, &path)?;
                continue;
            }
            match part {
                Some(Part::Pack) => {
                    if !self.fetch_index(&stored, &path)? {
                        std::fs::remove_file(&path).at("removing", &path)?;
                        self.listed.remove(&stored.object);
                    }
                }
                Some(Part::Snapshot) if stored.size <= MOST => match self.get(&stored.object, 0, stored.size)? {
                    Some(bytes) => std::fs::write(&path, bytes).at("writing", &path)?,
                    // Somebody else prunes there at this moment.
                    None => drop(self.listed.remove(&stored.object)),
                },
                _ => std::fs::write(&path, b"").at("writing", &path)?,
            }
        }
        durable::make_folder(&self.folder.path().join("snapshots"))?;
        durable::make_folder(&self.folder.path().join("packs"))
    }

    /// A file of the pack's length, with nothing but its ends in it. False: it is not there any more.
    fn fetch_index(&mut self, stored: &Stored, path: &Path) -> Result<bool> {
        let file = durable::create_new(path)?;
        if stored.size < HEADER + FOOTER {
            return Ok(true);
        }
        file.set_len(stored.size).at("writing", path)?;
        let put = |offset: u64, length: u64| -> Result<Option<Vec<u8>>> {
            let Some(bytes) = self.get(&stored.object, offset, length)? else { return Ok(None) };
            durable::write_at(&file, &bytes, offset).at("writing", path)?;
            Ok(Some(bytes))
        };
        let Some(footer) = put(0, HEADER)?.map_or(Ok(None), |_| put(stored.size - FOOTER, FOOTER))? else {
            return Ok(false);
        };
        let index = u64::from(u32::from_le_bytes([footer[0], footer[1], footer[2], footer[3]]));
        if index <= LONGEST_INDEX
            && index + HEADER + FOOTER <= stored.size
            && put(stored.size - FOOTER - index, index)?.is_none()
        {
            return Ok(false);
        }
        self.partial.extend(PackId::of_object(&stored.object));
        Ok(true)
    }

    /// `None`: it was listed, and is not there any more.
    fn get(&self, object: &str, offset: u64, length: u64) -> Result<Option<Vec<u8>>> {
        match self.patience.retry(self.control, || self.store.get(object, offset, length as usize)) {
            Err(fault) if fault.kind == Kind::Missing => Ok(None),
            got => Ok(Some(got?)),
        }
    }

    /// The backups there, and what their records say; `None` where one cannot be read.
    pub fn records(&self) -> Result<Vec<(BackupName, Option<Snapshot>)>> {
        let names = self.vault.list_snapshots()?;
        Ok(names.into_iter().map(|name| (name.clone(), Snapshot::read(&self.vault, &name).ok())).collect())
    }

    pub fn has(&self, object: &str) -> bool {
        self.listed.contains_key(object)
    }

    /// The packs that these backups need. `None`: what one of them needs cannot be told, so any pack may be needed.
    pub fn needed(&self, names: &[BackupName]) -> Result<Option<HashSet<PackId>>> {
        let mut marker = NeedsMarker::new(&self.vault, self.catalog.clone());
        let mut reader = ChunkReader::new(self.vault.clone(), self.catalog.clone());
        for name in names {
            self.control.check()?;
            let Ok(snapshot) = Snapshot::read(&self.vault, name) else { return Ok(None) };
            for piece in &snapshot.list.chunks {
                if self.fetch_piece(*piece, &mut reader).is_err_and(|error| !matches!(error, Error::Aborted)) {
                    return Ok(None);
                }
            }
            if marker.backup(name)?.is_some() || marker.has_lost() {
                return Ok(None);
            }
        }
        Ok(Some(marker.packs().collect()))
    }

    /// A piece of an item list, and the lists of chunks that it names.
    fn fetch_piece(&self, piece: ChunkId, reader: &mut ChunkReader) -> Result<()> {
        self.fetch_chunk(piece)?;
        for item in list::parse(&reader.get(piece)?, false)? {
            item.lists.iter().try_for_each(|ids| self.fetch_chunk(*ids))?;
        }
        Ok(())
    }

    fn fetch_chunk(&self, id: ChunkId) -> Result<()> {
        let places = lock(&self.catalog).places(id)?;
        if places.iter().any(|place| !self.partial.contains(&place.pack)) {
            return Ok(());
        }
        for place in places {
            let (object, length) = (place.pack.object(), u64::from(place.entry.sealed));
            let bytes = match self
                .patience
                .retry(self.control, || self.store.get(&object, place.entry.offset, length as usize))
            {
                Err(fault) if matches!(fault.kind, Kind::Missing | Kind::Damaged) => continue,
                bytes => bytes?,
            };
            let path = place.pack.path(self.folder.path());
            let file = File::options().write(true).open(&path).at("opening", &path)?;
            durable::write_at(&file, &bytes, place.entry.offset).at("writing", &path)?;
        }
        Ok(())
    }
}

/// What is ours of what a target lists.
pub fn list_ours(store: &dyn Store, patience: Patience, control: &Control) -> Result<HashMap<String, Stored>> {
    let listed = patience.retry(control, || {
        let mut listed = HashMap::new();
        store.list("", &mut |stored| {
            if Part::of(&stored.object).is_some() {
                listed.insert(stored.object.clone(), stored);
            }
        })?;
        Ok(listed)
    });
    Ok(listed?)
}

/// Into a temporary folder of our own.
fn link(from: &Path, to: &Path) -> Result<()> {
    #[cfg(unix)]
    return std::os::unix::fs::symlink(from, to).at("linking", to);
    #[cfg(not(unix))]
    std::fs::hard_link(from, to).or_else(|_| std::fs::copy(from, to).map(drop)).at("linking", to)
}
