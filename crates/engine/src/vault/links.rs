//! Links in a vault's folder that nobody should follow.

use std::path::{Path, PathBuf};

use super::{ACCEPTED, catalog, elsewhere, last_restore, lock, place, shelf};
use crate::capture::stat::{FileKind, Stat};
use crate::marriage::record;
use crate::{Error, Result};

/// Whoever may write to the vault's folder could put a link there, and root would write, or remove, what that leads to. A
/// link of our own, or of root's, is somebody's wish.
pub fn refuse_links(dir: &Path) -> Result<()> {
    let files = [
        lock::FILE,
        catalog::FILE,
        "logbook.sqlite",
        place::LEDGER,
        elsewhere::FILE,
        place::TURN,
        last_restore::FILE,
        record::FILE,
    ];
    let folders = ["tmp", "packs", "snapshots", "keys", "pins", ACCEPTED, "hosts", shelf::FOLDER];
    let is_anothers = |place: &PathBuf| {
        let Ok(stat) = Stat::of(place) else { return false };
        #[cfg(unix)]
        let is_ours = stat.uid == 0 || stat.uid == rustix::process::geteuid().as_raw();
        #[cfg(not(unix))]
        let is_ours = true;
        stat.kind == FileKind::Symlink && !is_ours
    };
    match files.iter().chain(&folders).map(|name| dir.join(name)).find(is_anothers) {
        None => Ok(()),
        Some(link) => Err(Error::Format {
            message: format!(
                "{} is a link that another user has put into the vault. Look where it leads, remove it, and try again.",
                link.display()
            ),
        }),
    }
}
