//! What is remembered of targets, in `elsewhere.sqlite` in the vault's folder: which objects each had when it was last asked, what
//! the indexes of packs say, and the facts of backups that lists show.
//!
//! A cache: without it, or where it cannot be written, targets are asked again. Nothing in it is believed: what it says is read
//! and authenticated before it counts.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Mutex;

use rusqlite::params;

use crate::Result;
use crate::chunk::ChunkId;
use crate::mutex::lock;
use crate::report::BackupInfo;
use crate::vault::Vault;
use crate::vault::catalog::{Catalog, ChunkPlace};
use crate::vault::elsewhere::FILE;
use crate::vault::layout::Part;
use crate::vault::name::BackupName;
use crate::vault::pack::{PackEntry, PackId};

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS held (place TEXT NOT NULL, object TEXT NOT NULL, size INTEGER NOT NULL, written INTEGER NOT NULL,
        PRIMARY KEY (place, object)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS looked (place TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
";

/// A copy of an object.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Copy {
    /// Which of the places has it.
    pub place: usize,
    /// Bytes.
    pub size: u64,
    /// When it was written, by the place's clock; 0 where that is not told.
    pub written: i64,
}

pub struct KnownObjects {
    catalog: Mutex<Catalog>,
    /// The names of the places.
    places: Vec<String>,
    held: Mutex<HashMap<String, Vec<Copy>>>,
    /// Packs whose index is in the catalog.
    indexed: Mutex<HashSet<PackId>>,
    /// The places of which somebody has ever been told what they have.
    told: Mutex<HashSet<usize>>,
}

impl KnownObjects {
    /// Of these places. In memory where nothing may be written in the vault's folder.
    pub fn open(vault: &Vault, places: Vec<String>) -> Result<KnownObjects> {
        KnownObjects::load_from(Some(vault.dir()).filter(|_| !vault.is_untouched()), places)
    }

    /// The same for whoever has no key. `None`: nothing is remembered.
    pub fn of_folder(dir: &Path, places: Vec<String>) -> Option<KnownObjects> {
        if places.is_empty() || !dir.join(FILE).exists() {
            return None;
        }
        KnownObjects::load_from(Some(dir), places).ok()
    }

    fn load_from(dir: Option<&Path>, places: Vec<String>) -> Result<KnownObjects> {
        let prepared = |catalog: Catalog| catalog.db.with(|db| db.execute_batch(SCHEMA)).map(|()| catalog);
        let on_disk = dir.and_then(|dir| Catalog::open_as(FILE, dir).and_then(prepared).ok());
        let catalog = match on_disk {
            Some(catalog) => catalog,
            None => Catalog::temporary().and_then(prepared)?,
        };
        let (held, indexed, told) = (Mutex::default(), Mutex::default(), Mutex::default());
        let known = KnownObjects { catalog: Mutex::new(catalog), places, held, indexed, told };
        known.load()?;
        Ok(known)
    }

    fn load(&self) -> Result<()> {
        let catalog = lock(&self.catalog);
        let sql = "SELECT place, object, size, written FROM held";
        let rows = catalog.db.query(sql, params![], |row| {
            let (place, object): (String, String) = (row.get(0)?, row.get(1)?);
            Ok((place, object, row.get::<_, i64>(2)? as u64, row.get::<_, i64>(3)?))
        })?;
        let mut held = HashMap::<String, Vec<Copy>>::new();
        for (place, object, size, written) in rows {
            // A target that is not in the configuration any more, or was not asked for.
            let Some(place) = self.places.iter().position(|known| *known == place) else { continue };
            if Part::of(&object).is_some() {
                held.entry(object).or_default().push(Copy { place, size, written });
            }
        }
        let asked: Vec<String> = catalog.db.query("SELECT place FROM looked", params![], |row| row.get(0))?;
        *lock(&self.told) =
            self.places.iter().enumerate().filter(|(_, name)| asked.contains(name)).map(|(place, _)| place).collect();
        *lock(&self.held) = held;
        *lock(&self.indexed) = catalog.all_packs()?.into_iter().map(|(id, _)| id).collect();
        Ok(())
    }

    /// This is what a place has now: all of it.
    pub fn set_held(&self, place: usize, objects: &[(String, u64, i64)], now: i64) {
        lock(&self.told).insert(place);
        let name = &self.places[place];
        let mut held = lock(&self.held);
        for copies in held.values_mut() {
            copies.retain(|copy| copy.place != place);
        }
        held.retain(|_, copies| !copies.is_empty());
        for (object, size, written) in objects {
            held.entry(object.clone()).or_default().push(Copy { place, size: *size, written: *written });
        }
        // Where it cannot be remembered it is asked again.
        let _ = lock(&self.catalog).db.with(|db| {
            let transaction = db.unchecked_transaction()?;
            transaction.execute("DELETE FROM held WHERE place = ?1", [name])?;
            {
                let mut insert = transaction.prepare_cached("INSERT OR REPLACE INTO held VALUES (?1, ?2, ?3, ?4)")?;
                for (object, size, written) in objects {
                    insert.execute(params![name, object, *size as i64, written])?;
                }
            }
            transaction.execute("INSERT OR REPLACE INTO looked VALUES (?1, ?2)", params![name, now])?;
            transaction.commit()
        });
    }

    /// These are in a place, too, as whoever brought them there knows.
    pub fn learn(&self, place: usize, objects: Vec<(String, u64)>) {
        lock(&self.told).insert(place);
        let mut held = lock(&self.held);
        for (object, size) in objects.into_iter().filter(|(object, _)| Part::of(object).is_some()) {
            let copies = held.entry(object).or_default();
            if !copies.iter().any(|copy| copy.place == place) {
                copies.push(Copy { place, size, written: 0 });
            }
        }
    }

    /// Has every place ever told what it has?
    pub fn is_told(&self) -> bool {
        let told = lock(&self.told);
        (0..self.places.len()).all(|place| told.contains(&place))
    }

    /// A place does not have it any more.
    pub fn forget(&self, place: usize, object: &str) {
        let mut held = lock(&self.held);
        if let Some(copies) = held.get_mut(object) {
            copies.retain(|copy| copy.place != place);
        }
        held.retain(|_, copies| !copies.is_empty());
        let sql = "DELETE FROM held WHERE place = ?1 AND object = ?2";
        let _ = lock(&self.catalog).db.run(sql, params![self.places[place], object]);
    }

    /// The names of the places that have an object.
    pub fn holders(&self, object: &str) -> Vec<String> {
        self.copies(object).iter().map(|copy| self.places[copy.place].clone()).collect()
    }

    pub fn copies(&self, object: &str) -> Vec<Copy> {
        lock(&self.held).get(object).cloned().unwrap_or_default()
    }

    /// Every object of this part that some place has.
    pub fn objects(&self, part: Part) -> Vec<String> {
        lock(&self.held).keys().filter(|object| Part::of(object) == Some(part)).cloned().collect()
    }

    pub fn backups(&self) -> Vec<BackupName> {
        let held = lock(&self.held);
        held.keys().filter_map(|object| object.strip_prefix("snapshots/")?.parse().ok()).collect()
    }

    pub fn info(&self, name: &BackupName) -> Option<BackupInfo> {
        let text: String =
            lock(&self.catalog).db.get("SELECT info FROM backups WHERE name = ?1", params![name.as_str()]).ok()??;
        let info: BackupInfo = serde_json::from_str(&text).ok()?;
        ((info.backup.as_str(), info.kind, info.timestamp) == (name.as_str(), name.kind(), name.millis()))
            .then_some(info)
    }

    pub fn remember(&self, info: &BackupInfo) {
        let _ = lock(&self.catalog).add_backup(info);
    }

    /// Where a chunk lies, by the indexes that were read, in packs that some place has.
    pub fn places(&self, id: ChunkId) -> Result<Vec<ChunkPlace>> {
        let mut places = lock(&self.catalog).places(id)?;
        let held = lock(&self.held);
        places.retain(|place| held.contains_key(&place.pack.object()));
        Ok(places)
    }

    /// What the index of a pack says.
    pub fn add_index(&self, id: PackId, size: u64, entries: &[PackEntry]) -> Result<()> {
        lock(&self.indexed).insert(id);
        lock(&self.catalog).add_pack(id, size, entries)
    }

    /// Packs whose index nobody has read, those that were written last first.
    pub fn without_index(&self) -> Vec<PackId> {
        let (held, indexed) = (lock(&self.held), lock(&self.indexed));
        let mut packs: Vec<(i64, PackId)> = held
            .iter()
            .filter_map(|(object, copies)| {
                let id = PackId::of_object(object).filter(|id| !indexed.contains(id))?;
                Some((copies.iter().map(|copy| copy.written).max().unwrap_or(0), id))
            })
            .collect();
        packs.sort_unstable_by(|a, b| b.cmp(a));
        packs.into_iter().map(|(_, id)| id).collect()
    }
}
