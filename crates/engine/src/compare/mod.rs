//! What changed: between two backups, between a backup and the live root, and of one path over time.
//!
//! | file | what it does |
//! |---|---|
//! | `versions.rs`, `find.rs` | one path through all backups, reading few chunks of each item list |
//! | `diff.rs`, `merge.rs` | two backups, side by side; what their item lists share is skipped unread |
//! | `live.rs` | a backup and the live root, side by side; what looks unchanged is not read |
//! | `image.rs` | a database of either side as a temporary file |
//! | `tables.rs`, `rows.rs` | two databases, table by table and row by row |
//!
//! It only reads: neither the vault nor the root is changed, no lock is taken, and nothing waits for a backup that runs.

mod diff;
mod find;
mod image;
mod live;
mod merge;
mod rows;
mod tables;
mod versions;

use std::time::{Duration, Instant};

use crate::report::{ItemType, Progress};
use crate::vault::item::Item;
use crate::{Control, Result};

pub use diff::diff;
pub use versions::versions;

/// Is the content the same, whatever the mode, owner and time? Decided without reading it.
fn same_content(a: &Item, b: &Item) -> bool {
    a.kind == b.kind
        && match a.kind {
            ItemType::Dir => true,
            ItemType::Symlink => a.link_target().ok() == b.link_target().ok(),
            // The same small file may lie in different bundles: its hash comes first.
            ItemType::File => {
                let named = |item: &Item| item.named_chunks().collect::<Vec<_>>();
                a.size == b.size
                    && a.sides == b.sides
                    && match (&a.sha256, &b.sha256) {
                        (Some(a), Some(b)) => a == b,
                        _ => a.size == 0 || (a.bundle == b.bundle && named(a) == named(b)),
                    }
            }
        }
}

fn same_metadata(a: &Item, b: &Item) -> bool {
    (a.mode, a.uid, a.gid, a.mtime) == (b.mode, b.uid, b.gid, b.mtime)
}

/// Tells how it goes, and hears whether to stop.
struct Ticker<'a> {
    control: &'a Control,
    total: Option<u64>,
    items: u64,
    told: Instant,
}

impl<'a> Ticker<'a> {
    const EVERY: Duration = Duration::from_millis(100);

    fn new(control: &'a Control, total: Option<u64>) -> Ticker<'a> {
        Ticker { control, total, items: 0, told: Instant::now() }
    }

    /// One more item.
    fn item(&mut self, path: &str) -> Result<()> {
        self.items += 1;
        self.still(path)
    }

    /// Still at this item.
    fn still(&mut self, path: &str) -> Result<()> {
        self.control.check()?;
        if self.told.elapsed() >= Ticker::EVERY {
            self.told = Instant::now();
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
