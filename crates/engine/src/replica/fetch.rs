//! Reading from targets what of the vault is missing or damaged here: only what is needed, and nothing twice.
//!
//! Of several places the next one is asked where one cannot be reached, does not have it, or has something else: whoever asked
//! decides that by authenticating. Where a chunk lies is told by the indexes at the ends of packs: 40 bytes for each chunk of a
//! pack, read once and remembered ([`super::known`]).

mod elsewhere;

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use super::known::{Copy, KnownObjects};
use super::patience::patiently;
use super::windows::Windows;
use crate::mutex::lock;
use crate::report::Progress;
use crate::store::{self, Fault, Kind, Store};
use crate::throttle::Throttle;
use crate::vault::elsewhere::{Accept, Elsewhere};
use crate::vault::layout::{Object, Part};
use crate::vault::pack::{self, PackCipher, PackId};
use crate::vault::{Vault, description};
use crate::{Control, Result};

/// What is read of the end of a pack at first: the index of one that holds photos, and most others.
const TAIL: u64 = 2 << 10;
/// Indexes that are asked for in one go, the newest packs first.
const BATCH: usize = 32;
const THREADS: usize = 8;
/// A target that lists more is not one vault's: 16 TB.
const MOST_OBJECTS: usize = 1 << 20;
/// An object is read in such pieces.
pub(super) const PIECE: usize = 4 << 20;

pub type Opening = Box<dyn Fn() -> store::Result<Arc<dyn Store>> + Send + Sync>;

/// A target that is opened when it is needed.
pub struct FetchTarget {
    pub name: String,
    pub open: Opening,
}

struct Site {
    target: FetchTarget,
    store: OnceLock<store::Result<Arc<dyn Store>>>,
    /// How often it could not be reached, or had something else: it is asked after the others.
    failures: AtomicU32,
}

pub struct Fetch {
    vault: Vault,
    sites: Vec<Site>,
    known: KnownObjects,
    windows: Windows,
    control: Control,
    looked: Mutex<Option<store::Result<()>>>,
    indexing: Mutex<()>,
    /// Packs whose index no place has whole.
    unreadable: Mutex<HashSet<PackId>>,
    /// Of those who want parts of the same object one fetches, and the next finds it there.
    turns: [Mutex<()>; 16],
    fetched: AtomicU64,
    throttle: Throttle,
}

impl Fetch {
    /// Opens nothing yet, and asks nobody.
    pub fn new(vault: &Vault, targets: Vec<FetchTarget>, control: &Control) -> Result<Fetch> {
        let known = KnownObjects::open(vault, targets.iter().map(|target| target.name.clone()).collect())?;
        let site = |target| Site { target, store: OnceLock::new(), failures: AtomicU32::new(0) };
        Ok(Fetch {
            vault: vault.here(),
            sites: targets.into_iter().map(site).collect(),
            known,
            windows: Windows::default(),
            control: control.clone(),
            looked: Mutex::default(),
            indexing: Mutex::default(),
            unreadable: Mutex::default(),
            turns: Default::default(),
            fetched: AtomicU64::new(0),
            throttle: Throttle::after_a_while(),
        })
    }

    /// What is in the ledger as there counts as told. `objects`: with their sizes.
    pub fn learn(&self, target: &str, objects: Vec<(String, u64)>) {
        if let Some(place) = self.sites.iter().position(|site| site.target.name == target) {
            self.known.learn(place, objects);
        }
    }

    /// The same as a part of another operation: under its lock.
    pub fn under(self, control: &Control) -> Fetch {
        Fetch { control: control.clone(), ..self }
    }

    pub(super) fn known(&self) -> &KnownObjects {
        &self.known
    }

    pub(super) fn control(&self) -> &Control {
        &self.control
    }

    pub(super) fn name(&self, place: usize) -> &str {
        &self.sites[place].target.name
    }

    pub(super) fn store(&self, place: usize) -> store::Result<&Arc<dyn Store>> {
        let site = &self.sites[place];
        site.store.get_or_init(|| patiently(&self.control, || (site.target.open)())).as_ref().map_err(Fault::clone)
    }

    /// The copies of an object, those of the most reliable places first.
    pub(super) fn copies(&self, object: &str) -> Vec<Copy> {
        let mut copies = self.known.copies(object);
        copies.sort_by_key(|copy| (self.sites[copy.place].failures.load(Ordering::Relaxed), copy.place));
        copies
    }

    /// Exactly these bytes, of one place.
    pub(super) fn get(&self, place: usize, object: &str, offset: u64, length: usize) -> store::Result<Vec<u8>> {
        let site = &self.sites[place];
        let got = self.store(place).and_then(|store| {
            patiently(&self.control, || {
                let bytes = store.get(object, offset, length)?;
                match bytes.len() == length {
                    true => Ok(bytes),
                    false => Err(Fault::new(Kind::Damaged, self.name(place), format!("{object} came in half."))),
                }
            })
        });
        match &got {
            Ok(_) => self.tell(length as u64),
            Err(fault) => {
                site.failures.fetch_add(1, Ordering::Relaxed);
                if fault.kind == Kind::Missing {
                    self.known.forget(place, object);
                }
            }
        }
        got
    }

    /// Removes an object from every place that has it.
    pub fn delete(&self, object: &str) -> Result<()> {
        for copy in self.copies(object) {
            self.control.hold()?;
            let store = self.store(copy.place)?;
            patiently(&self.control, || store.delete(object))?;
            self.known.forget(copy.place, object);
        }
        Ok(())
    }

    /// What a place gave is not what was written.
    pub(super) fn distrust(&self, place: usize) {
        self.sites[place].failures.fetch_add(1, Ordering::Relaxed);
    }

    /// All that some place has, as far as is known: each with the size of its largest copy.
    pub fn objects(&self) -> Vec<Object> {
        let parts = [Part::Key, Part::Page, Part::Description, Part::Pack, Part::Snapshot, Part::Mark, Part::Archive];
        let of = |part| self.known.objects(part).into_iter().map(move |name| (part, name));
        let object = |(part, name): (Part, String)| {
            let size = self.known.copies(&name).iter().map(|copy| copy.size).max().unwrap_or(0);
            Object { part, name, size }
        };
        parts.into_iter().flat_map(of).map(object).collect()
    }

    fn tell(&self, bytes: u64) {
        let fetched = self.fetched.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if self.throttle.is_due() {
            self.control.report(&Progress { phase: "fetching".into(), bytes: fetched, ..Progress::default() });
        }
    }

    fn look_at(&self, place: usize) -> store::Result<()> {
        let store = self.store(place)?;
        self.refuse_another(place, store.as_ref())?;
        let objects = patiently(&self.control, || {
            let mut objects = Vec::new();
            store.list("", &mut |stored| {
                if Part::of(&stored.object).is_some() && objects.len() < MOST_OBJECTS {
                    objects.push((stored.object, stored.size, stored.written.unwrap_or(0)));
                }
            })?;
            Ok(objects)
        })?;
        self.known.set_held(place, &objects, self.control.now());
        Ok(())
    }

    /// Of another vault nothing would open; its owner is told what is wrong, and not that all is damaged.
    fn refuse_another(&self, place: usize, store: &dyn Store) -> store::Result<()> {
        let refuse = |message: String| Err(Fault::new(Kind::Refused, self.name(place), message));
        let found = match read_description(store, &self.control) {
            Err(fault) if fault.kind == Kind::Missing => return Ok(()),
            found => found?,
        };
        match description::id_in(&found) {
            Ok(id) if id == self.vault.id() => Ok(()),
            Ok(id) => refuse(format!(
                "Another vault lies there: its id is {id}, and this one's is {}. Give this target another prefix or folder.",
                self.vault.id()
            )),
            Err(error) => refuse(format!("What lies there is no vault that can be read: {error}")),
        }
    }

    /// Reads the index of a pack, and remembers it. False: no place has it whole.
    fn read_index(&self, id: PackId) -> store::Result<bool> {
        let (object, cipher) = (id.object(), PackCipher::new(self.vault.keys(), id));
        let mut fault = None;
        for copy in self.copies(&object) {
            match self.index_at(copy, &object, &cipher) {
                Ok(Some(entries)) => {
                    // Where it cannot be remembered, nobody could look it up either.
                    let added = self.known.add_index(id, copy.size, &entries);
                    let failed =
                        |error: crate::Error| Fault::new(Kind::Refused, self.name(copy.place), error.to_string());
                    return added.map(|()| true).map_err(failed);
                }
                Ok(None) => self.distrust(copy.place),
                Err(other) if matches!(other.kind, Kind::Missing | Kind::Damaged) => {}
                Err(other) => fault = fault.or(Some(other)),
            }
        }
        fault.map_or(Ok(false), Err)
    }

    fn index_at(&self, copy: Copy, object: &str, cipher: &PackCipher) -> store::Result<Option<Vec<pack::PackEntry>>> {
        if copy.size < pack::LEAST {
            return Ok(None);
        }
        let guess = TAIL.min(copy.size) as usize;
        let mut tail = self.get(copy.place, object, copy.size - guess as u64, guess)?;
        let Some(footer) = tail.last_chunk::<{ pack::FOOTER }>() else { return Ok(None) };
        let Ok(length) = cipher.index_length(footer, copy.size) else { return Ok(None) };
        if let Some(missing) = (length + pack::FOOTER).checked_sub(guess).filter(|missing| *missing > 0) {
            let from = copy.size - (length + pack::FOOTER) as u64;
            let mut index = self.get(copy.place, object, from, missing)?;
            index.append(&mut tail);
            tail = index;
        }
        let end = tail.len() - pack::FOOTER;
        Ok(cipher.open_index(tail[end - length..end].to_vec(), copy.size).ok())
    }

    /// Packs in which nobody has looked yet. What lies here, too, comes last: its index was read here.
    fn next_batch(&self) -> Vec<PackId> {
        let unreadable = lock(&self.unreadable);
        let open = self.known.without_index().into_iter().filter(|id| !unreadable.contains(id));
        let (here, missing): (Vec<_>, Vec<_>) = open.partition(|id| id.path(self.vault.dir()).exists());
        missing.into_iter().chain(here).take(BATCH).collect()
    }

    fn read_indexes(&self, batch: &[PackId]) -> Result<()> {
        let (next, fault) = (AtomicU32::new(0), Mutex::new(None));
        std::thread::scope(|scope| {
            for _ in 0..THREADS.min(batch.len()) {
                scope.spawn(|| {
                    while let Some(id) = batch.get(next.fetch_add(1, Ordering::Relaxed) as usize) {
                        match self.read_index(*id) {
                            Ok(true) => {}
                            Ok(false) => drop(lock(&self.unreadable).insert(*id)),
                            Err(other) => {
                                lock(&fault).get_or_insert(other);
                                return;
                            }
                        }
                    }
                });
            }
        });
        self.control.check()?;
        fault.into_inner().unwrap_or_default().map_or(Ok(()), |fault| Err(fault.into()))
    }

    pub(super) fn has_looked(&self) -> bool {
        lock(&self.looked).is_some()
    }

    /// Offers what lies in some place. `Ok(false)`: what is known of it is not there, or is something else.
    fn offer(&self, object: &str, offset: u64, length: usize, accept: &mut Accept<'_>) -> Result<bool> {
        let mut fault = None;
        for copy in self.copies(object) {
            self.control.check()?;
            if offset.checked_add(length as u64).is_none_or(|end| end > copy.size) {
                continue;
            }
            let ahead = self.windows.ahead(object, offset, length, copy.size);
            match self.get(copy.place, object, offset, ahead) {
                Ok(bytes) => {
                    if accept(bytes[..length].to_vec()) {
                        self.windows.put(object, offset, bytes);
                        return Ok(true);
                    }
                    self.distrust(copy.place);
                }
                Err(other) if matches!(other.kind, Kind::Missing | Kind::Damaged) => {}
                Err(other) => fault = fault.or(Some(other)),
            }
        }
        self.control.check()?;
        fault.map_or(Ok(false), |fault| Err(fault.into()))
    }

    fn offer_whole(&self, object: &str, max: u64, accept: &mut Accept<'_>) -> Result<bool> {
        let mut fault = None;
        for copy in self.copies(object).into_iter().filter(|copy| copy.size <= max) {
            self.control.check()?;
            match self.read(copy, object) {
                Ok(bytes) if accept(bytes.clone()) => {
                    self.windows.put(object, 0, bytes);
                    return Ok(true);
                }
                Ok(_) => self.distrust(copy.place),
                Err(other) if matches!(other.kind, Kind::Missing | Kind::Damaged) => {}
                Err(other) => fault = fault.or(Some(other)),
            }
        }
        self.control.check()?;
        fault.map_or(Ok(false), |fault| Err(fault.into()))
    }

    /// All of a small object.
    fn read(&self, copy: Copy, object: &str) -> store::Result<Vec<u8>> {
        if let Some(bytes) = self.windows.get(object, 0, copy.size as usize) {
            return Ok(bytes);
        }
        let mut bytes = Vec::new();
        while (bytes.len() as u64) < copy.size {
            let length = PIECE.min((copy.size - bytes.len() as u64) as usize);
            bytes.append(&mut self.get(copy.place, object, bytes.len() as u64, length)?);
        }
        Ok(bytes)
    }

    fn turn(&self, object: &str) -> &Mutex<()> {
        let mut hasher = DefaultHasher::new();
        object.hash(&mut hasher);
        &self.turns[hasher.finish() as usize % self.turns.len()]
    }

    /// What is remembered may be old: once, the places are asked.
    fn twice(&self, mut offer: impl FnMut() -> Result<bool>) -> Result<bool> {
        if offer()? {
            return Ok(true);
        }
        if self.has_looked() {
            return Ok(false);
        }
        self.look()?;
        offer()
    }
}

/// `vault.json`, as a store has it.
pub fn read_description(store: &dyn Store, control: &Control) -> store::Result<Vec<u8>> {
    let name = description::FILE;
    let found = patiently(control, || store.head(name))?;
    let size = found.ok_or_else(|| Fault::missing("", name))?.size;
    if size > description::MAX_LEN {
        return Err(Fault::new(Kind::Damaged, "", format!("{name} is far too large for what it is.")));
    }
    patiently(control, || store.get(name, 0, size as usize))
}
