//! What has to go: whatever is in the way of what comes back, or is no longer wanted, with all that belongs to it.

use super::link_target;
use super::planner::{Planner, stat};
use crate::capture::stat::{FileKind, Stat};
use crate::error::IoContext;
use crate::path::RelPath;
use crate::report::Warning;
use crate::restore::metadata::Meta;
use crate::restore::nature::Nature;
use crate::vault::durable;
use crate::{Error, Result};

impl Planner<'_> {
    /// Something of another type is in the way of `path`, and goes with all that is in it.
    pub(super) fn goes(&mut self, path: &RelPath, stat: &Stat) -> Result<()> {
        match stat.kind {
            FileKind::File => self.removed(path.clone())?,
            FileKind::Symlink => {
                self.link_goes(path);
                self.removed(path.clone())?;
            }
            FileKind::Dir => self.folder_goes(path, stat)?,
            FileKind::Other => {
                return Err(Error::Restore {
                    message: format!(
                        "{:?} is a socket, pipe or device here. Move it away, then restore again.",
                        path.display()
                    ),
                });
            }
        }
        Ok(())
    }

    /// What was followed when it was backed up comes back as a folder or file of its own.
    pub(super) fn no_longer_a_link(&mut self, path: &RelPath, stat: &Stat) {
        if stat.kind == FileKind::Symlink
            && let Ok(to) = std::fs::read_link(path.under(&self.config.root))
        {
            let message = format!(
                "It was a link to {}, and is in the root itself now. What the link led to is as it was.",
                to.display()
            );
            self.plan.warnings.push(Warning { path: path.display(), message });
        }
    }

    pub(super) fn link_goes(&mut self, path: &RelPath) {
        if let Some(target) = link_target(&path.under(&self.config.root)) {
            self.plan.links.insert(path.clone(), target);
        }
    }

    /// A file or link that goes, with what belongs to it.
    pub(super) fn removed(&mut self, path: RelPath) -> Result<()> {
        let live = path.under(&self.config.root);
        if stat(&live)?.is_some_and(|stat| stat.kind == FileKind::File) && Nature::of(&live).is_database() {
            let sides = self.sides(&path)?;
            self.plan.removes.extend(sides);
            self.plan.lost_databases.push(path.clone());
        }
        self.plan.replaced.insert(path.clone());
        self.plan.removes.push(path);
        Ok(())
    }

    /// What cannot be removed or renamed, at `path` or in it.
    pub(super) fn mount_at_or_below(&self, path: &RelPath) -> Option<RelPath> {
        self.mounts.iter().find(|mount| mount.starts_with(path)).cloned()
    }

    pub(super) fn folder_goes(&mut self, path: &RelPath, stat: &Stat) -> Result<()> {
        self.refuse_ours(path)?;
        if let Some(mount) = self.mount_at_or_below(path) {
            return Err(Error::Restore {
                message: format!(
                    "{:?} has to go, since the backup has something else there; but something is mounted at {:?}. Unmount \
                     it and restore again, or use another folder (--to DIR).",
                    path.display(),
                    mount.display()
                ),
            });
        }
        let mut folders = vec![(path.clone(), Meta::of(stat))];
        while let Some((folder, meta)) = folders.pop() {
            for inner in durable::list(&folder.under(&self.config.root))? {
                let inner_path = folder.join(inner.file_name().unwrap_or_default());
                self.refuse_ours(&inner_path)?;
                let stat = Stat::of(&inner).at("reading", &inner)?;
                match stat.kind {
                    FileKind::Dir => folders.push((inner_path, Meta::of(&stat))),
                    _ => {
                        self.plan.report.remove.push(inner_path.display());
                        self.goes(&inner_path, &stat)?;
                    }
                }
            }
            self.plan.folders.insert(folder, meta);
        }
        Ok(())
    }
}
