//! A database that SQLite must recover before it can be read: recovered on a copy, outside the root.
//!
//! A process that was killed leaves a hot journal, or a `-wal` that has lost its `-shm`. To read such a database SQLite
//! has to write: it plays the journal back, or makes a new `-shm`. So the files are copied while they hold still, which
//! is the state that a crash at this instant would leave, and SQLite is made to survive exactly that.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use rusqlite::OpenFlags;

use super::reader::{connect, trouble, uri};
use super::source::{self, DatabaseFile, Stamp, content_of, is_not_there, journal_in_use, open_plainly};
use super::{Attempt, BlockSink, CapturedDatabase, Options, Trouble, guard, settled};
use crate::capture::databases::{LOGS, WAL, beside};
use crate::error::IoContext;
use crate::{Control, Error};

/// Attempts to find the files holding still for the time of a copy.
const ATTEMPTS: u32 = 8;
/// Bytes that are copied between two looks at the control.
const STRETCH: u64 = 64 << 20;

/// `reason`: why the database cannot be read where it lies.
pub(super) fn recover(
    path: &Path,
    reason: &str,
    options: &Options,
    sink: &mut dyn BlockSink,
    control: &Control,
) -> Attempt<CapturedDatabase> {
    let scratch = &options.scratch_dir;
    let folder = tempfile::Builder::new().prefix("sqlite-").tempdir_in(scratch).at("making a folder in", scratch)?;
    let folder_path = folder.path().canonicalize().at("resolving", folder.path())?;
    let copy = folder_path.join("database");
    copy_while_still(path, &copy, control)?;
    finish_transactions(&copy, &folder_path)?;
    let recovered = DatabaseFile::open(&copy)?;
    let mut captured = settled::read(&recovered, sink, control)?;
    sink.finish(captured.size)?;
    captured.recovered = Some(reason.to_owned());
    Ok(captured)
}

/// Lets SQLite play back the journal, or move the WAL's content into the file.
fn finish_transactions(copy: &Path, folder: &Path) -> Attempt<()> {
    let _writable = guard::Writable::folder(folder);
    let connection = connect(&uri(copy, "psow=1").map_err(Trouble::Unreadable)?, OpenFlags::SQLITE_OPEN_READ_WRITE)
        .map_err(final_)?;
    // In exclusive mode the WAL's index is in memory, and the first read recovers.
    let run = |pragma| connection.query_row(pragma, [], |_| Ok(())).map_err(trouble).map_err(final_);
    run("PRAGMA locking_mode = EXCLUSIVE")?;
    run("PRAGMA schema_version")?;
    run("PRAGMA wal_checkpoint(TRUNCATE)")?;
    connection.close().map_err(|(_, error)| final_(trouble(error)))?;
    if content_of(copy, WAL)? > 0 || journal_in_use(copy)? {
        return Err(Trouble::Unreadable("SQLite could not finish its transactions".into()));
    }
    Ok(())
}

/// On a copy that nobody else knows, nothing is gained by another attempt.
fn final_(trouble: Trouble) -> Trouble {
    match trouble {
        Trouble::Busy(reason) | Trouble::Again(reason) | Trouble::Recover(reason) => Trouble::Unreadable(reason),
        other => other,
    }
}

fn copy_while_still(path: &Path, copy: &Path, control: &Control) -> Attempt<()> {
    for attempt in 0..ATTEMPTS {
        control.check()?;
        let source = DatabaseFile::open(path)?;
        let before = stamps(&source)?;
        std::thread::sleep(before.iter().flatten().map(Stamp::unsettled).max().unwrap_or(Duration::ZERO));
        copy_file(&source.file, copy, control)?;
        // Never the `-shm`: it is made anew, and closing it would drop locks.
        for suffix in LOGS {
            let companion = beside(path, suffix);
            match open_plainly(&companion) {
                Ok(file) => copy_file(&file, &beside(copy, suffix), control)?,
                Err(error) if is_not_there(&error) => forget(&beside(copy, suffix))?,
                Err(error) => return Err(source::trouble(&companion, error)),
            }
        }
        source.check_place()?;
        if stamps(&source)? == before {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(20 << attempt.min(4)));
    }
    Err(Trouble::Again("it does not hold still for a copy".into()))
}

/// The state of all files of a database.
fn stamps(source: &DatabaseFile) -> Attempt<[Option<Stamp>; 3]> {
    let mut stamps = [Some(source.stamp_now()?), None, None];
    for (stamp, suffix) in stamps[1..].iter_mut().zip(LOGS) {
        let companion = beside(&source.path, suffix);
        *stamp = match std::fs::symlink_metadata(&companion) {
            Ok(metadata) => Some(Stamp::of(&metadata)),
            Err(error) if is_not_there(&error) => None,
            Err(error) => return Err(source::trouble(&companion, error)),
        };
    }
    Ok(stamps)
}

fn copy_file(mut from: &File, to: &Path, control: &Control) -> Attempt<()> {
    io::Seek::rewind(&mut from).at("copying", to)?;
    let mut written = File::create(to).at("writing", to)?;
    // In stretches, each of which the kernel copies by itself where it can.
    while io::copy(&mut from.take(STRETCH), &mut written).at("copying to", to)? > 0 {
        control.check()?;
    }
    Ok(())
}

/// Removes what an earlier attempt copied.
fn forget(path: &Path) -> Result<(), Error> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io("removing", path, error)),
        _ => Ok(()),
    }
}
