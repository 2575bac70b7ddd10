//! JSON that an app writes by truncating the file: there is a moment when half of it is there, and half of it is stored unless
//! somebody looks. A large file is looked at through a window, so that memory does not grow with it.

use std::io::{self, BufReader};
use std::time::{Duration, SystemTime};

use serde::de::IgnoredAny;

use crate::capture::stat::{Stat, open_file};
use crate::capture::walk::WalkEntry;

/// An app that truncates and writes leaves a torn file for moments: one that nobody wrote to for longer than this is simply
/// not JSON.
const TORN_AGE: Duration = Duration::from_secs(10);
/// Bytes that are looked at together.
const WINDOW: usize = 1 << 16;
pub const NOT_JSON: &str = "It is not valid JSON; it was stored as it is.";
pub const STILL_TORN: &str = "It was empty or not valid JSON for 2 s; it was stored as it is.";

/// What a file that is called JSON is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonVerdict {
    Sound,
    /// Probably caught half-written.
    Torn,
    /// It has been so for a while: its app calls something else JSON.
    NotJson,
}

pub fn is_called_so(entry: &WalkEntry) -> bool {
    entry.path.file_name().ends_with(b".json")
}

/// Of a file that was read in one piece.
pub fn verdict(bytes: &[u8], stat: &Stat, reading: SystemTime) -> JsonVerdict {
    of(serde_json::from_slice::<IgnoredAny>(bytes).is_ok(), stat, reading)
}

/// Of a large file, and what it was like before and after the look, where that is the same.
pub fn look(entry: &WalkEntry) -> io::Result<(JsonVerdict, Option<Stat>)> {
    let reading = SystemTime::now();
    let (file, before) = open_file(&entry.absolute)?;
    let verdict = match serde_json::from_reader::<_, IgnoredAny>(BufReader::with_capacity(WINDOW, &file)) {
        Ok(_) => JsonVerdict::Sound,
        Err(error) if error.is_io() => return Err(error.into()),
        Err(_) => of(false, &before, reading),
    };
    let after = Stat::of_file(&file)?;
    Ok((verdict, Some(before).filter(|before| *before == after)))
}

fn of(is_valid: bool, stat: &Stat, reading: SystemTime) -> JsonVerdict {
    match is_valid {
        true => JsonVerdict::Sound,
        false if stat.age(reading) < TORN_AGE => JsonVerdict::Torn,
        false => JsonVerdict::NotJson,
    }
}
