//! A moment as a caller may say it.

use schemars::JsonSchema;
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// A moment: milliseconds since 1970, or a time such as `2026-11-23T02:00:00Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(extend("tsType" = "Date | number | string"))]
pub struct Instant(pub i64);

/// The farthest day of JavaScript.
const MOST: f64 = 8.64e15;

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Instant, D::Error> {
        struct Reader;

        impl Visitor<'_> for Reader {
            type Value = i64;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                // Without its zone a text would mean one time here and another one elsewhere.
                f.write_str("a time such as 2026-11-23T02:00:00Z, or milliseconds since 1970")
            }

            fn visit_i64<E: Error>(self, millis: i64) -> Result<i64, E> {
                Ok(millis)
            }

            fn visit_u64<E: Error>(self, millis: u64) -> Result<i64, E> {
                i64::try_from(millis).map_err(|_| E::invalid_value(Unexpected::Unsigned(millis), &self))
            }

            fn visit_f64<E: Error>(self, millis: f64) -> Result<i64, E> {
                match millis.abs() <= MOST {
                    true => Ok(millis.round() as i64),
                    false => Err(E::invalid_value(Unexpected::Float(millis), &self)),
                }
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<i64, E> {
                let instant: Result<jiff::Timestamp, _> = text.trim().parse();
                instant.map(jiff::Timestamp::as_millisecond).map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
            }
        }

        deserializer.deserialize_any(Reader).map(Instant)
    }
}

pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    Instant::deserialize(deserializer).map(|Instant(millis)| millis)
}

pub fn maybe<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    Ok(Option::<Instant>::deserialize(deserializer)?.map(|Instant(millis)| millis))
}
