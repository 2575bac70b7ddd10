//! How the backups are: what is wrong, since when, and what to do about it. Needs no key and never waits.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Logbook, doubted, fact, newest_good_of};
use crate::presence::{self, Host};
use crate::replica::standing;
use crate::report::{
    BackupType, CloudState, CloudStatus, HistoryFilter, HostStatus, LastFailure, Maker, NextRun, Problem, Run,
    RunResult, ScheduleStatus, Status, StorageStatus, VerifyReport,
};
use crate::restore::{self, Unfinished};
use crate::schedule::{self as schedules, Agenda};
use crate::vault::catalog::Catalog;
use crate::vault::name::BackupName;
use crate::vault::{self, Usage, Vault, lock, place};
use crate::{Config, Error, Result, marriage, space, zone};

/// So many of the newest runs are looked at for one that made a backup.
const NEWEST: usize = 50;

/// `unfinished`: why a restore that was cut off could not be carried on. `now`: milliseconds since the epoch.
pub fn status(config: &Config, unfinished: Option<Error>, now: i64) -> Result<Status> {
    let dir = &place::of(&config.backup_dir);
    let Usage { used, stored, backups } = vault::usage(dir)?;
    let last_success = last_success(&backups, now);
    let (logbook, unreadable) = match Logbook::read(dir) {
        Ok(logbook) => (logbook, None),
        Err(error) => (None, Some(error)),
    };
    let failure = logbook.as_ref().and_then(|logbook| logbook.last_failure().ok()).flatten();
    let newest = newest_good_of(&backups, dir, now);
    let mut problems = Problems(Vec::new());
    let unfinished = unfinished.map(|error| (error.code(), error.to_string()));
    if let Some((code, message)) = &unfinished {
        problems.of_restore(code, message);
    }
    problems.of_doubt(dir);
    let missing = if Vault::exists(dir) { None } else { marriage::refuse_missing_vault(config).err() };
    if let Some(error) = &missing {
        problems.add(error.code(), error.to_string());
    }
    let zone = makers_zone(dir);
    let paused = logbook.as_ref().and_then(|logbook| logbook.paused(now).ok()).flatten();
    if missing.is_none() {
        problems.of_age(config, zone.as_deref(), newest.map(|newest| now - newest), backups.is_empty(), paused, now);
    }
    if let Some(run) = failure.as_ref().filter(|run| newest.is_none_or(|newest| newest < run.at)) {
        problems.of_failure(run);
    }
    if let Some(logbook) = &logbook {
        problems.of_degraded(logbook, unfinished.as_ref().map(|(_, message)| message.as_str()));
        problems.of_damage(logbook.fact(fact::DAMAGE).unwrap_or_default(), "Reading back what is stored found damage");
        problems.of_inspections(logbook);
        problems.of_damage(logbook.fact(fact::REHEARSAL).unwrap_or_default(), "The rehearsal of a restore failed");
    }
    problems.of_storage(config, used);
    let cloud = standing::of_targets(config, dir).unwrap_or_default();
    problems.of_targets(&cloud);
    problems.of_logbook(dir, unreadable);
    let problems = since(problems.0, logbook.as_ref(), dir, now);
    let catalog = Catalog::open_read_only(dir);
    let schedule = schedule(config, dir, logbook.as_ref(), now);
    Ok(Status {
        healthy: problems.is_empty(),
        problems,
        last_success,
        last_failure: failure.and_then(last_failure),
        age: newest.map(|newest| (now - newest).max(0)),
        running: lock::holder(dir),
        pending_restore: restore::unfinished(&config.root) == Some(Unfinished::Waits),
        storage: StorageStatus {
            used,
            limit: config.max_local_storage.0,
            free: space::free(if dir.exists() { dir } else { &config.root }).unwrap_or(0),
            backups: backups.len() as u64,
            source_bytes: catalog.and_then(|catalog| catalog.total_size().ok()).unwrap_or(0),
            stored_bytes: stored,
        },
        cloud,
        schedule,
    })
}

/// When the newest backup of each type was made.
fn last_success(backups: &[BackupName], now: i64) -> BTreeMap<BackupType, i64> {
    let mut last_success = BTreeMap::new();
    for name in backups.iter().filter(|name| name.millis() <= now) {
        let last = last_success.entry(name.kind()).or_insert(name.millis());
        *last = name.millis().max(*last);
    }
    last_success
}

/// Who makes the backups. Only looks.
pub fn makers(config: &Config, now: i64) -> ScheduleStatus {
    let dir = place::of(&config.backup_dir);
    schedule(config, &dir, Logbook::open_read_only(&dir).as_ref(), now)
}

/// Who makes the backups, and which comes next where somebody does.
fn schedule(config: &Config, dir: &Path, logbook: Option<&Logbook>, now: i64) -> ScheduleStatus {
    let hosts = presence::processes(dir);
    let scheduling = hosts.iter().find(|host| host.scheduler.is_some());
    let last_command = logbook.and_then(|logbook| logbook.last_command().ok()).flatten();
    let is_recent = |run: &NextRun| schedules::is_stale(config, None, now - run.at, now).is_none();
    let by = match (&scheduling, &last_command) {
        (Some(_), _) => Maker::Host,
        (None, Some(run)) if is_recent(run) => Maker::Commands,
        _ => Maker::Nobody,
    };
    let zone = scheduling.map(|host| host.zone.as_str());
    let paused = logbook.and_then(|logbook| logbook.paused(now).ok()).flatten();
    let from = paused.unwrap_or(now);
    let next = scheduling.and_then(|_| Agenda::of(config, zone).ok()?.next(from, 1).first().copied());
    ScheduleStatus {
        running: by == Maker::Host,
        next: next.map(|run| NextRun { kind: run.kind, at: run.at }),
        by,
        paused,
        hosts: hosts.into_iter().map(HostStatus::from).collect(),
        last_command,
    }
}

impl From<Host> for HostStatus {
    fn from(host: Host) -> HostStatus {
        HostStatus {
            pid: host.pid,
            name: host.name,
            since: host.since,
            zone: host.zone,
            scheduler: host.scheduler,
            applies_pending: host.applies,
            reloads: host.reloads,
        }
    }
}

fn last_failure(run: Run) -> Option<LastFailure> {
    Some(LastFailure { kind: run.kind?, at: run.at, code: run.code?, message: run.message? })
}

/// The zone of the host that makes the backups, for whose schedule the age counts.
fn makers_zone(dir: &Path) -> Option<String> {
    presence::processes(dir).into_iter().find(|host| host.scheduler.is_some()).map(|host| host.zone)
}

struct Problems(Vec<(String, String)>);

impl Problems {
    fn add(&mut self, code: &str, message: String) {
        self.0.push((code.into(), message));
    }

    /// A restore was cut off, and cannot be carried on.
    fn of_restore(&mut self, code: &str, message: &str) {
        // Some say themselves what it is about.
        let message = match message.starts_with("A restore was cut off") {
            true => message.to_owned(),
            false => format!("A restore was cut off, and it cannot be carried on yet: {message}"),
        };
        self.add(code, message);
    }

    /// A backup looks wrong, and nobody has said that it is right.
    fn of_doubt(&mut self, dir: &Path) {
        let Some(doubted) = doubted(dir) else { return };
        if let Some(doubt) = &doubted.suspicious {
            self.add("E_SOURCE", doubt.advice(&doubted.backup));
        }
    }

    fn of_age(
        &mut self,
        config: &Config,
        zone: Option<&str>,
        age: Option<i64>,
        is_empty: bool,
        paused: Option<i64>,
        now: i64,
    ) {
        let Some(age) = age else {
            let message = match is_empty {
                true => "There is no backup yet. Make one with `lifeboat backup`.",
                false => "There is no good backup: all are degraded. See their warnings.",
            };
            return self.add("E_NOT_FOUND", message.into());
        };
        if let Some(limit) = schedules::is_stale(config, zone, age, now) {
            let hours = |millis: i64| (millis as f64 / 360_000.0).round() / 10.0;
            let why = match paused {
                Some(until) => format!(
                    "Scheduled backups are paused until {}; `lifeboat resume` ends it.",
                    zone::of(config).say(until)
                ),
                None => "Is the scheduler running? `lifeboat history` says what happened.".into(),
            };
            self.add(
                "E_NOT_FOUND",
                format!(
                    "The newest good backup is {} hours old; the limit is {}. {why} `lifeboat backup` makes one now.",
                    age / 3_600_000,
                    hours(limit)
                ),
            );
        }
    }

    /// What looks after the backups could not be done the last time.
    fn of_inspections(&mut self, logbook: &Logbook) {
        for (operation, what) in [
            ("VERIFY", "What is stored could not be read back"),
            ("REHEARSAL", "The rehearsal of a restore could not be made"),
        ] {
            let Ok(Some(run)) = logbook.last_of(operation) else { continue };
            // Damage that was found is told by what found it.
            if let (RunResult::Failure | RunResult::Interrupted, Some(code), Some(message)) =
                (run.result, &run.code, &run.message)
                && !matches!(code.as_str(), "E_CORRUPT" | "E_BUSY")
            {
                self.add(code, format!("{what}: {message}"));
            }
        }
    }

    /// What cannot be read or written there is not known, or will not be.
    fn of_logbook(&mut self, dir: &Path, unreadable: Option<Error>) {
        if let Some(error) = unreadable {
            return self.add(
                error.code(),
                format!("What happened cannot be read, so more may be wrong than is said here: {error}"),
            );
        }
        if let Some(error) = Vault::exists(dir).then(|| Logbook::unwritable(dir)).flatten() {
            self.add(
                error.code(),
                format!("Nothing can be written down in the vault, so alarms are only told to apps that run: {error}"),
            );
        }
    }

    fn of_failure(&mut self, run: &Run) {
        // Somebody wanted it so, or something else was at work: nothing is wrong.
        let code = run.code.as_deref().unwrap_or("E_INTERNAL");
        if !matches!(code, "E_ABORTED" | "E_BUSY") {
            let message = run.message.as_deref().unwrap_or("It is not known why.");
            self.add(code, format!("The last backup failed: {message}"));
        }
    }

    /// What the newest backup could not store is still missing. `told`: the message of a problem that is told already.
    fn of_degraded(&mut self, logbook: &Logbook, told: Option<&str>) {
        let filter =
            HistoryFilter { operation: Some("BACKUP".into()), limit: Some(NEWEST), ..HistoryFilter::default() };
        let is_backup = |run: &Run| matches!(run.result, RunResult::Success | RunResult::Degraded);
        let newest = logbook.runs(&filter).unwrap_or_default().into_iter().find(is_backup);
        let Some(mut run) = newest.filter(|run| run.result == RunResult::Degraded) else { return };
        let many = run.warnings.len();
        run.warnings.retain(|warning| told != Some(warning.message.as_str()));
        if many > 0 && run.warnings.is_empty() {
            return;
        }
        let first = run.warnings.first().map_or(String::new(), |first| match first.path.as_str() {
            "" => format!(" {}", first.message),
            path => format!(" {path}: {}", first.message),
        });
        let more = match run.warnings.len() {
            0 | 1 => String::new(),
            many => format!(" (and {} more: `lifeboat history --json`)", many - 1),
        };
        self.add("E_SOURCE", format!("The newest backup is not whole.{first}{more}"));
    }

    fn of_damage(&mut self, report: Option<VerifyReport>, what: &str) {
        let Some(report) = report.filter(|report| !report.ok) else { return };
        let first =
            report.damaged.first().map_or(String::new(), |first| format!("{}: {}", first.object, first.message));
        let more = match report.damaged.len() {
            0 | 1 => String::new(),
            many => format!(" (and {} more)", many - 1),
        };
        self.add(
            "E_CORRUPT",
            format!(
                "{what}: {first}{more}. Make a full backup now (`lifeboat backup --full`): it stores again what it can \
                 still read in the root; then `lifeboat verify --part` says what is left."
            ),
        );
    }

    /// What is not elsewhere goes with this disk.
    fn of_targets(&mut self, targets: &[CloudStatus]) {
        for target in targets.iter().filter(|target| target.state == CloudState::Failing) {
            if let Some(failure) = &target.last_failure {
                self.add(&failure.code, format!("Backups do not get to a target: {}", failure.message));
            }
        }
    }

    fn of_storage(&mut self, config: &Config, used: u64) {
        let limit = config.max_local_storage.0;
        if used as f64 >= limit as f64 * config.monitor.storage_warn_percent / 100.0 {
            self.add(
                "E_STORAGE_LIMIT",
                format!(
                    "The vault uses {} of {} (maxLocalStorage). Older backups will go to make room; raise the limit, or \
                     delete or unpin what is not needed.",
                    space::said(used),
                    space::said(limit)
                ),
            );
        }
    }
}

/// Since when there are these problems; those that are gone are forgotten.
fn since(problems: Vec<(String, String)>, logbook: Option<&Logbook>, dir: &Path, now: i64) -> Vec<Problem> {
    let known: Vec<(String, i64)> = logbook.and_then(|logbook| logbook.facts(fact::PROBLEM).ok()).unwrap_or_default();
    let problems: Vec<Problem> = problems
        .into_iter()
        .map(|(code, message)| {
            let since = known.iter().find(|(known, _)| *known == code).map_or(now, |(_, since)| *since);
            Problem { code, message, since }
        })
        .collect();
    let is_news = problems.iter().any(|problem| !known.iter().any(|(code, _)| *code == problem.code))
        || known.iter().any(|(code, _)| !problems.iter().any(|problem| problem.code == *code));
    // Whoever may only look at the vault is told, too.
    if is_news && logbook.is_some() {
        let _ = Logbook::open(dir).and_then(|logbook| {
            for (code, _) in &known {
                logbook.forget(&format!("{}{code}", fact::PROBLEM))?;
            }
            problems
                .iter()
                .try_for_each(|problem| logbook.note(&format!("{}{}", fact::PROBLEM, problem.code), &problem.since))
        });
    }
    problems
}
