//! What files and folders are besides their content, owner, mode and time: extended attributes and ACLs, the root folder
//! itself, and folders that nobody asked for and that have to be made.

use std::path::Path;

use super::Planner;
use crate::capture::attributes::of_place;
use crate::capture::stat::Stat;
use crate::path::RelPath;
use crate::restore::attributes::may_set;
use crate::restore::journal::Step;
use crate::restore::metadata::Meta;
use crate::restore::source::SelectedBackup;
use crate::vault::attribute::Attribute;
use crate::vault::item::Item;
use crate::vault::root_folder::RootFolder;

/// The attributes of something that stays, now and afterwards.
pub struct AttributeChange {
    was: Vec<Attribute>,
    now: Vec<Attribute>,
}

impl AttributeChange {
    pub fn step(&self, path: &RelPath) -> Step {
        Step::Attributes { path: path.clone(), was: self.was.clone(), now: self.now.clone() }
    }
}

impl Planner<'_> {
    /// Takes into the plan what differs of the attributes of `live`. Returns whether anything does, and what the rest of it
    /// is to be: an ACL that has to be set comes after a mode that allows no more than it does.
    pub(super) fn besides(&mut self, path: &RelPath, item: &Item, live: &Path) -> (bool, Meta) {
        let meta = Meta::of_item(item);
        // An earlier Lifeboat did not know: what is there stays.
        let Some(wanted) = &item.xattrs else { return (false, meta) };
        let was = of_place(live).attributes;
        if !differ(&was, wanted) {
            return (false, meta);
        }
        let acl = |attributes: &[Attribute]| attributes.iter().filter(|one| one.is_acl()).cloned().collect::<Vec<_>>();
        let narrow = acl(&was) != acl(wanted);
        self.plan.attributes.insert(path.clone(), AttributeChange { was, now: wanted.clone() });
        (true, if narrow { without_acl(item) } else { meta })
    }

    /// A folder that is made: it may have got the ACL of the one around it.
    pub(super) fn made(&mut self, path: &RelPath, item: &Item) -> Meta {
        if let Some(wanted) = &item.xattrs {
            self.plan.attributes.insert(path.clone(), AttributeChange { was: Vec::new(), now: wanted.clone() });
        }
        without_acl(item)
    }

    /// Folders that have to be made although nobody asked for them are as the backup has them.
    pub(super) fn describe_made(&mut self, source: &SelectedBackup) {
        for (path, item) in &source.above {
            if self.plan.makes.contains(path) && !self.plan.describes.contains_key(path) {
                let mut item = item.clone();
                (item.uid, item.gid) = self.owner.unwrap_or((item.uid, item.gid));
                let meta = self.made(path, &item);
                self.plan.describes.insert(path.clone(), (None, Some(meta)));
            }
        }
    }

    /// The root folder itself. Its time is that of the last change in it, which this restore is.
    pub(super) fn root(&mut self, root: &RootFolder, stat: &Stat) {
        let path = RelPath::root();
        let mut item = root.as_item();
        (item.uid, item.gid) = self.owner.unwrap_or((item.uid, item.gid));
        item.mtime = stat.mtime;
        // What a link leads to is the root.
        let (differs, meta) = self.besides(&path, &item, &self.config.root.join("."));
        let was = Meta::of(stat);
        if differs || meta.differs_from(&was) {
            self.plan.report.replace.insert(0, ".".into());
        }
        if meta.differs_from(&was) {
            self.plan.describes.insert(path, (Some(was), Some(meta)));
        }
    }
}

/// Something is here, and differs from what this user could make it.
fn differ(was: &[Attribute], wanted: &[Attribute]) -> bool {
    let settable = |attributes: &[Attribute]| attributes.iter().filter(|one| may_set(one)).cloned().collect::<Vec<_>>();
    settable(was) != settable(wanted)
}

fn without_acl(item: &Item) -> Meta {
    Meta { mode: item.mode_without_acl() & 0o7777, ..Meta::of_item(item) }
}
