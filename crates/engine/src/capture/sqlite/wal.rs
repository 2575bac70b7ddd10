//! A database with a `-wal`: read through SQLite, inside one pinned read transaction.
//!
//! A pinned reader keeps nobody from writing: commits go to the end of the WAL. What it does hold up is the reuse of the
//! WAL's space, so the file grows while we read, and its growth is watched. Nothing is ever checkpointed.

use super::reader::{DatabaseReader, trouble};
use super::source::{DatabaseFile, content_of};
use super::{Attempt, BLOCK, BlockSink, CapturedDatabase, JournalKind, Options, Trouble};
use crate::Control;
use crate::capture::databases::WAL;

/// Blocks between two looks at the WAL.
const LOOK: u64 = 64;
/// By default a WAL may always grow by this much.
const GROWTH: u64 = 64 << 20;

/// `last`: nothing else is left to try, so the WAL may grow as it likes.
pub(super) fn capture(
    source: &DatabaseFile,
    last: bool,
    options: &Options,
    sink: &mut dyn BlockSink,
    control: &Control,
) -> Attempt<CapturedDatabase> {
    let reader = DatabaseReader::open(source)?;
    let pinned = reader.begin(options, control)?;
    let connection = &reader.connection;
    let number = |pragma| connection.query_row(pragma, [], |row| row.get::<_, u32>(0)).map_err(trouble);
    let (pages, page_size) = (number("PRAGMA page_count")?, number("PRAGMA page_size")?);
    let size = u64::from(pages) * u64::from(page_size);
    let growth = options.wal_growth_limit.unwrap_or(size.max(GROWTH));
    let limit = content_of(&source.path, WAL)?.saturating_add(growth);

    let mut read = connection.prepare("SELECT data FROM sqlite_dbpage('main') ORDER BY pgno").map_err(trouble)?;
    let mut rows = read.query([]).map_err(trouble)?;
    let mut block = Vec::with_capacity(BLOCK);
    let (mut index, mut seen) = (0, 0);
    while let Some(row) = rows.next().map_err(trouble)? {
        let page = row.get_ref(0).map_err(trouble)?.as_blob().map_err(|error| trouble(error.into()))?;
        block.extend_from_slice(page);
        seen += 1;
        if block.len() >= BLOCK || seen == pages {
            control.check()?;
            sink.put(index, std::mem::replace(&mut block, Vec::with_capacity(BLOCK)))?;
            index += 1;
            if !last && index % LOOK == 0 && content_of(&source.path, WAL)? > limit {
                return Err(Trouble::Again(format!("its -wal grew by more than {growth} bytes while it was read")));
            }
        }
    }
    if seen != pages {
        return Err(Trouble::Unreadable(format!("it ends after {seen} of {pages} pages")));
    }
    drop(rows);
    drop(read);
    pinned.end();
    sink.finish(size)?;
    Ok(CapturedDatabase::new(JournalKind::Wal, page_size, size))
}
