//! Items: what a backup says about each path, one JSON line each, in path order.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use super::attribute::{self, Attribute};
use crate::capture::databases::LOGS;
use crate::chunk::ChunkId;
use crate::path::RelPath;
use crate::report::{Category, ItemInfo, ItemType};
use crate::{Error, Result};

/// Seconds and nanoseconds since the epoch.
pub type Time = (i64, u32);

/// One line of an item list. The fields are those of `docs/format.md`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    path: String,
    /// Base64 of the true bytes where the path is not valid UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    raw: Option<String>,
    #[serde(rename = "type")]
    pub kind: ItemType,
    pub category: Category,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub mtime: Time,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ctime: Option<Time>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ino: Option<u64>,
    /// It changed so shortly before it was read that an unchanged time stamp proves nothing: read it again next time.
    #[serde(default, skip_serializing_if = "is_false")]
    pub racy: bool,
    #[serde(default)]
    pub size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chunks: Vec<ChunkId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lists: Vec<ChunkId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<(ChunkId, u64)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    link: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    link_raw: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub db: Option<DatabaseFacts>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sides: Vec<Side>,
    /// Items with the same number are names of one file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hardlink: Option<u64>,
    /// Bytes of the content that took no room on the disk.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub holes: u64,
    /// `None`: the backup does not know, because an earlier Lifeboat made it.
    #[serde(default, skip_serializing_if = "has_no_attributes")]
    pub xattrs: Option<Vec<Attribute>>,
    /// What is wrong with the content itself, wherever it came from: a database that is damaged at its source. A backup is
    /// degraded as long as it lists such an item, whether it has read the file again or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsound: Option<String>,
    /// Device, inode and number of names of a file that has several: what `hardlink` is made of.
    #[serde(skip)]
    pub identity: Option<FileIdentity>,
}

/// A file that has several names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileIdentity {
    pub dev: u64,
    pub ino: u64,
    pub names: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn has_no_attributes(xattrs: &Option<Vec<Attribute>>) -> bool {
    xattrs.as_ref().is_none_or(Vec::is_empty)
}

fn is_false(flag: &bool) -> bool {
    !flag
}

/// What is known about an item that is an SQLite database.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DatabaseFacts {
    pub journal: JournalMode,
    /// How the write-ahead log lay there, for finding out whether anything changed: size and modification time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wal: Option<(u64, Time)>,
    /// Bytes of its pages that are free: what a deletion leaves behind. `None`: nobody has looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free: Option<u64>,
    /// How the files beside a raw database lay there, for the same: a digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beside: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JournalMode {
    Rollback,
    Wal,
    /// SQLite could not read it: stored as it lay, with the files that belong to it.
    Raw,
}

/// A file that belongs to a raw database: one of [`LOGS`](crate::capture::databases::LOGS).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Side {
    pub suffix: String,
    pub size: u64,
    pub chunks: Vec<ChunkId>,
    /// `None`: the backup does not know, because an earlier Lifeboat made it.
    #[serde(flatten)]
    pub besides: Option<SideMetadata>,
}

/// What a file beside a database is besides its content.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SideMetadata {
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub mtime: Time,
}

impl Side {
    /// What it holds, as far as it can be told without reading it.
    pub fn content(&self) -> (&str, u64, &[ChunkId]) {
        (&self.suffix, self.size, &self.chunks)
    }
}

/// Where an item's bytes are.
pub enum Content<'a> {
    Empty,
    Chunks(&'a [ChunkId]),
    /// The ids of chunks that hold the ids of the content's chunks.
    Lists(&'a [ChunkId]),
    Bundle(ChunkId, u64),
}

impl Item {
    /// An item without content; the caller fills in what is known.
    pub fn new(path: &RelPath, kind: ItemType, category: Category) -> Item {
        let (path, raw) = text_and_raw(path.as_bytes());
        Item {
            path,
            raw,
            kind,
            category,
            mode: 0,
            uid: 0,
            gid: 0,
            mtime: (0, 0),
            ctime: None,
            ino: None,
            racy: false,
            size: 0,
            sha256: None,
            chunks: Vec::new(),
            lists: Vec::new(),
            bundle: None,
            link: None,
            link_raw: None,
            db: None,
            sides: Vec::new(),
            hardlink: None,
            holes: 0,
            xattrs: None,
            unsound: None,
            identity: None,
        }
    }

    /// The checked path.
    pub fn rel_path(&self) -> Result<RelPath> {
        match &self.raw {
            None => RelPath::parse(self.path.as_bytes()),
            Some(raw) => {
                let bytes = BASE64.decode(raw).map_err(|_| Error::UnsafePath {
                    path: self.path.clone(),
                    reason: "its true bytes are not base64",
                })?;
                RelPath::parse(&bytes)
            }
        }
    }

    /// The path for people.
    pub fn display_path(&self) -> &str {
        &self.path
    }

    pub fn set_link(&mut self, target: &[u8]) {
        let (link, raw) = text_and_raw(target);
        (self.link, self.link_raw) = (Some(link), raw);
    }

    /// A symlink's target.
    pub fn link_target(&self) -> Result<Vec<u8>> {
        let refuse = |reason| Error::UnsafePath { path: self.path.clone(), reason };
        let bytes = match (&self.link, &self.link_raw) {
            (_, Some(raw)) => BASE64.decode(raw).map_err(|_| refuse("its link target is not base64"))?,
            (Some(link), None) => link.as_bytes().to_vec(),
            (None, None) => return Err(refuse("it is a link without a target")),
        };
        if bytes.is_empty() || bytes.contains(&0) {
            return Err(refuse("its link target is not a path"));
        }
        Ok(bytes)
    }

    pub fn content(&self) -> Content<'_> {
        match self.bundle {
            Some((id, offset)) => Content::Bundle(id, offset),
            None if !self.lists.is_empty() => Content::Lists(&self.lists),
            None if !self.chunks.is_empty() => Content::Chunks(&self.chunks),
            None => Content::Empty,
        }
    }

    /// The ids of all chunks that this item names itself (not those that its `lists` hold).
    pub fn named_chunks(&self) -> impl Iterator<Item = ChunkId> + '_ {
        let own =
            self.bundle.iter().map(|(id, _)| *id).chain(self.chunks.iter().copied()).chain(self.lists.iter().copied());
        own.chain(self.sides.iter().flat_map(|side| side.chunks.iter().copied()))
    }

    /// The suffix of a file that belongs to it; it comes from the list, and is not trusted.
    pub fn side_suffix<'a>(&self, side: &'a Side) -> Result<&'a str> {
        match LOGS.contains(&side.suffix.as_str()) {
            true => Ok(&side.suffix),
            false => Err(Error::UnsafePath {
                path: format!("{}{}", self.path, side.suffix),
                reason: "no database has such a file",
            }),
        }
    }

    /// Is each file that belongs to it one that a database has?
    pub fn check_sides(&self) -> Result<()> {
        self.sides.iter().try_for_each(|side| self.side_suffix(side).map(drop))
    }

    /// A file beside it, as an item without content. Where the backup does not know what that is, it is as the database, but
    /// for its owner alone: it may hold what nobody else may read.
    pub fn of_side(&self, side: &Side) -> Item {
        let mut item =
            Item { kind: ItemType::File, size: side.size, ..Item::new(&RelPath::root(), self.kind, self.category) };
        (item.path, item.raw) = (format!("{}{}", self.path, side.suffix), None);
        (item.mode, item.uid, item.gid, item.mtime) = match side.besides {
            Some(SideMetadata { mode, uid, gid, mtime }) => (mode, uid, gid, mtime),
            None => (self.mode & 0o600, self.uid, self.gid, self.mtime),
        };
        item.xattrs = self.xattrs.as_ref().map(|_| Vec::new());
        item
    }

    /// All of it belongs to this owner.
    pub fn give_to(&mut self, (uid, gid): (u32, u32)) {
        (self.uid, self.gid) = (uid, gid);
        for besides in self.sides.iter_mut().filter_map(|side| side.besides.as_mut()) {
            (besides.uid, besides.gid) = (uid, gid);
        }
    }

    /// Bytes that it takes on a disk, without the files that belong to it.
    pub fn on_disk(&self) -> u64 {
        self.size.saturating_sub(self.holes)
    }

    /// The mode where its ACL cannot be given back. The group bits of a file with an ACL are the ACL's mask; without the
    /// ACL they would allow the owning group what it never was allowed.
    pub fn mode_without_acl(&self) -> u32 {
        let acl = self.xattrs.iter().flatten().find(|attribute| attribute.name == attribute::ACL_ACCESS);
        match acl {
            Some(acl) => self.mode & !0o070 | (self.mode & attribute::owning_group(&acl.value) << 3),
            None => self.mode,
        }
    }

    pub fn info(&self) -> ItemInfo {
        ItemInfo {
            path: self.path.clone(),
            raw: self.raw.clone(),
            category: self.category,
            kind: self.kind,
            size: self.size,
            mtime: self.mtime.0.saturating_mul(1000).saturating_add(i64::from(self.mtime.1 / 1_000_000)),
            sha256: self.sha256.clone(),
        }
    }
}

pub fn text_and_raw(bytes: &[u8]) -> (String, Option<String>) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (text.to_owned(), None),
        Err(_) => (String::from_utf8_lossy(bytes).into_owned(), Some(BASE64.encode(bytes))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_is_not_utf8_survives_its_line() {
        let path = RelPath::parse(b"uploads/\xff\n\"x").unwrap();
        let mut item = Item::new(&path, ItemType::Symlink, Category::Media);
        item.set_link(b"\xfe/y");
        let line = serde_json::to_string(&item).unwrap();
        assert!(!line.contains('\n'));
        let back: Item = serde_json::from_str(&line).unwrap();
        assert_eq!(back.rel_path().unwrap(), path);
        assert_eq!(back.link_target().unwrap(), b"\xfe/y");
    }

    #[test]
    fn a_hostile_path_is_refused() {
        let line =
            r#"{"path":"../../etc/passwd","type":"file","category":"data","mode":420,"uid":0,"gid":0,"mtime":[0,0]}"#;
        let item: Item = serde_json::from_str(line).unwrap();
        assert_eq!(item.rel_path().unwrap_err().code(), "E_UNSAFE_PATH");
    }
}
