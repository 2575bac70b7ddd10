//! JSON files that were caught half-written: looked at again until they are whole, for up to 2 s.
//!
//! One thread waits for all of them at once, so that a root with many costs 2 s, and not 2 s each.

use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, never, select, tick};

use super::file::{FileReader, WholeRead};
use super::json::STILL_TORN;
use super::pool::{PoolShared, Task};
use crate::Result;

/// How long a file or folder that is being written is waited for.
pub const PATIENCE: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(25);

/// Runs until `stop` is dropped.
pub fn run(shared: &PoolShared, torn: Receiver<Task>, stop: Receiver<()>) -> Result<()> {
    let mut reader = FileReader::new(shared);
    let mut waiting: Vec<(Task, Instant)> = Vec::new();
    let poll = tick(POLL);
    loop {
        let due = if waiting.is_empty() { never() } else { poll.clone() };
        select! {
            recv(torn) -> task => match task {
                Ok(task) => waiting.push((task, Instant::now() + PATIENCE)),
                Err(_) => return Ok(()),
            },
            recv(stop) -> _ => return Ok(()),
            recv(due) -> _ => {
                let mut still = Vec::new();
                for (task, deadline) in waiting.drain(..) {
                    shared.check()?;
                    if let Some(task) = look(&mut reader, task, Instant::now() >= deadline)? {
                        still.push((task, deadline));
                    }
                }
                waiting = still;
            }
        }
    }
}

/// Reads it once more. Gives the task back while it is still torn.
fn look(reader: &mut FileReader<'_>, task: Task, last: bool) -> Result<Option<Task>> {
    match reader.read(&task.entry)? {
        WholeRead::Torn { .. } if !last => return Ok(Some(task)),
        WholeRead::Torn { item, .. } => {
            reader.shared.warn(&task.entry.path, STILL_TORN);
            reader.store_whole(task, item)?;
        }
        WholeRead::Read { item, .. } => reader.store_whole(task, item)?,
        WholeRead::Database | WholeRead::TooLarge => return reader.stream(task, last),
        WholeRead::Gone => reader.shared.gone(task.seq),
    }
    Ok(None)
}
