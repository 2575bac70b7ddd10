//! Hard links: which items of a backup are names of one file.
//!
//! Each name is an item with all of its content, so that any can be restored without the others. A number says which belong
//! together: that of the first name in path order, so that it stays the same from backup to backup.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::compare::same_content;
use crate::path::RelPath;
use crate::vault::item::Item;

/// The files with several names that were met; those of which all names were met are forgotten.
#[derive(Default)]
pub struct Links {
    met: HashMap<(u64, u64), Met>,
}

struct Met {
    number: u64,
    first: Item,
    names_left: u64,
}

impl Links {
    /// Gives an item its number, in path order. `Err`: the other name, whose content was another when that was read.
    pub fn number(&mut self, item: &mut Item) -> Result<(), String> {
        let Some(identity) = item.identity.take() else { return Ok(()) };
        match self.met.entry((identity.dev, identity.ino)) {
            Entry::Vacant(place) => {
                let Ok(path) = item.rel_path() else { return Ok(()) };
                let number = number(&path);
                item.hardlink = Some(number);
                place.insert(Met { number, first: item.clone(), names_left: identity.names.saturating_sub(1) });
                Ok(())
            }
            Entry::Occupied(mut met) => {
                let same = same_content(&met.get().first, item);
                let other = met.get().first.display_path().to_owned();
                if same {
                    item.hardlink = Some(met.get().number);
                }
                met.get_mut().names_left = met.get().names_left.saturating_sub(1);
                if met.get().names_left == 0 {
                    met.remove();
                }
                if same { Ok(()) } else { Err(other) }
            }
        }
    }
}

/// Every JSON reader holds an integer of 53 bits.
fn number(first: &RelPath) -> u64 {
    let hash = blake3::hash(first.as_bytes());
    hash.as_bytes().iter().take(6).fold(0, |number, byte| number << 8 | u64::from(*byte))
}
