//! Databases that others have open are replaced through SQLite.
//!
//! A file that is swapped under an app leaves the app's connections on the old inode, where they go on writing. So the
//! new content is written into the live file, in one exclusive transaction that changes only the pages that differ:
//! every open connection sees it, none is left on a deleted file, and a crash is undone by SQLite's own journal.
//!
//! | module | what it is |
//! |---|---|
//! | [`database`] | our connection to a live database: pages in, pages out |
//! | [`change`] | from a staged image to a transaction that waits for its commit |
//! | [`lock`] | several databases: all locks, or none |
//! | [`page_one`] | the header: what of it is content, and on which side of a commit a database is |
//!
//! All databases are locked, and all are written, before the first commits. The old content is kept in full, durably,
//! before that, too. An error before the first commit leaves everything as it was; one after it puts everything back.
//!
//! It runs in the worker, where nothing else may open or close these files meanwhile: closing any descriptor drops the
//! locks that this process holds.

mod change;
mod database;
mod lock;
mod page_one;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::capture::databases::{JOURNAL, beside};
use crate::capture::sqlite::{DatabaseHeader, HEADER, JournalKind, open_plainly};
use crate::vault::durable;
use crate::{Control, Error, Result};

use change::{LiveChange, Ready};
pub use database::{in_use, resolve};

/// Bytes of changed pages in memory, of all databases together; what is more goes to disk, uncommitted.
const CACHE: u64 = 32 << 20;
const LEAST_CACHE: u64 = 1 << 20;

/// Bytes of a name on nearly every file system.
const LONGEST_NAME: usize = 255;

/// A staged new content for a live database.
pub struct Replacement {
    pub live: PathBuf,
    /// A complete database file without side files; its journal mode does not matter.
    pub staged: PathBuf,
    /// Where a full image of the replaced content is kept. What lies there from an earlier try, which a crash cut off,
    /// says whether that one had come to its commit.
    pub old: PathBuf,
    /// Where a full image is kept of what is displaced if it is taken back at once.
    pub undone: PathBuf,
}

/// What a replacement did, and what it cost the others.
#[derive(Clone, Copy, Debug, Default)]
pub struct Replaced {
    /// For so long the databases were locked, or being locked.
    pub locked: Duration,
    pub pages_written: u64,
}

/// Replaces all or nothing. `patience` is how long others may keep a database locked; then it is `E_RESTORE`, with
/// everything as it was. What has the new content already is left alone, so it can be done again after a crash.
pub fn replace(mut all: Vec<Replacement>, patience: Duration, control: &Control) -> Result<Replaced> {
    // Two that do this at once take their locks in the same order.
    all.sort_by(|a, b| a.live.cmp(&b.live));
    let cache = (CACHE / all.len().max(1) as u64).max(LEAST_CACHE);
    let mut changes = Vec::new();
    for Replacement { live, staged, old, .. } in &all {
        database::wait(patience, control);
        let mut change = LiveChange::replace(live, staged, old, cache)?;
        change.prepare(patience, control)?;
        changes.push(change);
    }
    let since = lock::all(changes.iter().map(|change| &change.database), patience, control)?;
    // An error drops the changes, and with each its transaction.
    changes.iter_mut().try_for_each(|change| change.write(control))?;
    let changes = changes.into_iter().map(LiveChange::ready).collect::<Result<Vec<_>>>()?;
    control.check()?;
    for (index, change) in changes.iter().enumerate() {
        let Err(cause) = change.commit() else { continue };
        let begun: Vec<bool> = changes.iter().take(index + 1).map(Ready::is_pending).collect();
        drop(changes);
        return Err(take_back(&all, &begun, cause, patience));
    }
    Ok(Replaced { locked: since.elapsed(), pages_written: changes.iter().map(|change| change.written).sum() })
}

/// After a commit that failed, the last of those that were begun: puts back what had been committed, and says why.
fn take_back(all: &[Replacement], begun: &[bool], cause: Error, patience: Duration) -> Error {
    // The one that failed, too: it may have come through all the same.
    for Replacement { live, old, undone, .. } in
        all.iter().zip(begun).filter(|(_, begun)| **begun).map(|(one, _)| one).rev()
    {
        if let Err(error) = put_back(live, old, undone, patience) {
            return Error::Restore {
                message: format!(
                    "{cause} {} could not be put back ({error}); what was replaced is kept in {}.",
                    live.display(),
                    old.display()
                ),
            };
        }
    }
    match begun.iter().filter(|begun| **begun).count() {
        ..=1 => cause,
        _ => Error::RolledBack { cause: Box::new(cause) },
    }
}

/// Gives a live database the content of the image that a replacement has kept. Where it was not replaced, or was put
/// back already, its content stays: what the app has written since is its own. `undone` becomes a full image of what it
/// has now.
pub fn put_back(live: &Path, image: &Path, undone: &Path, patience: Duration) -> Result<()> {
    let control = Control::silent();
    database::wait(patience, &control);
    let mut change = LiveChange::put_back(live, image, undone, CACHE)?;
    if change.is_settled()? {
        return Ok(());
    }
    lock::all([&change.database].into_iter(), patience, &control)?;
    change.write(&control)?;
    change.ready()?.commit()
}

/// Whether a live file can be replaced through SQLite at all; `Err` is the rest of the sentence "it cannot, because ...".
/// It is read, never while this process has it open through SQLite.
pub fn check(live: &Path) -> std::result::Result<(), String> {
    if live.file_name().is_some_and(|name| name.len() + JOURNAL.len() > LONGEST_NAME) {
        return Err("its name is too long for a journal beside it".into());
    }
    let Some(header) = header_of(live)? else { return Ok(()) };
    let header = DatabaseHeader::parse(&header)?;
    let size = |path: &Path| std::fs::symlink_metadata(path).map_or(0, |metadata| metadata.len());
    // With a journal that a crash has left, or a WAL, the file alone says little.
    let is_alone = header.journal == JournalKind::Rollback && size(&beside(live, JOURNAL)) == 0;
    match header.problems(size(live)).into_iter().next() {
        Some(problem) if is_alone => Err(problem),
        _ => Ok(()),
    }
}

/// Whether the connections that others have to a live file can go on with a content that begins with this header.
pub fn check_fit(live: &Path, staged: &[u8; HEADER]) -> std::result::Result<(), String> {
    page_one::fits(header_of(live)?.as_ref(), staged)
}

/// `None`: the file is empty, which is an empty database.
fn header_of(live: &Path) -> std::result::Result<Option<[u8; HEADER]>, String> {
    let file = open_plainly(live).map_err(|error| format!("it cannot be opened: {error}"))?;
    let metadata = file.metadata().map_err(|error| format!("it cannot be read: {error}"))?;
    #[cfg(unix)]
    if std::os::unix::fs::MetadataExt::nlink(&metadata) > 1 {
        return Err("it has several names (hard links), and SQLite's journal belongs to one of them".into());
    }
    if metadata.len() == 0 {
        return Ok(None);
    }
    let mut header = [0; HEADER];
    match durable::read_at(&file, &mut header, 0) {
        Ok(()) => Ok(Some(header)),
        Err(_) => Err(format!("it is only {} bytes long, shorter than a database header", metadata.len())),
    }
}
