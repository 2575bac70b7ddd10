//! When backups are due: the patterns here, and in [`ledger`] what is due by them. Pure: whoever asks says what time it is.

pub mod ledger;
pub mod pattern;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::config::Config;
use crate::report::BackupType;
use crate::{Error, Result, zone};
use pattern::Pattern;

/// A clock may be corrected by so much without anything being run again; a larger step back starts anew from there.
pub(crate) const STEP_BACK: i64 = 10 * 60_000;
/// A run that is this late was missed.
const LATE: i64 = 2 * 60_000;
/// When the vault is inspected, unless the configuration says otherwise: after the large backups, before the day.
const INSPECTION: &str = "30 5 * * *";
/// So old the newest good backup may be, where the schedule makes them at least daily.
const PATIENCE: i64 = 26 * HOUR;
/// So late a backup may be before that is a matter for somebody.
const LEEWAY: i64 = 2 * HOUR;
/// So many runs to come are looked at for the longest gap: a week of hourly ones.
const LOOKED_AT: usize = 200;
const HOUR: i64 = 3_600_000;

/// Which type comes when. Instants are milliseconds since the epoch.
#[derive(Clone, Debug)]
pub struct Agenda {
    /// From the smallest type to the largest, those that are switched on.
    patterns: Vec<(BackupType, Pattern)>,
    inspection: Pattern,
    zone: TimeZone,
}

/// A run to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannedRun {
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
        let inspection = config.monitor.verify_cron.as_deref().unwrap_or(INSPECTION).parse()?;
        Ok(Agenda { patterns, inspection, zone })
    }

    /// Those that are switched on, from the smallest to the largest.
    pub fn types(&self) -> impl Iterator<Item = BackupType> + '_ {
        self.patterns.iter().map(|(kind, _)| *kind)
    }

    /// The coming runs after `after`, soonest first; of several at the same time, the largest.
    pub fn next(&self, after: i64, count: usize) -> Vec<PlannedRun> {
        let mut runs: Vec<PlannedRun> = Vec::new();
        let mut at = after;
        while runs.len() < count {
            let coming = self.patterns.iter().filter_map(|(kind, pattern)| {
                let at = fires(pattern, at, &self.zone)?;
                Some(PlannedRun { kind: *kind, at })
            });
            // The later of equals is the larger type.
            let Some(run) = coming.min_by(|a, b| (a.at, b.kind).cmp(&(b.at, a.kind))) else { break };
            at = run.at;
            runs.push(run);
        }
        runs
    }

    /// When a type comes next after `after`.
    fn fires(&self, kind: BackupType, after: i64) -> Option<i64> {
        let (_, pattern) = self.patterns.iter().find(|(known, _)| *known == kind)?;
        fires(pattern, after, &self.zone)
    }

    fn inspection_fires(&self, after: i64) -> Option<i64> {
        fires(&self.inspection, after, &self.zone)
    }

    /// How old the newest good backup may be: a little more than the longest time between two that are to come, and at least
    /// 26 hours.
    pub fn patience(&self, now: i64) -> i64 {
        let runs = self.next(now, LOOKED_AT);
        let gaps = runs.windows(2).map(|pair| pair[1].at - pair[0].at);
        gaps.max().map_or(PATIENCE, |gap| (gap + LEEWAY).max(PATIENCE))
    }
}

/// How old the newest good backup may be, in milliseconds: as configured, or as the schedule has it.
pub fn patience(config: &Config, zone: Option<&str>, now: i64) -> i64 {
    match config.monitor.max_age_hours {
        Some(hours) => (hours * HOUR as f64) as i64,
        None => Agenda::of(config, zone).map_or(PATIENCE, |agenda| agenda.patience(now)),
    }
}

/// Is a backup of this age too old? Then how old it may be.
pub fn is_stale(config: &Config, zone: Option<&str>, age: i64, now: i64) -> Option<i64> {
    // Most are younger than any limit that follows from a schedule, and that takes a while to reckon.
    if config.monitor.max_age_hours.is_none() && age <= PATIENCE {
        return None;
    }
    let limit = patience(config, zone, now);
    (age > limit).then_some(limit)
}

fn fires(pattern: &Pattern, after: i64, zone: &TimeZone) -> Option<i64> {
    pattern.next(Timestamp::from_millisecond(after).ok()?, zone).map(Timestamp::as_millisecond)
}

fn zone_of(config: &Config, zone: Option<&str>) -> Result<TimeZone> {
    match (config.timezone.as_deref(), zone) {
        (Some(name), _) => TimeZone::get(name)
            .map_err(|_| Error::Config { message: "timezone is not a time zone that is known here.".into() }),
        // A host under TZ=WIB-7 has no name for its zone; the system understands that.
        (None, Some(name)) => Ok(zone::named(name).unwrap_or_else(TimeZone::system)),
        (None, None) => Ok(zone::of(config).zone),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    #[test]
    fn the_limit_of_age_follows_the_longest_gap_of_what_is_switched_on() {
        let now = at("2026-11-23T12:10:00Z");
        let hours = |schedules: &str| {
            let text = format!(r#"{{"root": ".", "schedules": {{{schedules}}}}}"#);
            let config = Config::from_json(&text, std::path::Path::new("/")).unwrap();
            patience(&config, Some("UTC"), now) / HOUR
        };
        let off = |kinds: &[&str]| {
            let off = kinds.iter().map(|kind| format!(r#""{kind}": {{"enabled": false}}"#));
            off.collect::<Vec<_>>().join(", ")
        };
        assert_eq!(hours(""), 26);
        assert_eq!(hours(&off(&["HOURLY"])), 26);
        assert_eq!(hours(&off(&["HOURLY", "DAILY", "MONTHLY"])), 7 * 24 + 2);
        assert_eq!(hours(&off(&["HOURLY", "DAILY", "WEEKLY"])), 31 * 24 + 2);
        // Working hours: from Friday evening to Monday morning.
        let others = off(&["DAILY", "WEEKLY", "MONTHLY"]);
        assert_eq!(hours(&format!(r#""HOURLY": {{"cron": "0 9-17 * * 1-5"}}, {others}"#)), 64 + 2);
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
        assert_eq!(runs, expected.map(|(kind, time)| PlannedRun { kind, at: at(time) }));
    }
}
