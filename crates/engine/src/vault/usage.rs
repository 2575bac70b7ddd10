//! What a vault has in its folder, and how many bytes, from one look at it. Needs no key.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use super::name::BackupName;
use super::place;
use crate::Result;
use crate::error::IoContext;

/// From so many entries on, a folder is looked at by four threads.
const MANY: usize = 4096;

/// What a vault has in its folder, from one look at it. What others have put there counts for nothing.
#[derive(Debug, Default)]
pub struct Usage {
    /// Bytes of all its files.
    pub used: u64,
    /// Bytes of packs and snapshots alone.
    pub stored: u64,
    /// The names of all snapshots, in no order.
    pub backups: Vec<BackupName>,
}

/// Looks at all of a vault. Needs no key.
pub fn usage(dir: &Path) -> Result<Usage> {
    let mut usage = Usage::default();
    let snapshots = dir.join("snapshots");
    let mut folders = vec![(dir.to_path_buf(), false)];
    while let Some((folder, is_stored)) = folders.pop() {
        for (name, metadata) in entries(&folder)? {
            if folder == dir && !place::is_ours(&name) {
                continue;
            }
            if metadata.is_dir() {
                let path = folder.join(name);
                let is_stored = is_stored || path == snapshots || path == dir.join("packs");
                folders.push((path, is_stored));
                continue;
            }
            usage.used += metadata.len();
            usage.stored += if is_stored { metadata.len() } else { 0 };
            if folder == snapshots {
                usage.backups.extend(name.to_str().and_then(|name| name.parse().ok()));
            }
        }
    }
    Ok(usage)
}

/// What lies in a folder, in no order. What vanishes meanwhile is left out.
fn entries(folder: &Path) -> Result<Vec<(OsString, fs::Metadata)>> {
    let entries = match fs::read_dir(folder) {
        // Also what only root may look into: the lost+found of a vault that is a disk of its own.
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::PermissionDenied) => {
            return Ok(Vec::new());
        }
        entries => entries.at("reading the folder", folder)?,
    };
    let entries = entries.collect::<std::io::Result<Vec<fs::DirEntry>>>().at("reading the folder", folder)?;
    let look = |entries: &[fs::DirEntry]| -> Vec<(OsString, fs::Metadata)> {
        entries.iter().filter_map(|entry| Some((entry.file_name(), entry.metadata().ok()?))).collect()
    };
    if entries.len() < MANY {
        return Ok(look(&entries));
    }
    // To ask for thousands of sizes is most of what a status costs.
    Ok(std::thread::scope(|scope| {
        let parts =
            entries.chunks(entries.len().div_ceil(4)).map(|part| scope.spawn(move || look(part))).collect::<Vec<_>>();
        parts.into_iter().flat_map(|part| part.join().unwrap_or_default()).collect()
    }))
}
