//! A link that loses what is sent: less is risked at a time, and what gets a little further each time gets there.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lifeboat_engine::Control;
use lifeboat_engine::config::cloud::Target;
use lifeboat_engine::replica::{Patience, SyncRun};
use lifeboat_engine::report::BackupType;
use lifeboat_engine::store::memory::Memory;
use lifeboat_engine::store::{Body, Course, Fault, Kind, Opener, Result, Store, Stored, Straight};

use crate::shaky::{opened, target};
use crate::support::{Bot, noise};

/// Loses the first pack; or lets each put get so many bytes further, and then fails.
struct Lossy {
    inner: Memory,
    step: Option<u64>,
    puts: AtomicU64,
    careful: AtomicUsize,
    most: AtomicUsize,
    careless: Mutex<Vec<String>>,
    reached: Mutex<std::collections::BTreeMap<String, u64>>,
}

impl Lossy {
    fn new(step: Option<u64>) -> Arc<Lossy> {
        Arc::new(Lossy {
            inner: Memory::new("s3"),
            step,
            puts: AtomicU64::new(0),
            careful: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            careless: Mutex::default(),
            reached: Mutex::default(),
        })
    }

    fn fault(&self) -> Fault {
        Fault::new(Kind::Transient { after: None }, "s3", "The connection broke off.")
    }
}

impl Store for Lossy {
    fn put(&self, object: &str, body: &dyn Body, course: &dyn Course) -> Result<Stored> {
        if !object.starts_with("packs/") {
            return self.inner.put(object, body, &Straight);
        }
        if let Some(step) = self.step {
            let mut reached = self.reached.lock().unwrap();
            let there = reached.entry(object.into()).or_default();
            *there = (*there + step).min(body.size());
            course.reached(*there);
            return if *there == body.size() { self.inner.put(object, body, &Straight) } else { Err(self.fault()) };
        }
        if self.puts.fetch_add(1, Ordering::SeqCst) == 0 {
            course.lost();
            return Err(self.fault());
        }
        if course.is_careful() {
            self.most.fetch_max(self.careful.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(20));
            self.careful.fetch_sub(1, Ordering::SeqCst);
        } else {
            self.careless.lock().unwrap().push(object.into());
            // Until the first one is lost.
            std::thread::sleep(Duration::from_millis(50));
        }
        self.inner.put(object, body, &Straight)
    }

    fn put_if_absent(&self, object: &str, bytes: &[u8]) -> Result<bool> {
        self.inner.put_if_absent(object, bytes)
    }

    fn get(&self, object: &str, offset: u64, length: usize) -> Result<Vec<u8>> {
        self.inner.get(object, offset, length)
    }

    fn head(&self, object: &str) -> Result<Option<Stored>> {
        self.inner.head(object)
    }

    fn list(&self, prefix: &str, visit: &mut dyn FnMut(Stored)) -> Result<()> {
        self.inner.list(prefix, visit)
    }

    fn delete(&self, object: &str) -> Result<()> {
        self.inner.delete(object)
    }
}

struct One(Arc<Lossy>);

impl Opener for One {
    fn open(&self, _: &Target, _: &str) -> Result<Arc<dyn Store>> {
        Ok(self.0.clone())
    }
}

/// A bot with so many packs, which are brought there; no try is made more than three times.
fn sync(packs: u64, store: &Arc<Lossy>) {
    let mut bot = Bot::empty();
    for n in 0..packs {
        bot.write(&format!("{n}.jpg"), &noise(200_000, n));
        bot.backup(BackupType::Manual);
    }
    bot.config.cloud = vec![target("s3")];
    let (vault, opener, control) = (opened(&bot.config), One(store.clone()), Control::silent());
    let patience = Patience { least: Duration::from_millis(1), most: Duration::from_millis(2), times: 3 };
    let sync = SyncRun { vault: &vault, config: &bot.config, opener: &opener, patience, control: &control };
    let report = sync.run(&[&bot.config.cloud[0]]).unwrap().report;
    assert!(report.failed.is_empty() && report.pending == 0, "{report:?}");
}

#[test]
fn once_something_was_lost_objects_go_with_care_and_one_at_a_time() {
    let store = Lossy::new(None);
    sync(12, &store);
    assert_eq!(store.most.load(Ordering::SeqCst), 1);
    let careless = store.careless.lock().unwrap();
    assert!(careless.len() <= 3, "those that were on their way, and no other: {careless:?}");
}

#[test]
fn an_upload_that_gets_a_little_further_with_each_try_is_not_given_up() {
    sync(2, &Lossy::new(Some(10_000)));
}
