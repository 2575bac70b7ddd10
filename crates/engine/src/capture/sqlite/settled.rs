//! A database that nobody has open through a WAL at the moment: its header says WAL, but there is no `-wal`.
//!
//! Opening it with SQLite would make a `-wal` and a `-shm` in the root. It needs no SQLite: without a WAL all content is
//! in the file, and whoever begins to write makes a WAL first. So it is read plainly, and the result counts if the file
//! and its surroundings were the same before and after.

use super::source::{DatabaseFile, content_of, journal_in_use};
use super::{Attempt, BLOCK, BlockSink, CapturedDatabase, Trouble};
use crate::Control;
use crate::capture::databases::WAL;

pub(super) fn capture(source: &DatabaseFile, sink: &mut dyn BlockSink, control: &Control) -> Attempt<CapturedDatabase> {
    let before = source.stamp_now()?;
    // From here on, a write leaves another stamp.
    std::thread::sleep(before.unsettled());
    if journal_in_use(&source.path)? {
        return Err(Trouble::Recover("its journal holds a transaction that was never finished".into()));
    }
    let captured = read(source, sink, control)?;
    let quiet = content_of(&source.path, WAL)? == 0 && !journal_in_use(&source.path)?;
    source.check_place()?;
    if !quiet || source.stamp_now()? != before {
        return Err(Trouble::Again("it was written to while it was read".into()));
    }
    sink.finish(captured.size)?;
    Ok(captured)
}

/// Puts the file as it lies.
pub(super) fn read(source: &DatabaseFile, sink: &mut dyn BlockSink, control: &Control) -> Attempt<CapturedDatabase> {
    let (size, header) = (source.stamp_now()?.size, source.header()?);
    header.check_size(size).map_err(Trouble::Unreadable)?;
    for index in 0..size.div_ceil(BLOCK as u64) {
        control.check()?;
        let block = source.block(index, size)?;
        if block.is_empty() {
            return Err(Trouble::Again("it became shorter while it was read".into()));
        }
        sink.put(index, block)?;
    }
    let mut captured = CapturedDatabase::new(header.journal, header.page_size, size);
    captured.problems = header.problems(size);
    Ok(captured)
}
