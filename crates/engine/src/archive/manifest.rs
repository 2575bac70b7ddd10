//! The manifest: NDJSON in front of everything else. Its first line says what the backup was, and each other line says
//! of one item what tar cannot: its category and its hash. Items are in path order, as the members behind it.

use std::collections::BTreeMap;
use std::io::{BufRead, Read};

use serde::{Deserialize, Serialize};

use super::besides;
use super::member::{Member, MemberKind};
use crate::capture::databases::LOGS;
use crate::report::{BackupType, Category, CategoryTotals, ItemType, Warning};
use crate::vault::item::{Item, SideMetadata};
use crate::vault::name::BackupName;
use crate::vault::root_folder::RootFolder;
use crate::vault::snapshot::Snapshot;
use crate::{Error, Result};

/// The folder of the manifest in the archive; `-2`, `-3`, … where the backup itself has such a path.
pub const FOLDER: &str = ".lifeboat";
pub const FILE: &str = "manifest.ndjson";
const FORMAT: &str = "lifeboat archive";
const MAJOR: u32 = 1;
const MINOR: u32 = 3;
/// The first line has up to a thousand warnings.
const MAX_FACTS: u64 = 16 << 20;
/// A path and a link target, both as text and as base64, are far below this.
const MAX_LINE: u64 = 1 << 20;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ArchiveFacts {
    pub format: String,
    pub version: ArchiveVersion,
    pub backup: String,
    #[serde(rename = "type")]
    pub kind: BackupType,
    pub timestamp: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Smaller scheduled types that it counts for, too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub covers: Vec<BackupType>,
    /// The engine that made the backup.
    pub engine: String,
    pub root: String,
    pub full: bool,
    pub degraded: bool,
    /// Lines that follow, and bytes of their content.
    pub items: u64,
    pub total_size: u64,
    pub categories: BTreeMap<Category, CategoryTotals>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
    /// Only some items of the backup were asked for.
    #[serde(default)]
    pub partial: bool,
    /// The root folder itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_folder: Option<RootFolder>,
    /// The lines tell extended attributes: one without any has none.
    #[serde(default)]
    pub attributes: bool,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct ArchiveVersion {
    pub major: u32,
    pub minor: u32,
}

/// How much there is of everything.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ArchiveTotals {
    pub items: u64,
    pub bytes: u64,
    pub categories: BTreeMap<Category, CategoryTotals>,
}

impl ArchiveTotals {
    pub fn add(&mut self, line: &ItemLine) {
        let bytes = line.bytes();
        self.items += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        let category = self.categories.entry(line.item.category).or_default();
        category.items += 1;
        category.size = category.size.saturating_add(bytes);
    }
}

impl ArchiveFacts {
    pub fn new(snapshot: &Snapshot, totals: ArchiveTotals, partial: bool) -> ArchiveFacts {
        ArchiveFacts {
            format: FORMAT.into(),
            version: ArchiveVersion { major: MAJOR, minor: MINOR },
            backup: snapshot.backup.clone(),
            kind: snapshot.kind,
            timestamp: snapshot.timestamp,
            note: snapshot.note.clone(),
            covers: snapshot.covers.clone(),
            engine: snapshot.engine.clone(),
            root: snapshot.root.clone(),
            full: snapshot.full,
            degraded: snapshot.degraded,
            items: totals.items,
            total_size: totals.bytes,
            categories: totals.categories,
            warnings: snapshot.warnings.clone(),
            partial,
            root_folder: snapshot.root_folder.clone(),
            attributes: snapshot.list.attributes,
        }
    }

    /// The backup's name, where the facts about it agree.
    fn name(&self) -> Option<BackupName> {
        let name: BackupName = self.backup.parse().ok()?;
        (name.kind() == self.kind && name.millis() == self.timestamp).then_some(name)
    }
}

/// One item: as the vault has it, without its places there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ItemLine {
    #[serde(flatten)]
    pub item: Item,
    /// Files that belong to a raw database. They follow its member.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sides: Vec<SideLine>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SideLine {
    pub suffix: String,
    pub size: u64,
    pub sha256: String,
    #[serde(flatten)]
    pub besides: Option<SideMetadata>,
}

/// The item without what only its own vault knows.
pub fn bare(item: &Item) -> Item {
    let mut bare = item.clone();
    (bare.ctime, bare.ino, bare.racy) = (None, None, false);
    (bare.chunks, bare.lists, bare.bundle, bare.sides) = (Vec::new(), Vec::new(), None, Vec::new());
    if let Some(db) = &mut bare.db {
        (db.wal, db.beside) = (None, None);
    }
    bare.identity = None;
    bare
}

impl ItemLine {
    pub fn to_json(&self) -> Result<Vec<u8>> {
        let mut line = serde_json::to_vec(self).map_err(|error| Error::internal(error.to_string()))?;
        line.push(b'\n');
        Ok(line)
    }

    /// Bytes of content, with what belongs to it.
    pub fn bytes(&self) -> u64 {
        self.sides.iter().fold(self.item.size, |sum, side| sum.saturating_add(side.size))
    }

    /// The members that the item is in the archive.
    pub fn members(&self) -> Result<Vec<Member>> {
        let item = &self.item;
        let own = Member {
            kind: match item.kind {
                ItemType::File => MemberKind::File,
                ItemType::Dir => MemberKind::Dir,
                ItemType::Symlink => MemberKind::Symlink,
            },
            path: item.rel_path()?.as_bytes().to_vec(),
            link: if item.kind == ItemType::Symlink { item.link_target()? } else { Vec::new() },
            size: item.size,
            // A tar that knows nothing of ACLs must not make of their mask what the owning group may do.
            mode: item.mode_without_acl() & 0o7777,
            uid: item.uid,
            gid: item.gid,
            mtime: item.mtime,
            besides: item.xattrs.iter().flatten().map(besides::record).collect(),
        };
        let mut members = vec![own];
        for side in &self.sides {
            let path = [&members[0].path, side.suffix.as_bytes()].concat();
            let mut member = Member { path, size: side.size, besides: Vec::new(), ..members[0].clone() };
            if let Some(SideMetadata { mode, uid, gid, mtime }) = side.besides {
                (member.mode, member.uid, member.gid, member.mtime) = (mode & 0o7777, uid, gid, mtime);
            }
            members.push(member);
        }
        Ok(members)
    }

    /// Is this a line that an export could have written? Says what is wrong with it.
    fn check(&self) -> Result<(), &'static str> {
        let item = &self.item;
        if *item != bare(item) {
            return Err("it names places in a vault");
        }
        // What counts milliseconds must not overflow.
        let sides = self.sides.iter().filter_map(|side| side.besides).map(|besides| (besides.mode, besides.mtime));
        for (mode, (seconds, nanos)) in sides.chain([(item.mode, item.mtime)]) {
            if mode > 0o7777 || nanos >= 1_000_000_000 || seconds.unsigned_abs() >= i64::MAX as u64 / 1000 {
                return Err("its mode or its time is none");
            }
        }
        let is_hash = |hash: &str| hash.len() == 64 && hex::decode(hash).is_ok();
        match item.kind {
            ItemType::File if !item.sha256.as_deref().is_some_and(is_hash) => return Err("it has no hash"),
            ItemType::Dir | ItemType::Symlink if item.size != 0 || item.sha256.is_some() || item.db.is_some() => {
                return Err("it is no file, and has content");
            }
            _ => {}
        }
        let mut suffixes: Vec<&str> = self.sides.iter().map(|side| side.suffix.as_str()).collect();
        suffixes.dedup();
        if suffixes.len() != self.sides.len() || suffixes.len() > LOGS.len() {
            return Err("it has a file beside it twice");
        }
        if self.sides.iter().any(|side| !LOGS.contains(&side.suffix.as_str()) || !is_hash(&side.sha256)) {
            return Err("a file beside it is none of a database");
        }
        if !self.sides.is_empty() && item.db.is_none() {
            return Err("it is no database, and has files of one");
        }
        Ok(())
    }
}

/// Is this the path of a manifest?
pub fn is_path(path: &[u8]) -> bool {
    let folder = std::str::from_utf8(path).ok().and_then(|path| path.strip_suffix(&format!("/{FILE}")));
    folder.is_some_and(is_folder)
}

/// `.lifeboat`, `.lifeboat-2`, …
pub fn is_folder(name: &str) -> bool {
    let Some(rest) = name.strip_prefix(FOLDER) else { return false };
    rest.is_empty() || rest.strip_prefix('-').is_some_and(|number| number.parse::<u64>().is_ok_and(|n| n >= 2))
}

/// Reads a manifest, a line in memory at a time. `refuse` makes an error of what is wrong with it.
pub struct Lines<R> {
    inner: R,
    buffer: Vec<u8>,
    name: String,
    /// As [`ArchiveFacts::attributes`] says.
    attributes: bool,
}

impl<R: BufRead> Lines<R> {
    /// `name`: the archive's, for errors.
    pub fn new(inner: R, name: &str) -> Lines<R> {
        Lines { inner, buffer: Vec::new(), name: name.to_owned(), attributes: false }
    }

    fn damaged(&self, detail: impl std::fmt::Display) -> Error {
        Error::corrupt(&self.name, format!("its manifest {detail}"))
    }

    /// The next line without its end; false where there is none.
    fn read(&mut self, max: u64, wrap: impl Fn(std::io::Error) -> Error) -> Result<bool> {
        self.buffer.clear();
        (&mut self.inner).take(max).read_until(b'\n', &mut self.buffer).map_err(wrap)?;
        match self.buffer.pop() {
            None => Ok(false),
            Some(b'\n') => Ok(true),
            Some(_) => Err(self.damaged("has a line that is too long, or cut off")),
        }
    }

    pub fn facts(&mut self, wrap: impl Fn(std::io::Error) -> Error) -> Result<(ArchiveFacts, BackupName)> {
        #[derive(Deserialize)]
        struct Envelope {
            format: String,
            version: ArchiveVersion,
        }
        if !self.read(MAX_FACTS, wrap)? {
            return Err(self.damaged("is empty"));
        }
        let envelope: Option<Envelope> = serde_json::from_slice(&self.buffer).ok();
        match envelope.filter(|envelope| envelope.format == FORMAT) {
            None => return Err(self.damaged("does not say what the archive is")),
            Some(envelope) if envelope.version.major != MAJOR => {
                return Err(Error::Format {
                    message: format!(
                        "{} was written in version {} of the format; this Lifeboat reads version {MAJOR}. Use the Lifeboat that wrote it, or a newer one.",
                        self.name, envelope.version.major
                    ),
                });
            }
            Some(_) => {}
        }
        let facts: ArchiveFacts = serde_json::from_slice(&self.buffer)
            .map_err(|error| self.damaged(format_args!("is not understood: {error}")))?;
        let name = facts.name().ok_or_else(|| self.damaged("does not name a backup"))?;
        self.attributes = facts.attributes;
        Ok((facts, name))
    }

    pub fn next(&mut self, wrap: impl Fn(std::io::Error) -> Error) -> Result<Option<ItemLine>> {
        if !self.read(MAX_LINE, wrap)? {
            return Ok(None);
        }
        let mut line: ItemLine = serde_json::from_slice(&self.buffer)
            .map_err(|error| self.damaged(format_args!("has a line that is not understood: {error}")))?;
        if self.attributes {
            line.item.xattrs.get_or_insert_default();
        }
        line.check()
            .map_err(|what| self.damaged(format_args!("is wrong about {:?}: {what}", line.item.display_path())))?;
        Ok(Some(line))
    }
}
