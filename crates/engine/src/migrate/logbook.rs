//! Taking the history of runs along.
//!
//! The logbook is no object: it changes all the time, and whoever opens it with SQLite makes files beside it. So its bytes
//! are copied, and once more where they changed meanwhile, and the copy is what is opened.
//!
//! Only the history goes along, and the time zone of the app, in which its owner thinks. What waits to be told waits for the old host, which may still tell it: from here it would
//! be told twice, and the history has it. What was noted of the old machine (what was read back from its disk and rehearsed
//! on it, what was said of its room, up to when its schedule was followed) this machine finds out by itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::capture::databases::WAL;
use crate::error::IoContext;
use crate::report::Warning;
use crate::vault::durable;
use crate::watch::{Logbook, logbook};
use crate::{Error, Result};

const TRIES: usize = 5;
const PAUSE: Duration = Duration::from_millis(100);
/// Many times what a full logbook takes.
const MAX: u64 = 512 << 20;

/// Puts the history of the vault `from` into the vault `to`, which has none yet. Nothing is written to `from`.
/// `temporary`: a folder on the disk of `to`. It is no reason to have no root: what fails is a warning.
pub fn bring(from: &Path, to: &Path, temporary: &Path) -> Option<Warning> {
    // It is put there as a whole: one that is there was brought before, or has begun here since.
    if to.join(logbook::FILE).exists() || from.join(logbook::FILE).symlink_metadata().is_err() {
        return None;
    }
    try_bring(from, to, temporary).err().map(|error| without(&error))
}

fn try_bring(from: &Path, to: &Path, temporary: &Path) -> Result<()> {
    let (old, new) = (temporary.join("logbook.old"), temporary.join("logbook.new"));
    for folder in [&old, &new] {
        fs::create_dir(folder).at("making the folder", folder)?;
    }
    copy(from, &old)?;
    let logbook = Logbook::open(&new)?;
    logbook.begin_as(&Logbook::open_as_it_is(&old)?)?;
    // Then all of it is in the one file.
    drop(logbook);
    let (file, place) = (new.join(logbook::FILE), to.join(logbook::FILE));
    fs::File::open(&file).and_then(|file| file.sync_all()).at("writing", &file)?;
    fs::rename(&file, &place).at("writing", &place)?;
    durable::sync_dir(to)
}

/// Of a vault that lies where it is going to be used: its logbook stays, and forgets the old host and machine.
pub fn adopt(vault: &Path) -> Option<Warning> {
    if !vault.join(logbook::FILE).exists() {
        return None;
    }
    let logbook = Logbook::open_as_it_is(vault);
    let adopted = logbook.and_then(|logbook| logbook.all_runs().and_then(|_| logbook.forget_machine()));
    adopted.err().map(|error| without(&error))
}

fn without(error: &Error) -> Warning {
    let why = match error {
        Error::Internal { .. } => "It is damaged, or a newer Lifeboat has made it.".into(),
        other => other.to_string(),
    };
    Warning {
        path: logbook::FILE.into(),
        message: format!("The history of runs was not copied: {why} A new history begins. No backup needs it."),
    }
}

/// The database and its log as they were at one moment.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let files = ["", WAL].map(|suffix| format!("{}{suffix}", logbook::FILE));
    for _ in 0..TRIES {
        let before = looks(from, &files)?;
        for (file, look) in files.iter().zip(&before) {
            let place = to.join(file);
            match look {
                Some(_) => drop(fs::copy(from.join(file), &place).at("copying", from.join(file))?),
                None if place.exists() => fs::remove_file(&place).at("removing", &place)?,
                None => {}
            }
        }
        if looks(from, &files)? == before {
            return Ok(());
        }
        std::thread::sleep(PAUSE);
    }
    Err(Error::Restore {
        message: "Another process is still writing to it. Is the bot on the old server still running?".into(),
    })
}

type Look = Option<(u64, SystemTime)>;

fn looks(folder: &Path, files: &[String]) -> Result<Vec<Look>> {
    let look = |path: PathBuf| match path.symlink_metadata() {
        Ok(found) if found.is_file() && found.len() <= MAX => {
            Ok(Some((found.len(), found.modified().at("reading", &path)?)))
        }
        Ok(_) => Err(Error::corrupt(logbook::FILE, "it is not a file of ours")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("reading", path, error)),
    };
    files.iter().map(|file| look(folder.join(file))).collect()
}
