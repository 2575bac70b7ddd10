//! The root's half: `.lifeboat.json` in it, with an id of its own and the vaults that it is kept in.
//!
//! It is in no backup: in another root it would say something wrong. A copy of the root has it, too, and is found out by the
//! vault's half. One that cannot be read is as good as none; nothing in it is secret, and nothing that it says opens anything.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::capture::stat::open_file;
use crate::error::IoContext;
use crate::vault::{checked_json, durable};
use crate::{Error, Result};

pub const FILE: &str = ".lifeboat.json";
/// What it is called while it is written. One name, so that what a kill leaves goes with the next that writes it.
const UNFINISHED: &str = ".lifeboat-marker";
const FORMAT: &str = "lifeboat root";
const MAX_LEN: u64 = 64 << 10;
/// A root is kept in one vault, and in one on a stick or two.
const MAX_VAULTS: usize = 16;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootMarker {
    /// What tells this root from any other.
    pub root: String,
    pub vaults: Vec<KnownVault>,
}

/// A vault that the root is kept in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownVault {
    pub id: String,
    /// Where it was last: see [`place`].
    pub place: String,
}

#[derive(Serialize, Deserialize)]
struct Text {
    format: String,
    root: String,
    vaults: Vec<KnownVault>,
}

impl RootMarker {
    pub fn read(root: &Path) -> Option<RootMarker> {
        // Opened as the files of a backup are: no link is followed, and a pipe does not block.
        let (file, _) = open_file(&root.join(FILE)).ok()?;
        let mut bytes = Vec::new();
        file.take(MAX_LEN).read_to_end(&mut bytes).ok()?;
        let text: Text = checked_json::from_bytes(FILE, &bytes).ok()?;
        (text.format == FORMAT).then_some(RootMarker { root: text.root, vaults: text.vaults })
    }

    /// The caller holds the lock of a vault of this root.
    pub fn write(&self, root: &Path) -> Result<()> {
        let text = Text { format: FORMAT.into(), root: self.root.clone(), vaults: self.vaults.clone() };
        let (unfinished, file) = (root.join(UNFINISHED), root.join(FILE));
        match fs::remove_file(&unfinished) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::io("removing", unfinished, error));
            }
            _ => {}
        }
        let mut new = durable::create_new(&unfinished)?;
        let written = new.write_all(&checked_json::to_bytes(&text)?).and_then(|()| new.sync_all());
        let written = written.at("writing", &unfinished);
        let written = written.and_then(|()| fs::rename(&unfinished, &file).at("writing", &file));
        if written.is_err() {
            let _ = fs::remove_file(&unfinished);
        }
        written.and_then(|()| durable::sync_dir(root))
    }

    /// Where this vault is, if it is one of the root's.
    pub fn place_of(&self, vault: &str) -> Option<&str> {
        self.vaults.iter().find(|known| known.id == vault).map(|known| known.place.as_str())
    }

    pub fn has_vault_at(&self, place: &str) -> bool {
        self.vaults.iter().any(|known| known.place == place)
    }

    /// The same, with this vault in this place, which has no other any more.
    pub fn with(mut self, vault: &str, place: &str) -> RootMarker {
        let new = KnownVault { id: vault.into(), place: place.into() };
        if !self.vaults.contains(&new) {
            self.vaults.retain(|known| known.id != new.id && known.place != new.place);
            self.vaults.push(new);
            let too_many = self.vaults.len().saturating_sub(MAX_VAULTS);
            self.vaults.drain(..too_many);
        }
        self
    }
}

/// A vault's place as a marker says it: what lies in the root moves with it.
pub fn place(root: &Path, vault: &Path) -> String {
    vault.strip_prefix(root).unwrap_or(vault).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_kill_left_goes_with_the_next_that_writes_and_is_in_no_backup() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join(UNFINISHED), "{\"form").unwrap();
        let marker = RootMarker { root: "a".into(), vaults: Vec::new() };
        marker.write(root.path()).unwrap();
        assert_eq!(RootMarker::read(root.path()), Some(marker));
        assert_eq!(durable::names(root.path()).unwrap(), [FILE]);
        assert!(durable::is_temporary(UNFINISHED.as_bytes()));
    }
}
