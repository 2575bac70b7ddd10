//! `NativeScheduler`: what is due, by the engine's rules. The timers are JavaScript's, and so is the clock.

use std::sync::Mutex;

use lifeboat_engine::Config;
use lifeboat_engine::mutex::lock as locked;
use lifeboat_engine::schedule::{Agenda, Chore, Scheduler};
use lifeboat_engine::supervise::protocol::Failure;
use lifeboat_engine::watch::Watch;
use lifeboat_engine::zone;
use napi_derive::napi;
use serde_json::json;

use crate::outcome;

#[napi]
pub struct NativeScheduler {
    watch: Watch,
    /// The host's, as other processes understand it.
    zone: Option<String>,
    agenda: Agenda,
    chore: Chore,
    /// From `start` on.
    started: Mutex<Option<(Scheduler, Chore)>>,
}

impl NativeScheduler {
    /// `zone`: the host's, for where none is configured.
    pub(crate) fn of(config: &Config, zone: &str) -> Result<NativeScheduler, Failure> {
        let make = || {
            Ok(NativeScheduler {
                watch: Watch::new(config),
                zone: zone::of_host(zone),
                agenda: Agenda::of(config, Some(zone))?,
                chore: Chore::of(config, Some(zone))?,
                started: Mutex::default(),
            })
        };
        make().map_err(|error| Failure::from(&error))
    }
}

/// Times are milliseconds since the epoch. Whatever returns a string returns an outcome.
#[napi]
impl NativeScheduler {
    /// Begins where the vault says that it was followed up to. Opens the logbook and nothing else.
    #[napi]
    pub fn start(&self, now: f64) -> String {
        let now = now as i64;
        outcome::of(|| {
            let scheduler = Scheduler::new(self.agenda.clone(), &self.watch.seen_to(now), now);
            self.watch.note_zone(self.zone.as_deref());
            let chore = self.chore.clone().seen_to(self.watch.inspected(now));
            *locked(&self.started) = Some((scheduler, chore));
            Ok("null".into())
        })
    }

    /// `{ type, covers, missed }` of the backup that is to begin now, or null. It counts as seen to from here on.
    #[napi]
    pub fn due(&self, now: f64) -> String {
        outcome::of(|| {
            let due = locked(&self.started).as_mut().and_then(|(scheduler, _)| scheduler.due(now as i64));
            let due = due.map(|due| json!({ "type": due.kind, "covers": due.covers, "missed": due.missed }));
            Ok(json!(due).to_string())
        })
    }

    /// The backup that was begun last has failed: it is tried once more, with what is due next.
    #[napi]
    pub fn failed(&self) -> String {
        outcome::of(|| {
            if let Some((scheduler, _)) = locked(&self.started).as_mut() {
                scheduler.failed();
            }
            Ok("null".into())
        })
    }

    /// `{ missed }` where the vault is to be inspected now, or null. It counts as seen to from here on.
    #[napi]
    pub fn inspection_due(&self, now: f64) -> String {
        outcome::of(|| {
            let due = locked(&self.started).as_mut().and_then(|(_, chore)| chore.due(now as i64));
            Ok(json!(due.map(|missed| json!({ "missed": missed }))).to_string())
        })
    }

    /// When something is due next, or null.
    #[napi]
    pub fn wake(&self, now: f64) -> String {
        outcome::of(|| {
            let started = locked(&self.started);
            let wakes = started.iter().flat_map(|(scheduler, chore)| [scheduler.wake(now as i64), chore.wake()]);
            Ok(json!(wakes.flatten().min()).to_string())
        })
    }

    /// The coming backups, soonest first: `{ type, at }[]`.
    #[napi]
    pub fn next(&self, now: f64, count: u32) -> String {
        outcome::of(|| {
            let runs = self.agenda.next(now as i64, count as usize);
            let runs: Vec<_> = runs.iter().map(|run| json!({ "type": run.kind, "at": run.at })).collect();
            Ok(json!(runs).to_string())
        })
    }
}
