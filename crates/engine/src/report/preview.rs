//! What a backup would take, and what it would not.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::*;

/// What a backup of the root as it is now would be. Everything is told by its largest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Preview {
    pub root: std::path::PathBuf,
    /// Of everything that would be taken.
    pub items: u64,
    pub size: u64,
    #[schemars(extend("tsType" = "Partial<Record<Category, CategoryTotals>>"))]
    pub categories: BTreeMap<Category, CategoryTotals>,
    /// By folder, two levels deep (less deep where there are very many), and category.
    pub taken: Vec<PreviewFolder>,
    /// What of it is probably useless. `exclude` leaves it out.
    pub useless: Vec<PreviewUseless>,
    /// What would not be taken; first what makes a backup degraded.
    pub left: Vec<PreviewLeft>,
    /// As in `BackupResult`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Warning>,
    pub duration_ms: u64,
}

/// What of one category would be taken from a folder, with the folders in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PreviewFolder {
    /// Relative to the root; `.` is the root itself.
    pub path: String,
    pub category: Category,
    pub items: u64,
    pub size: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PreviewUseless {
    pub path: String,
    /// In a sentence.
    pub why: String,
    pub items: u64,
    pub size: u64,
}

/// What would not be taken, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PreviewLeft {
    /// Empty for the many small ones that are counted together.
    pub path: String,
    pub reason: LeftReason,
    /// In a sentence.
    pub why: String,
    /// A backup without it is degraded.
    pub lost: bool,
    /// What takes it, or leaves it out on purpose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
    pub items: u64,
    pub size: u64,
    /// There is more of it than was counted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LeftReason {
    /// It is Lifeboat's own.
    Ours,
    /// The default `exclude`: it can be made again.
    Default,
    /// The configuration's `exclude`.
    Exclude,
    /// No source names it.
    Sources,
    /// A socket, pipe or device.
    Special,
    Unreadable,
    /// What is behind a link.
    Link,
}
