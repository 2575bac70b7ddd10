//! Versions over time, and what changed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::*;

/// One state of one path: the item as the newest backup with it has it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Version {
    /// The newest backup that has this version.
    pub backup: String,
    /// When that was made.
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

/// Files of the live root that need not be read have no `sha256` here.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DiffReport {
    /// The backup that is compared.
    pub from: String,
    /// Absent where it is the live root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    pub added: Vec<ItemInfo>,
    pub removed: Vec<ItemInfo>,
    pub changed: Vec<Change>,
    /// How many items are the same.
    pub unchanged: u64,
    /// What could not be compared, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
    pub duration_ms: u64,
}

/// What a file, folder or link is besides its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Aspect {
    Mode,
    Owner,
    Time,
    /// Extended attributes and ACLs.
    Attributes,
    /// Which other names it has.
    Names,
}

/// One path that is there on both sides, and differs.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    pub path: String,
    pub category: Category,
    pub before: ItemInfo,
    pub after: ItemInfo,
    /// Only what it is besides its content differs.
    pub metadata_only: bool,
    /// What differs of that: `attributes` are extended attributes and ACLs, `names` the other names of the same file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub besides: Vec<Aspect>,
    /// Of a SQLite database: the tables whose rows or definition differ.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<TableDiff>,
    /// Of a SQLite database: why not all of it could be compared, or what differs where no row does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What changed in one table. Rows are told apart by rowid or primary key. Virtual tables (FTS5) are told by the ordinary tables
/// that hold them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TableDiff {
    pub table: String,
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
