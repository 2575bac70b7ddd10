//! What a backup would take, and what it would not.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::*;

/// What a backup of the root as it is now would be.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Preview {
    pub root: std::path::PathBuf,
    /// Of everything that would be taken.
    pub items: u64,
    pub size: u64,
    pub categories: BTreeMap<Category, CategoryTotals>,
    /// By folder and category, the largest first.
    pub taken: Vec<PreviewFolder>,
    /// Among these: what is taken and probably useless, the largest first.
    pub useless: Vec<PreviewUseless>,
    /// The largest first.
    pub left: Vec<PreviewLeft>,
    /// What is worth knowing, and no fault.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Warning>,
    pub duration_ms: u64,
}

/// What of one category would be taken from a folder, with the folders in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PreviewFolder {
    /// Relative to the root; `.` is the root itself.
    pub path: String,
    pub category: Category,
    pub items: u64,
    pub size: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PreviewUseless {
    pub path: String,
    /// In a sentence.
    pub why: String,
    pub items: u64,
    pub size: u64,
}

/// What would not be taken, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PreviewLeft {
    /// A path, or the folder of several; empty where these are what is left of a long list.
    pub path: String,
    pub reason: LeftReason,
    /// In a sentence.
    pub why: String,
    /// A backup without it is degraded.
    pub lost: bool,
    /// What can be done to take it, or to be told no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
    pub items: u64,
    pub size: u64,
    /// There is more of it than was counted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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
