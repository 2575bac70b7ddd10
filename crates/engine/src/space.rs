//! How much room a disk has.

use std::path::Path;

/// Bytes that this user may still write on the disk of `path`; `None` where it cannot be told.
#[cfg(unix)]
pub fn free(path: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(path).ok()?;
    Some(stat.f_bavail * stat.f_frsize)
}

#[cfg(not(unix))]
pub fn free(_path: &Path) -> Option<u64> {
    None
}
