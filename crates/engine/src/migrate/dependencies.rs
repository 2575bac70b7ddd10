//! Dependencies of an app that lie beside it (`"lifeboat": "file:../lifeboat"`), and are not there on a new server.
//!
//! npm makes a link to nothing for them and says no word. Then `npx NAME` finds no such program and asks the public
//! registry for that name, where it may be anybody's.

use std::path::{Component, Path, PathBuf};

use serde_json::Value;

const KINDS: [&str; 3] = ["dependencies", "optionalDependencies", "devDependencies"];
const PREFIXES: [&str; 3] = ["file:", "link:", "portal:"];

/// A dependency that is a folder or a file on this machine.
#[derive(Debug, PartialEq)]
pub struct Local {
    pub name: String,
    /// As it stands in `package.json`.
    pub spec: String,
    path: String,
}

/// Those of a `package.json`. Of one that is not understood, none: npm will say so.
pub fn local(package: &[u8]) -> Vec<Local> {
    let package = package.strip_prefix(b"\xef\xbb\xbf").unwrap_or(package);
    let package: Value = serde_json::from_slice(package).unwrap_or_default();
    let all = KINDS.iter().filter_map(|kind| package.get(kind)?.as_object()).flatten();
    let mut found: Vec<Local> = all
        .filter_map(|(name, spec)| {
            let spec = spec.as_str()?;
            Some(Local { name: name.clone(), spec: spec.into(), path: path_of(spec)? })
        })
        .collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found.dedup();
    found
}

/// The path in a specification, where it is one, as npm reads it.
fn path_of(spec: &str) -> Option<String> {
    if let Some(path) = PREFIXES.iter().find_map(|prefix| spec.strip_prefix(prefix)) {
        // file:///srv/x is the form of an address.
        return Some(path.strip_prefix("//").filter(|rest| rest.starts_with('/')).unwrap_or(path).into());
    }
    ["./", "../", "/", "~/"].iter().any(|start| spec.starts_with(start)).then(|| spec.into())
}

impl Local {
    /// Where it leads from a root.
    pub fn place(&self, root: &Path) -> PathBuf {
        let home = std::env::var_os("HOME").map(PathBuf::from);
        let path = match (self.path.strip_prefix("~/"), home) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => root.join(&self.path),
        };
        let mut place = PathBuf::new();
        for part in path.components() {
            match part {
                Component::ParentDir => drop(place.pop()),
                Component::CurDir => {}
                other => place.push(other),
            }
        }
        place
    }

    pub fn is_there(&self, root: &Path) -> bool {
        self.place(root).exists()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_beside_the_app_is_found_in_each_of_its_forms() {
        let package = br#"{
            "dependencies": {"a": "file:../a", "b": "^1.2.3", "c": "link:./c", "d": "file:///opt/d.tgz", "g": "git+ssh://h/x"},
            "devDependencies": {"e": "../tools/e", "u": "user/repo", "w": "workspace:*", "n": 7},
            "optionalDependencies": {"f": "/opt/f", "a": "file:../a"}
        }"#;
        let found: Vec<(String, String)> = local(package)
            .iter()
            .map(|one| (one.name.clone(), one.place(Path::new("/srv/bot")).display().to_string()))
            .collect();
        let expected =
            [("a", "/srv/a"), ("c", "/srv/bot/c"), ("d", "/opt/d.tgz"), ("e", "/srv/tools/e"), ("f", "/opt/f")];
        assert_eq!(found, expected.map(|(name, place)| (name.to_owned(), place.to_owned())));
        for nonsense in [&b"{"[..], b"[]", b"{\"dependencies\":7}", b""] {
            assert_eq!(local(nonsense), []);
        }
    }
}
