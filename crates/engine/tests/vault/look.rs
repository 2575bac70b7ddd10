//! An independent look at what files are besides their content, by the system's own programs and calls: what a backup
//! and a restore are held against.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use lifeboat_engine::marriage::marker;
use rustix::fs::XattrFlags;

/// Gives `path` an extended attribute.
pub fn set(path: &Path, name: &str, value: &[u8]) {
    rustix::fs::lsetxattr(path, name, value, XattrFlags::empty())
        .unwrap_or_else(|error| panic!("{name} of {}: {error}", path.display()));
}

pub fn remove(path: &Path, name: &str) {
    rustix::fs::lremovexattr(path, name).unwrap();
}

/// The extended attributes of `path`, by name.
pub fn attributes(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut names = vec![0; 64 << 10];
    let length = rustix::fs::llistxattr(path, &mut names[..]).unwrap();
    let names = names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty());
    names
        .map(|name| {
            let mut value = vec![0; 64 << 10];
            let length = rustix::fs::lgetxattr(path, name, &mut value[..]).unwrap();
            (String::from_utf8_lossy(name).into_owned(), value[..length].to_vec())
        })
        .collect()
}

pub const ACL: &str = "system.posix_acl_access";
pub const DEFAULT_ACL: &str = "system.posix_acl_default";

/// An ACL by which a user 1000 may do `user`, the owning group `group`, and the mask is rwx.
pub fn acl(user: u8, group: u8) -> Vec<u8> {
    let entry = |tag: u8, allows: u8, id: u32| [&[tag, 0, allows, 0][..], &id.to_le_bytes()].concat();
    let none = u32::MAX;
    let entries =
        [entry(1, 6, none), entry(2, user, 1000), entry(4, group, none), entry(0x10, 7, none), entry(0x20, 4, none)];
    [&[2, 0, 0, 0][..], &entries.concat()].concat()
}

/// What a path is besides its content.
#[derive(Clone, Debug, PartialEq)]
pub struct Besides {
    pub mode: u32,
    pub owner: (u32, u32),
    pub attributes: BTreeMap<String, Vec<u8>>,
    /// The first name, in path order, of the file that this is a name of.
    pub first_name: PathBuf,
}

/// Everything below `root`, and the root itself as the empty path.
pub fn besides(root: &Path) -> BTreeMap<PathBuf, Besides> {
    let mut paths = vec![root.to_path_buf()];
    let mut at = 0;
    while at < paths.len() {
        if paths[at].is_dir() && !paths[at].is_symlink() {
            paths.extend(fs::read_dir(&paths[at]).unwrap().map(|entry| entry.unwrap().path()));
        }
        at += 1;
    }
    paths.sort();
    // No backup has it.
    paths.retain(|path| *path != root.join(marker::FILE));
    let mut first_names: BTreeMap<(u64, u64), PathBuf> = BTreeMap::new();
    let mut found = BTreeMap::new();
    for path in paths {
        let metadata = fs::symlink_metadata(&path).unwrap();
        let relative = path.strip_prefix(root).unwrap().to_path_buf();
        let first = first_names.entry((metadata.dev(), metadata.ino())).or_insert_with(|| relative.clone()).clone();
        let besides = Besides {
            mode: if metadata.is_symlink() { 0 } else { metadata.mode() },
            owner: (metadata.uid(), metadata.gid()),
            attributes: attributes(&path),
            first_name: first,
        };
        found.insert(relative, besides);
    }
    found
}

/// Fails with the paths that differ.
#[track_caller]
pub fn assert_same_besides(expected: &BTreeMap<PathBuf, Besides>, actual: &BTreeMap<PathBuf, Besides>) {
    let paths: std::collections::BTreeSet<_> = expected.keys().chain(actual.keys()).collect();
    for path in paths {
        assert_eq!(expected.get(path), actual.get(path), "{path:?}");
    }
}

pub fn inode(path: &Path) -> u64 {
    fs::symlink_metadata(path).unwrap().ino()
}
