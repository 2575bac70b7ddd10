//! A store in memory that fails on demand, as networks, services and machines do; and a bot that is synced to it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lifeboat_engine::config::cloud::{S3, Target};
use lifeboat_engine::replica::sync::Synced;
use lifeboat_engine::replica::{Ledger, Patience, SyncRun};
use lifeboat_engine::seal::keyring::Credentials;
use lifeboat_engine::secret::Secret;
use lifeboat_engine::store::memory::Memory;
use lifeboat_engine::store::{Body, Course, Fault, Kind, Opener, Result, Store, Stored};
use lifeboat_engine::vault::Vault;
use lifeboat_engine::{Config, Control};

use crate::support::Bot;

/// Bytes that the store takes at a time.
const CHUNK: u64 = 16 << 10;

/// What fails next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Trouble {
    /// The connection is cut; what had arrived is kept.
    Cut,
    /// 429, or 5xx, before anything arrived.
    Busy,
    /// An error is said, and the object is there.
    KeptAllTheSame,
    /// The process is gone: nothing goes on until it is started again.
    Kill,
}

type Choose = dyn FnMut() -> Option<Trouble> + Send;

#[derive(Default)]
pub struct Shaky {
    pub inner: Option<Memory>,
    pub name: String,
    /// Uploads that have begun, by session.
    begun: Mutex<BTreeMap<String, Vec<u8>>>,
    choose: Mutex<Option<Box<Choose>>>,
    /// Every call fails so.
    pub always: Mutex<Option<Kind>>,
    pub is_dead: AtomicBool,
    /// Puts wait as long as this is set.
    pub hangs: AtomicBool,
    /// Bytes of packs and records that were sent.
    pub sent: AtomicU64,
    /// Every call that wrote, in order.
    pub writes: Mutex<Vec<String>>,
    pub lists: AtomicU64,
    pub troubles: AtomicU64,
    sessions: AtomicU64,
    /// The service's clock, where it tells when an object was written.
    pub clock: AtomicI64,
    written: Mutex<BTreeMap<String, i64>>,
}

impl Shaky {
    pub fn new(name: &str) -> Arc<Shaky> {
        Arc::new(Shaky { inner: Some(Memory::new(name)), name: name.into(), ..Shaky::default() })
    }

    pub fn troubled_by(&self, choose: impl FnMut() -> Option<Trouble> + Send + 'static) {
        *self.choose.lock().unwrap() = Some(Box::new(choose));
    }

    pub fn calm(&self) {
        *self.choose.lock().unwrap() = None;
    }

    pub fn inner(&self) -> &Memory {
        self.inner.as_ref().unwrap()
    }

    /// Everything that is there.
    pub fn objects(&self) -> BTreeMap<String, Vec<u8>> {
        let mut found = Vec::new();
        self.inner().list("", &mut |stored| found.push(stored)).unwrap();
        let read = |stored: Stored| {
            let bytes = self.inner().get(&stored.object, 0, stored.size as usize).unwrap();
            (stored.object, bytes)
        };
        found.into_iter().map(read).collect()
    }

    pub fn put_here(&self, object: &str, bytes: &[u8]) {
        self.inner().put(object, &bytes.to_vec(), &lifeboat_engine::store::Straight).unwrap();
    }

    /// How often an object was written whole.
    pub fn times(&self, object: &str) -> usize {
        self.writes.lock().unwrap().iter().filter(|write| *write == object).count()
    }

    /// What is there, as a folder that is a vault.
    pub fn download(&self, to: &Path) {
        for (object, bytes) in self.objects() {
            let path = to.join(object);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        for folder in ["packs", "snapshots", "keys"] {
            std::fs::create_dir_all(to.join(folder)).unwrap();
        }
    }

    fn trouble(&self) -> Option<Trouble> {
        let trouble = self.choose.lock().unwrap().as_mut().and_then(|choose| choose());
        self.troubles.fetch_add(u64::from(trouble.is_some()), Ordering::Relaxed);
        if trouble == Some(Trouble::Kill) {
            self.is_dead.store(true, Ordering::Relaxed);
        }
        trouble
    }

    fn check(&self) -> Result<()> {
        if let Some(kind) = *self.always.lock().unwrap() {
            return Err(Fault::new(kind, &self.name, "It always says so."));
        }
        if self.is_dead.load(Ordering::Relaxed) {
            return Err(self.fault(Trouble::Kill));
        }
        while self.hangs.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn fault(&self, trouble: Trouble) -> Fault {
        let kind = if trouble == Trouble::Kill { Kind::Refused } else { Kind::Transient { after: None } };
        Fault::new(kind, &self.name, format!("{trouble:?}"))
    }
}

impl Store for Shaky {
    fn put(&self, object: &str, body: &dyn Body, course: &dyn Course) -> Result<Stored> {
        self.check()?;
        let counts = object.starts_with("packs/") || object.starts_with("snapshots/");
        if let Some(trouble @ (Trouble::Busy | Trouble::Kill)) = self.trouble() {
            return Err(self.fault(trouble));
        }
        let session = match course.session().filter(|known| self.begun.lock().unwrap().contains_key(known.expose())) {
            Some(session) => session,
            None => {
                let number = self.sessions.fetch_add(1, Ordering::Relaxed);
                let session = Secret::new(format!("{object} {number}"));
                self.begun.lock().unwrap().insert(session.expose().into(), Vec::new());
                course.keep(Some(&session))?;
                session
            }
        };
        let arrived = || self.begun.lock().unwrap()[session.expose()].len() as u64;
        while arrived() < body.size() {
            let from = arrived();
            let length = CHUNK.min(body.size() - from);
            course.send(length)?;
            self.check()?;
            let bytes = body.read(from, length as usize).unwrap();
            if counts {
                self.sent.fetch_add(length, Ordering::Relaxed);
            }
            match self.trouble() {
                None => self.begun.lock().unwrap().get_mut(session.expose()).unwrap().extend(bytes),
                Some(Trouble::KeptAllTheSame) => {
                    self.begun.lock().unwrap().get_mut(session.expose()).unwrap().extend(bytes);
                    return Err(self.fault(Trouble::KeptAllTheSame));
                }
                Some(trouble) => {
                    // A part of the chunk has arrived.
                    let half = &bytes[..bytes.len() / 2];
                    self.begun.lock().unwrap().get_mut(session.expose()).unwrap().extend(half);
                    return Err(self.fault(trouble));
                }
            }
        }
        let bytes = self.begun.lock().unwrap().remove(session.expose()).unwrap();
        let stored = self.inner().put(object, &bytes, &lifeboat_engine::store::Straight)?;
        self.writes.lock().unwrap().push(object.into());
        self.written.lock().unwrap().insert(object.into(), self.clock.load(Ordering::Relaxed));
        match self.trouble() {
            // All of it is there, and nobody hears of it.
            Some(trouble) => Err(self.fault(trouble)),
            None => {
                course.keep(None)?;
                Ok(stored)
            }
        }
    }

    fn put_if_absent(&self, object: &str, bytes: &[u8]) -> Result<bool> {
        self.check()?;
        if let Some(trouble) = self.trouble() {
            return Err(self.fault(trouble));
        }
        let is_put = self.inner().put_if_absent(object, bytes)?;
        if is_put {
            self.writes.lock().unwrap().push(object.into());
        }
        Ok(is_put)
    }

    fn get(&self, object: &str, offset: u64, length: usize) -> Result<Vec<u8>> {
        self.check()?;
        self.inner().get(object, offset, length)
    }

    fn head(&self, object: &str) -> Result<Option<Stored>> {
        self.check()?;
        if let Some(trouble @ Trouble::Busy) = self.trouble() {
            return Err(self.fault(trouble));
        }
        self.inner().head(object)
    }

    fn list(&self, prefix: &str, visit: &mut dyn FnMut(Stored)) -> Result<()> {
        self.check()?;
        self.lists.fetch_add(1, Ordering::Relaxed);
        if let Some(trouble) = self.trouble() {
            return Err(self.fault(trouble));
        }
        let written = self.written.lock().unwrap().clone();
        self.inner().list(prefix, &mut |mut stored| {
            stored.written = written.get(&stored.object).copied().filter(|at| *at > 0);
            visit(stored);
        })
    }

    fn delete(&self, object: &str) -> Result<()> {
        self.check()?;
        self.writes.lock().unwrap().push(format!("delete {object}"));
        self.inner().delete(object)
    }
}

/// Opens each target by its name.
pub struct Stores(pub BTreeMap<String, Arc<Shaky>>);

impl Opener for Stores {
    fn open(&self, target: &Target, _vault_id: &str) -> Result<Arc<dyn Store>> {
        Ok(self.0[target.name()].clone())
    }
}

/// A bucket of this name.
pub fn target(name: &str) -> Target {
    Target::S3(S3 { name: Some(name.into()), bucket: name.into(), ..S3::default() })
}

/// A bot with these targets, and the store of each.
pub fn synced(bot: &mut Bot, names: &[&str]) -> Stores {
    bot.config.cloud = names.iter().map(|name| target(name)).collect();
    Stores(names.iter().map(|name| (name.to_string(), Shaky::new(name))).collect())
}

pub fn opened(config: &Config) -> Vault {
    Vault::open(&config.backup_dir, &Credentials::default()).unwrap()
}

/// As `Engine::sync`, without waiting long between two tries.
pub fn sync(bot: &Bot, stores: &Stores) -> Synced {
    sync_at(bot, stores, jiff::Timestamp::now().as_millisecond())
}

/// The same at another time.
pub fn sync_at(bot: &Bot, stores: &Stores, now: i64) -> Synced {
    let control = Control::silent().with_clock(move || now);
    let patience = Patience { least: Duration::from_millis(1), most: Duration::from_millis(2), times: 50 };
    let vault = opened(&bot.config);
    let sync = SyncRun { vault: &vault, config: &bot.config, opener: stores, patience, control: &control };
    sync.run(&bot.config.cloud.iter().collect::<Vec<_>>()).unwrap()
}

/// What the ledger says is there, by name, with sizes.
pub fn known(bot: &Bot, target: &str) -> BTreeMap<String, u64> {
    let Some(ledger) = Ledger::read(&bot.vault()) else { return BTreeMap::new() };
    ledger.known(target).unwrap().into_iter().map(|stored| (stored.object, stored.size)).collect()
}

/// What is here and should be there, by name.
pub fn wanted(bot: &Bot) -> BTreeMap<String, Vec<u8>> {
    let vault = bot.vault();
    let objects = lifeboat_engine::vault::layout::objects_in(&vault).unwrap();
    let read = |object: lifeboat_engine::vault::layout::Object| {
        let bytes = std::fs::read(vault.join(&object.name)).unwrap();
        (object.name, bytes)
    };
    objects.into_iter().filter(|object| !object.name.starts_with("archives/")).map(read).collect()
}
