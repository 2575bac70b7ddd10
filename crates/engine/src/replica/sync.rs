//! All targets at once, each in a thread of its own: one that is slow, or hangs, keeps no other waiting.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::bandwidth::{Bandwidth, Pace, sleep_until};
use super::keep::DAY;
use super::ledger::{Failure, Ledger};
use super::patience::Patience;
use super::prune::Pruning;
use super::push::{Push, Tally};
use super::{standing, vaults};
use crate::config::cloud::Target;
use crate::mutex::lock;
use crate::report::{SyncFailure, SyncReport};
use crate::store::{Fault, Kind, Opener};
use crate::vault::Vault;
use crate::watch::News;
use crate::{Config, Control, Error, Result, marriage, zone};

/// While another target is still at work, a target that is done looks for what is new as often as this.
const LOOK: Duration = Duration::from_secs(1);
/// For so long a target that has failed is left alone, in milliseconds, unless somebody asks for it.
pub const REST: i64 = 5 * 60_000;

pub struct Sync<'a> {
    pub vault: &'a Vault,
    pub config: &'a Config,
    pub opener: &'a dyn Opener,
    pub patience: Patience,
    pub control: &'a Control,
}

/// What came of it, and what somebody should hear of it.
pub struct Synced {
    pub report: SyncReport,
    pub news: Vec<News>,
}

impl Sync<'_> {
    /// The caller has the [`super::Turn`].
    pub fn run(&self, targets: &[&Target]) -> Result<Synced> {
        let ledger = Mutex::new(Ledger::open(self.vault.dir())?);
        let (tally, busy) = (Tally::default(), AtomicUsize::new(targets.len()));
        let (root, told) = (marriage::root_of(self.vault), Mutex::new(Vec::new()));
        let failed = std::thread::scope(|scope| {
            let threads: Vec<_> = targets
                .iter()
                .map(|target| {
                    let (ledger, tally, busy, told, root) = (&ledger, &tally, &busy, &told, root.clone());
                    scope.spawn(move || self.bring(target, ledger, tally, busy, root, told))
                })
                .collect();
            let join = |(thread, target): (std::thread::ScopedJoinHandle<'_, _>, &&Target)| {
                thread.join().unwrap_or_else(|_| {
                    busy.fetch_sub(1, Ordering::Relaxed);
                    let error = Error::internal(format!("bringing the backups to {} panicked", target.name()));
                    Some((error.code().to_owned(), error.to_string()))
                })
            };
            threads.into_iter().zip(targets).map(join).collect::<Vec<_>>()
        });
        self.control.check()?;
        let ledger = ledger.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut synced = self.report(targets, &ledger, tally, failed)?;
        synced.news.extend(told.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner));
        Ok(synced)
    }

    /// One target, until it has all that there is, and the others, too. Returns why it failed.
    fn bring(
        &self,
        target: &Target,
        ledger: &Mutex<Ledger>,
        tally: &Tally,
        busy: &AtomicUsize,
        root: Option<String>,
        told: &Mutex<Vec<News>>,
    ) -> Option<(String, String)> {
        loop {
            let outcome = self.push(target, ledger, tally, root.clone(), told);
            busy.fetch_sub(1, Ordering::Relaxed);
            let failure = self.note(target, ledger, outcome);
            let rest = Instant::now() + Duration::from_millis(REST as u64);
            loop {
                if busy.load(Ordering::Relaxed) == 0 || sleep_until(Instant::now() + LOOK, self.control).is_err() {
                    return failure;
                }
                // What backups bring meanwhile does not wait for another target.
                let is_new =
                    || standing::pending(self.vault.dir(), &lock(ledger), target.name()).is_ok_and(|it| it.objects > 0);
                if if failure.is_some() { Instant::now() >= rest } else { is_new() } {
                    break;
                }
            }
            busy.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn push(
        &self,
        target: &Target,
        ledger: &Mutex<Ledger>,
        tally: &Tally,
        root: Option<String>,
        told: &Mutex<Vec<News>>,
    ) -> Result<(), Fault> {
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
            pace: Pace::new(bandwidth, zone::of(self.config).zone),
            patience: self.patience,
            control: self.control,
            tally,
            root,
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
        if self.config.monitor.neighbours && self.is_day(ledger, &format!("neighbours.{}", target.name()))? {
            self.look_after_neighbours(target, ledger, told)?;
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
    fn look_after_neighbours(
        &self,
        target: &Target,
        ledger: &Mutex<Ledger>,
        told: &Mutex<Vec<News>>,
    ) -> Result<(), Fault> {
        let store = self.opener.open(target, "")?;
        for vault in vaults::all(store.as_ref(), target.name(), self.patience, self.control)? {
            let key = format!("late.{}.{}", target.name(), vault.prefix);
            let ledger = lock(ledger);
            let was_late = ledger.noted(&key)? == Some(1);
            if vault.prefix != self.vault.id() && vault.late != was_late {
                ledger.note(&key, i64::from(vault.late))?;
                if vault.late {
                    lock(told).push(News::neighbour_late(target.name(), &vault.owner, vault.newest));
                }
            }
        }
        Ok(())
    }

    /// Writes down how it went. What was only cancelled tells nothing of the target.
    fn note(&self, target: &Target, ledger: &Mutex<Ledger>, outcome: Result<(), Fault>) -> Option<(String, String)> {
        let (name, now) = (target.name(), self.control.now());
        let ledger = lock(ledger);
        let fault = match outcome {
            Ok(()) => {
                let _ = ledger.succeeded(name, now);
                // What cannot be sent, because it is damaged here, is not tried each minute.
                if standing::pending(self.vault.dir(), &ledger, name).is_ok_and(|pending| pending.objects > 0) {
                    let _ = ledger.rest(name, now + REST);
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
        let failure = Failure { at: now, code: error.code().into(), message };
        let _ = ledger.failed(name, &failure, now + REST.max(after));
        Some((failure.code, failure.message))
    }

    fn report(
        &self,
        targets: &[&Target],
        ledger: &Ledger,
        tally: Tally,
        failures: Vec<Option<(String, String)>>,
    ) -> Result<Synced> {
        let mut failed = tally.failed.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        let damaged: BTreeSet<String> = failed.iter().map(|one| one.target.clone()).collect();
        let (mut pending, mut news, mut is_better) = (0, Vec::new(), false);
        for (target, failure) in targets.iter().zip(failures) {
            let name = target.name();
            let left = standing::pending(self.vault.dir(), ledger, name)?.objects;
            pending += left;
            // Of what is damaged here, the vault's own inspections tell.
            match failure {
                Some((code, message)) => {
                    if ledger.is_news(name, &code)? {
                        news.push(News::sync_failure(name, &code, &message, left));
                    }
                    failed.push(SyncFailure { object: String::new(), target: name.into(), code, message });
                }
                None if !damaged.contains(name) => is_better |= ledger.is_news(name, "")?,
                None => {}
            }
        }
        let report = SyncReport {
            uploaded: tally.uploaded.load(Ordering::Relaxed),
            bytes: tally.bytes.load(Ordering::Relaxed),
            pending,
            failed,
        };
        if is_better {
            news.push(News::SyncSuccess(report.clone()));
        }
        Ok(Synced { report, news })
    }
}
