//! The end of a restore: how long it took, and what remains to be removed.

use std::time::Instant;

use crate::Result;
use crate::report::Warning;

/// The restore is done; what remains is only untidy.
pub fn left_behind(removed: Result<()>) -> Option<Warning> {
    let message = removed.err()?.to_string();
    Some(Warning {
        path: super::WORKSPACE.into(),
        message: format!("It could not be removed yet. Lifeboat removes it later: {message}"),
    })
}

/// Milliseconds since then.
pub fn elapsed(since: Instant) -> u64 {
    since.elapsed().as_millis() as u64
}
