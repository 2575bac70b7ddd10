//! What changed: between two backups, between a backup and the live root, and of one path over time.
//!
//! | file | what it does |
//! |---|---|
//! | `versions.rs`, `find.rs` | one path through all backups, reading few chunks of each item list |
//! | `diff.rs`, `merge.rs` | two backups, side by side; what their item lists share is skipped unread |
//! | `live.rs` | a backup and the live root, side by side; what looks unchanged is not read |
//! | `databases.rs`, `image.rs` | the databases of both sides as temporary files |
//! | `tables.rs`, `rows.rs` | two databases, table by table and row by row |
//!
//! It only reads: neither the vault nor the root is changed, no lock is taken, and nothing waits for a backup that runs.

mod databases;
mod diff;
mod differences;
mod image;
mod live;
pub(crate) mod merge;
mod rows;
mod tables;
mod trouble;
mod versions;

use crate::report::{Aspect, ItemType, Progress};
use crate::throttle::Throttle;
use crate::vault::item::{Item, Side};
use crate::{Control, Result};

pub use diff::diff;
pub use versions::versions;

/// Is the content the same, whatever the mode, owner and time? Decided without reading it.
pub(crate) fn same_content(a: &Item, b: &Item) -> bool {
    a.kind == b.kind
        && match a.kind {
            ItemType::Dir => true,
            ItemType::Symlink => a.link_target().ok() == b.link_target().ok(),
            // The same small file may lie in different bundles: its hash comes first.
            ItemType::File => {
                let named = |item: &Item| item.named_chunks().collect::<Vec<_>>();
                a.size == b.size
                    && a.sides.iter().map(Side::content).eq(b.sides.iter().map(Side::content))
                    && match (&a.sha256, &b.sha256) {
                        (Some(a), Some(b)) => a == b,
                        _ => a.size == 0 || (a.bundle == b.bundle && named(a) == named(b)),
                    }
            }
        }
}

/// What tells the content of a file from that of another one, without the files that belong to it. It takes little room.
pub(crate) struct Fingerprint {
    size: u64,
    sha256: Option<blake3::Hash>,
    named: blake3::Hash,
}

impl Fingerprint {
    pub(crate) fn of(item: &Item) -> Fingerprint {
        let mut named = blake3::Hasher::new();
        for id in item.bundle.iter().map(|(id, _)| id).chain(&item.chunks).chain(&item.lists) {
            named.update(id.to_string().as_bytes());
        }
        named.update(&item.bundle.map_or(0, |(_, at)| at).to_be_bytes());
        let sha256 = item.sha256.as_ref().map(|sha256| blake3::hash(sha256.as_bytes()));
        Fingerprint { size: item.size, sha256, named: named.finalize() }
    }

    /// As [`same_content`] has it.
    pub(crate) fn is_same(&self, other: &Fingerprint) -> bool {
        self.size == other.size
            && match (self.sha256, other.sha256) {
                (Some(a), Some(b)) => a == b,
                _ => self.size == 0 || self.named == other.named,
            }
    }
}

/// What differs, whatever the content is.
fn differing(a: &Item, b: &Item) -> Vec<Aspect> {
    // An earlier Lifeboat told neither attributes nor links.
    let told = a.xattrs.is_some() && b.xattrs.is_some();
    let aspects = [
        (Aspect::Mode, a.mode != b.mode),
        (Aspect::Owner, (a.uid, a.gid) != (b.uid, b.gid)),
        (Aspect::Time, a.mtime != b.mtime),
        (Aspect::Attributes, told && a.xattrs != b.xattrs),
        (Aspect::Names, told && a.hardlink != b.hardlink),
    ];
    aspects.into_iter().filter(|(_, differs)| *differs).map(|(aspect, _)| aspect).collect()
}

/// Tells how it goes, and hears whether to stop.
struct Ticker<'a> {
    control: &'a Control,
    total: Option<u64>,
    items: u64,
    throttle: Throttle,
}

impl<'a> Ticker<'a> {
    fn new(control: &'a Control, total: Option<u64>) -> Ticker<'a> {
        Ticker { control, total, items: 0, throttle: Throttle::after_a_while() }
    }

    /// One more item.
    fn item(&mut self, path: &str) -> Result<()> {
        self.items += 1;
        self.still(path)
    }

    fn check(&self) -> Result<()> {
        self.control.check()
    }

    /// Still at this item.
    fn still(&mut self, path: &str) -> Result<()> {
        self.check()?;
        if self.throttle.is_due() {
            self.control.report(&Progress {
                phase: "comparing".into(),
                items: self.items,
                total_items: self.total,
                path: Some(path.to_owned()),
                ..Progress::default()
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::ChunkId;
    use crate::path::RelPath;
    use crate::report::Category;

    #[test]
    fn a_small_file_is_the_same_in_whichever_bundle_it_lies() {
        let path = RelPath::parse(b"sessions/raf/creds.json").unwrap();
        let item = |sha256: &str, bundle: u8| {
            let mut item = Item::new(&path, ItemType::File, Category::Session);
            (item.size, item.sha256) = (7, Some(sha256.into()));
            item.bundle = Some((ChunkId([bundle; 32]), 0));
            item
        };
        assert!(same_content(&item("a", 1), &item("a", 2)));
        assert!(!same_content(&item("a", 1), &item("b", 1)));
    }

    #[test]
    fn a_database_without_a_hash_is_known_by_its_blocks() {
        let path = RelPath::parse(b"database.sqlite").unwrap();
        let item = |sha256: Option<&str>, blocks: &[u8]| {
            let mut item = Item::new(&path, ItemType::File, Category::Database);
            (item.size, item.sha256) = (7, sha256.map(String::from));
            item.chunks = blocks.iter().map(|block| ChunkId([*block; 32])).collect();
            item
        };
        assert!(same_content(&item(None, &[1, 2]), &item(Some("a"), &[1, 2])));
        assert!(!same_content(&item(None, &[1, 2]), &item(None, &[2, 1])));
    }
}
