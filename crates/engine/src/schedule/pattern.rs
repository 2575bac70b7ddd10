//! When a cron pattern fires, in a time zone with its daylight saving.
//!
//! The pattern is matched against civil time, what the clock on the wall shows. A time that the wall clock skips fires
//! when the gap is over; a time that it shows twice fires the first time.

use std::str::FromStr;

use chrono::{DateTime, NaiveDateTime};
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::{Error, Result};

/// The clocks on the wall have never been put forward by more than a day.
const LONGEST_GAP: SignedDuration = SignedDuration::from_hours(25);

const LONG_NAMES: [&str; 18] = [
    "JANUARY",
    "FEBRUARY",
    "MARCH",
    "APRIL",
    "JUNE",
    "JULY",
    "AUGUST",
    "SEPTEMBER",
    "OCTOBER",
    "NOVEMBER",
    "DECEMBER",
    "SUNDAY",
    "MONDAY",
    "TUESDAY",
    "WEDNESDAY",
    "THURSDAY",
    "FRIDAY",
    "SATURDAY",
];

/// A cron pattern in node-cron's dialect: five fields, or six with the seconds first; names, ranges, steps and `L`. Where
/// the day of the month and that of the week are given, both must fit: `0 3 1-7 * sun` is the first Sunday.
#[derive(Clone, Debug)]
pub struct Pattern(Cron);

impl FromStr for Pattern {
    type Err = Error;

    fn from_str(text: &str) -> Result<Pattern> {
        let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).dom_and_dow(true).build();
        let short = shorten(text);
        let refuse = |why: String| {
            let what = match is_like_one(&short) {
                true => format!("{text:?} is not a cron pattern: {why}"),
                // What stands there may be a password, and the reason may quote it.
                false => "this is not a cron pattern".into(),
            };
            Error::Config { message: format!("{what}. Every day at 2 AM, for one, is \"0 2 * * *\".") }
        };
        let pattern =
            Pattern(parser.parse(&short).map_err(|error| refuse(error.to_string().trim_end_matches('.').into()))?);
        // 31 February is well formed, too.
        match pattern.next(Timestamp::UNIX_EPOCH, &TimeZone::UTC) {
            Some(_) => Ok(pattern),
            None => Err(refuse("it never fires".into())),
        }
    }
}

/// Numbers, names and signs of cron, whether they make sense or not.
fn is_like_one(short: &str) -> bool {
    let mut words = short.split(|c: char| c.is_whitespace() || "*/,-?#+@".contains(c));
    words.all(|word| word.len() <= 3 && word.chars().all(|c| c.is_ascii_alphanumeric()))
}

/// node-cron takes whole names, too.
fn shorten(text: &str) -> String {
    if text.starts_with('@') {
        return text.into();
    }
    LONG_NAMES.iter().fold(text.to_ascii_uppercase(), |text, name| text.replace(name, &name[..3]))
}

impl Pattern {
    /// The first time after `after`.
    pub fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let mut wall = start(after, zone)?;
        loop {
            wall = self.0.find_next_occurrence(&wall, false).ok()?;
            // The same digits, as jiff has them: jiff knows the gaps and the folds.
            let civil = TimeZone::UTC.to_datetime(Timestamp::from_second(wall.and_utc().timestamp()).ok()?);
            let at = zone.to_ambiguous_timestamp(civil).compatible().ok()?;
            if at > after {
                return Some(at);
            }
        }
    }
}

/// What the clock on the wall showed at a time from which on nothing is missed. The pattern library knows such times as
/// chrono's.
fn start(after: Timestamp, zone: &TimeZone) -> Option<NaiveDateTime> {
    let earlier = after.checked_sub(LONGEST_GAP).ok()?;
    // What was skipped a moment ago comes now, and lies before what the wall shows.
    let from = if zone.to_offset(earlier) == zone.to_offset(after) { after } else { earlier };
    let wall = from.as_second() + i64::from(zone.to_offset(from).seconds());
    Some(DateTime::from_timestamp(wall, 0)?.naive_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fires(pattern: &str, zone: &str, from: &str, count: usize) -> Vec<String> {
        let (pattern, zone) = (pattern.parse::<Pattern>().unwrap(), TimeZone::get(zone).unwrap());
        let mut at: Timestamp = from.parse().unwrap();
        let mut found = Vec::new();
        for _ in 0..count {
            at = pattern.next(at, &zone).unwrap();
            let hours = zone.to_offset(at).seconds() / 3600;
            found.push(format!("{}{hours:+03}:00", zone.to_datetime(at).strftime("%m-%d %H:%M")));
        }
        found
    }

    #[test]
    fn a_skipped_time_fires_after_the_gap() {
        // On 29 March 2026 the clocks in Berlin go from 02:00 to 03:00.
        let daily = fires("30 2 * * *", "Europe/Berlin", "2026-03-27T12:00:00Z", 3);
        assert_eq!(daily, ["03-28 02:30+01:00", "03-29 03:30+02:00", "03-30 02:30+02:00"]);
        let hourly = fires("0 * * * *", "Europe/Berlin", "2026-03-28T23:30:00Z", 3);
        assert_eq!(hourly, ["03-29 01:00+01:00", "03-29 03:00+02:00", "03-29 04:00+02:00"]);
    }

    #[test]
    fn a_repeated_time_fires_once() {
        // On 25 October 2026 they go from 03:00 back to 02:00.
        let daily = fires("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2);
        assert_eq!(daily, ["10-25 02:30+02:00", "10-26 02:30+01:00"]);
        let hourly = fires("0 * * * *", "Europe/Berlin", "2026-10-24T23:30:00Z", 3);
        assert_eq!(hourly, ["10-25 02:00+02:00", "10-25 03:00+01:00", "10-25 04:00+01:00"]);
    }

    #[test]
    fn a_day_that_a_country_left_out_is_no_day_without_a_backup() {
        // Samoa went over the date line: there was no 30 December 2011.
        let daily = fires("0 2 * * *", "Pacific/Apia", "2011-12-29T06:00:00Z", 3);
        assert_eq!(daily, ["12-29 02:00-10:00", "12-31 02:00+14:00", "01-01 02:00+14:00"]);
    }

    #[test]
    fn the_dialect_is_that_of_node_cron() {
        let first = |pattern: &str| fires(pattern, "Asia/Jakarta", "2026-11-23T00:00:00Z", 1).remove(0);
        assert_eq!(first("*/15 * * * *"), "11-23 07:15+07:00");
        assert_eq!(first("0 30 9 * * *"), "11-23 09:30+07:00");
        assert_eq!(first("0 3 * * sun"), "11-29 03:00+07:00");
        assert_eq!(first("0 3 * * 7"), "11-29 03:00+07:00");
        assert_eq!(first("0 4 L * *"), "11-30 04:00+07:00");
        assert_eq!(first("0 3 1-7 * sun"), "12-06 03:00+07:00");
        assert_eq!(first("0 3 * December Sunday,monday"), "12-06 03:00+07:00");
        assert_eq!(first("0 8-10/2 * Dec Mon-Fri"), "12-01 08:00+07:00");
        for wrong in ["", "* * * *", "60 * * * *", "0 2 * * * * *", "0 0 31 2 *", "x * * * *", "@nonsense"] {
            assert!(wrong.parse::<Pattern>().is_err(), "{wrong:?}");
        }
    }
}
