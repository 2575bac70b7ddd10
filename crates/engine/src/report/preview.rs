//! What a backup would take, and what it would not.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::*;

/// What a backup of the root would contain now. All lists have the largest entries first.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Preview {
    pub root: std::path::PathBuf,
    /// The number of items that would be backed up.
    pub items: u64,
    pub size: u64,
    #[schemars(extend("tsType" = "Partial<Record<Category, CategoryTotals>>"))]
    pub categories: BTreeMap<Category, CategoryTotals>,
    /// What would be backed up, by folder and category. Folders are shown two levels deep, or less if there are very
    /// many.
    pub taken: Vec<PreviewFolder>,
    /// The part of it that is probably useless. `exclude` leaves it out.
    pub useless: Vec<PreviewUseless>,
    /// What would not be backed up. Entries that make a backup degraded come first.
    pub left: Vec<PreviewLeft>,
    /// As in `BackupResult`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Warning>,
    pub duration_ms: u64,
}

/// What would be backed up of one category in one folder, including the folders in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PreviewFolder {
    /// The path relative to the root; `.` is the root itself.
    pub path: String,
    pub category: Category,
    pub items: u64,
    pub size: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PreviewUseless {
    pub path: String,
    /// The reason, in a sentence.
    pub why: String,
    pub items: u64,
    pub size: u64,
}

/// One thing that would not be backed up, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PreviewLeft {
    /// Empty for many small entries that are counted together.
    pub path: String,
    pub reason: LeftReason,
    /// The reason, in a sentence.
    pub why: String,
    /// A backup without it is degraded.
    pub lost: bool,
    /// How to back it up, or how to leave it out on purpose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
    pub items: u64,
    pub size: u64,
    /// There are more items than were counted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LeftReason {
    /// It belongs to Lifeboat itself.
    Ours,
    /// The default `exclude`: it can be made again.
    Default,
    /// The configuration's `exclude`.
    Exclude,
    /// No source includes it.
    Sources,
    /// A socket, pipe or device.
    Special,
    Unreadable,
    /// It is behind a link.
    Link,
}
