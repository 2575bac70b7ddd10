//! What an item list holds, counted, and held against what its snapshot says of it. Both authenticate one by one; a record that
//! names other chunks than its list was written with, or that somebody has forged with the right key, shows here.

use super::item::Item;
use super::snapshot::Snapshot;

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub items: u64,
    /// Bytes of content, and of the files that belong to raw databases.
    pub bytes: u64,
    /// Bytes of the list itself.
    pub list: u64,
}

impl Tally {
    pub fn item(&mut self, item: &Item) {
        self.items += 1;
        let sides = item.sides.iter().map(|side| side.size);
        self.bytes = sides.fold(self.bytes.saturating_add(item.size), u64::saturating_add);
    }

    /// A part of the list, whose items were counted by themselves.
    pub fn add(&mut self, part: Tally) {
        self.items += part.items;
        self.bytes = self.bytes.saturating_add(part.bytes);
        self.list += part.list;
    }

    /// In which number it differs from what the snapshot says, in words.
    pub fn difference(&self, snapshot: &Snapshot) -> Option<String> {
        let counts = [
            ("items", snapshot.items, self.items),
            ("bytes of content", snapshot.total_size, self.bytes),
            ("bytes of list", snapshot.list.size, self.list),
        ];
        let wrong = counts.into_iter().find(|(_, said, found)| said != found);
        wrong.map(|(what, said, found)| format!("it says that it has {said} {what}, and {found} are in its list"))
    }
}
