//! The parts of a configuration that have fields of their own.

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::report::Category;

/// `true`, `false`, or `{ "level": 1..=12 }` (libdeflate's levels).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Compression {
    Switch(bool),
    Level { level: u8 },
}

/// A number of bytes: `5000000000` or `"5 GB"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Size(pub u64);

/// What a configuration says about one scheduled type; what it leaves out is the default.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ScheduleConfig {
    pub cron: Option<String>,
    pub keep: Option<u32>,
    pub enabled: Option<bool>,
    pub archive: Option<bool>,
}

/// When backups of one type are made, and how many are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// In node-cron's dialect: five fields, or six with the seconds first.
    pub cron: String,
    pub keep: u32,
    pub enabled: bool,
    /// Also write a portable archive of each into `archives/`.
    pub archive: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Source {
    pub category: Category,
    pub include: Vec<String>,
    #[serde(default)]
    pub exclude: Vec<String>,
    /// Short for naming the links in `include` in the configuration's `followLinks`.
    #[serde(default)]
    pub follow_links: bool,
    /// The folders that `include` names are each of one moment, as a WhatsApp session is.
    #[serde(default)]
    pub set: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Monitor {
    /// How old the newest good backup may be. Default: as the schedule has it.
    pub max_age_hours: Option<f64>,
    pub storage_warn_percent: f64,
    pub verify_cron: Option<String>,
    pub ping_url: Option<String>,
    /// Looks after the other vaults of each target.
    pub neighbours: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Worker {
    /// 0: as many as there are cores, at most 8.
    pub threads: usize,
    /// Unix niceness, 0 to 19.
    pub nice: u8,
}

impl Default for Compression {
    fn default() -> Compression {
        Compression::Switch(true)
    }
}

impl Compression {
    /// Level 6: the knee of libdeflate's curve on databases and JSON.
    pub const DEFAULT_LEVEL: u8 = 6;

    /// 0 means that nothing is compressed.
    pub fn level(self) -> u8 {
        match self {
            Compression::Switch(true) => Compression::DEFAULT_LEVEL,
            Compression::Switch(false) => 0,
            Compression::Level { level } => level,
        }
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Size, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Bytes(u64),
            Text(String),
        }
        let wrong = || serde::de::Error::custom("a size is a number of bytes or a text such as \"5GB\"");
        match Form::deserialize(deserializer).map_err(|_| wrong())? {
            Form::Bytes(bytes) => Ok(Size(bytes)),
            Form::Text(text) => text.parse::<bytesize::ByteSize>().map(|size| Size(size.as_u64())).map_err(|_| wrong()),
        }
    }
}

impl Source {
    /// One that takes nothing yet.
    pub fn of(category: Category) -> Source {
        Source { category, include: Vec::new(), exclude: Vec::new(), follow_links: false, set: false }
    }
}

impl Default for Monitor {
    fn default() -> Monitor {
        Monitor {
            max_age_hours: None,
            storage_warn_percent: 80.0,
            verify_cron: None,
            ping_url: None,
            neighbours: false,
        }
    }
}

impl Default for Worker {
    fn default() -> Worker {
        Worker { threads: 0, nice: 10 }
    }
}

impl Worker {
    pub fn effective_threads(&self) -> usize {
        match self.threads {
            0 => std::thread::available_parallelism().map_or(2, usize::from).clamp(1, 8),
            some => some,
        }
    }
}
