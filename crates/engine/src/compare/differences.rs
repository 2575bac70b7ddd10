//! What differs between two backups, or between a backup and the live root.

use super::differing;
use crate::report::{Change, ItemInfo, Warning};
use crate::vault::item::Item;

/// What a comparison found, in path order.
#[derive(Default)]
pub struct Differences {
    pub added: Vec<ItemInfo>,
    pub removed: Vec<ItemInfo>,
    pub changed: Vec<Change>,
    pub unchanged: u64,
    pub warnings: Vec<Warning>,
}

/// `None` where nothing differs.
pub fn change(old: &Item, new: &Item, same_content: bool) -> Option<Change> {
    let besides = differing(old, new);
    if same_content && besides.is_empty() {
        return None;
    }
    Some(Change {
        path: new.display_path().to_owned(),
        category: new.category,
        before: old.info(),
        after: new.info(),
        metadata_only: same_content,
        besides,
        tables: Vec::new(),
        note: None,
    })
}
