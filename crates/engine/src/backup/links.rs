//! Hard links: which items of a backup are names of one file.
//!
//! Each name is an item with all of its content, so that any can be restored without the others. A number says which belong
//! together: that of the first name in path order, so that it stays the same from backup to backup.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::compare::Fingerprint;
use crate::path::RelPath;
use crate::vault::item::Item;

/// The files with several names that were met; those of which all names were met are forgotten.
#[derive(Default)]
pub struct MetLinks {
    met: HashMap<(u64, u64), Met>,
}

struct Met {
    number: u64,
    first: Fingerprint,
    path: String,
    is_alone: bool,
    names_left: u64,
}

impl MetLinks {
    /// Gives an item its number, in path order. `Err`: it comes back as a file of its own, and why.
    pub fn number(&mut self, item: &mut Item) -> Result<(), String> {
        let Some(identity) = item.identity.take() else { return Ok(()) };
        match self.met.entry((identity.dev, identity.ino)) {
            Entry::Vacant(place) => {
                let Ok(path) = item.rel_path() else { return Ok(()) };
                let number = number(&path);
                item.hardlink = Some(number);
                place.insert(Met {
                    number,
                    first: Fingerprint::of(item),
                    path: item.display_path().to_owned(),
                    is_alone: is_alone(item),
                    names_left: identity.names.saturating_sub(1),
                });
                Ok(())
            }
            Entry::Occupied(mut met) => {
                let same = met.get().first.is_same(&Fingerprint::of(item));
                // A database with a log goes by its own name, and by one only.
                let alone = met.get().is_alone && is_alone(item);
                let other = met.get().path.clone();
                if same && alone {
                    item.hardlink = Some(met.get().number);
                }
                met.get_mut().names_left = met.get().names_left.saturating_sub(1);
                if met.get().names_left == 0 {
                    met.remove();
                }
                match (same, alone) {
                    (true, true) => Ok(()),
                    (_, false) => Err(format!(
                        "It is the same file as {other:?}, and a database that has a log beside it. Each name is \
                         stored with the files beside it, and they come back as two files."
                    )),
                    (false, true) => Err(format!(
                        "It is the same file as {other:?}, which was written to between the two reads. They come back \
                         as two files."
                    )),
                }
            }
        }
    }
}

/// Is all of it in this one file?
fn is_alone(item: &Item) -> bool {
    item.sides.is_empty() && item.db.as_ref().and_then(|db| db.wal).is_none_or(|(size, _)| size == 0)
}

/// Every JSON reader holds an integer of 53 bits.
fn number(first: &RelPath) -> u64 {
    let hash = blake3::hash(first.as_bytes());
    hash.as_bytes().iter().take(6).fold(0, |number, byte| number << 8 | u64::from(*byte))
}
