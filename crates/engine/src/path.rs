//! Paths inside a root: relative, `/` between components, never leading out.
//!
//! A [`RelPath`] from a snapshot was checked once when it was parsed; whoever holds one may join it to a folder.
//! Paths are bytes, because a Unix file name is.

use std::cmp::Ordering;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::{Error, Result};

#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct RelPath(Vec<u8>);

impl RelPath {
    /// The root itself: only a starting point for [`RelPath::join`], never an item.
    pub fn root() -> RelPath {
        RelPath(Vec::new())
    }

    /// Refuses absolute paths, `.` and `..`, empty components, NUL, and on Windows what has a meaning there.
    pub fn parse(bytes: &[u8]) -> Result<RelPath> {
        let refuse = |reason| Error::UnsafePath { path: String::from_utf8_lossy(bytes).into_owned(), reason };
        if bytes.is_empty() {
            return Err(refuse("it is empty"));
        }
        if bytes.contains(&0) {
            return Err(refuse("it holds a NUL byte"));
        }
        for component in bytes.split(|byte| *byte == b'/') {
            match component {
                b"" if bytes[0] == b'/' => return Err(refuse("it is absolute")),
                b"" => return Err(refuse("it has an empty component")),
                b"." | b".." => return Err(refuse("it leads out of the folder")),
                _ => {}
            }
        }
        if cfg!(windows) && bytes.iter().any(|byte| matches!(byte, b'\\' | b':')) {
            return Err(refuse("it has a character that means something else on Windows"));
        }
        Ok(RelPath(bytes.to_vec()))
    }

    /// As people and programs write a path: `./database/`, or with its bytes in base64 behind `//`, as it is serialized.
    pub fn typed(text: &str) -> Result<RelPath> {
        if let Some(bytes) = text.strip_prefix(RAW).and_then(|raw| BASE64.decode(raw).ok()) {
            return RelPath::parse(&bytes);
        }
        let text = if cfg!(windows) { text.replace('\\', "/") } else { text.to_owned() };
        let mut plain = text.trim_end_matches('/');
        while let Some(rest) = plain.strip_prefix("./") {
            plain = rest.trim_start_matches('/');
        }
        RelPath::parse(plain.as_bytes())
    }

    /// The word that [`RelPath::typed`] reads as these bytes.
    pub fn word(bytes: &[u8]) -> String {
        match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => format!("{RAW}{}", BASE64.encode(bytes)),
        }
    }

    /// This path and one more component. `name` comes from a directory listing.
    pub fn join(&self, name: &std::ffi::OsStr) -> RelPath {
        let mut bytes = self.0.clone();
        if !bytes.is_empty() {
            bytes.push(b'/');
        }
        bytes.extend_from_slice(name.as_encoded_bytes());
        RelPath(bytes)
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// For people; not reversible where the name is not UTF-8.
    pub fn display(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }

    pub fn file_name(&self) -> &[u8] {
        self.0.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
    }

    /// The folder that it lies in; `None` for what lies in the root itself.
    pub fn parent(&self) -> Option<RelPath> {
        let end = self.0.iter().rposition(|byte| *byte == b'/')?;
        Some(RelPath(self.0[..end].to_vec()))
    }

    /// The outermost folder above this path that is longer than `length` bytes.
    pub fn ancestor_below(&self, length: usize) -> Option<RelPath> {
        let from = if length == 0 { 0 } else { length + 1 };
        let end = from + self.0.get(from..)?.iter().position(|byte| *byte == b'/')?;
        Some(RelPath(self.0[..end].to_vec()))
    }

    pub fn starts_with(&self, folder: &RelPath) -> bool {
        folder.0.is_empty()
            || (self.0.starts_with(&folder.0) && matches!(self.0.get(folder.0.len()), None | Some(b'/')))
    }

    /// The place of this path under a folder of this machine.
    pub fn under(&self, folder: &Path) -> PathBuf {
        folder.join(self.to_path())
    }

    #[cfg(unix)]
    fn to_path(&self) -> PathBuf {
        use std::os::unix::ffi::OsStrExt;
        PathBuf::from(std::ffi::OsStr::from_bytes(&self.0))
    }

    #[cfg(not(unix))]
    fn to_path(&self) -> PathBuf {
        PathBuf::from(self.display())
    }
}

/// As text; bytes that are not UTF-8 as base64 behind a mark that no relative path begins with.
const RAW: &str = "//";

impl serde::Serialize for RelPath {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&RelPath::word(&self.0))
    }
}

impl<'de> serde::Deserialize<'de> for RelPath {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<RelPath, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        let bytes = match text.strip_prefix(RAW) {
            Some(raw) => BASE64.decode(raw).map_err(serde::de::Error::custom)?,
            None => text.into_owned().into_bytes(),
        };
        RelPath::parse(&bytes).map_err(serde::de::Error::custom)
    }
}

impl RelPath {
    /// For what may be about the root itself, which no item is.
    pub fn deserialize_or_root<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<RelPath, D::Error> {
        let text = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(deserializer)?;
        if text.is_empty() {
            return Ok(RelPath::root());
        }
        serde::Deserialize::deserialize(serde::de::value::CowStrDeserializer::new(text))
    }
}

/// By components, each compared as bytes; a folder comes right before what is in it.
impl Ord for RelPath {
    fn cmp(&self, other: &RelPath) -> Ordering {
        let at = self.0.iter().zip(&other.0).position(|(a, b)| a != b);
        match at {
            None => self.0.len().cmp(&other.0.len()),
            Some(at) => {
                let rank = |byte: u8| if byte == b'/' { 0 } else { u16::from(byte) + 1 };
                rank(self.0[at]).cmp(&rank(other.0[at]))
            }
        }
    }
}

impl PartialOrd for RelPath {
    fn partial_cmp(&self, other: &RelPath) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl std::fmt::Debug for RelPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.display())
    }
}

/// A path as one word of a shell: names come from backups, and hold anything. What would be an option begins with `./`.
pub fn in_shell(path: &Path) -> String {
    let mut path = path.display().to_string();
    if path.starts_with('-') {
        path.insert_str(0, "./");
    }
    let is_plain = !path.is_empty() && path.chars().all(|char| char.is_alphanumeric() || "-_./:@+%".contains(char));
    if is_plain { path } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_leads_out_is_refused() {
        for bad in ["", "/etc/passwd", "..", "a/../b", "a//b", "a/", ".", "./a", "a\0b"] {
            assert_eq!(RelPath::parse(bad.as_bytes()).unwrap_err().code(), "E_UNSAFE_PATH", "{bad:?}");
        }
        assert!(RelPath::parse(b"a/.b/..c/ d\n\xff").is_ok());
    }

    proptest! {
        #[test]
        fn the_order_is_that_of_the_components(a in "[a./-]{1,8}", b in "[a./-]{1,8}") {
            if let (Ok(x), Ok(y)) = (RelPath::parse(a.as_bytes()), RelPath::parse(b.as_bytes())) {
                let by_components = a.split('/').map(str::as_bytes).cmp(b.split('/').map(str::as_bytes));
                prop_assert_eq!(x.cmp(&y), by_components);
            }
        }
    }
}
