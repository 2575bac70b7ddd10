//! The time zone that times are read and written in: one and the same for the app, its schedule and whoever types a time.
//!
//! A bot sets `process.env.TZ` in its first line, and the shell beside it is in UTC. So it is the configured one, else that
//! of the host that runs, else that of the last host that ran the schedule, as the logbook knows it, and only then the
//! machine's. Every time that is printed is printed with its zone.

use std::path::Path;

use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};

use crate::vault::place;
use crate::watch::{Logbook, fact};
use crate::{Config, presence};

#[derive(Clone, Debug)]
pub struct Zone {
    pub zone: TimeZone,
    /// By IANA, such as `Asia/Jakarta`; of a zone without such a name, how far it is from UTC now.
    pub name: String,
    pub why: ZoneOrigin,
}

/// Where a zone comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZoneOrigin {
    Configured,
    Host,
    LastHost,
    Machine,
}

impl ZoneOrigin {
    /// The rest of "the time zone …".
    pub fn words(self) -> &'static str {
        match self {
            ZoneOrigin::Configured => "of the configuration",
            ZoneOrigin::Host => "of the app that runs",
            ZoneOrigin::LastHost => "of the app when it last ran",
            ZoneOrigin::Machine => "of this machine",
        }
    }
}

/// The zone of a root. Needs no key, and reads nothing but the logbook.
pub fn of(config: &Config) -> Zone {
    let vault = place::of(&config.backup_dir);
    let configured = config.timezone.as_deref().map(|name| (name.to_owned(), ZoneOrigin::Configured));
    let found = configured
        .or_else(|| Some((host(&vault)?, ZoneOrigin::Host)))
        .or_else(|| Some((last_host(&vault)?, ZoneOrigin::LastHost)))
        .and_then(|(name, why)| Some(Zone::new(named(&name)?, why)));
    found.unwrap_or_else(|| Zone::new(TimeZone::system(), ZoneOrigin::Machine))
}

/// The zone of the app that runs now: of several, of the one that makes the backups. A script that only asks is none.
fn host(vault: &Path) -> Option<String> {
    let mut hosts = presence::processes(vault);
    hosts.retain(|host| host.is_app() && named(&host.zone).is_some());
    hosts.sort_by_key(|host| host.scheduler.is_none());
    hosts.into_iter().next().map(|host| host.zone)
}

fn last_host(vault: &Path) -> Option<String> {
    let logbook = Logbook::open_read_only(vault)?;
    logbook.fact(fact::ZONE).ok().flatten().filter(|name: &String| named(name).is_some())
}

/// A zone by its name, or by a rule of POSIX such as `WIB-7`.
pub fn named(text: &str) -> Option<TimeZone> {
    TimeZone::get(text).or_else(|_| TimeZone::posix(text)).ok()
}

/// What a host says of its zone, as other processes understand it: Node has no name for one that comes from `TZ=WIB-7`.
pub fn of_host(name: &str) -> Option<String> {
    let is_known = |text: &String| named(text).is_some();
    Some(name.to_owned()).filter(is_known).or_else(|| std::env::var("TZ").ok().filter(is_known))
}

impl Zone {
    fn new(zone: TimeZone, why: ZoneOrigin) -> Zone {
        let name = name_at(&Timestamp::now().to_zoned_datetime(zone.clone()));
        Zone { zone, name, why }
    }

    /// "2026-11-26 08:32", for a table whose head names the zone.
    pub fn show(&self, millis: i64) -> String {
        self.written(millis, "%Y-%m-%d %H:%M")
    }

    /// "2026-11-26 08:32 Asia/Jakarta".
    pub fn say(&self, millis: i64) -> String {
        self.with_name(millis, "%Y-%m-%d %H:%M")
    }

    /// "2026-11-26 08:32:05 Asia/Jakarta".
    pub fn exactly(&self, millis: i64) -> String {
        self.with_name(millis, "%Y-%m-%d %H:%M:%S")
    }

    pub fn now(&self) -> ZonedDateTime {
        Timestamp::now().to_zoned_datetime(self.zone.clone())
    }

    fn at(&self, millis: i64) -> Option<ZonedDateTime> {
        Some(Timestamp::from_millisecond(millis).ok()?.to_zoned_datetime(self.zone.clone()))
    }

    fn written(&self, millis: i64, format: &str) -> String {
        self.at(millis).map_or_else(|| "?".into(), |time| time.strftime(format).to_string())
    }

    fn with_name(&self, millis: i64, format: &str) -> String {
        // One without a name may have summer time: then each time has its own distance from UTC.
        let name = self.at(millis).map_or_else(|| self.name.clone(), |time| name_at(&time));
        format!("{} {name}", self.written(millis, format))
    }
}

/// `WIB-7` would be read as seven hours behind, which it is not: such a zone goes by its distance from UTC.
fn name_at(time: &ZonedDateTime) -> String {
    match time.time_zone().iana_name() {
        Some("Etc/UTC" | "Etc/Unknown") => "UTC".into(),
        Some(name) => name.into(),
        None => time.strftime("UTC%:z").to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::keyring::Credentials;
    use crate::vault::Vault;

    const NOON: i64 = 1_795_435_200_000; // 2026-11-23T12:00:00Z

    fn zone(text: &str) -> Zone {
        Zone::new(named(text).unwrap(), ZoneOrigin::Host)
    }

    #[test]
    fn a_time_is_written_with_its_zone() {
        assert_eq!(zone("Asia/Jakarta").show(NOON), "2026-11-23 19:00");
        assert_eq!(zone("Asia/Jakarta").say(NOON), "2026-11-23 19:00 Asia/Jakarta");
        assert_eq!(zone("UTC").exactly(NOON), "2026-11-23 12:00:00 UTC");
        assert_eq!(zone("Etc/UTC").name, "UTC");
        assert_eq!(zone("UTC").show(i64::MAX), "?");
    }

    #[test]
    fn a_zone_without_a_name_goes_by_its_distance_from_utc() {
        assert_eq!(zone("WIB-7").say(NOON), "2026-11-23 19:00 UTC+07:00");
        assert_eq!(zone("WIB-7").name, "UTC+07:00");
        let berlin = zone("CET-1CEST,M3.5.0,M10.5.0/3");
        assert!(berlin.say(NOON).ends_with("UTC+01:00"), "{}", berlin.say(NOON));
        assert!(berlin.say(NOON - 150 * 86_400_000).ends_with("UTC+02:00"));
        assert!(named("Mars/Olympus").is_none() && named("").is_none());
    }

    #[test]
    fn the_configured_zone_goes_before_that_of_the_last_host() {
        let root = tempfile::tempdir().unwrap();
        let mut config = Config::from_json("{}", root.path()).unwrap();
        assert_eq!(of(&config).why, ZoneOrigin::Machine);
        Vault::create(&config.backup_dir, &Credentials::default(), false).unwrap();
        let logbook = Logbook::open(&config.backup_dir).unwrap();
        logbook.note(fact::ZONE, "Asia/Jakarta").unwrap();
        assert_eq!((of(&config).name.as_str(), of(&config).why), ("Asia/Jakarta", ZoneOrigin::LastHost));
        let mut host =
            presence::Host { id: presence::new_id().unwrap(), zone: "Asia/Tokyo".into(), ..Default::default() };
        let script = presence::Presence::enter(&config.backup_dir, host.clone()).unwrap();
        assert_eq!(of(&config).why, ZoneOrigin::LastHost, "a script that asks for something is no app");
        drop(script);
        host.scheduler = Some(0);
        let app = presence::Presence::enter(&config.backup_dir, host).unwrap();
        assert_eq!((of(&config).name.as_str(), of(&config).why), ("Asia/Tokyo", ZoneOrigin::Host));
        drop(app);
        config.timezone = Some("Asia/Makassar".into());
        assert_eq!((of(&config).name.as_str(), of(&config).why), ("Asia/Makassar", ZoneOrigin::Configured));
        config.timezone = None;
        logbook.note(fact::ZONE, "nonsense").unwrap();
        assert_eq!(of(&config).why, ZoneOrigin::Machine);
    }
}
