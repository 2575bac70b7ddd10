//! Locks several databases: all of them, or none.
//!
//! An app may take its locks in another order, and its patience is short: node-sqlite3 waits for 1,000 ms. So whoever
//! cannot have one lock soon gives up all that it has, lets the others go on for a moment, and begins anew.

use std::time::{Duration, Instant};

use super::database::{LiveDatabase, in_use, wait};
use crate::{Control, Result};

/// For so long others are kept from their databases while we wait for one more: at first, and at most.
const HOLD: Duration = Duration::from_millis(200);
const LONGEST_HOLD: Duration = Duration::from_millis(700);
/// For so long they are left alone after that.
const REST: Duration = Duration::from_millis(120);

/// Takes an exclusive lock on each, in the order given; since when, is the answer. `E_RESTORE` after `patience`, with
/// nothing locked.
pub fn all<'a>(
    databases: impl Iterator<Item = &'a LiveDatabase> + Clone,
    patience: Duration,
    control: &Control,
) -> Result<Instant> {
    let give_up = Instant::now() + patience;
    let mut hold = HOLD;
    loop {
        control.check()?;
        let begun = Instant::now();
        wait(hold, control);
        let Some(refused) = try_all(databases.clone())? else { return Ok(begun) };
        if Instant::now() >= give_up {
            return Err(in_use(&refused.path));
        }
        std::thread::sleep(REST);
        // A reader may take longer.
        hold = (hold * 3 / 2).min(LONGEST_HOLD);
    }
}

/// The answer is the first that others have locked; then nothing is locked.
fn try_all<'a>(databases: impl Iterator<Item = &'a LiveDatabase> + Clone) -> Result<Option<&'a LiveDatabase>> {
    for (locked, database) in databases.clone().enumerate() {
        let outcome = database.try_lock();
        if !matches!(outcome, Ok(true)) {
            databases.take(locked).for_each(LiveDatabase::roll_back);
            return outcome.map(|_| Some(database));
        }
    }
    Ok(None)
}
