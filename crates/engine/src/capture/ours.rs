//! What is Lifeboat's own in a root, and so never taken: the vault and every way that leads to it, the folders that a
//! restore works in, temporary files, and the files that open the vault.

use std::fs;
use std::path::{Path, PathBuf};

use super::stat::{FileKind, Stat};
use crate::config::Config;
use crate::marriage::marker;
use crate::path::RelPath;
use crate::restore::WORKSPACE;
use crate::vault::{durable, place};

/// Device and inode: a file is the same by whatever name it is reached.
type Identity = (u64, u64);

pub struct Ours {
    vault: PathBuf,
    vault_identity: Option<Identity>,
    marker: RelPath,
    secrets: Vec<(PathBuf, Option<Identity>)>,
}

impl Ours {
    pub fn new(config: &Config, vault: &Path) -> Ours {
        let secrets = config.secret_files().into_iter().map(|path| {
            let identity = identity(&path);
            (path, identity)
        });
        let marker = RelPath::root().join(marker::FILE.as_ref());
        Ours { vault: vault.to_path_buf(), vault_identity: identity(vault), marker, secrets: secrets.collect() }
    }

    /// Whoever follows a link to this place is in the vault, or in another one.
    pub fn is_in_vault(&self, real: &Path) -> bool {
        real.ancestors().skip(1).any(|folder| self.is_vault(identity(folder)) || place::is_whole(folder))
    }

    /// What this is of ours; `None` where it is the app's.
    pub fn what(&self, path: &RelPath, absolute: &Path, stat: &Stat) -> Option<&'static str> {
        let name = path.file_name();
        match stat.kind {
            FileKind::Dir if absolute == self.vault || self.is_vault(identity_of(stat)) => Some("the vault"),
            FileKind::Dir if place::is_whole(absolute) => Some("another vault"),
            FileKind::Dir if is_workspace(name) => Some("the folder that a restore works in"),
            // Who follows the link is in the vault.
            FileKind::Symlink if absolute == self.vault || self.is_vault(identity(absolute)) => {
                Some("a link to the vault")
            }
            FileKind::File if durable::is_temporary(name) => Some("a temporary file of Lifeboat"),
            FileKind::File if *path == self.marker => Some("the file that says which vaults belong to this root"),
            FileKind::File if self.is_secret(absolute, stat) => Some("a file that opens the vault"),
            _ => None,
        }
    }

    fn is_vault(&self, identity: Option<Identity>) -> bool {
        identity.is_some() && identity == self.vault_identity
    }

    fn is_secret(&self, absolute: &Path, stat: &Stat) -> bool {
        let here = identity_of(stat);
        self.secrets.iter().any(|(path, identity)| path == absolute || (here.is_some() && here == *identity))
    }
}

/// The folder that a restore works in: in the root and on other file systems in it, and beside a target that is being
/// filled, after whose name it is called.
fn is_workspace(name: &[u8]) -> bool {
    let workspace = WORKSPACE.as_bytes();
    name == workspace || (name.starts_with(b".") && name.ends_with(workspace) && name.len() > workspace.len() + 1)
}

fn identity(path: &Path) -> Option<Identity> {
    fs::metadata(path).ok().and_then(|metadata| identity_of(&Stat::from(&metadata)))
}

/// `None` where the system has no inodes.
fn identity_of(stat: &Stat) -> Option<Identity> {
    (stat.ino != 0).then_some((stat.dev, stat.ino))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_names_that_we_make_are_ours() {
        for ours in [".lifeboat-restore", ".look.lifeboat-restore"] {
            assert!(is_workspace(ours.as_bytes()), "{ours}");
        }
        for theirs in ["lifeboat-restore", "notes.lifeboat-restore", "x.lifeboat-restore.d", "..lifeboat-restore"] {
            assert!(!is_workspace(theirs.as_bytes()), "{theirs}");
        }
    }
}
