//! A file that is a mount of its own, as containers have them, or lies in a folder of somebody else's, cannot be renamed:
//! its content is written in place.
//!
//! That is not done at one instant, so a copy of what was there is durable first; whoever finds the journal after a crash
//! writes once more.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::Path;

use super::metadata::Meta;
use super::spot::Spot;
use crate::capture::stat::{Stat, open_file};
use crate::error::IoContext;
use crate::vault::durable;
use crate::{Error, Result};

/// So often the app may write to it while it is copied.
const TRIES: usize = 20;

/// Gives the file at `spot` the content of `from`, which goes then. `kept` becomes a copy of what was there; `None`: an
/// earlier try has made one.
pub fn overwrite(spot: &Spot, from: &Path, kept: Option<&Path>) -> Result<()> {
    let (mut source, new) = open_file(from).at("reading", from)?;
    let live = spot.open(true).at("writing", &spot.shown)?;
    kept.map_or(Ok(()), |kept| copy_out(&live, kept, spot))?;
    (|| {
        let mut live = &live;
        io::copy(&mut source, &mut live)?;
        live.set_len(new.size)?;
        live.sync_all()
    })()
    .at("writing", &spot.shown)?;
    Meta::of(&new).apply(&spot.path())?;
    fs::remove_file(from).at("removing", from)
}

/// Copies what is there now: all of one moment.
fn copy_out(live: &File, kept: &Path, spot: &Spot) -> Result<()> {
    let folder = kept.parent().unwrap_or(Path::new("."));
    for _ in 0..TRIES {
        let before = Stat::of_file(live).at("reading", &spot.shown)?;
        let mut copy =
            tempfile::Builder::new().prefix(durable::TEMPORARY).tempfile_in(folder).at("writing in", folder)?;
        let mut source = spot.open(false).at("reading", &spot.shown)?;
        io::copy(&mut source, copy.as_file_mut()).at("copying", &spot.shown)?;
        if Stat::of_file(live).at("reading", &spot.shown)? == before {
            let path = copy.path().to_path_buf();
            Meta::of(&before).apply(&path)?;
            return durable::persist(copy, kept);
        }
    }
    Err(Error::Restore {
        message: format!(
            "{} is written to all the time. Stop what writes to it, and restore again.",
            spot.shown.display()
        ),
    })
}

/// Is what is at `spot` the beginning of `new` and then the rest of `kept`, as a try that was cut off leaves it?
pub fn is_half_written(spot: &Spot, new: &Path, kept: &Path) -> io::Result<bool> {
    let mut live = BufReader::new(spot.open(false)?);
    let mut sources = [BufReader::new(open_file(new)?.0), BufReader::new(open_file(kept)?.0)];
    // Both are read side by side: from where the new one ends to be the same, the kept one has to be.
    let mut is_new = true;
    loop {
        let (mut here, mut bytes) = ([0], [0; 2]);
        if live.read(&mut here)? == 0 {
            return Ok(true);
        }
        let mut has = [false; 2];
        for at in 0..2 {
            has[at] = sources[at].read(&mut bytes[at..=at])? == 1;
        }
        is_new &= has[0] && bytes[0] == here[0];
        let is_kept = has[1] && bytes[1] == here[0];
        if !is_new && !is_kept {
            return Ok(false);
        }
    }
}
