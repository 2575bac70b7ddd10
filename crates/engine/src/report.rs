//! What operations are asked and what they report: the types that cross to JavaScript, the command line and REST.
//!
//! Their JSON form (camelCase, sizes in bytes, times in milliseconds since the epoch) is the contract of `index.d.ts`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Why a backup was made. HOURLY, MANUAL, API and SAFETY are incremental; DAILY, WEEKLY and MONTHLY are full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
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
    pub const ALL: [BackupType; 7] = [
        BackupType::Manual,
        BackupType::Api,
        BackupType::Hourly,
        BackupType::Daily,
        BackupType::Weekly,
        BackupType::Monthly,
        BackupType::Safety,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            BackupType::Manual => "MANUAL",
            BackupType::Api => "API",
            BackupType::Hourly => "HOURLY",
            BackupType::Daily => "DAILY",
            BackupType::Weekly => "WEEKLY",
            BackupType::Monthly => "MONTHLY",
            BackupType::Safety => "SAFETY",
        }
    }

    /// Those that a schedule makes, from the smallest to the largest.
    pub const SCHEDULED: [BackupType; 4] =
        [BackupType::Hourly, BackupType::Daily, BackupType::Weekly, BackupType::Monthly];

    /// Does this type re-read every byte by default?
    pub fn is_full(self) -> bool {
        matches!(self, BackupType::Daily | BackupType::Weekly | BackupType::Monthly)
    }
}

impl std::fmt::Display for BackupType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for BackupType {
    type Err = crate::Error;

    fn from_str(text: &str) -> crate::Result<BackupType> {
        let wanted = text.to_ascii_uppercase();
        BackupType::ALL.into_iter().find(|known| known.as_str() == wanted).ok_or_else(|| crate::Error::Config {
            message: format!(
                "{text:?} is not a type of backup. Use one of MANUAL, API, HOURLY, DAILY, WEEKLY, MONTHLY, SAFETY."
            ),
        })
    }
}

/// What an item is to its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
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
    pub const ALL: [Category; 8] = [
        Category::Database,
        Category::Config,
        Category::Logs,
        Category::Accounts,
        Category::Templates,
        Category::Session,
        Category::Media,
        Category::Data,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Category::Database => "database",
            Category::Config => "config",
            Category::Logs => "logs",
            Category::Accounts => "accounts",
            Category::Templates => "templates",
            Category::Session => "session",
            Category::Media => "media",
            Category::Data => "data",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ItemType {
    File,
    Dir,
    Symlink,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct BackupOptions {
    /// Re-read and re-hash every byte. Default: by the type.
    pub full: Option<bool>,
    /// A few words of the user's own, kept with the backup.
    pub note: Option<String>,
    /// Wait for a running operation instead of failing with `E_BUSY`.
    pub wait: bool,
    /// Smaller scheduled types that were due at the same time, and that this backup counts for.
    pub covers: Vec<BackupType>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct PruneOptions {
    /// Only say what would go, and why.
    pub dry_run: bool,
    /// Wait for a running operation instead of failing with `E_BUSY`.
    pub wait: bool,
}

/// What becomes of one backup, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PruneVerdict {
    pub backup: String,
    #[serde(rename = "type")]
    pub kind: BackupType,
    pub timestamp: i64,
    pub keep: bool,
    pub why: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PruneReport {
    pub dry_run: bool,
    /// Every backup, newest first.
    pub backups: Vec<PruneVerdict>,
    /// How many backups went.
    pub removed: u64,
    pub packs_removed: u64,
    pub packs_rewritten: u64,
    /// Bytes that the vault is smaller now.
    pub freed: u64,
    /// Bytes that were read and written again, because they lay among what went.
    pub copied: u64,
    pub duration_ms: u64,
    pub warnings: Vec<Warning>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Warning {
    pub path: String,
    pub message: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackupResult {
    pub success: bool,
    pub backup: String,
    #[serde(rename = "type")]
    pub kind: BackupType,
    /// Bytes that this backup added to the vault.
    pub size: u64,
    /// Bytes of its items as they lie on disk.
    pub total_size: u64,
    pub items: u64,
    /// Items that were new or changed since the backup before.
    pub changed: u64,
    /// Items of the backup before that are gone.
    pub removed: u64,
    pub full: bool,
    pub duration_ms: u64,
    /// Something could not be stored as it should be (a corrupt database, an unreadable file): see `warnings`.
    pub degraded: bool,
    pub warnings: Vec<Warning>,
    /// `off`, `queued` or `synced`.
    pub cloud: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CategoryTotals {
    pub items: u64,
    pub size: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackupInfo {
    pub backup: String,
    #[serde(rename = "type")]
    pub kind: BackupType,
    pub timestamp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    pub size: u64,
    pub total_size: u64,
    pub items: u64,
    pub categories: BTreeMap<Category, CategoryTotals>,
    pub full: bool,
    pub degraded: bool,
    /// Smaller scheduled types that it counts for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub covers: Vec<BackupType>,
    /// Kept until it is unpinned.
    #[serde(default)]
    pub pinned: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified_at: Option<i64>,
    pub location: Vec<String>,
}

impl BackupInfo {
    pub fn counts_for(&self, kind: BackupType) -> bool {
        self.kind == kind || self.covers.contains(&kind)
    }
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ListFilter {
    #[serde(rename = "type")]
    pub kind: Option<BackupType>,
    /// Milliseconds since the epoch, inclusive.
    pub since: Option<i64>,
    /// Milliseconds since the epoch, inclusive.
    pub until: Option<i64>,
    /// At most this many, the newest.
    pub limit: Option<usize>,
}

impl ListFilter {
    /// Of a backup of that type and time, but for the limit.
    pub fn takes(&self, kind: BackupType, timestamp: i64) -> bool {
        self.kind.is_none_or(|wanted| wanted == kind)
            && self.since.is_none_or(|since| timestamp >= since)
            && self.until.is_none_or(|until| timestamp <= until)
    }
}

/// One path of a backup, as users see it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ItemInfo {
    pub path: String,
    pub category: Category,
    #[serde(rename = "type")]
    pub kind: ItemType,
    /// Bytes.
    pub size: u64,
    /// Milliseconds since the epoch.
    pub mtime: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// Which backup: by name, or the newest good one at or before an instant.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum BackupRef {
    /// A backup's name, or `latest`.
    Name(String),
    At {
        /// Milliseconds since the epoch.
        at: i64,
    },
}

/// What `init` did.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InitReport {
    /// The vault's folder.
    pub vault: std::path::PathBuf,
    /// False where the vault was there already.
    pub created: bool,
    pub encrypted: bool,
    /// The key file that was made or added.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_file: Option<std::path::PathBuf>,
}

/// How a restore in place treats an app that may be running.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RestoreMode {
    /// Looks who has the databases open, and chooses.
    #[default]
    Auto,
    /// Databases through SQLite, so that every open connection sees them; other files by rename.
    Live,
    /// Everything by rename: nobody may have a database open.
    Offline,
    /// Stages everything; the next start of the app applies it before it opens anything.
    OnRestart,
}

impl RestoreMode {
    pub fn as_str(self) -> &'static str {
        match self {
            RestoreMode::Auto => "auto",
            RestoreMode::Live => "live",
            RestoreMode::Offline => "offline",
            RestoreMode::OnRestart => "on-restart",
        }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct RestoreOptions {
    /// Paths, globs or categories; empty means everything.
    pub items: Vec<String>,
    /// Another folder than the root, which must not exist, or be empty; `None`: in place.
    pub target: Option<std::path::PathBuf>,
    /// Only plan and check.
    pub dry_run: bool,
    /// Take a SAFETY backup before anything in place is replaced. Default true.
    pub create_backup_first: bool,
    pub mode: RestoreMode,
    /// Categories in which items that the backup does not have are removed. Default: session.
    pub mirror: Vec<Category>,
    /// Take each of `items` from the newest backup, not later than the chosen one, that has it.
    pub per_item: bool,
    /// Write what is whole of a damaged vault, and list the rest; only into a `target`.
    pub salvage: bool,
    /// Give everything to `user`, `user:group` or `uid:gid` instead of the owner it had. Only root may.
    pub owner: Option<String>,
    /// Also restore links that lead out of the root; otherwise they are `E_UNSAFE_PATH`.
    pub allow_outside_links: bool,
    /// Wait for a running operation instead of failing with `E_BUSY`.
    pub wait: bool,
}

impl Default for RestoreOptions {
    fn default() -> RestoreOptions {
        RestoreOptions {
            items: Vec::new(),
            target: None,
            dry_run: false,
            create_backup_first: true,
            mode: RestoreMode::Auto,
            mirror: vec![Category::Session],
            per_item: false,
            salvage: false,
            owner: None,
            allow_outside_links: false,
            wait: false,
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RestorePlan {
    pub create: Vec<String>,
    pub replace: Vec<String>,
    pub remove: Vec<String>,
    pub unchanged: u64,
    pub bytes: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestoreResult {
    pub success: bool,
    pub backup: String,
    pub restored: Vec<String>,
    pub timestamp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub safety_backup: Option<String>,
    pub plan: RestorePlan,
    pub dry_run: bool,
    /// The restore waits for the next start of the app.
    pub staged: bool,
    /// How it was done in place, never `auto`; absent for a restore into another folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<RestoreMode>,
    /// Why that mode was chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What a salvage could not give back, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<Warning>,
    pub duration_ms: u64,
    pub warnings: Vec<Warning>,
}

/// One state of one path over time.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Version {
    /// The newest backup that has this version.
    pub backup: String,
    /// When that was made, milliseconds since the epoch.
    pub timestamp: i64,
    /// The oldest backup, of those in a row, that has it.
    pub first_backup: String,
    /// How many backups have it.
    pub backups: u64,
    /// The first backup after these in which the path was gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone_in: Option<String>,
    /// Backups among these, or next to them, that cannot be read: what they have of the path is not known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<String>,
    #[serde(flatten)]
    pub item: ItemInfo,
}

/// What changed between two backups, or between a backup and the live root.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DiffReport {
    /// The backup that is compared.
    pub from: String,
    /// The other backup; absent where it is the live root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    pub added: Vec<ItemInfo>,
    pub removed: Vec<ItemInfo>,
    pub changed: Vec<Change>,
    pub unchanged: u64,
    /// What could not be compared, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
    pub duration_ms: u64,
}

/// One path that is there on both sides, and differs.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    pub path: String,
    pub category: Category,
    pub before: ItemInfo,
    pub after: ItemInfo,
    /// Only its mode, owner or time differ.
    pub metadata_only: bool,
    /// For a database: the tables whose rows or definition differ.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<TableDiff>,
    /// Why the tables could not be compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What changed in one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TableDiff {
    pub table: String,
    /// Rows, by rowid or primary key.
    pub added: u64,
    pub removed: u64,
    pub changed: u64,
    /// The definition of the table differs, too.
    pub schema: bool,
    /// Only the newer side has the table.
    #[serde(default, skip_serializing_if = "is_false")]
    pub created: bool,
    /// Only the older side has the table.
    #[serde(default, skip_serializing_if = "is_false")]
    pub dropped: bool,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ExportOptions {
    /// Paths, globs or categories; empty means everything.
    pub items: Vec<String>,
    /// Seal the archive under the passphrase, or without one under the key file. Default: as the configuration's
    /// `encryption`, and where the file is called `.sealed`.
    pub encrypt: Option<bool>,
    /// Replace a file that is there already; otherwise it is `E_CONFIG`.
    pub overwrite: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExportResult {
    pub file: std::path::PathBuf,
    /// Bytes of the archive.
    pub size: u64,
    pub items: u64,
    pub encrypted: bool,
    pub duration_ms: u64,
}

/// How a new root is set up from a vault or an archive.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct MigrateOptions {
    /// Which backup. Default: the newest.
    pub backup: Option<BackupRef>,
    /// Copy the vault into the new root, too, so that its history goes on there. Default true.
    pub history: bool,
    /// Who owns everything: `user`, `user:group` or `uid:gid`. Default: as in the backup where this user may do so
    /// (root), else this user.
    pub owner: Option<String>,
    /// Also restore links that lead out of the root; otherwise they are `E_UNSAFE_PATH`.
    pub allow_outside_links: bool,
}

impl Default for MigrateOptions {
    fn default() -> MigrateOptions {
        MigrateOptions { backup: None, history: true, owner: None, allow_outside_links: false }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MigrateReport {
    pub success: bool,
    /// The vault's folder or the archive that all came from.
    pub source: std::path::PathBuf,
    pub root: std::path::PathBuf,
    /// The vault of the new root; absent where the history was left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vault: Option<std::path::PathBuf>,
    pub backup: String,
    /// When that was made, milliseconds since the epoch.
    pub timestamp: i64,
    pub items: u64,
    /// Bytes of the items.
    pub bytes: u64,
    /// How many backups the new vault has.
    pub backups: u64,
    /// Bytes that were copied into the new vault.
    pub copied: u64,
    /// It went on with a migration that had been cut off.
    pub resumed: bool,
    /// What is damaged in the new vault. The root is whole all the same.
    pub damaged: Vec<Damage>,
    pub warnings: Vec<Warning>,
    /// What to do now, in this order.
    pub next: Vec<NextStep>,
    pub duration_ms: u64,
}

/// Something that is left for the owner to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NextStep {
    /// What to type in the new root.
    pub command: String,
    pub why: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Damage {
    /// The object's path inside the vault.
    pub object: String,
    /// The backups that it hurts, oldest first.
    pub backups: Vec<String>,
    pub healed: bool,
    pub message: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VerifyReport {
    pub ok: bool,
    pub backups: u64,
    pub packs: u64,
    /// Bytes that were read back and authenticated.
    pub bytes: u64,
    pub damaged: Vec<Damage>,
    pub duration_ms: u64,
}

/// What a scheduled look at the vault found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Inspection {
    /// Of the part of the vault whose turn it was.
    pub verify: VerifyReport,
    /// Of a restore that was rehearsed: what was wrong with what came back. Absent on days without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rehearsal: Option<VerifyReport>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunResult {
    Success,
    Failure,
    /// Its process was killed, or the machine went down.
    Interrupted,
    Running,
}

impl RunResult {
    pub fn as_str(self) -> &'static str {
        match self {
            RunResult::Success => "success",
            RunResult::Failure => "failure",
            RunResult::Interrupted => "interrupted",
            RunResult::Running => "running",
        }
    }
}

/// One entry of the history.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// BACKUP, RESTORE, PRUNE, VERIFY, REHEARSAL, EXPORT, IMPORT or DELETE.
    pub operation: String,
    /// Of a backup.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<BackupType>,
    /// Smaller scheduled types that it counted for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub covers: Vec<BackupType>,
    /// When it began, milliseconds since the epoch.
    pub at: i64,
    pub duration_ms: u64,
    pub result: RunResult,
    /// The backup that was made, restored, exported, ...
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<String>,
    /// Bytes that were added, freed, written or read, as the operation has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Bytes of the backup's items.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_size: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<u64>,
    /// Of the error, where it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The first ten.
    #[serde(default)]
    pub warnings: Vec<Warning>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct HistoryFilter {
    /// In any case: `backup`, `PRUNE`, ...
    pub operation: Option<String>,
    #[serde(rename = "type")]
    pub kind: Option<BackupType>,
    /// Milliseconds since the epoch, inclusive.
    pub since: Option<i64>,
    /// Milliseconds since the epoch, inclusive.
    pub until: Option<i64>,
    /// At most this many, the newest.
    pub limit: Option<usize>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
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

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Problem {
    pub code: String,
    pub message: String,
    pub since: i64,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StorageStatus {
    /// Bytes of everything in the vault's folder.
    pub used: u64,
    /// The cap, `maxLocalStorage`.
    pub limit: u64,
    /// Bytes free on the vault's disk.
    pub free: u64,
    /// How many backups there are.
    pub backups: u64,
    /// Bytes of all backups' items, as if each were a plain copy.
    pub source_bytes: u64,
    /// Bytes of packs and snapshots that hold them.
    pub stored_bytes: u64,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ScheduleStatus {
    /// Does a scheduler run in this process?
    pub running: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<NextRun>,
}

/// A run to come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextRun {
    #[serde(rename = "type")]
    pub kind: BackupType,
    /// Milliseconds since the epoch.
    pub at: i64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    pub healthy: bool,
    pub problems: Vec<Problem>,
    pub last_success: BTreeMap<BackupType, i64>,
    /// The newest backup that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<LastFailure>,
    /// Milliseconds since the newest good backup.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age: Option<i64>,
    /// What is running now, if anything: "BACKUP HOURLY", ...
    #[serde(skip_serializing_if = "Option::is_none")]
    pub running: Option<Running>,
    pub storage: StorageStatus,
    pub cloud: Vec<serde_json::Value>,
    pub schedule: ScheduleStatus,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LastFailure {
    #[serde(rename = "type")]
    pub kind: BackupType,
    pub at: i64,
    pub code: String,
    pub message: String,
}

/// Who holds the vault's lock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Running {
    pub operation: String,
    pub pid: u32,
    /// Milliseconds since the epoch.
    pub since: i64,
    /// How far it is, as it said a moment ago.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
}
