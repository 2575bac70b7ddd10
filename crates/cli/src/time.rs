//! Instants as people write and read them, in the local time zone unless they name one.

use indicatif::HumanDuration;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ZonedDateTime, civil};
use std::time::Duration;

/// Milliseconds since the epoch, from an ISO date or time, a time of day, a length of time ago, or a word.
pub fn parse(text: &str) -> Result<i64, String> {
    parse_at(text, &ZonedDateTime::now()).map(|instant| instant.as_millisecond()).ok_or_else(|| {
        "not a time. Write for example 2h, 3d, yesterday, 14:30, 2026-11-23, '2026-11-23 14:00' or \
         2026-11-23T14:00:00+07:00"
            .to_string()
    })
}

fn parse_at(text: &str, now: &ZonedDateTime) -> Option<Timestamp> {
    let text = text.trim();
    let zone = now.time_zone();
    let in_zone = |local: civil::DateTime| Some(local.to_zoned_datetime(zone.clone()).ok()?.timestamp());
    match text.to_ascii_lowercase().as_str() {
        "now" => return Some(now.timestamp()),
        "today" => return Some(now.start_of_day().ok()?.timestamp()),
        "yesterday" => return Some(now.yesterday().ok()?.start_of_day().ok()?.timestamp()),
        _ => {}
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
        return in_zone(local);
    }
    // A time of day is the last one that was: at 9 o'clock, "14:30" was yesterday.
    if text.contains(':') {
        let time = text.parse::<civil::Time>().ok()?;
        let today = in_zone(now.date().to_datetime(time))?;
        let day = if today > now.timestamp() { now.date().yesterday().ok()? } else { now.date() };
        return in_zone(day.to_datetime(time));
    }
    let span = text.parse::<Span>().ok()?;
    Some(now.checked_sub(span.abs()).ok()?.timestamp())
}

/// "2026-11-23 21:00", local.
pub fn show(milliseconds: i64) -> String {
    match Timestamp::from_millisecond(milliseconds) {
        Ok(instant) => instant.to_zoned_datetime(TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string(),
        Err(_) => "?".into(),
    }
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
        parse_at(text, &now()).map_or_else(|| "refused".into(), |instant| instant.to_string())
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
    fn nonsense_is_refused() {
        for text in ["", "soon", "25:00", "2026-13-01", "2 fortnights", "12", "99999999999w"] {
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
