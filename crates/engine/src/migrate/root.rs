//! The new root: it must be empty, and remembers a migration that was cut off.
//!
//! Beside what is allowed to be there (the source itself, the place of the vault) an empty root holds nothing. Before
//! anything is put into it, a note says which migration it is for. The restore is all or nothing; so a root with a note
//! that holds anything else has been restored, and only the rest is left to be done.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::IoContext;
use crate::marriage::marker;
use crate::restore::WORKSPACE;
use crate::vault::durable;
use crate::{Error, Result};

/// The note's name.
const NOTE: &str = ".lifeboat-migrate.json";
const MAX_NOTE: u64 = 64 << 10;
/// What is in a fresh root and in no backup: what a file system puts into its top, and what npm brings.
const HARMLESS: [&str; 3] = ["lost+found", "node_modules", marker::FILE];

/// Which migration a root is being set up by.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Note {
    /// The vault's id, and the backup; absent while an archive is still being read.
    pub vault: Option<String>,
    pub backup: Option<String>,
    /// Where in the root its vault is being fetched to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<PathBuf>,
}

/// A root that may be filled. Dropped before [`NewRoot::keep`], it leaves no trace.
pub struct NewRoot {
    path: PathBuf,
    /// Folders that were made for it, the innermost first.
    made: Vec<PathBuf>,
    /// Of a migration that was cut off.
    pub note: Option<Note>,
    /// Everything of the backup is there already.
    pub is_restored: bool,
    keep: bool,
}

impl NewRoot {
    /// Makes the folder where it is not there. `allowed`: places that may lie in it, relative to it.
    pub fn enter(path: &Path, allowed: &[PathBuf]) -> Result<NewRoot> {
        let made: Vec<PathBuf> =
            path.ancestors().take_while(|folder| !folder.exists()).map(Path::to_path_buf).collect();
        fs::create_dir_all(path).at("making the folder", path)?;
        sweep(path)?;
        let mut root = NewRoot { path: path.to_path_buf(), made, note: None, is_restored: false, keep: false };
        if let Ok(text) = durable::read_small(&path.join(NOTE), MAX_NOTE) {
            // A note that is not understood is of nobody's migration, but of one that was begun.
            root.note = Some(serde_json::from_slice(&text).unwrap_or_default());
            root.keep = true;
        }
        let begun = root.note.as_ref().and_then(|note| note.place.clone());
        let allowed: Vec<PathBuf> = allowed.iter().cloned().chain(begun).collect();
        match (foreign(path, Path::new(""), &allowed)?, &root.note) {
            (Some(_), Some(_)) => root.is_restored = true,
            (Some(other), None) => {
                return Err(Error::Restore {
                    message: format!(
                        "{} is not empty (it contains {:?}), and a migration sets up a new root. Choose an empty or a \
                         new folder (--root DIR), or use `lifeboat restore latest` in this one. If only its vault is \
                         lost, `--no-restore` brings back only that.",
                        path.display(),
                        other
                    ),
                });
            }
            (None, _) => {}
        }
        Ok(root)
    }

    pub fn was_made(&self) -> bool {
        !self.made.is_empty()
    }

    /// From here on another try goes on with this migration.
    pub fn write_note(&mut self, note: &Note) -> Result<()> {
        let text = serde_json::to_vec(note).map_err(|error| Error::internal(error.to_string()))?;
        durable::write_private(&self.path.join(NOTE), &text)
    }

    /// It holds something now: it stays whatever happens.
    pub fn keep(&mut self) {
        self.keep = true;
    }

    /// All is done.
    pub fn finish(mut self) -> Result<()> {
        self.keep = true;
        let note = self.path.join(NOTE);
        fs::remove_file(&note).at("removing", &note)?;
        durable::sync_dir(&self.path)
    }
}

impl Drop for NewRoot {
    fn drop(&mut self) {
        if !self.keep {
            let _ = fs::remove_file(self.path.join(NOTE));
            // Only what is empty goes.
            for folder in &self.made {
                let _ = fs::remove_dir(folder);
            }
        }
    }
}

/// A kill while the note is written leaves it under a name of its own. That is not what a restored root holds.
fn sweep(root: &Path) -> Result<()> {
    for path in durable::list(root)? {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let is_temporary = name
            .strip_prefix(durable::TEMPORARY)
            .is_some_and(|rest| rest.len() == 6 && rest.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        if is_temporary && path.symlink_metadata().at("reading", &path)?.is_file() {
            fs::remove_file(&path).at("removing", &path)?;
        }
    }
    Ok(())
}

/// Something in the folder `at` of `root` that neither is one of `allowed`, nor leads to one.
fn foreign(root: &Path, at: &Path, allowed: &[PathBuf]) -> Result<Option<PathBuf>> {
    for inner in durable::list(&root.join(at))? {
        let name = inner.file_name().unwrap_or_default();
        let path = at.join(name);
        let is_ours = name == NOTE || name == WORKSPACE || HARMLESS.iter().any(|harmless| name == *harmless);
        if is_ours || allowed.contains(&path) {
            continue;
        }
        let leads_on = allowed.iter().any(|place| place.starts_with(&path)) && !inner.is_symlink();
        let found = if leads_on { foreign(root, &path, allowed)? } else { Some(path) };
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}
