//! What operations are asked and what they report: the types that cross to JavaScript, the command line and REST.
//!
//! Their JSON form (camelCase, sizes in bytes, times in milliseconds since the epoch) is the contract of `index.d.ts`.

mod account;
mod archive;
mod backup;
mod cloud;
mod compare;
mod doctor;
pub mod instant;
mod preview;
mod prune;
mod restore;
mod watch;

use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use strum::{IntoStaticStr, VariantArray};

pub use account::*;
pub use archive::*;
pub use backup::*;
pub use cloud::*;
pub use compare::*;
pub use doctor::*;
pub use preview::*;
pub use prune::*;
pub use restore::*;
pub use watch::*;

/// What went wrong: `code` of an error.
#[derive(JsonSchema)]
#[schemars(inline, extend("tsType" = "ErrorCode"))]
pub struct ErrorCode;

/// Why a backup was made. HOURLY, MANUAL, API and SAFETY backups are incremental; DAILY, WEEKLY and MONTHLY backups are
/// full.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    JsonSchema,
    strum::Display,
    IntoStaticStr,
    VariantArray,
)]
#[strum(serialize_all = "UPPERCASE")]
#[serde(rename_all = "UPPERCASE")]
pub enum BackupType {
    Manual,
    Api,
    Hourly,
    Daily,
    Weekly,
    Monthly,
    Safety,
}

impl BackupType {
    pub const ALL: &'static [BackupType] = BackupType::VARIANTS;

    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The types of the schedule, from the smallest to the largest.
    pub const SCHEDULED: [BackupType; 4] =
        [BackupType::Hourly, BackupType::Daily, BackupType::Weekly, BackupType::Monthly];

    /// Whether this type reads every byte again by default.
    pub fn is_full(self) -> bool {
        matches!(self, BackupType::Daily | BackupType::Weekly | BackupType::Monthly)
    }
}

impl std::str::FromStr for BackupType {
    type Err = crate::Error;

    fn from_str(text: &str) -> crate::Result<BackupType> {
        let wanted = text.to_ascii_uppercase();
        let found = BackupType::ALL.iter().copied().find(|known| known.as_str() == wanted);
        found.ok_or_else(|| {
            let known: Vec<&str> = BackupType::ALL.iter().map(|known| known.as_str()).collect();
            let message = format!("{text:?} is not a type of backup. Use one of {}.", known.join(", "));
            crate::Error::Config { message }
        })
    }
}

/// What an item is for the owner of the app.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    JsonSchema,
    IntoStaticStr,
    VariantArray,
)]
#[strum(serialize_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum Category {
    Database,
    Config,
    Logs,
    Accounts,
    Templates,
    Session,
    Media,
    Data,
}

impl Category {
    pub const ALL: &'static [Category] = Category::VARIANTS;

    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ItemType {
    File,
    Dir,
    Symlink,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Warning {
    pub path: String,
    pub message: String,
}

impl Warning {
    /// With what it is about, where it is about a path.
    pub fn in_words(&self) -> String {
        if self.path.is_empty() { self.message.clone() } else { format!("{}: {}", self.path, self.message) }
    }
}

/// Which backup: by name, or the newest good one at or before an instant.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "BackupReference")]
pub enum BackupRef {
    /// A backup's name, or `latest`.
    Name(String),
    At {
        #[schemars(with = "instant::Instant")]
        at: i64,
    },
}

impl<'de> Deserialize<'de> for BackupRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<BackupRef, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = BackupRef;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a backup's name or an object with `at`")
            }

            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<BackupRef, E> {
                match name {
                    "" => Err(E::invalid_value(Unexpected::Str(""), &self)),
                    name => Ok(BackupRef::Name(name.into())),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<BackupRef, A::Error> {
                #[derive(Deserialize)]
                #[serde(deny_unknown_fields)]
                struct At {
                    at: instant::Instant,
                }

                let At { at: instant::Instant(at) } = At::deserialize(MapAccessDeserializer::new(map))?;
                Ok(BackupRef::At { at })
            }
        }

        deserializer.deserialize_any(Reader)
    }
}

/// As it was asked for: a name, or a time in ISO's form.
impl std::fmt::Display for BackupRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            BackupRef::Name(name) => f.write_str(name),
            BackupRef::At { at } => match jiff::Timestamp::from_millisecond(*at) {
                Ok(time) => write!(f, "{time:.3}"),
                Err(_) => write!(f, "{at}"),
            },
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// The current step, in one word.
    pub phase: String,
    pub items: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_items: Option<u64>,
    pub bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eta_ms: Option<u64>,
}
