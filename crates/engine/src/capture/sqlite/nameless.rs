//! A database that its app has open although its name is gone: what it holds is copied through the descriptors of the app.
//!
//! Nobody can lock it by its name, and the copy takes no lock at all: it is made while the files hold still, as a crash at that
//! instant would leave them, and whoever reads the copy lets SQLite survive that. It must run in the worker, and while that has
//! none of these files open through SQLite.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::source::Stamp;
use crate::capture::databases::beside;
use crate::error::IoContext;
use crate::{Control, Error, Result};

/// Attempts to find the files holding still.
const ATTEMPTS: u32 = 8;
/// Bytes that are copied between two looks at the control.
const STRETCH: u64 = 64 << 20;

/// Copies the open files of a database (`""`, `-wal`, `-journal`, and the way to each) to `copy` and beside it. False: they
/// never held still, and the copy may be of several moments.
pub fn copy(files: &[(&str, PathBuf)], copy: &Path, control: &Control) -> Result<bool> {
    for attempt in 0..ATTEMPTS {
        control.check()?;
        let opened = files
            .iter()
            .map(|(part, through)| Ok((*part, File::open(through).at("reading", through)?)))
            .collect::<Result<Vec<_>>>()?;
        let before = stamps(&opened, copy)?;
        std::thread::sleep(before.iter().map(Stamp::unsettled).max().unwrap_or(Duration::ZERO));
        for (part, file) in &opened {
            copy_file(file, &beside(copy, part), control)?;
        }
        if stamps(&opened, copy)? == before {
            return Ok(true);
        }
        std::thread::sleep(Duration::from_millis(20 << attempt.min(4)));
    }
    Ok(false)
}

fn stamps(opened: &[(&str, File)], copy: &Path) -> Result<Vec<Stamp>> {
    opened.iter().map(|(_, file)| Ok(Stamp::of(&file.metadata().at("reading", copy)?))).collect()
}

/// With the mode and the time of what it is copied from.
fn copy_file(mut from: &File, to: &Path, control: &Control) -> Result<()> {
    use io::{Read, Seek};
    from.rewind().at("copying", to)?;
    let mut written = File::create(to).at("writing", to)?;
    while io::copy(&mut from.take(STRETCH), &mut written).at("copying to", to)? > 0 {
        control.check()?;
    }
    let metadata = from.metadata().at("reading", to)?;
    let described =
        fs::set_permissions(to, metadata.permissions()).and_then(|()| written.set_modified(metadata.modified()?));
    described.map_err(|error| Error::io("describing", to, error))
}
