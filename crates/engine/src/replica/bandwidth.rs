//! How fast a target may be written to: `"500 KB/s"`, or by the hour: `"08:00-18:00 200 KB/s, 5 MB/s"`.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use jiff::civil::Time;
use jiff::tz::TimeZone;

use crate::mutex::lock;
use crate::{Control, Error, Result};

/// How long is slept at a time: whoever cancels is heard soon.
const NAP: Duration = Duration::from_millis(100);

/// Limits, of which the first that holds at an hour counts; none where none does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bandwidth(Vec<Limit>);

#[derive(Clone, Debug, PartialEq)]
struct Limit {
    /// From one time of day to another one, which may be on the next day; `None`: always.
    hours: Option<(Time, Time)>,
    /// Bytes a second.
    rate: u64,
}

impl Bandwidth {
    pub fn parse(text: &str) -> Result<Bandwidth> {
        let wrong = || {
            Error::Config {
            message: "bandwidth is not understood. Write for example \"500 KB/s\", or by the hour: \"08:00-18:00 200 KB/s, 5 \
                      MB/s\"."
                .into(),
        }
        };
        let limit = |part: &str| -> Option<Limit> {
            let part = part.trim();
            let (hours, rate) = match part.split_once(char::is_whitespace) {
                Some((hours, rate)) if hours.contains('-') => {
                    let (from, to) = hours.split_once('-')?;
                    (Some((time(from)?, time(to)?)), rate)
                }
                _ => (None, part),
            };
            let rate = rate.trim().strip_suffix("/s")?.trim().parse::<bytesize::ByteSize>().ok()?.as_u64();
            (rate > 0).then_some(Limit { hours, rate })
        };
        text.split(',').map(|part| limit(part).ok_or_else(wrong)).collect::<Result<_>>().map(Bandwidth)
    }

    /// Bytes a second at a time of day; `None`: as fast as it goes.
    pub fn at(&self, now: Time) -> Option<u64> {
        let holds = |limit: &&Limit| match limit.hours {
            None => true,
            Some((from, to)) if from <= to => from <= now && now < to,
            Some((from, to)) => from <= now || now < to,
        };
        self.0.iter().find(holds).map(|limit| limit.rate)
    }
}

fn time(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    // Midnight as the end of a day.
    let hour = if hour == "24" { 0 } else { hour.parse().ok()? };
    Time::new(hour, minute.parse().ok()?, 0, 0).ok()
}

/// Lets so many bytes through as may go, for all threads that write to one target.
pub struct Throttle {
    bandwidth: Bandwidth,
    zone: TimeZone,
    /// When all is sent that was let through.
    free: Mutex<Option<Instant>>,
}

impl Throttle {
    pub fn new(bandwidth: Bandwidth, zone: TimeZone) -> Throttle {
        Throttle { bandwidth, zone, free: Mutex::default() }
    }

    /// Waits until so many bytes may go; `E_ABORTED` where nobody wants them any more.
    pub fn wait(&self, bytes: u64, control: &Control) -> Result<()> {
        control.check()?;
        let now = jiff::Timestamp::from_millisecond(control.now()).unwrap_or_default();
        let Some(rate) = self.bandwidth.at(self.zone.to_datetime(now).time()) else { return Ok(()) };
        let begins = {
            let mut free = lock(&self.free);
            let begins = free.unwrap_or_else(Instant::now).max(Instant::now());
            *free = Some(begins + Duration::from_secs_f64(bytes as f64 / rate as f64));
            begins
        };
        sleep_until(begins, control)
    }
}

/// `E_ABORTED` where it is cancelled meanwhile.
pub fn sleep_until(until: Instant, control: &Control) -> Result<()> {
    loop {
        control.check()?;
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        std::thread::sleep(left.min(NAP));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_holds_always_or_by_the_hour() {
        let at = |text: &str, hour: i8| Bandwidth::parse(text).unwrap().at(Time::new(hour, 30, 0, 0).unwrap());
        assert_eq!(at("500 KB/s", 3), Some(500_000));
        assert_eq!(at("1MB/s", 3), Some(1_000_000));
        let by_hour = "08:00-18:00 200 KB/s, 5 MB/s";
        assert_eq!([7, 8, 17, 18].map(|hour| at(by_hour, hour)), [5_000_000, 200_000, 200_000, 5_000_000].map(Some));
        let by_day = "22:00-06:00 1 MB/s";
        assert_eq!([21, 23, 5, 6].map(|hour| at(by_day, hour)), [None, Some(1_000_000), Some(1_000_000), None]);
        for wrong in ["", "fast", "500", "500 KB", "0 B/s", "8-18 1 MB/s", "25:00-26:00 1 MB/s", "1 MB/s,"] {
            assert_eq!(Bandwidth::parse(wrong).unwrap_err().code(), "E_CONFIG", "{wrong:?}");
        }
    }

    #[test]
    fn what_goes_faster_than_it_may_waits_and_what_is_cancelled_does_not() {
        let pace = Throttle::new(Bandwidth::parse("100 KB/s").unwrap(), TimeZone::UTC);
        let (control, started) = (Control::silent(), Instant::now());
        for _ in 0..4 {
            pace.wait(10_000, &control).unwrap();
        }
        assert!(started.elapsed() >= Duration::from_millis(290));
        pace.wait(u64::MAX >> 20, &control).unwrap();
        control.cancel();
        assert_eq!(pace.wait(1, &control).unwrap_err().code(), "E_ABORTED");
    }
}
