//! Names of one file in the root: they are put in place together or not at all. If one of them has to be replaced, or if
//! they are several files by now, all get the same new file; nothing is ever written through the file that is there. And
//! what are names of one file by now, but were several files, become several again.

use std::collections::{HashMap, HashSet};

use super::{Placed, Planner};
use crate::capture::stat::Stat;
use crate::compare::Fingerprint;
use crate::path::RelPath;
use crate::report::Category;
use crate::vault::item::Item;

/// The files that have several names, in the backup or here.
#[derive(Default)]
pub struct Groups(Vec<LinkMember>);

struct LinkMember {
    placed: Placed,
    category: Category,
    number: Option<u64>,
    content: Fingerprint,
    /// Which file it is here, where it has the right content already.
    stays: Option<(u64, u64)>,
}

impl Groups {
    /// `stays`: the file that is here has the right content.
    pub fn add(&mut self, path: &RelPath, item: &Item, stays: Option<&Stat>) {
        // A database is changed through SQLite, whatever its names are; and an earlier Lifeboat told nothing of links.
        let is_told = item.db.is_none() && item.sides.is_empty() && item.xattrs.is_some();
        if is_told && (item.hardlink.is_some() || stays.is_some_and(|stat| stat.nlink > 1)) {
            let stays = stays.map(|stat| (stat.dev, stat.ino));
            self.0.push(LinkMember {
                placed: Placed::of(path, item),
                category: item.category,
                number: item.hardlink,
                content: Fingerprint::of(item),
                stays,
            });
        }
    }

    /// Those that stay by their content, and have to be put in place all the same.
    fn into_puts(self) -> Vec<LinkMember> {
        let mut put = HashSet::new();
        let mut files: HashMap<u64, Vec<usize>> = HashMap::new();
        for (at, member) in self.0.iter().enumerate() {
            let Some(number) = member.number else { continue };
            let names = files.entry(number).or_default();
            // What a list says is not trusted: names with different content are different files.
            if names.first().is_none_or(|first| self.0[*first].content.is_same(&member.content)) {
                names.push(at);
            }
        }
        for names in files.into_values().filter(|names| names.len() > 1) {
            let first = self.0[names[0]].stays;
            if first.is_none() || names.iter().any(|name| self.0[*name].stays != first) {
                put.extend(names);
            }
        }
        // The first name keeps the file that is here, with the names that it had.
        let mut here: HashMap<(u64, u64), usize> = HashMap::new();
        for (at, member) in self.0.iter().enumerate() {
            let Some(file) = member.stays.filter(|_| !put.contains(&at)) else { continue };
            let first = *here.entry(file).or_insert(at);
            let number = |at: usize| self.0[at].number;
            if first != at && (number(at).is_none() || number(first) != number(at)) {
                put.insert(at);
            }
        }
        let members = self.0.into_iter().enumerate();
        members.filter(|(at, member)| put.contains(at) && member.stays.is_some()).map(|(_, member)| member).collect()
    }
}

impl Planner<'_> {
    /// All names of the source are known: those of a file that changes are staged with it.
    pub(super) fn put_groups(&mut self, groups: Groups, staged: &mut HashSet<RelPath>) {
        for LinkMember { placed, category, .. } in groups.into_puts() {
            let path = placed.path.clone();
            self.plan.attributes.remove(&path);
            if self.plan.describes.remove(&path).is_none() {
                self.plan.report.unchanged -= 1;
                self.plan.report.replace.push(path.display());
            }
            self.plan.replaced.insert(path.clone());
            self.may_be_in_memory(&path, category);
            self.plan.placed.push(placed);
            self.plan.puts.push((path.clone(), true));
            staged.insert(path);
        }
    }
}
