//! A backup's name: `backup_<TYPE>_<ISO time with ':' and '.' as '-'>`.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use crate::report::BackupType;
use crate::{Error, Result};

/// A parsed name: it is safe as a file name and says what and when.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct BackupName {
    text: String,
    kind: BackupType,
    millis: i64,
}

impl BackupName {
    /// `millis` since the epoch.
    pub fn new(kind: BackupType, millis: i64) -> Result<BackupName> {
        let time = Timestamp::from_millisecond(millis).map_err(|error| Error::internal(error.to_string()))?;
        let iso = time.strftime("%Y-%m-%dT%H-%M-%S-%3fZ");
        Ok(BackupName { text: format!("backup_{kind}_{iso}"), kind, millis })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn kind(&self) -> BackupType {
        self.kind
    }

    /// Milliseconds since the epoch.
    pub fn millis(&self) -> i64 {
        self.millis
    }
}

impl FromStr for BackupName {
    type Err = Error;

    fn from_str(text: &str) -> Result<BackupName> {
        let refuse = || Error::NotFound {
            message: format!(
                "{text:?} is not the name of a backup; one looks like backup_DAILY_2026-11-23T02-00-00-000Z."
            ),
        };
        let (kind, time) = text.strip_prefix("backup_").and_then(|rest| rest.split_once('_')).ok_or_else(refuse)?;
        let kind = BackupType::ALL.iter().copied().find(|known| known.as_str() == kind).ok_or_else(refuse)?;
        let millis = parse_time(time).ok_or_else(refuse)?;
        Ok(BackupName { text: text.into(), kind, millis })
    }
}

/// One time, one spelling: what we would not write, we do not accept.
fn parse_time(text: &str) -> Option<i64> {
    const SHAPE: &[u8; 24] = b"0000-00-00T00-00-00-000Z";
    let bytes: &[u8; 24] = text.as_bytes().try_into().ok()?;
    let fits = |(byte, shape): (&u8, &u8)| if *shape == b'0' { byte.is_ascii_digit() } else { byte == shape };
    if !bytes.iter().zip(SHAPE).all(fits) {
        return None;
    }
    let number =
        |range: std::ops::Range<usize>| bytes[range].iter().fold(0, |sum, byte| sum * 10 + i16::from(byte - b'0'));
    let small = |range| number(range) as i8;
    let time = jiff::civil::DateTime::new(
        number(0..4),
        small(5..7),
        small(8..10),
        small(11..13),
        small(14..16),
        small(17..19),
        i32::from(number(20..23)) * 1_000_000,
    );
    Some(jiff::tz::Offset::UTC.to_timestamp(time.ok()?).ok()?.as_millisecond())
}

impl fmt::Display for BackupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_the_documentation_shows() {
        let name = BackupName::new(BackupType::Daily, 1_795_399_200_000).unwrap();
        assert_eq!(name.as_str(), "backup_DAILY_2026-11-23T02-00-00-000Z");
        assert_eq!(name.as_str().parse::<BackupName>().unwrap(), name);
        for millis in [0, 951_782_399_999, 951_782_400_001, 1_735_689_600_000, 253_402_207_200_000] {
            let name = BackupName::new(BackupType::Hourly, millis).unwrap();
            assert_eq!(name.as_str().parse::<BackupName>().unwrap(), name);
        }
    }

    #[test]
    fn nothing_else_is_a_name() {
        for text in [
            "",
            "latest",
            "backup_DAILY_",
            "backup_DAILY_../../../../etc/passwd00",
            "backup_daily_2026-11-23T02-00-00-000Z",
            "backup_DAILY_2026-11-23T02-00-00-000Z/..",
            "backup_DAILY_2026-13-23T02-00-00-000Z",
            "backup_DAILY_2026-02-30T02-00-00-000Z",
            "backup_DAILY_2026-11-23T02-00-60-000Z",
            "backup_DAILY_+026-11-23T02-00-00-000Z",
            "backup_DAILY_2026-11-23T02:00:00.000Z",
            "backup_DAILY_2026-11-23T02-00-0\u{e9}-000Z",
        ] {
            assert!(text.parse::<BackupName>().is_err(), "{text}");
        }
    }
}
