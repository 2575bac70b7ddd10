//! One target: everything of the vault that is not there is brought there, in an order in which what is there is always whole.
//!
//! Nothing is noted as being there before the target has said so, with its size. An upload that is cut off is gone on with,
//! by the session that the ledger has kept; where the target has kept it all although it said otherwise, it is not sent again.
//! Whoever was cut off here compares the list of the target first.

mod transfer;

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;

use sha2::{Digest, Sha256};

use super::bandwidth::Throttle;
use super::care::Care;
use super::ledger::Ledger;
use super::line::{Delivery, send_all};
use super::needs::{Asker, Needs};
use super::patience::Patience;
use super::whole;
use crate::config::cloud::Target;
use crate::mutex::lock;
use crate::report::SyncFailure;
use crate::store::{Fault, Kind, Result, Store, Stored, WholeFile};
use crate::vault::layout::{self, Object, Part};
use crate::vault::name::BackupName;
use crate::vault::pack::PackId;
use crate::vault::{Vault, durable};
use crate::{Config, Control, Error, retention};

/// Packs that are sent at a time; Drive takes about three writes a second.
const AT_A_TIME: usize = 4;
const AT_A_TIME_ON_DRIVE: usize = 3;
/// So many backups are looked at before what they need is sent; the newest one goes alone, and first.
const BATCH: usize = 64;
/// How often the list of a target is compared, in milliseconds: what somebody removes there is sent again.
const COMPARE: i64 = 24 * 3_600_000;
/// Keys and pages are a few kilobytes.
const SMALL: u64 = 1 << 20;
/// Packs may be written anew while they are sent, again and again; some time that is not what happens.
const MOST_LOOKS: usize = 8;

pub struct Push<'a> {
    pub vault: &'a Vault,
    pub config: &'a Config,
    pub target: &'a Target,
    /// By which the ledger knows which place it is.
    pub identity: String,
    pub store: &'a dyn Store,
    pub ledger: &'a Mutex<Ledger>,
    pub pace: Throttle,
    pub patience: Patience,
    pub control: &'a Control,
    pub tally: &'a PushTally,
    pub(super) care: Care,
    /// The root's id.
    pub root: Option<String>,
}

/// What was done, for all targets together.
#[derive(Default)]
pub struct PushTally {
    pub uploaded: AtomicU64,
    pub bytes: AtomicU64,
    /// Bytes that are under way or were, for the progress.
    sent: AtomicU64,
    pub failed: Mutex<Vec<SyncFailure>>,
}

/// What is known after some looks at what has to be sent.
#[derive(Default)]
struct Outstanding {
    /// The target was listed just now: all backups are looked at.
    all: bool,
    /// Each backup is asked by itself what it needs.
    careful: bool,
    /// What must not be sent, and why.
    unsendable: HashMap<String, String>,
    /// Packs that the target was asked for, or that were sent.
    sure: HashSet<String>,
}

/// What came of a look.
enum LookResult {
    Done,
    /// Something was not here any more, and is to be looked for again.
    Vanished,
    /// Packs are damaged here. What does not need them was not held up, and is looked at again.
    Damaged,
    /// A pack that the ledger has is not there any more, and is to be sent.
    NotThere,
}

impl Push<'_> {
    pub fn name(&self) -> &str {
        self.target.name()
    }

    pub fn run(&self) -> Result<()> {
        lock(self.ledger).begin(self.name(), &self.identity)?;
        self.store.recall(&lock(self.ledger).known(self.name())?);
        self.meet()?;
        let standing = lock(self.ledger).standing(self.name(), &self.identity)?.unwrap_or_default();
        let is_recent = |at: &i64| (0..COMPARE).contains(&(self.control.now() - at));
        if standing.busy {
            self.care.begin();
        }
        let compares = standing.busy || standing.listed.filter(is_recent).is_none();
        if compares {
            self.compare()?;
        }
        lock(self.ledger).set_busy(self.name(), true)?;
        self.send_small()?;
        let before = layout::objects(self.vault)?;
        let is_whole = self.send_backups(compares)?;
        self.remove_marks()?;
        self.end_sessions()?;
        if is_whole {
            self.note_spare(&before)?;
        }
        self.tell_about()?;
        self.read_back()?;
        lock(self.ledger).set_busy(self.name(), false)?;
        Ok(())
    }

    pub(super) fn retry<T>(&self, call: impl FnMut() -> Result<T>) -> Result<T> {
        self.patience.retry(self.control, call)
    }

    /// Keys, pages and marks.
    fn send_small(&self) -> Result<()> {
        let dropped = lock(self.ledger).dropped(self.name())?;
        for object in layout::objects(self.vault)? {
            let is_small = match object.part {
                Part::Key | Part::Page => true,
                // Of a backup that the target does not keep nothing is said there.
                Part::Mark => {
                    !dropped.contains(&format!("snapshots/{}", object.name.rsplit('/').next().unwrap_or_default()))
                }
                _ => false,
            };
            if !is_small || self.control.is_cancelled() {
                continue;
            }
            let bytes = match durable::read_small(&self.vault.dir().join(&object.name), SMALL) {
                Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => continue,
                bytes => bytes?,
            };
            let content = hex::encode(Sha256::digest(&bytes));
            let known = lock(self.ledger).has(self.name(), &object.name)?;
            if object.part == Part::Key && !self.may_send_key(&object.name, &known, &content)? {
                continue;
            }
            match known {
                Some((size, Some(known))) if size == bytes.len() as u64 && known == content => continue,
                // Listed, and nobody knows with what in it.
                Some((size, None)) if size == bytes.len() as u64 => {
                    let theirs = self.retry(|| self.store.get(&object.name, 0, bytes.len()))?;
                    if theirs == bytes {
                        let stored = Stored { object: object.name.clone(), size, ..Stored::default() };
                        let known = lock(self.ledger).known_one(self.name(), &object.name)?.unwrap_or(stored);
                        lock(self.ledger).arrived(self.name(), &known, Some(&content), self.control.now())?;
                        continue;
                    }
                }
                _ => {}
            }
            self.put(&object.name, &bytes, Some(&content))?;
        }
        Ok(self.control.check()?)
    }

    /// A key is written once. One that is damaged here, or is not what was sent, never takes the place of a good one there.
    fn may_send_key(&self, key: &str, known: &Option<(u64, Option<String>)>, content: &str) -> Result<bool> {
        let is_another = matches!(known, Some((_, Some(sent))) if sent != content);
        if !is_another && whole::is_whole(self.vault, key, &self.vault.dir().join(key))? {
            return Ok(true);
        }
        lock(&self.tally.failed).push(SyncFailure {
            object: key.into(),
            target: self.name().into(),
            code: "E_CORRUPT".into(),
            message: format!("{key} is damaged here, and not sent. `lifeboat verify` brings back what the target has."),
        });
        Ok(false)
    }

    /// Backup by backup, the newest first. `all`: also those that are there, whose packs may not be; the target was listed just
    /// now. False: what some of them need is not here.
    fn send_backups(&self, all: bool) -> Result<bool> {
        let mut state = Outstanding { all, ..Outstanding::default() };
        let mut vanished = 0;
        while vanished < MOST_LOOKS {
            match self.look(&mut state)? {
                LookResult::Done => {
                    let mut failed = lock(&self.tally.failed);
                    let is_whole = state.unsendable.is_empty();
                    for (object, message) in state.unsendable {
                        let (target, code) = (self.name().to_owned(), "E_CORRUPT".to_owned());
                        failed.push(SyncFailure { object, target, code, message });
                    }
                    return Ok(is_whole);
                }
                LookResult::Vanished => vanished += 1,
                // Each time there are fewer of them, so that ends.
                LookResult::Damaged | LookResult::NotThere => {}
            }
        }
        Err(Fault::new(Kind::Transient { after: None }, self.name(), "The vault changes faster than it can be sent."))
    }

    fn look(&self, state: &mut Outstanding) -> Result<LookResult> {
        let names = self.newest_first(state.all)?;
        if names.is_empty() {
            return Ok(LookResult::Done);
        }
        let mut asker = Asker::new(self.vault, state.careful)?;
        let (first, rest) = names.split_at(1);
        for batch in [first].into_iter().chain(rest.chunks(BATCH)) {
            let (mut objects, mut leans_on) = (Vec::new(), Vec::new());
            for name in batch {
                self.control.check()?;
                self.plan(name, &mut asker, &mut state.unsendable, &mut objects, &mut leans_on)?;
            }
            if !state.all && !self.make_sure(leans_on, &mut state.sure)? {
                return Ok(LookResult::NotThere);
            }
            let packs = objects.iter().filter(|object| object.part == Part::Pack);
            state.sure.extend(packs.map(|object| object.name.clone()));
            let damaged = Mutex::new(HashMap::new());
            let is_all_sent = send_all(objects, self.at_a_time(), |object| self.send(object, &damaged))?;
            let damaged = damaged.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
            if !damaged.is_empty() {
                // Which backups that hurts is asked one by one.
                state.careful = true;
                state.unsendable.extend(damaged);
                return Ok(LookResult::Damaged);
            }
            if !is_all_sent {
                return Ok(LookResult::Vanished);
            }
        }
        Ok(LookResult::Done)
    }

    /// Those whose records are not there; `all`: of all of them.
    fn newest_first(&self, all: bool) -> Result<Vec<BackupName>> {
        let mut names = self.vault.list_snapshots()?;
        names.reverse();
        // What is dated in the future was made under a clock that was wrong.
        names.sort_by_key(|name| retention::is_ahead(name.millis(), self.control.now()));
        let ledger = lock(self.ledger);
        let dropped = ledger.dropped(self.name())?;
        let mut wanted = Vec::new();
        for name in names.into_iter().filter(|name| !dropped.contains(&record(name))) {
            if all || ledger.has(self.name(), &record(&name))?.is_none() {
                wanted.push(name);
            }
        }
        Ok(wanted)
    }

    /// Adds what has to be sent of a backup, and the packs that it leans on and that are there, as the ledger has it.
    fn plan(
        &self,
        name: &BackupName,
        asker: &mut Asker<'_>,
        unsendable: &mut HashMap<String, String>,
        objects: &mut Vec<Object>,
        leans_on: &mut Vec<Object>,
    ) -> Result<()> {
        let packs = match asker.of(name)? {
            Needs::Gone => return Ok(()),
            Needs::Unknown(why) => {
                unsendable.insert(record(name), why);
                return Ok(());
            }
            Needs::Packs(packs) => packs,
        };
        let ledger = lock(self.ledger);
        let (mut missing, mut there) = (Vec::new(), Vec::new());
        for pack in packs {
            let object = pack.object();
            // It is here, or is found not to be when it is sent.
            let size = std::fs::metadata(pack.path(self.vault.dir())).map(|metadata| metadata.len()).unwrap_or(0);
            if let Some((known, _)) = ledger.has(self.name(), &object)?.filter(|(known, _)| *known == size || size == 0)
            {
                there.push(Object { part: Part::Pack, name: object, size: known });
                continue;
            }
            if let Some(why) = unsendable.get(&object).cloned() {
                unsendable.insert(record(name), format!("{name} needs {object}, which is damaged here. {why}"));
                return Ok(());
            }
            missing.push(Object { part: Part::Pack, name: object, size });
        }
        let record = record(name);
        let is_there = ledger.has(self.name(), &record)?.is_some();
        if is_there && missing.is_empty() {
            return Ok(());
        }
        if is_there {
            // It is not whole there, whatever was noted.
            ledger.gone(self.name(), &record)?;
        }
        // The name of a pack decides nothing: any order will do, and each time the same is easier to follow.
        missing.sort_by(|a, b| a.name.cmp(&b.name));
        leans_on.extend(there);
        objects.extend(missing);
        objects.push(Object { part: Part::Snapshot, name: record, size: 0 });
        Ok(())
    }

    fn at_a_time(&self) -> usize {
        if matches!(self.target, Target::GDrive(_)) { AT_A_TIME_ON_DRIVE } else { AT_A_TIME }
    }

    /// A pack or a record. `damaged` gets what must not be sent, and why.
    fn send(&self, object: &Object, damaged: &Mutex<HashMap<String, String>>) -> Result<Delivery> {
        if lock(self.ledger).has(self.name(), &object.name)?.is_some_and(|(size, _)| size == object.size) {
            return Ok(Delivery::Done);
        }
        let opened = File::open(self.vault.dir().join(&object.name)).and_then(WholeFile::new);
        let body = match opened {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                // A backup that was pruned meanwhile is not missed, and a pack is looked for elsewhere.
                return Ok(if object.part == Part::Pack { Delivery::NotHere } else { Delivery::Done });
            }
            opened => opened.map_err(|error| Fault::from(Error::io("reading", &object.name, error)))?,
        };
        if let Some(pack) = PackId::of_object(&object.name)
            && let Some(why) = self.damage(pack)?
        {
            lock(damaged).insert(object.name.clone(), why);
            return Ok(Delivery::Damaged);
        }
        self.put(&object.name, &body, None)?;
        Ok(Delivery::Done)
    }

    /// Pins and the like that are no more. Only of backups that are here: others are not ours to judge.
    fn remove_marks(&self) -> Result<()> {
        if self.target.is_append_only() {
            return Ok(());
        }
        for folder in [layout::PINS, crate::vault::ACCEPTED] {
            let there = lock(self.ledger).objects(self.name(), &format!("{folder}/"))?;
            for (object, _) in there {
                let backup = object.rsplit('/').next().unwrap_or_default();
                let is_here = |place: &str| self.vault.dir().join(place).exists();
                if !is_here(&object) && is_here(&format!("snapshots/{backup}")) {
                    self.retry(|| self.store.delete(&object))?;
                    lock(self.ledger).gone(self.name(), &object)?;
                }
            }
        }
        Ok(())
    }

    /// Uploads that nobody will go on with, because their object has gone.
    fn end_sessions(&self) -> Result<()> {
        let sessions = lock(self.ledger).sessions(self.name())?;
        for (object, session) in sessions {
            if !self.vault.dir().join(&object).exists() {
                // What cannot be ended now the service ends by itself some day.
                let _ = self.store.abandon(&object, &session);
                lock(self.ledger).keep_session(self.name(), &object, None)?;
            }
        }
        Ok(())
    }

    /// What was in the vault when all of it was looked at, and is still not there, no backup needs there.
    fn note_spare(&self, before: &[Object]) -> Result<()> {
        let ledger = lock(self.ledger);
        let there: HashSet<String> =
            ledger.objects(self.name(), "packs/")?.into_iter().map(|(object, _)| object).collect();
        let spare = before.iter().filter(|object| object.part == Part::Pack && !there.contains(&object.name));
        Ok(ledger.set_spare(self.name(), &spare.map(|object| object.name.clone()).collect::<Vec<_>>())?)
    }
}

fn record(name: &BackupName) -> String {
    format!("snapshots/{name}")
}
