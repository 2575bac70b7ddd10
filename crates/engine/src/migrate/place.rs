//! Where the new root's vault goes, and whether there is room for everything.

use std::path::{Path, PathBuf};

use super::survey::Survey;
use super::{Migration, Source};
use crate::path::RelPath;
use crate::vault::list::ListReader;
use crate::vault::snapshot::Snapshot;
use crate::vault::{Vault, durable, place};
use crate::{Config, Error, Result, space};

impl Migration<'_> {
    /// Where the new root's vault belongs: as was asked for, else where the restored configuration will look for it. What
    /// the backup itself puts there is somebody else's: then below it, as everywhere.
    pub fn place(&self, source: &Source, survey: &Survey) -> Result<PathBuf> {
        let place = self.named_place(source, survey);
        let Some(inside) = inside(&place, &self.access.config().root) else { return Ok(place) };
        if same_place(source.vault.dir(), &place) {
            return Ok(place);
        }
        let folder = RelPath::root().join(inside.as_os_str());
        let mut reader = source.vault.reader()?;
        for item in ListReader::forwards(&mut reader, &source.snapshot.list) {
            let path = item?.rel_path()?;
            if path != folder && path.starts_with(&folder) {
                return Ok(place.join(place::INNER));
            }
        }
        Ok(place)
    }

    fn named_place(&self, source: &Source, survey: &Survey) -> PathBuf {
        let config = self.access.config();
        let is_default = config.backup_dir == config.root.join(Config::default().backup_dir);
        let is_new = same_place(source.vault.dir(), &config.backup_dir);
        let Some(settings) = survey.settings.as_ref().filter(|_| is_default && !is_new) else {
            return config.backup_dir.clone();
        };
        // A vault on a disk or share that is there on this machine, too, goes on being used.
        let kept = settings.absolute_vault().filter(|vault| same_place(vault, source.vault.dir()));
        kept.map_or_else(|| settings.vault_of(&config.root, &source.snapshot.root), Path::to_path_buf)
    }

    /// May the vault go there?
    pub fn check_place(&self, source: &Source, place: &Path, is_there: bool, resumed: bool) -> Result<()> {
        if is_there || !place.exists() {
            return Ok(());
        }
        if place.starts_with(source.vault.dir()) || source.vault.dir().starts_with(place) {
            return Err(Error::Config {
                message: format!(
                    "{} and the new vault {} lie in each other. Move the source elsewhere, or choose another place for \
                     the vault (--vault DIR).",
                    source.vault.dir().display(),
                    place.display()
                ),
            });
        }
        let is_ours = match Vault::exists(place) {
            true => self.reopen(source, place).is_ok_and(|there| there.id() == source.vault.id()),
            // A copy that was cut off has no vault.json yet.
            false => (resumed && self.options.history) || durable::list(place)?.is_empty(),
        };
        if is_ours {
            return Ok(());
        }
        Err(Error::Restore {
            message: format!(
                "The new vault belongs to {}, and something else is there. Move that away, or choose another place for \
                 the vault (--vault DIR).",
                place.display()
            ),
        })
    }
}

/// The room for everything, also where root and vault share a disk.
pub fn check_space(root: &Path, snapshot: &Snapshot, place: &Path, missing: u64) -> Result<()> {
    let disk = place.ancestors().find(|folder| folder.exists()).unwrap_or(root);
    let together = same_disk(root, disk);
    let wants = [
        (root, snapshot.total_size.saturating_add(if together { missing } else { 0 })),
        (disk, if together { 0 } else { missing }),
    ];
    for (folder, need) in wants {
        if let Some(free) = space::free(folder).filter(|free| *free < need) {
            return Err(Error::Restore {
                message: format!(
                    "{} has {} free, and the migration needs {}. Free some space, or leave the history out \
                     (--no-history).",
                    folder.display(),
                    space::said(free),
                    space::said(need)
                ),
            });
        }
    }
    Ok(())
}

#[cfg(unix)]
fn same_disk(a: &Path, b: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let disk = |path: &Path| std::fs::metadata(path).map(|metadata| metadata.dev()).ok();
    disk(a) == disk(b)
}

#[cfg(not(unix))]
fn same_disk(a: &Path, b: &Path) -> bool {
    a.components().next() == b.components().next()
}

pub fn same_place(a: &Path, b: &Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => a == b,
    }
}

/// The path of `place` in the new root, where it lies there.
pub fn inside(place: &Path, root: &Path) -> Option<PathBuf> {
    let real = root.canonicalize().unwrap_or_else(|_| root.to_path_buf());
    place.strip_prefix(root).or_else(|_| place.strip_prefix(&real)).ok().map(Path::to_path_buf)
}
