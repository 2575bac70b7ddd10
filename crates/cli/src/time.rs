//! Instants as people write them, in the zone of the root unless they name one; and lengths of time as people read them.

use indicatif::HumanDuration;
use jiff::{Span, Timestamp, ToSpan, ZonedDateTime, civil};
use lifeboat_engine::zone::Zone;
use lifeboat_engine::{Error, Result};
use std::time::Duration;

/// A time as it was typed. It was understood, but what it means is known with the zone: that is the configuration's to say,
/// which is read later.
#[derive(Clone, Debug)]
pub struct Moment(String);

/// An ISO date or time, a time of day, a length of time ago, or a word.
pub fn parse(text: &str) -> Result<Moment, String> {
    match parse_at(text, &ZonedDateTime::now(), Day::Begins) {
        Some(_) => Ok(Moment(text.to_owned())),
        None => Err("not a time. Write for example 2h, 3d, yesterday, 'yesterday 14:00', 14:30, 2026-11-23, \
                     '2026-11-23 14:00' or 2026-11-23T14:00:00+07:00"
            .to_string()),
    }
}

impl Moment {
    /// Milliseconds since the epoch, of what was as it was then: a day means its end, and so does a minute. A time of
    /// day is today's, also where that is still to come: then it is refused, and not taken for another day.
    pub fn at(&self, zone: &Zone) -> Result<i64> {
        self.millis(zone, Day::Ends)
    }

    /// Milliseconds since the epoch, of what has happened since: a day means its beginning.
    pub fn since(&self, zone: &Zone) -> Result<i64> {
        self.millis(zone, Day::Begins)
    }

    fn millis(&self, zone: &Zone, day: Day) -> Result<i64> {
        let found = parse_at(&self.0, &zone.now(), day).map(Timestamp::as_millisecond);
        found.ok_or_else(|| Error::Config { message: format!("{:?} is no time in {}.", self.0, zone.name) })
    }
}

/// A length of time as it was typed: "1d".
#[derive(Clone, Copy, Debug)]
pub struct Length(Span);

pub fn parse_length(text: &str) -> Result<Length, String> {
    let span = text.trim().parse::<Span>().ok().filter(|span| span.is_positive());
    span.map(Length).ok_or_else(|| "not a length of time. Write for example 30m, 2h, 1d or 2w".to_string())
}

impl Length {
    /// Milliseconds since the epoch.
    pub fn ends(self, zone: &Zone) -> Result<i64> {
        let end = zone.now().checked_add(self.0);
        end.map(|end| end.timestamp().as_millisecond())
            .map_err(|_| Error::Config { message: "No clock goes so far.".into() })
    }
}

/// The instant that a whole day, or a whole minute, stands for.
#[derive(Clone, Copy, PartialEq)]
enum Day {
    Begins,
    /// What has not ended yet ends now.
    Ends,
}

/// A time without seconds is shown for all that happened in that minute.
fn parse_at(text: &str, now: &ZonedDateTime, day: Day) -> Option<Timestamp> {
    let begins = parse_begin(text, now, day)?;
    if day == Day::Begins || !names_minute(text) {
        return Some(begins);
    }
    let ends = begins.checked_add(1.minute()).ok()?.checked_sub(1.millisecond()).ok()?;
    Some(if begins <= now.timestamp() { ends.min(now.timestamp()) } else { ends })
}

/// "14:30", "2026-11-23T14:30+07:00": hours and minutes, and no seconds.
fn names_minute(text: &str) -> bool {
    let Some((before, after)) = text.split_once(':') else { return false };
    let (before, after) = (before.as_bytes(), after.as_bytes());
    let is_offset = before.len() >= 3 && matches!(before[before.len() - 3], b'+' | b'-');
    !is_offset && after.len() >= 2 && after[..2].iter().all(u8::is_ascii_digit) && after.get(2) != Some(&b':')
}

fn parse_begin(text: &str, now: &ZonedDateTime, day: Day) -> Option<Timestamp> {
    let text = text.trim();
    let in_zone = |local: civil::DateTime| Some(local.to_zoned_datetime(now.time_zone().clone()).ok()?.timestamp());
    let whole_day = |date: civil::Date| match day {
        Day::Begins => in_zone(date.to_datetime(civil::Time::midnight())),
        Day::Ends if date == now.date() => Some(now.timestamp()),
        Day::Ends => {
            let next = in_zone(date.tomorrow().ok()?.to_datetime(civil::Time::midnight()))?;
            next.checked_sub(1.millisecond()).ok()
        }
    };
    let named_day = |word: &str| match word.to_ascii_lowercase().as_str() {
        "today" => Some(now.date()),
        "yesterday" => now.date().yesterday().ok(),
        _ => None,
    };
    if text.eq_ignore_ascii_case("now") {
        return Some(now.timestamp());
    }
    if let Some(date) = named_day(text) {
        return whole_day(date);
    }
    if let Some((word, time)) = text.split_once(char::is_whitespace)
        && let Some(date) = named_day(word)
    {
        return in_zone(date.to_datetime(clock(time.trim())?));
    }
    // As `--json` prints times: milliseconds since the epoch.
    if text.len() == 13 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Timestamp::from_millisecond(text.parse().ok()?).ok();
    }
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant);
    }
    if let Ok(zoned) = text.parse::<ZonedDateTime>() {
        return Some(zoned.timestamp());
    }
    if let Ok(local) = text.parse::<civil::DateTime>() {
        let has_time = text.contains([':', 'T', 't', ' ']);
        return if has_time { in_zone(local) } else { whole_day(local.date()) };
    }
    // "Since 14:30", said at 9 o'clock, means yesterday. "As it was at 14:30" may be a slip, and would go back too far.
    if text.contains(':') {
        let time = clock(text)?;
        let today = in_zone(now.date().to_datetime(time))?;
        let is_yesterday = day == Day::Begins && today > now.timestamp();
        return if is_yesterday { in_zone(now.date().yesterday().ok()?.to_datetime(time)) } else { Some(today) };
    }
    // "+2h" is still to come.
    let span = text.parse::<Span>().ok().filter(|_| !text.starts_with('+'))?;
    Some(now.checked_sub(span.abs()).ok()?.timestamp())
}

/// "14:30", "14:30:05".
fn clock(text: &str) -> Option<civil::Time> {
    text.contains(':').then(|| text.parse().ok()).flatten()
}

/// "3 hours ago"; a moment ago, and what the clock says is still to come, is "just now".
pub fn ago(milliseconds: i64) -> String {
    age(Timestamp::now().as_millisecond().saturating_sub(milliseconds))
}

/// The same, from an age in milliseconds.
pub fn age(milliseconds: i64) -> String {
    match milliseconds {
        ..1_000 => "just now".into(),
        some => format!("{} ago", HumanDuration(Duration::from_millis(some.unsigned_abs()))),
    }
}

/// "in 3 hours"; what is less than a second away, or past, is "now".
pub fn until(milliseconds: i64) -> String {
    match milliseconds.saturating_sub(Timestamp::now().as_millisecond()) {
        ..1_000 => "now".into(),
        some => format!("in {}", HumanDuration(Duration::from_millis(some.unsigned_abs()))),
    }
}

/// How long something took: "4 ms", "0.18 s", "42 s", "3 min 05 s", "2 h 10 min".
pub fn took(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    match seconds {
        0 if milliseconds < 100 => format!("{} ms", milliseconds.max(1)),
        0..10 => format!("{:.2} s", milliseconds as f64 / 1000.0),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 9 o'clock on a Monday in Jakarta, which is 2 o'clock in UTC.
    fn now() -> ZonedDateTime {
        "2026-11-23T09:00:00+07:00[Asia/Jakarta]".parse().unwrap()
    }

    fn parsed(text: &str) -> String {
        parse_at(text, &now(), Day::Begins).map_or_else(|| "refused".into(), |instant| instant.to_string())
    }

    fn parsed_at(text: &str) -> String {
        parse_at(text, &now(), Day::Ends).map_or_else(|| "refused".into(), |instant| instant.to_string())
    }

    #[test]
    fn lengths_of_time_count_back_from_now() {
        for text in ["2h", "2 hours", "2h ago", "120m", "PT2H"] {
            assert_eq!(parsed(text), "2026-11-23T00:00:00Z", "{text}");
        }
        assert_eq!(parsed("3d"), "2026-11-20T02:00:00Z");
        assert_eq!(parsed("1w 1d"), "2026-11-15T02:00:00Z");
    }

    #[test]
    fn dates_and_times_are_local_unless_they_say_otherwise() {
        assert_eq!(parsed("2026-11-22"), "2026-11-21T17:00:00Z");
        assert_eq!(parsed("2026-11-22 14:00"), "2026-11-22T07:00:00Z");
        assert_eq!(parsed("2026-11-22T14:00:30"), "2026-11-22T07:00:30Z");
        assert_eq!(parsed("2026-11-22T14:00:00Z"), "2026-11-22T14:00:00Z");
        assert_eq!(parsed("2026-11-22T14:00:00+02:00"), "2026-11-22T12:00:00Z");
        assert_eq!(parsed("2026-11-22T14:00[UTC]"), "2026-11-22T14:00:00Z");
    }

    #[test]
    fn words_and_times_of_day() {
        assert_eq!(parsed("now"), "2026-11-23T02:00:00Z");
        assert_eq!(parsed("today"), "2026-11-22T17:00:00Z");
        assert_eq!(parsed("Yesterday"), "2026-11-21T17:00:00Z");
        assert_eq!(parsed("08:30"), "2026-11-23T01:30:00Z");
        assert_eq!(parsed("14:30"), "2026-11-22T07:30:00Z", "still to come today, so it was yesterday");
        assert_eq!(parsed("1795399200000"), "2026-11-23T02:00:00Z");
    }

    #[test]
    fn a_day_is_as_it_was_at_its_end_and_since_its_beginning() {
        assert_eq!(
            (parsed("yesterday"), parsed_at("Yesterday")),
            pair("2026-11-21T17:00:00Z", "2026-11-22T16:59:59.999Z")
        );
        assert_eq!(
            (parsed("2026-11-20"), parsed_at("2026-11-20")),
            pair("2026-11-19T17:00:00Z", "2026-11-20T16:59:59.999Z")
        );
        // Today has not ended yet.
        assert_eq!((parsed("today"), parsed_at("today")), pair("2026-11-22T17:00:00Z", "2026-11-23T02:00:00Z"));
        assert_eq!(parsed_at("2026-11-23"), "2026-11-23T02:00:00Z");
        assert_eq!(parsed_at("2026-11-24"), "2026-11-24T16:59:59.999Z", "still to come, and for the engine to refuse");
        // What names a second means it.
        for (text, expected) in [
            ("TODAY  08:30:30", "2026-11-23T01:30:30Z"),
            ("2026-11-22 14:00:00", "2026-11-22T07:00:00Z"),
            ("2026-11-22T07:00:00Z", "2026-11-22T07:00:00Z"),
        ] {
            assert_eq!((parsed(text), parsed_at(text)), pair(expected, expected), "{text}");
        }
    }

    #[test]
    fn a_minute_is_as_it_was_at_its_end_and_since_its_beginning() {
        for (text, since, at) in [
            ("yesterday 14:00", "2026-11-22T07:00:00Z", "2026-11-22T07:00:59.999Z"),
            ("today 08:30", "2026-11-23T01:30:00Z", "2026-11-23T01:30:59.999Z"),
            ("today 23:00", "2026-11-23T16:00:00Z", "2026-11-23T16:00:59.999Z"),
            ("2026-11-22 14:00", "2026-11-22T07:00:00Z", "2026-11-22T07:00:59.999Z"),
            ("2026-11-22T14:00+02:00[+02:00]", "2026-11-22T12:00:00Z", "2026-11-22T12:00:59.999Z"),
            ("08:30", "2026-11-23T01:30:00Z", "2026-11-23T01:30:59.999Z"),
            // This minute has not ended yet.
            ("09:00", "2026-11-23T02:00:00Z", "2026-11-23T02:00:00Z"),
        ] {
            assert_eq!((parsed(text), parsed_at(text)), pair(since, at), "{text}");
        }
    }

    #[test]
    fn a_time_of_day_that_is_still_to_come_is_not_taken_for_that_of_yesterday() {
        assert_eq!(parsed_at("14:30"), "2026-11-23T07:30:59.999Z", "for the engine to refuse");
    }

    fn pair(since: &str, at: &str) -> (String, String) {
        (since.into(), at.into())
    }

    #[test]
    fn a_day_of_25_hours_ends_when_it_ends() {
        let now: ZonedDateTime = "2026-10-26T09:00:00+01:00[Europe/Berlin]".parse().unwrap();
        let of = |day| parse_at("yesterday", &now, day).unwrap();
        assert_eq!(of(Day::Ends).as_millisecond() - of(Day::Begins).as_millisecond(), 25 * 3_600_000 - 1);
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "soon",
            "25:00",
            "2026-13-01",
            "2 fortnights",
            "12",
            "99999999999w",
            "today soon",
            "yesterday 14",
            "today 25:00",
        ] {
            assert_eq!(parsed(text), "refused", "{text:?}");
        }
    }

    #[test]
    fn lengths_read_well() {
        assert_eq!(took(4), "4 ms");
        assert_eq!(took(184), "0.18 s");
        assert_eq!(took(42_900), "42 s");
        assert_eq!(took(185_000), "3 min 05 s");
        assert_eq!(took(7_800_000), "2 h 10 min");
        assert_eq!(age(-5_000), "just now");
        assert_eq!(age(3 * 3600 * 1000), "3 hours ago");
    }
}
