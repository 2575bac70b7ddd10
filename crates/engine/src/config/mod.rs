//! The configuration: `config/backup-config.json`, every field with a default that fits raf-bot.
//!
//! An unknown or misspelt field is `E_CONFIG` with the nearest known name; so is a value out of range. A [`Config`]
//! that exists has been checked and has absolute paths.

pub mod cloud;
mod parts;
pub mod told;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::report::BackupType;
use crate::schedule::pattern::Pattern;
use crate::seal::places::Environment;
use crate::secret::Secret;
use crate::store::{Folders, Opener};
use crate::vault::place;
use crate::{Error, Result};

pub use parts::{Compression, Monitor, Schedule, ScheduleConfig, Size, Source, Worker};

/// Where the configuration lies below the root when nobody names a file.
pub const DEFAULT_FILE: &str = "config/backup-config.json";
/// The default `exclude`: folders that can be made again, and how. `CACHEDIR.TAG` are those that hold a valid one, and
/// `*.lock` empty ones beside a file of the name without it. It holds while there are no `sources`; `include` takes
/// back what it leaves out.
pub const DEFAULT_EXCLUDE: [(&str, &str); 4] = [
    ("node_modules", "by npm"),
    (".git", "by git, from where the code came from"),
    ("CACHEDIR.TAG", "by the program that marked it as its cache, with a CACHEDIR.TAG"),
    ("*.lock", "by whoever locks the file beside it"),
];

/// The passphrase file of a root where nothing else says what opens the vault.
pub const PASSPHRASE_FILE: &str = "config/backup.pass";

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Config {
    /// The folder that is backed up. Default: the folder that relative paths start from.
    pub root: PathBuf,
    /// The vault, or the folder that holds it beside other things: see [`Config::placed`]. Relative to the root.
    pub backup_dir: PathBuf,
    pub encryption: bool,
    pub passphrase: Option<Secret>,
    pub passphrase_file: Option<PathBuf>,
    pub key_file: Option<PathBuf>,
    pub compression: Compression,
    /// Bytes, or text such as "5GB".
    pub max_local_storage: Size,
    pub local_retention_days: u32,
    /// How many MANUAL and API backups are kept, together.
    pub keep_manual: u32,
    pub timezone: Option<String>,
    pub schedules: BTreeMap<BackupType, ScheduleConfig>,
    /// What is taken and as what. Empty: everything, with raf-bot's categories.
    pub sources: Vec<Source>,
    /// Globs that are taken although [`DEFAULT_EXCLUDE`] would leave them out.
    pub include: Vec<String>,
    /// Globs that are never taken. They have the last word.
    pub exclude: Vec<String>,
    /// Globs of links that lead out of the root and are followed: what is behind them is taken as if it lay there.
    pub follow_links: Vec<String>,
    /// What the app is called among those who hear of events. Default: the name of its main file.
    pub consumer: Option<String>,
    /// Are backups synced to the targets as they are made? Default: where there are any.
    pub cloud_sync: Option<bool>,
    pub cloud: Vec<cloud::Target>,
    pub monitor: Monitor,
    pub worker: Worker,
    /// What the environment says besides. It comes from no file, and goes into none.
    #[serde(skip)]
    pub environment: Environment,
    /// The way to the targets; see [`crate::Engine::with_opener`].
    #[serde(skip)]
    pub reach: Reach,
}

/// What opens targets.
#[derive(Clone)]
pub struct Reach(pub Arc<dyn Opener>);

impl Default for Reach {
    fn default() -> Reach {
        Reach(Arc::new(Folders))
    }
}

impl std::fmt::Debug for Reach {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reach")
    }
}

impl Default for Config {
    fn default() -> Config {
        Config {
            root: PathBuf::from("."),
            backup_dir: PathBuf::from("backups"),
            encryption: true,
            passphrase: None,
            passphrase_file: None,
            key_file: None,
            compression: Compression::default(),
            max_local_storage: Size(5_000_000_000),
            local_retention_days: 7,
            keep_manual: 10,
            timezone: None,
            schedules: BTreeMap::new(),
            sources: Vec::new(),
            include: Vec::new(),
            exclude: Vec::new(),
            follow_links: Vec::new(),
            consumer: None,
            cloud_sync: None,
            cloud: Vec::new(),
            monitor: Monitor::default(),
            worker: Worker::default(),
            environment: Environment::default(),
            reach: Reach::default(),
        }
    }
}

impl Config {
    /// The schedule of HOURLY, DAILY, WEEKLY or MONTHLY; others have none, and nothing is made or kept by it.
    pub fn schedule(&self, kind: BackupType) -> Schedule {
        let (cron, keep) = match kind {
            BackupType::Hourly => ("0 * * * *", 24),
            BackupType::Daily => ("0 2 * * *", 7),
            BackupType::Weekly => ("0 3 * * 0", 4),
            BackupType::Monthly => ("0 4 1 * *", 12),
            BackupType::Manual | BackupType::Api | BackupType::Safety => ("", 0),
        };
        let given = self.schedules.get(&kind).cloned().unwrap_or_default();
        Schedule {
            cron: given.cron.unwrap_or_else(|| cron.into()),
            keep: given.keep.unwrap_or(keep),
            enabled: given.enabled.unwrap_or(!cron.is_empty()),
            archive: given.archive.unwrap_or(kind == BackupType::Weekly),
        }
    }
}

impl Config {
    /// Parses a configuration given as JSON text. `base` is the folder that a relative `root` starts from.
    pub fn from_json(text: &str, base: &Path) -> Result<Config> {
        if !text.trim_start().starts_with('{') {
            return Err(Error::Config { message: "The configuration is not valid: it must be a JSON object.".into() });
        }
        let mut unknown: Option<String> = None;
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let parsed: Result<Config, _> = serde_ignored::deserialize(&mut deserializer, |path| {
            unknown.get_or_insert_with(|| path.to_string());
        });
        let invalid = |error: serde_json::Error| Error::Config {
            message: format!("The configuration is not valid: {}.", told::without_values(&error)),
        };
        let config = parsed.map_err(invalid)?;
        deserializer.end().map_err(invalid)?;
        if let Some(field) = unknown {
            return Err(unknown_field(&field));
        }
        config.resolved(base)
    }

    /// Reads a configuration file. Relative paths in it start from `base`.
    pub fn from_file(file: &Path, base: &Path) -> Result<Config> {
        let text = std::fs::read_to_string(file).map_err(|error| Error::Config {
            message: format!("The configuration {} cannot be read: {error}.", file.display()),
        })?;
        Config::from_json(&text, base)
            .map_err(|error| Error::Config { message: format!("{}: {error}", file.display()) })
    }

    /// The configuration of a root: its `config/backup-config.json` where there is one, else the defaults.
    pub fn of_root(root: &Path) -> Result<Config> {
        let file = root.join(DEFAULT_FILE);
        if file.is_file() { Config::from_file(&file, root) } else { Config::default().resolved(root) }
    }

    /// With the vault's folder as it is to be used now. Whoever begins something asks anew: an app may have put something
    /// of its own into the folder since.
    pub fn placed(mut self) -> Config {
        self.backup_dir = place::of(&place::real(&self.backup_dir, &self.root));
        self
    }

    /// The files that hold what opens the vault, whether they exist or not. They never go into a backup: whoever had the
    /// vault would have the key.
    pub fn secret_files(&self) -> Vec<PathBuf> {
        let configured = [&self.passphrase_file, &self.key_file, &self.environment.key_file];
        let configured = configured.into_iter().flatten().filter(|file| file.is_absolute()).cloned();
        let targets = self.cloud.iter().flat_map(cloud::Target::secret_files).cloned();
        configured.chain([self.root.join(PASSPHRASE_FILE)]).chain(targets).collect()
    }

    /// What brings the vault of this root back from its targets, where it has any.
    pub(crate) fn way_back(&self) -> Option<String> {
        let target = self.cloud.first()?.name();
        Some(format!("If it is gone, `lifeboat migrate --from {target} --no-restore` brings it back from there."))
    }

    /// Are backups synced as they are made?
    pub fn syncs(&self) -> bool {
        self.cloud_sync.unwrap_or(true) && !self.cloud.is_empty()
    }

    /// Checks ranges and makes every path absolute.
    pub fn resolved(mut self, base: &Path) -> Result<Config> {
        let base = std::path::absolute(base).map_err(|error| Error::Config {
            message: format!("{} is not a usable folder: {error}.", base.display()),
        })?;
        self.root = clean(&base.join(&self.root));
        self.backup_dir = clean(&self.root.join(&self.backup_dir));
        let root = self.root.clone();
        for file in [&mut self.passphrase_file, &mut self.key_file].into_iter().flatten() {
            *file = clean(&root.join(&file));
        }
        cloud::check(&self.cloud)?;
        self.cloud.iter_mut().for_each(|target| target.fill(&root, |name| std::env::var(name).ok()));
        for path in self.cloud.iter_mut().flat_map(cloud::Target::paths) {
            *path = clean(&root.join(&path));
        }
        cloud::check_places(&self.cloud, &root, &self.backup_dir)?;
        self.refuse_what_nobody_obeys()?;
        let refuse = |message: &str| Err(Error::Config { message: message.into() });
        if self.compression.level() > 12 {
            return refuse("compression.level goes from 0 (off) to 12 (smallest).");
        }
        if self.worker.nice > 19 {
            return refuse("worker.nice goes from 0 to 19.");
        }
        if self.worker.threads > 64 {
            return refuse("worker.threads goes from 0 (automatic) to 64.");
        }
        for (kind, schedule) in &self.schedules {
            if !BackupType::SCHEDULED.contains(kind) {
                return refuse(&format!("schedules.{kind}: only HOURLY, DAILY, WEEKLY and MONTHLY are scheduled."));
            }
            if schedule.keep == Some(0) {
                return refuse(&format!(
                    "schedules.{kind}.keep is at least 1; to switch a type off, set enabled to false."
                ));
            }
            if let Some(cron) = &schedule.cron {
                cron.parse::<Pattern>()
                    .map_err(|error| Error::Config { message: format!("schedules.{kind}.cron: {error}") })?;
            }
        }
        if self.max_local_storage.0 == 0 {
            return refuse("maxLocalStorage is the space for the vault, such as \"5GB\"; it must be above 0.");
        }
        if let Some(cron) = &self.monitor.verify_cron {
            cron.parse::<Pattern>()
                .map_err(|error| Error::Config { message: format!("monitor.verifyCron: {error}") })?;
        }
        if let Some(url) = &self.monitor.ping_url
            && !["http://", "https://"].iter().any(|scheme| url.starts_with(scheme))
        {
            // Not quoted: it may be a secret that was put into the wrong field.
            return refuse("monitor.pingUrl must begin with http:// or https://.");
        }
        if !(1.0..=100.0).contains(&self.monitor.storage_warn_percent) {
            return refuse("monitor.storageWarnPercent goes from 1 to 100.");
        }
        if self.monitor.max_age_hours.is_some_and(|hours| !(hours > 0.0 && hours < 1e6)) {
            return refuse("monitor.maxAgeHours is a number of hours above 0.");
        }
        if let Some(name) = &self.timezone {
            jiff::tz::TimeZone::get(name).map_err(|_| Error::Config {
                message: "timezone is not a known time zone. Write for example \"Asia/Jakarta\".".into(),
            })?;
        }
        if self.backup_dir == self.root {
            return refuse("backupDir must not be the root itself: a backup cannot contain itself.");
        }
        if self.root.starts_with(&self.backup_dir) {
            return refuse("backupDir must not contain the root: nothing would be left to back up.");
        }
        Ok(self)
    }
}

impl Config {
    /// What would be read and then be without effect: whoever has written it believes otherwise.
    fn refuse_what_nobody_obeys(&self) -> Result<()> {
        let refuse = |message: &str| Err(Error::Config { message: message.into() });
        if self.cloud.is_empty() && self.cloud_sync == Some(true) {
            return refuse(
                "cloudSync is true, and there is no target to sync to. Name one in `cloud`, or leave cloudSync out.",
            );
        }
        if self.cloud.is_empty() && self.monitor.neighbours {
            return refuse(
                "monitor.neighbours looks after the other vaults of each target, and there is no target. Name one in \
                 `cloud`, or leave it out.",
            );
        }
        let acts_for_a_user = |target: &cloud::Target| match target {
            cloud::Target::GDrive(drive) => drive.impersonate.is_some() && drive.key_file.is_none(),
            _ => false,
        };
        if let Some(index) = self.cloud.iter().position(acts_for_a_user) {
            return refuse(&format!(
                "cloud[{index}].impersonate is for a service account. Name its key in keyFile, or leave it out."
            ));
        }
        if let Some(index) = self.sources.iter().position(|source| source.include.is_empty()) {
            return refuse(&format!("sources[{index}].include names nothing, so this source would take nothing."));
        }
        if !self.sources.is_empty() && !self.include.is_empty() {
            return refuse(
                "include and sources do not go together: sources names exactly what is taken. Name it in a source.",
            );
        }
        Ok(())
    }
}

/// Without `.` and `..`, by name only: links are resolved when the path is used.
fn clean(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}

fn unknown_field(path: &str) -> Error {
    let name = path.rsplit('.').next().unwrap_or(path);
    let nearest = known_fields()
        .into_iter()
        .map(|known| (strsim::jaro_winkler(&known.to_lowercase(), &name.to_lowercase()), known))
        .filter(|(score, _)| *score > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let hint = nearest.map_or_else(String::new, |(_, known)| format!(" Did you mean {known:?}?"));
    Error::Config { message: format!("The configuration has an unknown field {path:?}.{hint}") }
}

fn known_fields() -> Vec<String> {
    fn keys(value: &serde_json::Value, out: &mut Vec<String>) {
        if let serde_json::Value::Object(map) = value {
            for (key, inner) in map {
                out.push(key.clone());
                keys(inner, out);
            }
        }
    }
    let mut out: Vec<String> =
        ["cron", "keep", "enabled", "archive", "category", "include", "exclude", "followLinks", "set", "level"]
            .map(String::from)
            .to_vec();
    keys(&serde_json::to_value(Config::default()).unwrap_or_default(), &mut out);
    out
}
