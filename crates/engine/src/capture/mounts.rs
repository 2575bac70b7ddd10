//! What is mounted inside a root: other disks, other folders, file systems of FUSE. A backup takes it, and says so. A rename
//! does not lead from one mount to another, also where both are of one disk.

use std::collections::HashSet;
use std::path::Path;

use crate::path::RelPath;
use crate::report::Warning;

const TAKEN: &str =
    "Another disk or folder is mounted here. What is in it is taken; where it is not mounted, it is missing.";

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
