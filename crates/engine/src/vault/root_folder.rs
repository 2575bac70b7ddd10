//! The root folder itself, as a backup's record has it: an app that may not write in its own folder does not start.

use serde::{Deserialize, Serialize};

use super::attribute::Attribute;
use super::item::{Item, Time};
use crate::path::RelPath;
use crate::report::{Category, ItemType};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RootFolder {
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub mtime: Time,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub xattrs: Vec<Attribute>,
}

impl RootFolder {
    /// As an item, though no item list has it: what is done to folders is done to it, too.
    pub fn as_item(&self) -> Item {
        let mut item = Item::new(&RelPath::root(), ItemType::Dir, Category::Data);
        (item.mode, item.uid, item.gid, item.mtime) = (self.mode, self.uid, self.gid, self.mtime);
        item.xattrs = Some(self.xattrs.clone());
        item
    }
}
