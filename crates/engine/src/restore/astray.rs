//! Databases that an app has open although they were deleted, moved or replaced under it: what is in them is kept.
//!
//! It is the most common accident of all: somebody deletes the database, or copies another one into its place, while the bot
//! runs. The bot goes on writing to a file without a name, which vanishes with the bot. So before anything else is done, what
//! that file holds goes into a safety backup of its own, read through the bot's own descriptors.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::holders::Holder;
use crate::capture::databases::{WITH_LOGS, beside, is_database, looks_like_one};
use crate::capture::sqlite;
use crate::error::IoContext;
use crate::path::{RelPath, in_shell};
use crate::report::Warning;
use crate::vault::snapshot::Snapshot;
use crate::vault::{Vault, durable};
use crate::{Config, Control, Result, backup};

/// Keeps what these processes have open, in a backup that is otherwise as `base`. The warnings name it, and say of what could
/// not be read why. The caller holds the vault's lock.
pub fn keep(vault: &Vault, config: &Config, base: &str, astray: &[Holder], control: &Control) -> Result<Vec<Warning>> {
    let base = Snapshot::read(vault, &base.parse()?)?;
    let mut warnings = Vec::new();
    let mut done: Vec<&Path> = Vec::new();
    for holder in astray {
        let Some(path) = path_of(&holder.path, &config.root).filter(|_| !done.contains(&holder.path.as_path())) else {
            continue;
        };
        let files = files(holder);
        if !files.iter().any(|(part, _)| part.is_empty()) {
            let message = format!(
                "{} has only a log of this database open, and not the database: what is in the log alone is in no backup.",
                holder.who()
            );
            warnings.push(Warning { path: holder.what(&config.root), message });
            continue;
        }
        let tmp = vault.dir().join("tmp");
        durable::make_folder(&tmp)?;
        let folder = tempfile::Builder::new().prefix("astray-").tempdir_in(&tmp).at("making a folder in", &tmp)?;
        // By another name an app would not find the files that belong to it.
        let copy = folder.path().join(holder.path.file_name().unwrap_or_default());
        let what = holder.what(&config.root);
        let at_rest = match sqlite::copy_nameless(&files, &copy, control) {
            Ok(at_rest) => at_rest,
            Err(error) => {
                control.check()?;
                let message = format!("What {} has open could not be read, and is in no backup: {error}", holder.who());
                warnings.push(Warning { path: what, message });
                continue;
            }
        };
        // Another connection of the same app has the same file open.
        done.push(&holder.path);
        let mut taken = BTreeMap::from([(path.clone(), copy.clone())]);
        if !is_database(&copy) && !looks_like_one(&path, &copy) {
            // It is no set to the capture, which takes each of its files by itself.
            for part in &WITH_LOGS[1..] {
                if beside(&copy, part).exists() {
                    taken.insert(RelPath::parse(&[path.as_bytes(), part.as_bytes()].concat())?, beside(&copy, part));
                }
            }
        }
        let remark = format!("with what an app had in {what}, which was deleted, moved or replaced");
        let kept = backup::amend(vault, config, &base, &taken, &remark, control)?.backup;
        let doubt = if at_rest { "" } else { " It never held still while it was read, so look whether it is sound." };
        let message = format!(
            "The data that {} has in the file that was deleted, moved or replaced is saved in {kept}.{doubt} To look \
             at it: lifeboat restore {kept} {} --to /tmp/look",
            holder.who(),
            in_shell(Path::new(&what))
        );
        warnings.push(Warning { path: what, message });
    }
    Ok(warnings)
}

/// The database as its holder sees it: what is astray, and what lies there of the rest only where it belongs to that.
fn files(holder: &Holder) -> Vec<(&'static str, PathBuf)> {
    let mut files: Vec<(&'static str, PathBuf)> = Vec::new();
    for part in WITH_LOGS {
        let mut open: Vec<_> = holder.files.iter().filter(|file| file.part == part).collect();
        // Of two, the one without a place.
        open.sort_by_key(|file| file.is_here);
        if let Some(file) = open.first() {
            files.push((part, file.through.clone()));
        }
    }
    files
}

fn path_of(path: &Path, root: &Path) -> Option<RelPath> {
    RelPath::parse(path.strip_prefix(root).ok()?.as_os_str().as_encoded_bytes()).ok()
}
