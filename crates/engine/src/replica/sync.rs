//! All targets at once, each in a thread of its own: one that is slow, or hangs, keeps no other waiting.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::bandwidth::{Bandwidth, Throttle, sleep_until};
use super::care::Care;
use super::keep::DAY;
use super::ledger::{Ledger, TargetFailure};
use super::patience::Patience;
use super::prune::Pruning;
use super::push::{Push, PushTally};
use super::{locks, standing, vaults};
use crate::config::cloud::Target;
use crate::mutex::lock;
use crate::report::{SyncFailure, SyncReport, Warning};
use crate::store::{Fault, Kind, Opener};
use crate::vault::Vault;
use crate::watch::{self, News};
use crate::{Config, Control, Error, Result, marriage, zone};

/// While another target is still at work, a target that is done looks for what is new as often as this.
const LOOK: Duration = Duration::from_secs(1);

pub struct SyncRun<'a> {
    pub vault: &'a Vault,
    pub config: &'a Config,
    pub opener: &'a dyn Opener,
    pub patience: Patience,
    pub control: &'a Control,
}

/// What came of it, and what was told of it.
pub struct Synced {
    pub report: SyncReport,
    pub news: Vec<News>,
}

/// What all threads write down.
struct SyncShared {
    ledger: Mutex<Ledger>,
    tally: PushTally,
    /// Targets that are at work.
    busy: AtomicUsize,
    told: Mutex<Vec<News>>,
    /// The root's id.
    root: Option<String>,
}

impl SyncRun<'_> {
    /// The caller has the [`super::Turn`]. That a target fails is told at once, and not when the others have ended, too.
    pub fn run(&self, targets: &[&Target]) -> Result<Synced> {
        let shared = SyncShared {
            ledger: Mutex::new(Ledger::open(self.vault.dir())?),
            tally: PushTally::default(),
            busy: AtomicUsize::new(targets.len()),
            told: Mutex::default(),
            root: marriage::root_of(self.vault),
        };
        let failed = std::thread::scope(|scope| {
            let threads: Vec<_> = targets
                .iter()
                .map(|target| {
                    let shared = &shared;
                    scope.spawn(move || self.bring(target, shared))
                })
                .collect();
            let join = |(thread, target): (std::thread::ScopedJoinHandle<'_, _>, &&Target)| {
                thread.join().unwrap_or_else(|_| {
                    shared.busy.fetch_sub(1, Ordering::Relaxed);
                    let error = Error::internal(format!("bringing the backups to {} panicked", target.name()));
                    Some((error.code().to_owned(), error.to_string()))
                })
            };
            threads.into_iter().zip(targets).map(join).collect::<Vec<_>>()
        });
        let report = self.report(targets, &shared, failed)?;
        // Also where it was cut off, somebody has heard how the targets are.
        self.control.check()?;
        Ok(Synced { report, news: shared.told.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) })
    }

    /// One target, until it has all that there is, and the others, too. Returns why it failed.
    fn bring(&self, target: &Target, shared: &SyncShared) -> Option<(String, String)> {
        loop {
            let outcome = self.push(target, shared);
            shared.busy.fetch_sub(1, Ordering::Relaxed);
            let failure = self.note(target, shared, outcome);
            let rest = Instant::now() + self.rest_of(target, shared);
            loop {
                let has_ended = shared.busy.load(Ordering::Relaxed) == 0;
                if has_ended || sleep_until(Instant::now() + LOOK, self.control).is_err() {
                    return failure;
                }
                // What backups bring meanwhile does not wait for another target.
                let is_new = || {
                    standing::pending(self.vault.dir(), &lock(&shared.ledger), target.name())
                        .is_ok_and(|it| it.objects > 0)
                };
                if if failure.is_some() { Instant::now() >= rest } else { is_new() } {
                    break;
                }
            }
            shared.busy.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// For how long a target is left alone: after a failure, and where the service has asked for it.
    fn rest_of(&self, target: &Target, shared: &SyncShared) -> Duration {
        let standing = lock(&shared.ledger).standing(target.name(), &standing::identity(target));
        let until = standing.ok().flatten().map_or(0, |standing| standing.not_before);
        Duration::from_millis((until - self.control.now()).max(0) as u64)
    }

    fn tell(&self, shared: &SyncShared, news: News) {
        watch::tell(self.vault.dir(), &news, self.control);
        lock(&shared.told).push(news);
    }

    /// Once, until that changes.
    fn tell_failure(&self, target: &Target, shared: &SyncShared, code: &str, message: &str) {
        let name = target.name();
        let pending = {
            let ledger = lock(&shared.ledger);
            if !ledger.is_news(name, code).unwrap_or(true) {
                return;
            }
            standing::pending(self.vault.dir(), &ledger, name).unwrap_or_default().objects
        };
        self.tell(shared, News::sync_failure(name, code, message, pending));
    }

    fn push(&self, target: &Target, shared: &SyncShared) -> Result<(), Fault> {
        let ledger = &shared.ledger;
        let identity = standing::identity(target);
        lock(ledger).begin(target.name(), &identity)?;
        let store = self.opener.open(target, &self.vault.id())?;
        let bandwidth = target.bandwidth().map_or(Ok(Bandwidth::default()), Bandwidth::parse)?;
        let push = Push {
            vault: self.vault,
            config: self.config,
            target,
            identity,
            store: store.as_ref(),
            ledger,
            pace: Throttle::new(bandwidth, zone::of(self.config).zone),
            patience: self.patience,
            control: self.control,
            tally: &shared.tally,
            care: Care::default(),
            root: shared.root.clone(),
        };
        push.run()?;
        if !target.is_append_only() && self.is_day(ledger, &format!("pruned.{}", target.name()))? {
            // A connection of its own: what it asks the target takes a while, and others write down what they have sent.
            let own = Ledger::open(self.vault.dir())?;
            let (vault, config, control, patience) = (self.vault, self.config, self.control, self.patience);
            let pruning =
                Pruning { vault, config, target, store: store.as_ref(), ledger: Some(&own), patience, control };
            pruning.run(false, false)?;
        }
        if let Some(days) = target.lock_days()
            && self.is_day(ledger, &format!("locked.{}", target.name()))?
        {
            let own = Ledger::open(self.vault.dir())?;
            let (vault, config, control, patience) = (self.vault, self.config, self.control, self.patience);
            let pruning =
                Pruning { vault, config, target, store: store.as_ref(), ledger: Some(&own), patience, control };
            locks::renew(&pruning, days)?;
        }
        if self.config.monitor.neighbours && self.is_day(ledger, &format!("neighbours.{}", target.name()))? {
            self.look_after_neighbours(target, shared)?;
        }
        Ok(())
    }

    /// Was it done, and a day ago? What was never done is new, and done tomorrow.
    fn is_day(&self, ledger: &Mutex<Ledger>, key: &str) -> Result<bool> {
        let (ledger, now) = (lock(ledger), self.control.now());
        let last = ledger.noted(key)?;
        if last.is_some_and(|last| (0..DAY).contains(&(now - last))) {
            return Ok(false);
        }
        ledger.note(key, now)?;
        Ok(last.is_some())
    }

    /// Of each vault there that is late it is told once, until it is not.
    fn look_after_neighbours(&self, target: &Target, shared: &SyncShared) -> Result<(), Fault> {
        let store = self.opener.open(target, "")?;
        for vault in vaults::all(store.as_ref(), target.name(), self.patience, self.control)? {
            let key = format!("late.{}.{}", target.name(), vault.prefix);
            let is_news = {
                let ledger = lock(&shared.ledger);
                let was_late = ledger.noted(&key)? == Some(1);
                let has_changed = vault.prefix != self.vault.id() && vault.late != was_late;
                if has_changed {
                    ledger.note(&key, i64::from(vault.late))?;
                }
                has_changed && vault.late
            };
            if is_news {
                self.tell(shared, News::neighbour_late(target.name(), &vault.owner, vault.newest));
            }
        }
        Ok(())
    }

    /// Writes down how it went, and tells a failure. What was only cancelled tells nothing of the target.
    fn note(&self, target: &Target, shared: &SyncShared, outcome: Result<(), Fault>) -> Option<(String, String)> {
        let (name, now) = (target.name(), self.control.now());
        let ledger = lock(&shared.ledger);
        let fault = match outcome {
            Ok(()) => {
                let _ = ledger.succeeded(name, now);
                // What cannot be sent, because it is damaged here, is not tried each minute.
                if standing::pending(self.vault.dir(), &ledger, name).is_ok_and(|pending| pending.objects > 0) {
                    let _ = ledger.rest(name, now + standing::REST);
                }
                return None;
            }
            Err(fault) => fault,
        };
        let after = match fault.kind {
            Kind::Cancelled => return None,
            Kind::Transient { after: Some(after) } => after.as_millis().min(24 * 3_600_000) as i64,
            _ => 0,
        };
        let error = Error::from(fault);
        // Which target it is stands beside it.
        let message = error.to_string();
        let message = message.strip_prefix(&format!("{name}: ")).map(str::to_owned).unwrap_or(message);
        let failure = TargetFailure { at: now, code: error.code().into(), message };
        let _ = ledger.failed(name, &failure, now + standing::REST.max(after));
        drop(ledger);
        self.tell_failure(target, shared, &failure.code, &failure.message);
        Some((failure.code, failure.message))
    }

    fn report(
        &self,
        targets: &[&Target],
        shared: &SyncShared,
        failures: Vec<Option<(String, String)>>,
    ) -> Result<SyncReport> {
        let mut failed = std::mem::take(&mut *lock(&shared.tally.failed));
        let damaged: BTreeSet<String> = failed.iter().map(|one| one.target.clone()).collect();
        let (mut pending, mut warnings, mut is_better) = (0, Vec::new(), false);
        for (target, failure) in targets.iter().zip(failures) {
            let name = target.name();
            if let Some((code, message)) = failure {
                // A thread that panicked has not told it.
                self.tell_failure(target, shared, &code, &message);
                failed.push(SyncFailure { object: String::new(), target: name.into(), code, message });
            } else if !self.control.is_cancelled() && !damaged.contains(name) {
                // Of what is damaged here, the vault's own inspections tell.
                is_better |= lock(&shared.ledger).is_news(name, "")?;
            }
            let ledger = lock(&shared.ledger);
            pending += standing::pending(self.vault.dir(), &ledger, name)?.objects;
            let of_target = ledger.warnings(name)?.into_iter();
            warnings.extend(of_target.map(|message| Warning { path: name.into(), message }));
        }
        let report = SyncReport {
            uploaded: shared.tally.uploaded.load(Ordering::Relaxed),
            bytes: shared.tally.bytes.load(Ordering::Relaxed),
            pending,
            failed,
            warnings,
        };
        if is_better {
            self.tell(shared, News::SyncSuccess(report.clone()));
        }
        Ok(report)
    }
}
