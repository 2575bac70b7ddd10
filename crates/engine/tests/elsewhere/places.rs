//! Targets in memory that count what is read from them, and fail on demand; and bots that have some.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lifeboat_engine::config::cloud::{Folder, Target};
use lifeboat_engine::report::*;
use lifeboat_engine::seal::keyring::Credentials;
use lifeboat_engine::store::memory::Memory;
use lifeboat_engine::store::{self, Body, Course, Fault, Kind, Opener, Store, Stored, Straight};
use lifeboat_engine::vault::{Vault, layout};
use lifeboat_engine::{Control, Engine, Result};

use crate::support::*;

/// Decides what comes of reading some bytes: `None`, as they are.
type Spoil = dyn FnMut(&str, u64, &mut Vec<u8>) -> store::Result<()> + Send;

/// A target.
pub struct Place {
    pub memory: Memory,
    pub bytes: AtomicU64,
    pub requests: AtomicU64,
    spoil: Mutex<Option<Box<Spoil>>>,
}

impl Place {
    pub fn new(name: &str) -> Arc<Place> {
        let memory = Memory::new(name);
        Arc::new(Place { memory, bytes: AtomicU64::new(0), requests: AtomicU64::new(0), spoil: Mutex::default() })
    }

    /// From now on this is done to all that is read.
    pub fn spoil(&self, spoil: impl FnMut(&str, u64, &mut Vec<u8>) -> store::Result<()> + Send + 'static) {
        *self.spoil.lock().unwrap() = Some(Box::new(spoil));
    }

    /// What was read since the last time this was asked.
    pub fn read(&self) -> (u64, u64) {
        (self.bytes.swap(0, Ordering::Relaxed), self.requests.swap(0, Ordering::Relaxed))
    }

    /// As a sync leaves it: all objects of the vault.
    pub fn fill(&self, vault: &Path) {
        let opened = Vault::open(vault, &Credentials::default()).unwrap();
        for object in layout::objects(&opened).unwrap() {
            let bytes = std::fs::read(vault.join(&object.name)).unwrap();
            self.memory.put(&object.name, &bytes, &Straight).unwrap();
        }
    }

    pub fn names(&self, prefix: &str) -> Vec<String> {
        let mut names = Vec::new();
        self.memory.list(prefix, &mut |stored| names.push(stored.object)).unwrap();
        names.sort();
        names
    }

    pub fn replace(&self, object: &str, change: impl FnOnce(Vec<u8>) -> Vec<u8>) {
        let size = self.memory.head(object).unwrap().unwrap().size as usize;
        let bytes = change(self.memory.get(object, 0, size).unwrap());
        self.memory.put(object, &bytes, &Straight).unwrap();
    }
}

impl Store for Place {
    fn put(&self, object: &str, body: &dyn Body, course: &dyn Course) -> store::Result<Stored> {
        self.memory.put(object, body, course)
    }

    fn put_if_absent(&self, object: &str, bytes: &[u8]) -> store::Result<bool> {
        self.memory.put_if_absent(object, bytes)
    }

    fn get(&self, object: &str, offset: u64, length: usize) -> store::Result<Vec<u8>> {
        let mut bytes = self.memory.get(object, offset, length)?;
        if let Some(spoil) = &mut *self.spoil.lock().unwrap() {
            spoil(object, offset, &mut bytes)?;
        }
        self.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.requests.fetch_add(1, Ordering::Relaxed);
        Ok(bytes)
    }

    fn head(&self, object: &str) -> store::Result<Option<Stored>> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.memory.head(object)
    }

    fn list(&self, prefix: &str, visit: &mut dyn FnMut(Stored)) -> store::Result<()> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.memory.list(prefix, visit)
    }

    fn delete(&self, object: &str) -> store::Result<()> {
        self.memory.delete(object)
    }
}

/// Opens targets by their names; one that is not there cannot be reached.
#[derive(Default)]
pub struct Places(pub HashMap<String, Arc<Place>>);

impl Opener for Places {
    fn open(&self, target: &Target, vault_id: &str) -> store::Result<Arc<dyn Store>> {
        match self.0.get(target.name()) {
            Some(place) if vault_id.is_empty() => Ok(Arc::new(Beside(place.clone()))),
            Some(place) => Ok(place.clone()),
            None => Err(Fault::new(Kind::Refused, target.name(), "There is no way to it.")),
        }
    }
}

/// All vaults of a target: the one that there is, below its id.
struct Beside(Arc<Place>);

impl Beside {
    fn id(&self) -> Option<String> {
        let size = self.0.memory.head("vault.json").ok()??.size as usize;
        let bytes = self.0.memory.get("vault.json", 0, size).ok()?;
        lifeboat_engine::vault::description::id_in(&bytes).ok()
    }

    fn inner<'a>(&self, object: &'a str) -> store::Result<&'a str> {
        let id = self.id().unwrap_or_default();
        let inner = object.strip_prefix(&id).and_then(|rest| rest.strip_prefix('/'));
        inner.ok_or_else(|| Fault::missing("", object))
    }
}

impl Store for Beside {
    fn put(&self, _: &str, _: &dyn Body, _: &dyn Course) -> store::Result<Stored> {
        unreachable!("nobody writes here")
    }

    fn put_if_absent(&self, _: &str, _: &[u8]) -> store::Result<bool> {
        unreachable!("nobody writes here")
    }

    fn get(&self, object: &str, offset: u64, length: usize) -> store::Result<Vec<u8>> {
        self.0.get(self.inner(object)?, offset, length)
    }

    fn head(&self, object: &str) -> store::Result<Option<Stored>> {
        self.0.head(self.inner(object)?)
    }

    fn list(&self, _: &str, visit: &mut dyn FnMut(Stored)) -> store::Result<()> {
        let Some(id) = self.id() else { return Ok(()) };
        self.0.list("", &mut |stored| visit(Stored { object: format!("{id}/{}", stored.object), ..stored }))
    }

    fn delete(&self, _: &str) -> store::Result<()> {
        unreachable!("nobody writes here")
    }
}

/// A bot with targets of these names.
pub struct Synced {
    pub bot: Bot,
    pub places: Vec<Arc<Place>>,
    names: Vec<&'static str>,
}

impl Synced {
    pub fn new(mut bot: Bot, names: &[&'static str]) -> Synced {
        bot.config.cloud = names.iter().map(|name| target(name)).collect();
        Synced { bot, places: names.iter().map(|name| Place::new(name)).collect(), names: names.to_vec() }
    }

    pub fn engine(&self) -> Engine {
        let places = self.names.iter().map(|name| name.to_string()).zip(self.places.iter().cloned()).collect();
        Engine::new(self.bot.config.clone()).with_opener(Arc::new(Places(places)))
    }

    pub fn sync(&self) {
        self.places.iter().for_each(|place| place.fill(&self.bot.vault()));
    }

    /// Nothing stays here but what opens the vault.
    pub fn lose_all_objects(&self) {
        for folder in ["packs", "snapshots"] {
            std::fs::remove_dir_all(self.bot.vault().join(folder)).unwrap();
            std::fs::create_dir(self.bot.vault().join(folder)).unwrap();
        }
    }

    pub fn restore(&self, items: &[&str], from: Option<&str>) -> Result<std::path::PathBuf> {
        let target = tempfile::Builder::new().prefix("out").tempdir_in(self.bot.dir.path()).unwrap().keep();
        let options = RestoreOptions {
            target: Some(target.clone()),
            items: items.iter().map(|item| item.to_string()).collect(),
            from: from.map(str::to_owned),
            ..RestoreOptions::default()
        };
        self.engine().restore(&BackupRef::Name("latest".into()), &options, &Control::silent())?;
        Ok(target)
    }
}

pub fn target(name: &str) -> Target {
    let path = format!("/nowhere/{name}").into();
    Target::Folder(Folder { name: Some(name.into()), path, ..Folder::default() })
}

pub fn no_network(target: &'static str) -> impl FnMut(&str, u64, &mut Vec<u8>) -> store::Result<()> {
    let after = Some(Duration::ZERO);
    move |_, _, _| Err(Fault::new(Kind::Transient { after }, target, "The network is gone."))
}
