//! Names of one file in the root: they are put in place together or not at all. If one of them has to be replaced, or if
//! they are several files by now, all get the same new file; nothing is ever written through the file that is there.

use std::collections::{HashMap, HashSet};

use super::{Placed, Planner};
use crate::capture::stat::Stat;
use crate::compare::same_content;
use crate::path::RelPath;
use crate::vault::item::Item;

/// The names that were met, by the number that the backup gives their file.
#[derive(Default)]
pub struct Groups(HashMap<u64, Vec<Member>>);

struct Member {
    path: RelPath,
    item: Item,
    /// Which file it is here, where it has the right content already.
    stays: Option<(u64, u64)>,
}

impl Groups {
    /// `stays`: the file that is here has the right content.
    pub fn add(&mut self, path: &RelPath, item: &Item, stays: Option<&Stat>) {
        // A database is changed through SQLite, whatever its names are.
        let Some(number) = item.hardlink.filter(|_| item.db.is_none() && item.sides.is_empty()) else { return };
        let group = self.0.entry(number).or_default();
        // What a list says is not trusted: names with different content are different files.
        if group.first().is_none_or(|first| same_content(&first.item, item)) {
            let stays = stays.map(|stat| (stat.dev, stat.ino));
            group.push(Member { path: path.clone(), item: item.clone(), stays });
        }
    }
}

impl Planner<'_> {
    /// All names of the source are known: those of a file that changes are staged with it.
    pub(super) fn put_groups(&mut self, groups: Groups, staged: &mut HashSet<RelPath>) {
        for group in groups.0.into_values() {
            let first = group.first().and_then(|member| member.stays);
            if group.len() < 2 || group.iter().all(|member| member.stays.is_some() && member.stays == first) {
                continue;
            }
            for Member { path, item, .. } in group.into_iter().filter(|member| member.stays.is_some()) {
                self.plan.attributes.remove(&path);
                if self.plan.describes.remove(&path).is_none() {
                    self.plan.report.unchanged -= 1;
                    self.plan.report.replace.push(path.display());
                }
                self.plan.replaced.insert(path.clone());
                self.may_be_in_memory(&path, item.category);
                self.plan.placed.push(Placed::of(&path, &item));
                self.plan.puts.push((path.clone(), true));
                staged.insert(path);
            }
        }
    }
}
