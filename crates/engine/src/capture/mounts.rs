//! What is mounted inside a root: other disks, other folders, file systems of FUSE. A backup takes it, and says so. A rename
//! does not lead from one mount to another, also where both are of one disk.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::path::RelPath;
use crate::report::Warning;

const TAKEN: &str = "Another disk or folder is mounted here. Its content is backed up. While it is not mounted, its content is \
     missing.";

/// What to say of a path.
pub fn note(mounts: &HashSet<RelPath>, path: &RelPath) -> Option<Warning> {
    mounts.contains(path).then(|| Warning { path: path.display(), message: TAKEN.into() })
}

/// The places below `root` where something is mounted, files among them. Empty where the system does not tell.
#[cfg(target_os = "linux")]
pub fn below(root: &Path) -> HashSet<RelPath> {
    let table = std::fs::read("/proc/self/mountinfo").unwrap_or_default();
    root.canonicalize().map(|root| parse(&table, &root)).unwrap_or_default()
}

#[cfg(not(target_os = "linux"))]
pub fn below(_root: &Path) -> HashSet<RelPath> {
    HashSet::new()
}

/// The place on the way to this folder where a disk is to be mounted, by `/etc/fstab`, and is not. `None`: none, or the system
/// does not tell.
#[cfg(target_os = "linux")]
pub fn missing(folder: &Path) -> Option<PathBuf> {
    let read = |file: &str| std::fs::read(file).unwrap_or_default();
    missing_in(&folder.canonicalize().ok()?, &read("/etc/fstab"), &read("/proc/self/mountinfo"))
}

#[cfg(not(target_os = "linux"))]
pub fn missing(_folder: &Path) -> Option<PathBuf> {
    None
}

/// See fstab(5): the second field is the place.
#[cfg(any(target_os = "linux", test))]
fn missing_in(folder: &Path, fstab: &[u8], mounted: &[u8]) -> Option<PathBuf> {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let path = |field: &[u8]| PathBuf::from(OsStr::from_bytes(&unescape(field)));
    let is_blank = |byte: &u8| *byte == b' ' || *byte == b'\t';
    let there: HashSet<PathBuf> = mounted
        .split(|byte| *byte == b'\n')
        .filter_map(|line| line.split(|byte| *byte == b' ').nth(4).map(path))
        .collect();
    if there.is_empty() {
        return None;
    }
    let wanted = fstab.split(|byte| *byte == b'\n').filter(|line| !line.starts_with(b"#"));
    let wanted = wanted.filter_map(|line| line.split(is_blank).filter(|field| !field.is_empty()).nth(1).map(path));
    wanted.filter(|place| place.is_absolute()).find(|place| folder.starts_with(place) && !there.contains(place))
}

/// See proc_pid_mountinfo(5): the fifth field of each line is the place.
#[cfg(any(target_os = "linux", test))]
fn parse(table: &[u8], root: &Path) -> HashSet<RelPath> {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let places = table.split(|byte| *byte == b'\n').filter_map(|line| line.split(|byte| *byte == b' ').nth(4));
    let below = places.filter_map(|place| {
        let place = unescape(place);
        let inner = Path::new(OsStr::from_bytes(&place)).strip_prefix(root).ok()?;
        RelPath::parse(inner.as_os_str().as_bytes()).ok()
    });
    below.collect()
}

/// Blanks, line ends and backslashes are written as three octal digits.
#[cfg(any(target_os = "linux", test))]
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let [first, tail @ ..] = rest {
        let octal = match (first, tail) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..]) => {
                Some((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'))
            }
            _ => None,
        };
        bytes.push(octal.unwrap_or(*first));
        rest = if octal.is_some() { &tail[3..] } else { tail };
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_should_be_mounted_and_is_not_is_known_by_fstab() {
        let fstab = b"# <what> <where>\nUUID=1 / ext4 defaults 0 1\nUUID=2\t/mnt/my\\040disk ext4 nofail\nUUID=3 none swap sw\n";
        let root = b"1 0 8:1 / / rw - ext4 /dev/sda1 rw\n".to_vec();
        let missing = |folder: &str, mounted: &[u8]| missing_in(Path::new(folder), fstab, mounted);
        assert_eq!(missing("/mnt/my disk/backups", &root), Some(PathBuf::from("/mnt/my disk")));
        assert_eq!(missing("/mnt/my disk", &root), Some(PathBuf::from("/mnt/my disk")));
        assert_eq!(missing("/mnt/other", &root), None);
        let both = [&root[..], b"2 1 8:2 / /mnt/my\\040disk rw - ext4 /dev/sdb1 rw\n"].concat();
        assert_eq!(missing("/mnt/my disk/backups", &both), None);
        assert_eq!(missing("/mnt/my disk", b""), None, "nobody tells what is mounted");
    }

    #[test]
    fn mounts_below_a_root_are_found_by_their_true_names() {
        let table = b"22 1 0:21 / / rw - ext4 /dev/x rw\n\
            30 22 8:1 /a /srv/bot/config.json rw - ext4 /dev/x rw\n\
            31 22 8:1 /b /srv/bot/foto\\040baru/x rw shared:1 - ext4 /dev/x rw\n\
            32 22 8:1 /c /srv/bot rw - ext4 /dev/x rw\n\
            33 22 8:1 /c /srv/bottle/x rw - ext4 /dev/x rw\n";
        let found = parse(table, Path::new("/srv/bot"));
        let names = ["config.json", "foto baru/x"].map(|name| RelPath::parse(name.as_bytes()).unwrap());
        assert_eq!(found, HashSet::from(names));
    }
}
