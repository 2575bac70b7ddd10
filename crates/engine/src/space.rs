//! How much room a disk has.

use std::path::Path;

use bytesize::ByteSize;

use crate::{Error, Result};

/// "2.1 MB", "300 kB", "41 B": powers of ten, as every face of Lifeboat writes it, and as disks are sold.
pub fn said(bytes: u64) -> String {
    ByteSize(bytes).display().si().to_string().replace(".0 ", " ")
}

/// Bytes that this user may still write on the disk of `path`; `None` where it cannot be told.
#[cfg(unix)]
pub fn free(path: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(path).ok()?;
    // Some, such as ramfs and drivers of FUSE, do not tell.
    (stat.f_blocks > 0).then_some(stat.f_bavail * stat.f_frsize)
}

#[cfg(not(unix))]
pub fn free(_path: &Path) -> Option<u64> {
    None
}

/// How many more files and folders the file system of `path` takes; `None` where it has no limit, or does not tell.
#[cfg(unix)]
pub fn free_names(path: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(path).ok()?;
    (stat.f_files > 0).then_some(stat.f_favail)
}

#[cfg(not(unix))]
pub fn free_names(_path: &Path) -> Option<u64> {
    None
}

/// `E_RESTORE` where the disk of `path` has no room for so many more bytes and names.
pub fn check(path: &Path, bytes: u64, names: u64) -> Result<()> {
    let refuse = |free: String, needed: String| {
        Err(Error::Restore {
            message: format!(
                "The disk of {} has {free} free, and the restore needs {needed} beside what is there. Free some space, or \
                 restore a part.",
                path.display()
            ),
        })
    };
    match (free(path), free_names(path)) {
        (Some(free), _) if free < bytes => refuse(said(free), said(bytes)),
        (_, Some(free)) if free < names => refuse(format!("{free} inodes"), names.to_string()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::said;

    #[test]
    fn sizes_are_in_powers_of_ten() {
        let sizes =
            [(0, "0 B"), (999, "999 B"), (300_000, "300 kB"), (808_100_000, "808.1 MB"), (5_000_000_000, "5 GB")];
        for (bytes, words) in sizes {
            assert_eq!(said(bytes), words);
        }
    }
}
