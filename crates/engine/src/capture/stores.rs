//! Databases that are folders: segments, and a file that names those that count. Of one moment, they are a database; of several,
//! they are none.

use std::ffi::OsString;

use super::walk::WalkedFolder;

/// What lies in such a folder; a name that ends in `-` is the beginning of one.
const KINDS: [&[&str]; 3] = [
    // LevelDB and RocksDB. Browsers keep what a page stores in it.
    &["CURRENT", "MANIFEST-"],
    // LMDB.
    &["data.mdb", "lock.mdb"],
    &["WiredTiger", "WiredTiger.wt"],
];

/// Is the folder a database?
pub fn is_one(folder: &WalkedFolder) -> bool {
    KINDS.iter().any(|kind| kind.iter().all(|name| has(folder, name)))
}

fn has(folder: &WalkedFolder, name: &str) -> bool {
    match name.ends_with('-') {
        false => folder.has(&OsString::from(name)),
        true => {
            let at = folder.names.partition_point(|other| other.as_encoded_bytes() < name.as_bytes());
            folder.names.get(at).is_some_and(|other| other.as_encoded_bytes().starts_with(name.as_bytes()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::RelPath;

    #[test]
    fn a_store_is_known_by_what_it_must_have() {
        let is_one = |names: &[&str]| {
            let names = names.iter().map(OsString::from).collect();
            is_one(&WalkedFolder { path: RelPath::root(), absolute: "/nowhere".into(), names })
        };
        assert!(is_one(&["000005.ldb", "CURRENT", "LOCK", "MANIFEST-000004"]));
        assert!(is_one(&["data.mdb", "lock.mdb"]));
        for other in [&["CURRENT", "MANIFEST"][..], &["MANIFEST-1"], &["data.mdb"], &[]] {
            assert!(!is_one(other), "{other:?}");
        }
    }
}
