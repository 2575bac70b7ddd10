//! The look at a vault, again and again: is there a good backup, is there room, and is something due?

use std::path::PathBuf;

use serde::Serialize;
use serde_json::{Value, json};

use super::event::{BackupStale, News, StorageWarning};
use super::lines::ledger;
use super::{Event, EventClaim, EventConsumer, Logbook, fact, newest_good};
use crate::replica::standing;
use crate::schedule::{self, Agenda};
use crate::vault::{self, Vault, lock, place};
use crate::{Config, Result, presence, zone};

/// How often one is reminded of backups that are too old.
const REMIND: i64 = 24 * 3_600_000;
/// From so many percent on, the vault is about to be full.
const NEARLY_FULL: f64 = 95.0;
/// It has to be so many percent emptier before it is told again.
const SWING: f64 = 5.0;

/// One vault under watch.
#[derive(Clone, Debug)]
pub struct Watch {
    config: Config,
}

/// What is to be done now, and when to look again.
#[derive(Debug, Default, Serialize)]
pub struct NextLook {
    /// A backup is due.
    pub backup: Option<Missed>,
    /// An inspection is due.
    pub inspection: Option<Missed>,
    /// Something waits for a target.
    pub sync: bool,
    /// When the next backup or inspection is.
    pub wake: Option<i64>,
    /// No scheduled backups until then.
    pub paused: Option<i64>,
    /// What should be told and could not be kept.
    pub untold: Vec<News>,
}

/// What is due; `missed`: since a time at which nobody looked.
#[derive(Debug, Serialize)]
pub struct Missed {
    pub missed: bool,
}

impl Watch {
    pub fn new(config: &Config) -> Watch {
        Watch { config: config.clone() }
    }

    fn vault(&self) -> PathBuf {
        place::of(&self.config.backup_dir)
    }

    fn logbook(&self) -> Result<Option<Logbook>> {
        let vault = self.vault();
        Vault::exists(&vault).then(|| Logbook::open(&vault)).transpose()
    }

    /// Keeps `backup:stale` and `storage:warning` where they are due, and says what of the schedule is. `zone`: the host's;
    /// `since`: from when on it makes backups; `now`: all in milliseconds since the epoch.
    pub fn look(&self, zone: Option<&str>, since: i64, now: i64) -> Result<NextLook> {
        let dir = self.vault();
        if let Ok(Some(logbook)) = self.logbook() {
            let _ = logbook.put_back(now).and_then(|()| note_zone(&logbook, zone));
        }
        let untold = self.notice(zone, since, now)?;
        let agenda = Agenda::of(&self.config, zone)?;
        let ledger = ledger(&dir, now)?;
        let wake = ledger.wake(&agenda, now);
        // Whoever is at it may be doing just that.
        let is_held = lock::holder(&dir).is_some();
        let backup = ledger.due(&agenda, now).filter(|_| !is_held).map(|due| Missed { missed: due.missed });
        let inspection = ledger.inspection_due(&agenda, now).filter(|_| !is_held).map(|missed| Missed { missed });
        let paused = ledger.paused.filter(|until| *until > now);
        let sync = standing::is_due(&self.config, &dir, now);
        Ok(NextLook { backup, inspection, sync, wake, paused, untold })
    }

    /// Keeps what is to be told of the age of the backups and of their room. Returns what could not be kept.
    pub fn notice(&self, zone: Option<&str>, since: i64, now: i64) -> Result<Vec<News>> {
        let logbook = self.logbook();
        let logbook = logbook.as_ref().ok().and_then(Option::as_ref);
        let mut untold = Vec::new();
        for told in [self.of_age(logbook, zone, since, now)?, self.of_storage(logbook)?].into_iter().flatten() {
            let Told { news, key, before, after } = told;
            let kept = logbook.and_then(|logbook| match &news {
                None => logbook.note(key, &after).ok(),
                // Of several hosts that notice it at the same moment one tells it.
                Some(news) => logbook.tell_once(news, key, before.as_ref(), &after, now).ok(),
            });
            match (kept, news) {
                (None, Some(news)) => untold.push(news),
                (Some(()), Some(_)) => presence::ring(&self.vault()),
                _ => {}
            }
        }
        Ok(untold)
    }

    fn of_age(&self, logbook: Option<&Logbook>, zone: Option<&str>, since: i64, now: i64) -> Result<Option<Told>> {
        // Of a vault without a backup: since it is known that there should be one.
        let since = newest_good(&self.vault(), now)?.unwrap_or(since);
        // As long as somebody wants none, none is missing; and from then on there is time to make one.
        let resumed = logbook.and_then(|logbook| logbook.pause_ends().ok()).flatten().unwrap_or(since);
        let age = now - since;
        let before: Option<Value> = logbook.and_then(|logbook| logbook.fact(fact::STALE).ok()).flatten();
        let told = before.as_ref().and_then(Value::as_i64);
        let noted = |news, after| Some(Told { news, key: fact::STALE, before: before.clone(), after: json!(after) });
        let is_awaited = |_: &i64| schedule::is_stale(&self.config, zone, now - resumed.max(since), now).is_some();
        let Some(limit_ms) = schedule::is_stale(&self.config, zone, age, now).filter(is_awaited) else {
            // From here on the next time is a new one.
            return Ok(told.filter(|told| *told != 0).and_then(|_| noted(None, 0)));
        };
        // A clock that went back does not silence it.
        if told.is_some_and(|told| (0..REMIND).contains(&(now - told))) {
            return Ok(None);
        }
        Ok(noted(Some(News::BackupStale(BackupStale { age_ms: age, limit_ms })), now))
    }

    fn of_storage(&self, logbook: Option<&Logbook>) -> Result<Option<Told>> {
        let dir = self.vault();
        // Whoever is at work there may take more than stays.
        if !Vault::exists(&dir) || lock::holder(&dir).is_some() {
            return Ok(None);
        }
        let (used, limit) = (vault::usage(&dir)?.used, self.config.max_local_storage.0);
        let percent = used as f64 * 100.0 / limit as f64;
        let warn = self.config.monitor.storage_warn_percent;
        let level = |percent: f64| [NEARLY_FULL, warn].into_iter().find(|level| percent >= *level).unwrap_or(0.0);
        let before: Option<Value> = logbook.and_then(|logbook| logbook.fact(fact::STORAGE).ok()).flatten();
        let told = before.as_ref().and_then(Value::as_f64).unwrap_or(0.0);
        let noted = |news, after| Some(Told { news, key: fact::STORAGE, before: before.clone(), after: json!(after) });
        // Around a limit it would be told again and again.
        let (level, down) = (level(percent), level(percent + SWING));
        if level > told {
            let percent = (percent * 10.0).round() / 10.0;
            let news = News::StorageWarning(StorageWarning { used, limit, percent });
            return Ok(noted(Some(news), level));
        }
        Ok(if down < told { noted(None, down) } else { None })
    }

    /// What this host is to do, and the next event of each of these consumers. `holder`: the host, by which its claims end.
    pub fn claim(&self, consumers: &[EventConsumer], holder: &str, now: i64) -> Result<Claims> {
        let Some(logbook) = self.logbook()? else { return Ok(Claims::default()) };
        let dir = self.vault();
        let is_alive = |other: &str| presence::hosts(&dir).iter().any(|host| host.id == other);
        let errands = logbook.errands()?.into_iter().filter(|(host, _)| host == holder).map(|(_, event)| event);
        Ok(Claims { errands: errands.collect(), claims: logbook.claim(consumers, holder, &is_alive, now)? })
    }

    /// A consumer has taken an event, or a host has done its errand, which is nobody else's.
    pub fn take(&self, id: i64, consumer: Option<&str>, now: i64) -> Result<()> {
        let Some(logbook) = self.logbook()? else { return Ok(()) };
        consumer.map_or_else(|| logbook.acknowledge(id), |consumer| logbook.take(id, consumer, now))
    }

    /// A consumer could not take an event: it comes again.
    pub fn release(&self, id: i64, consumer: &str) -> Result<()> {
        self.logbook()?.map_or(Ok(()), |logbook| logbook.release(id, consumer))
    }

    /// All that waits, for whomever.
    pub fn events(&self) -> Result<Vec<Event>> {
        self.logbook()?.map_or(Ok(Vec::new()), |logbook| logbook.events())
    }
}

/// What is to be told, and the fact that is noted with it.
struct Told {
    news: Option<News>,
    key: &'static str,
    before: Option<Value>,
    after: Value,
}

#[derive(Debug, Default, Serialize)]
pub struct Claims {
    /// For this host by its name.
    pub errands: Vec<Event>,
    pub claims: Vec<EventClaim>,
}

/// The zone of the host that follows the schedule, for whoever asks while no host runs.
fn note_zone(logbook: &Logbook, zone: Option<&str>) -> Result<()> {
    let zone = zone.and_then(zone::of_host);
    let known: Option<String> = logbook.fact(fact::ZONE)?;
    match (zone, known) {
        (zone, known) if zone == known => Ok(()),
        (Some(zone), _) => logbook.note(fact::ZONE, &zone),
        (None, _) => logbook.forget(fact::ZONE),
    }
}
