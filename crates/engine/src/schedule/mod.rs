//! When backups are due. Pure: whoever runs it says what time it is.
//!
//! A type is due once its pattern has fired since it was last seen to, however often that was: what was missed while
//! nothing ran is made up once. Where several types are due together, the largest runs and counts for the others. What
//! failed is tried once more, together with what is due next: a full disk at 4 AM on the 1st costs no month.

pub mod pattern;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::config::Config;
use crate::report::BackupType;
use crate::{Error, Result, zone};
use pattern::Pattern;

/// A clock may be corrected by so much without anything being run again; a larger step back starts anew from there.
const STEP_BACK: i64 = 10 * 60_000;
/// A run that is this late was missed.
const LATE: i64 = 2 * 60_000;
/// When the vault is inspected, unless the configuration says otherwise: after the large backups, before the day.
const INSPECTION: &str = "30 5 * * *";

/// Which type comes when. Instants are milliseconds since the epoch.
#[derive(Clone, Debug)]
pub struct Agenda {
    /// From the smallest type to the largest, those that are switched on.
    patterns: Vec<(BackupType, Pattern)>,
    zone: TimeZone,
}

/// A run to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    pub kind: BackupType,
    pub at: i64,
}

/// A run that is to begin now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    pub kind: BackupType,
    /// Smaller types that are due, too, and that it counts for.
    pub covers: Vec<BackupType>,
    /// Its time has passed while nobody looked.
    pub missed: bool,
}

impl Agenda {
    /// `zone`: the time zone of the host, for where none is configured; without one, whatever [`zone::of`] says.
    pub fn of(config: &Config, zone: Option<&str>) -> Result<Agenda> {
        let zone = zone_of(config, zone)?;
        let enabled = BackupType::SCHEDULED.into_iter().filter(|kind| config.schedule(*kind).enabled);
        let patterns =
            enabled.map(|kind| Ok((kind, config.schedule(kind).cron.parse()?))).collect::<Result<Vec<_>>>()?;
        Ok(Agenda { patterns, zone })
    }

    /// The coming runs after `after`, soonest first; of several at the same time, the largest.
    pub fn next(&self, after: i64, count: usize) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        let mut at = after;
        while runs.len() < count {
            let coming = self.patterns.iter().filter_map(|(kind, pattern)| {
                let at = self.fires(pattern, at)?;
                Some(Run { kind: *kind, at })
            });
            // The later of equals is the larger type.
            let Some(run) = coming.min_by(|a, b| (a.at, b.kind).cmp(&(b.at, a.kind))) else { break };
            at = run.at;
            runs.push(run);
        }
        runs
    }

    fn fires(&self, pattern: &Pattern, after: i64) -> Option<i64> {
        fires(pattern, after, &self.zone)
    }
}

/// Keeps track of what was seen to.
#[derive(Clone, Debug)]
pub struct Scheduler {
    agenda: Agenda,
    /// By type: everything up to this instant was run, or counted for.
    seen_to: BTreeMap<BackupType, i64>,
    /// Types whose run has failed, to be tried with the next one that is due.
    owed: BTreeSet<BackupType>,
    /// The types of the run that began last, if they are not tried again already.
    fresh: BTreeSet<BackupType>,
}

impl Scheduler {
    /// `last`: when each type was last run or counted for. One that never was has missed nothing.
    pub fn new(agenda: Agenda, last: &BTreeMap<BackupType, i64>, now: i64) -> Scheduler {
        let types = agenda.patterns.iter().map(|(kind, _)| *kind);
        let seen_to = types.map(|kind| (kind, last.get(&kind).copied().unwrap_or(now))).collect();
        Scheduler { agenda, seen_to, owed: BTreeSet::new(), fresh: BTreeSet::new() }
    }

    /// What is to begin now, if anything. It counts as seen to from here on.
    pub fn due(&mut self, now: i64) -> Option<Due> {
        let (mut kinds, mut missed) = (BTreeSet::new(), false);
        for (kind, pattern) in &self.agenda.patterns {
            let seen_to = self.seen_to.entry(*kind).or_insert(now);
            if now < *seen_to - STEP_BACK {
                // The clock was wrong before, or is wrong now: silence until it comes here again would be worse.
                *seen_to = now;
            }
            let Some(at) = self.agenda.fires(pattern, *seen_to).filter(|at| *at <= now) else { continue };
            *seen_to = now;
            kinds.insert(*kind);
            missed |= now - at > LATE;
        }
        if !kinds.is_empty() {
            self.fresh = kinds.difference(&self.owed).copied().collect();
            kinds.append(&mut self.owed);
        }
        let kind = kinds.pop_last()?;
        Some(Due { kind, covers: kinds.into_iter().collect(), missed })
    }

    /// The run that began last has failed.
    pub fn failed(&mut self) {
        self.owed = std::mem::take(&mut self.fresh);
    }

    /// When the next run is due, as things are now.
    pub fn wake(&self, now: i64) -> Option<i64> {
        let next = |(kind, pattern): &(BackupType, Pattern)| {
            let seen_to = self.seen_to.get(kind).copied().unwrap_or(now);
            self.agenda.fires(pattern, seen_to)
        };
        self.agenda.patterns.iter().filter_map(next).min()
    }

    pub fn agenda(&self) -> &Agenda {
        &self.agenda
    }
}

/// Something else that is to be done again and again: the inspection of the vault.
#[derive(Clone, Debug)]
pub struct Chore {
    pattern: Pattern,
    zone: TimeZone,
    seen_to: i64,
}

impl Chore {
    /// `monitor.verifyCron`, by default every day at 5:30. `zone`: as for [`Agenda::of`].
    pub fn of(config: &Config, zone: Option<&str>) -> Result<Chore> {
        let pattern = config.monitor.verify_cron.as_deref().unwrap_or(INSPECTION).parse()?;
        Ok(Chore { pattern, zone: zone_of(config, zone)?, seen_to: i64::MAX })
    }

    /// When it was done last, or when it is known since.
    pub fn seen_to(self, at: i64) -> Chore {
        Chore { seen_to: at, ..self }
    }

    /// Whether it is to be done now, and then whether its time was missed. It counts as seen to from here on.
    pub fn due(&mut self, now: i64) -> Option<bool> {
        if now < self.seen_to - STEP_BACK {
            self.seen_to = now;
        }
        let at = fires(&self.pattern, self.seen_to, &self.zone).filter(|at| *at <= now)?;
        self.seen_to = now;
        Some(now - at > LATE)
    }

    /// When it is due next.
    pub fn wake(&self) -> Option<i64> {
        fires(&self.pattern, self.seen_to, &self.zone)
    }
}

fn fires(pattern: &Pattern, after: i64, zone: &TimeZone) -> Option<i64> {
    pattern.next(Timestamp::from_millisecond(after).ok()?, zone).map(Timestamp::as_millisecond)
}

fn zone_of(config: &Config, zone: Option<&str>) -> Result<TimeZone> {
    match (config.timezone.as_deref(), zone) {
        (Some(name), _) => TimeZone::get(name)
            .map_err(|_| Error::Config { message: format!("{name:?} is not a time zone known here.") }),
        // A host under TZ=WIB-7 has no name for its zone; the system understands that.
        (None, Some(name)) => Ok(zone::named(name).unwrap_or_else(TimeZone::system)),
        (None, None) => Ok(zone::of(config).zone),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    fn scheduler(zone: &str, last: &[(BackupType, i64)], now: i64) -> Scheduler {
        let agenda = Agenda::of(&Config::default(), Some(zone)).unwrap();
        Scheduler::new(agenda, &last.iter().copied().collect(), now)
    }

    #[test]
    fn the_largest_of_those_that_are_due_together_runs_and_counts_for_the_others() {
        let now = at("2026-11-29T02:59:30Z");
        let mut scheduler = scheduler("UTC", &[], now);
        assert_eq!(scheduler.due(now), None);
        assert_eq!(scheduler.wake(now), Some(now + 30_000));
        let due = scheduler.due(now + 30_000).unwrap();
        assert_eq!((due.kind, &due.covers[..], due.missed), (BackupType::Weekly, &[BackupType::Hourly][..], false));
        assert_eq!(scheduler.due(now + 31_000), None);
        assert_eq!(scheduler.due(now + 30_000 + HOUR).unwrap().kind, BackupType::Hourly);
    }

    #[test]
    fn what_was_missed_is_made_up_once() {
        let now = at("2026-11-23T12:10:00Z");
        let last = [(BackupType::Hourly, now - 100 * HOUR), (BackupType::Daily, now - 100 * HOUR)];
        let mut scheduler = scheduler("UTC", &last, now);
        let due = scheduler.due(now).unwrap();
        assert_eq!((due.kind, &due.covers[..], due.missed), (BackupType::Daily, &[BackupType::Hourly][..], true));
        assert_eq!(scheduler.due(now + 1), None);
        assert_eq!(scheduler.wake(now), Some(at("2026-11-23T13:00:00Z")));
    }

    #[test]
    fn what_failed_is_tried_once_more_with_what_is_due_next() {
        let now = at("2026-12-01T03:30:00Z");
        let mut scheduler = scheduler("UTC", &[], now);
        let mut run = |hour: i64, fails: bool| {
            let due = scheduler.due(now - HOUR / 2 + hour * HOUR).unwrap();
            if fails {
                scheduler.failed();
            }
            (due.kind, due.covers)
        };
        assert_eq!(run(1, true), (BackupType::Monthly, vec![BackupType::Hourly]));
        // Once: a backup that cannot be made must not keep smaller ones from being made.
        assert_eq!(run(2, true), (BackupType::Monthly, vec![BackupType::Hourly]));
        assert_eq!(run(3, true), (BackupType::Hourly, vec![]));
        assert_eq!(run(4, false), (BackupType::Hourly, vec![]));
    }

    #[test]
    fn a_clock_that_jumps_neither_repeats_nor_falls_silent() {
        let now = at("2026-11-23T12:00:00Z");
        let mut scheduler = scheduler("UTC", &[], now - 1);
        assert_eq!(scheduler.due(now).unwrap().kind, BackupType::Hourly);
        // Corrected by a little: nothing runs twice.
        assert_eq!(scheduler.due(now - 1000), None);
        assert_eq!(scheduler.due(now), None);
        // Ten years ahead: one run, the largest. Back again: the next hour is an hour.
        assert_eq!(scheduler.due(now + 87_660 * HOUR).unwrap().kind, BackupType::Monthly);
        assert_eq!(scheduler.due(now + HOUR / 2), None);
        assert_eq!(scheduler.due(now + HOUR).unwrap().kind, BackupType::Hourly);
    }

    #[test]
    fn types_can_be_switched_off_and_moved() {
        let config = r#"{"root": ".", "timezone": "Asia/Jakarta", "schedules": {
            "HOURLY": {"enabled": false}, "WEEKLY": {"enabled": false}, "DAILY": {"cron": "30 1 * * *"}}}"#;
        let config = Config::from_json(config, std::path::Path::new("/")).unwrap();
        let runs = Agenda::of(&config, Some("UTC")).unwrap().next(at("2026-11-29T00:00:00Z"), 3);
        let expected = [
            (BackupType::Daily, "2026-11-29T18:30:00Z"),
            (BackupType::Daily, "2026-11-30T18:30:00Z"),
            (BackupType::Monthly, "2026-11-30T21:00:00Z"),
        ];
        assert_eq!(runs, expected.map(|(kind, time)| Run { kind, at: at(time) }));
    }
}
