//! Versions over time, and what changed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::*;

/// One version of one path: the item as the newest backup with this version has it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Version {
    /// The newest backup that has this version.
    pub backup: String,
    /// When that backup was made.
    pub timestamp: i64,
    /// The oldest of the backups in a row that have this version.
    pub first_backup: String,
    /// The number of backups that have it.
    pub backups: u64,
    /// The first backup after these without the path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone_in: Option<String>,
    /// Backups among these, or next to them, that cannot be read. It is not known which version of the path they have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<String>,
    #[serde(flatten)]
    pub item: ItemInfo,
}

/// The difference. Files of the live root that need not be read have no `sha256` here.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DiffReport {
    /// The backup that is compared with `to`.
    pub from: String,
    /// The other backup; absent if it is the live root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    pub added: Vec<ItemInfo>,
    pub removed: Vec<ItemInfo>,
    pub changed: Vec<Change>,
    /// The number of items that are the same.
    pub unchanged: u64,
    /// What could not be compared, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
    pub duration_ms: u64,
}

/// The metadata of a file, folder or link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Aspect {
    Mode,
    Owner,
    Time,
    /// Extended attributes and ACLs.
    Attributes,
    /// The other names of the same file.
    Names,
}

/// One path that exists on both sides and differs.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    pub path: String,
    pub category: Category,
    pub before: ItemInfo,
    pub after: ItemInfo,
    /// Only the metadata differs, and not the content.
    pub metadata_only: bool,
    /// Which metadata differs: `attributes` are extended attributes and ACLs, `names` the other names of the same file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub besides: Vec<Aspect>,
    /// For a SQLite database: the tables whose rows or definition differ.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<TableDiff>,
    /// For a SQLite database: why it could not be compared completely, or what differs if all rows are the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What changed in one table. Rows are identified by rowid or primary key. Virtual tables (FTS5) are shown as the
/// ordinary tables that store their data.
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
