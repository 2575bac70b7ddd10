//! `config/backup.pass`: a file that opens the vault of a root where nothing else does.
//!
//! It appears whole and durable or not at all, readable by its owner alone, and never takes the place of another file. Only
//! then is a vault made that it opens: so a kill at any moment locks nobody out. Where root makes it in the folder of
//! somebody else, it is theirs, because their app has to read it.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::archive::place::NewFile;
use crate::config::PASSPHRASE_FILE;
use crate::error::IoContext;
use crate::owner;
use crate::secret::Secret;
use crate::vault::durable;
use crate::{Error, Result};

/// Puts `passphrase` into the file of `root`, where there is none yet. Returns its path.
pub fn make(root: &Path, passphrase: &Secret) -> Result<PathBuf> {
    let file = root.join(PASSPHRASE_FILE);
    let folder = file.parent().unwrap_or(root);
    // Root may run this in a folder of somebody who could lead it elsewhere by a link.
    let owner = owner::of_folder_of_another(root);
    if owner.is_some() && folder.is_symlink() {
        return Err(Error::Config {
            message: format!(
                "{} is a link, and {} belongs to somebody else than root. Run this as the user that the app runs as.",
                folder.display(),
                root.display()
            ),
        });
    }
    if !folder.is_dir() {
        std::fs::create_dir(folder).at("making the folder", folder)?;
        owner.map_or(Ok(()), |ids| owner::give(folder, ids))?;
        durable::sync_dir(root)?;
    }
    if file.symlink_metadata().is_ok() {
        return Err(Error::Config { message: format!("{} is there already. It is left as it is.", file.display()) });
    }
    let new = NewFile::create(&file, false)?;
    new.file().write_all(format!("{}\n", passphrase.expose()).as_bytes()).at("writing", &file)?;
    owner.map_or(Ok(()), |ids| owner::give_open(new.file(), ids)).at("changing the owner of", &file)?;
    new.finish()?;
    Ok(file)
}
