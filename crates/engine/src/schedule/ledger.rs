//! What the schedule has been seen to, as the vault knows it, and what is due by that. Pure: whoever asks says what time it is.
//!
//! A type is due once its pattern has fired since it was last seen to, however often that was. Where several are due
//! together, the largest runs and counts for the others. What failed is owed: it is tried once more, an hour later, by itself
//! or with what is due about then. Where there is no backup at all, one is due at once.

use std::collections::{BTreeMap, BTreeSet};

use super::{Agenda, Due, LATE, STEP_BACK};
use crate::report::BackupType;

const HOUR: i64 = 3_600_000;
/// Before what failed is tried again.
const AGAIN: i64 = HOUR;
/// What is owed goes along with what is due so much earlier.
const ALONG: i64 = 5 * 60_000;

/// One line: up to when it was seen to, and whether it is to be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerLine {
    /// Everything up to this instant was run, counted for, or given up.
    pub seen: i64,
    /// Its run failed, and is tried once more.
    pub owed: bool,
    /// Not before this instant.
    pub not_before: i64,
}

impl LedgerLine {
    pub fn seen_to(at: i64) -> LedgerLine {
        LedgerLine { seen: at, owed: false, not_before: 0 }
    }

    /// After a run that began at `at` and failed, or was cancelled. What was tried again already is given up.
    pub fn after_failure(known: Option<LedgerLine>, at: i64) -> LedgerLine {
        let owed = !known.is_some_and(|line| line.owed);
        LedgerLine { seen: at, owed, not_before: at + AGAIN }
    }

    fn is_open(&self, now: i64) -> bool {
        // A time that lies far ahead was noted under another clock.
        self.owed && (now >= self.not_before || self.not_before > now + AGAIN + STEP_BACK)
    }
}

/// All lines, and what else is known of the vault.
#[derive(Clone, Debug, Default)]
pub struct ScheduleLedger {
    pub lines: BTreeMap<BackupType, LedgerLine>,
    pub inspection: Option<LedgerLine>,
    /// No scheduled backups until then.
    pub paused: Option<i64>,
    /// When a backup that counts for this type was last made, where that is known from the backups themselves.
    pub made: BTreeMap<BackupType, i64>,
    /// When the oldest backup was made. `None`: there is none.
    pub oldest: Option<i64>,
}

impl ScheduleLedger {
    /// The backup that is to begin now, if any.
    pub fn due(&self, agenda: &Agenda, now: i64) -> Option<Due> {
        if self.is_paused(now) {
            return None;
        }
        if self.oldest.is_none() {
            let kind = agenda.types().next()?;
            // One that has just failed is no reason to try it each minute.
            let tried = self.lines.get(&kind).is_some_and(|line| (0..AGAIN).contains(&(now - line.seen)));
            return (!tried).then(|| Due { kind, covers: Vec::new(), missed: false });
        }
        let (mut kinds, mut missed) = (BTreeSet::new(), false);
        for kind in agenda.types() {
            let Some(at) = agenda.fires(kind, self.line(kind, now).seen).filter(|at| *at <= now) else { continue };
            kinds.insert(kind);
            missed |= now - at > LATE;
        }
        let along = if kinds.is_empty() { 0 } else { ALONG };
        kinds.extend(agenda.types().filter(|kind| self.line(*kind, now).is_open(now + along)));
        let kind = kinds.pop_last()?;
        Some(Due { kind, covers: kinds.into_iter().collect(), missed })
    }

    /// Whether the vault is to be inspected now, and then whether its time was missed.
    pub fn inspection_due(&self, agenda: &Agenda, now: i64) -> Option<bool> {
        let at = agenda.inspection_fires(self.inspected(now)?).filter(|at| *at <= now)?;
        Some(now - at > LATE)
    }

    /// When something is due next, as things are now.
    pub fn wake(&self, agenda: &Agenda, now: i64) -> Option<i64> {
        let paused = self.paused.filter(|until| *until > now).unwrap_or(i64::MIN);
        if self.oldest.is_none() {
            let tried = self.lines.get(&agenda.types().next()?).map_or(now, |line| line.seen + AGAIN);
            return Some(tried.clamp(now, now + AGAIN).max(paused));
        }
        let backups = agenda.types().flat_map(|kind| {
            let line = self.line(kind, now);
            [agenda.fires(kind, line.seen), line.owed.then_some(line.not_before)]
        });
        let backups = backups.flatten().map(|at| at.max(paused));
        let inspection = self.inspected(now).and_then(|seen| agenda.inspection_fires(seen));
        backups.chain(inspection).min()
    }

    pub fn is_paused(&self, now: i64) -> bool {
        self.paused.is_some_and(|until| now < until)
    }

    fn inspected(&self, now: i64) -> Option<i64> {
        self.inspection.map(|line| line.seen).or(self.oldest).map(|seen| not_ahead(seen, now))
    }

    /// Of a type without a line the backups themselves know: it was seen to when one was made, or when the first of all was.
    fn line(&self, kind: BackupType, now: i64) -> LedgerLine {
        let line = self
            .lines
            .get(&kind)
            .copied()
            .unwrap_or_else(|| LedgerLine::seen_to(self.made.get(&kind).copied().or(self.oldest).unwrap_or(now)));
        LedgerLine { seen: not_ahead(line.seen, now), ..line }
    }
}

/// The clock was wrong before, or is wrong now: silence until it comes there again would be worse than a repetition.
fn not_ahead(seen: i64, now: i64) -> i64 {
    if now < seen - STEP_BACK { now } else { seen }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    fn at(text: &str) -> i64 {
        text.parse::<jiff::Timestamp>().unwrap().as_millisecond()
    }

    fn agenda(config: &str) -> Agenda {
        let config = Config::from_json(config, std::path::Path::new("/")).unwrap();
        Agenda::of(&config, Some("UTC")).unwrap()
    }

    fn usual() -> Agenda {
        agenda("{}")
    }

    /// Everything was seen to up to then.
    fn ledger(seen: i64) -> ScheduleLedger {
        ScheduleLedger {
            lines: BackupType::SCHEDULED.map(|kind| (kind, LedgerLine::seen_to(seen))).into(),
            inspection: Some(LedgerLine::seen_to(seen)),
            oldest: Some(seen),
            ..ScheduleLedger::default()
        }
    }

    /// As the logbook does it when a run has ended.
    fn ended(ledger: &mut ScheduleLedger, due: &Due, at: i64, well: bool) {
        for kind in due.covers.iter().chain([&due.kind]) {
            let line = if well {
                LedgerLine::seen_to(at)
            } else {
                LedgerLine::after_failure(ledger.lines.get(kind).copied(), at)
            };
            ledger.lines.insert(*kind, line);
        }
    }

    #[test]
    fn the_largest_of_those_that_are_due_together_runs_and_counts_for_the_others() {
        let now = at("2026-11-29T02:59:30Z");
        let (agenda, mut ledger) = (usual(), ledger(now));
        assert_eq!(ledger.due(&agenda, now), None);
        assert_eq!(ledger.wake(&agenda, now), Some(now + 30_000));
        let due = ledger.due(&agenda, now + 30_000).unwrap();
        assert_eq!((due.kind, &due.covers[..], due.missed), (BackupType::Weekly, &[BackupType::Hourly][..], false));
        ended(&mut ledger, &due, now + 30_000, true);
        assert_eq!(ledger.due(&agenda, now + 31_000), None);
        assert_eq!(ledger.due(&agenda, now + 30_000 + HOUR).unwrap().kind, BackupType::Hourly);
    }

    #[test]
    fn what_was_missed_is_made_up_once() {
        let now = at("2026-11-23T12:10:00Z");
        let (agenda, mut ledger) = (usual(), ledger(now));
        for kind in [BackupType::Hourly, BackupType::Daily] {
            ledger.lines.insert(kind, LedgerLine::seen_to(now - 100 * HOUR));
        }
        let due = ledger.due(&agenda, now).unwrap();
        assert_eq!((due.kind, &due.covers[..], due.missed), (BackupType::Daily, &[BackupType::Hourly][..], true));
        ended(&mut ledger, &due, now, true);
        assert_eq!(ledger.due(&agenda, now + 1), None);
        assert_eq!(ledger.wake(&agenda, now), Some(at("2026-11-23T13:00:00Z")));
    }

    #[test]
    fn what_failed_is_tried_once_more_after_an_hour_with_what_is_due_then() {
        let begin = at("2026-12-01T04:00:00Z");
        let (agenda, mut ledger) = (usual(), ledger(begin - HOUR / 2));
        let mut run = |now: i64, well: bool| {
            let due = ledger.due(&agenda, now)?;
            ended(&mut ledger, &due, now, well);
            Some((due.kind, due.covers))
        };
        // A moment late: the next full hour comes before an hour is over, and takes it along.
        let late = 900;
        assert_eq!(run(begin + late, false), Some((BackupType::Monthly, vec![BackupType::Hourly])));
        assert_eq!(run(begin + HOUR - 1, true), None);
        assert_eq!(run(begin + HOUR, false), Some((BackupType::Monthly, vec![BackupType::Hourly])));
        // Once: a backup that cannot be made must not keep smaller ones from being made.
        assert_eq!(run(begin + 2 * HOUR, false), Some((BackupType::Hourly, vec![])));
        assert_eq!(run(begin + 3 * HOUR, true), Some((BackupType::Hourly, vec![])));
    }

    #[test]
    fn what_failed_is_tried_once_more_also_where_nothing_else_is_due_for_days() {
        let begin = at("2026-11-29T03:00:00Z");
        let agenda = agenda(r#"{"schedules": {"HOURLY": {"enabled": false}, "DAILY": {"enabled": false}}}"#);
        let mut ledger = ledger(begin - 1);
        let due = ledger.due(&agenda, begin).unwrap();
        ended(&mut ledger, &due, begin, false);
        assert_eq!(ledger.wake(&agenda, begin), Some(begin + HOUR));
        assert_eq!(ledger.due(&agenda, begin + HOUR - 1), None);
        let again = ledger.due(&agenda, begin + HOUR).unwrap();
        assert_eq!(again.kind, BackupType::Weekly);
        ended(&mut ledger, &again, begin + HOUR, false);
        assert_eq!(ledger.due(&agenda, begin + 5 * HOUR), None);
    }

    #[test]
    fn where_there_is_no_backup_at_all_one_is_due_at_once_and_after_a_failure_each_hour() {
        let now = at("2026-11-23T12:10:00Z");
        let (agenda, mut ledger) = (usual(), ScheduleLedger::default());
        let due = ledger.due(&agenda, now).unwrap();
        assert_eq!(ledger.wake(&agenda, now), Some(now));
        assert_eq!((due.kind, &due.covers[..]), (BackupType::Hourly, &[][..]));
        for hour in 0..3 {
            ended(&mut ledger, &due, now + hour * HOUR, false);
            assert_eq!(ledger.due(&agenda, now + hour * HOUR + HOUR / 2), None);
            assert!(ledger.due(&agenda, now + (hour + 1) * HOUR).is_some());
        }
    }

    #[test]
    fn a_clock_that_jumps_neither_repeats_nor_falls_silent() {
        let now = at("2026-11-23T12:00:00Z");
        let (agenda, mut ledger) = (usual(), ledger(now - 1));
        let mut run = |now: i64| {
            let due = ledger.due(&agenda, now)?;
            ended(&mut ledger, &due, now, true);
            Some(due.kind)
        };
        assert_eq!(run(now), Some(BackupType::Hourly));
        // Corrected by a little: nothing runs twice.
        assert_eq!(run(now - 1000), None);
        assert_eq!(run(now), None);
        // Ten years ahead: one run, the largest. Back again it is noted that the clock was put back, and no hour is skipped.
        assert_eq!(run(now + 87_660 * HOUR), Some(BackupType::Monthly));
        assert_eq!(run(now + HOUR / 2), None);
    }

    #[test]
    fn nothing_is_due_while_it_is_paused_and_then_what_was_missed() {
        let now = at("2026-11-23T12:10:00Z");
        let (agenda, mut ledger) = (usual(), ledger(now));
        ledger.paused = Some(now + 24 * HOUR);
        assert_eq!(ledger.due(&agenda, now + 3 * HOUR), None);
        assert!(ledger.inspection_due(&agenda, now + 20 * HOUR).is_some(), "what looks after the backups goes on");
        let due = ledger.due(&agenda, now + 24 * HOUR).unwrap();
        assert_eq!((due.kind, due.missed), (BackupType::Daily, true));
        let seldom = super::tests::agenda(r#"{"monitor": {"verifyCron": "0 0 1 1 *"}}"#);
        assert_eq!(ledger.wake(&seldom, now), Some(now + 24 * HOUR));
    }

    #[test]
    fn of_a_type_without_a_line_the_backups_know() {
        let now = at("2026-11-23T12:10:00Z");
        let mut ledger = ScheduleLedger { oldest: Some(now - 48 * HOUR), ..ScheduleLedger::default() };
        ledger.made.insert(BackupType::Hourly, now - 60_000);
        let due = ledger.due(&usual(), now).unwrap();
        assert_eq!((due.kind, &due.covers[..]), (BackupType::Weekly, &[BackupType::Daily][..]));
    }
}
