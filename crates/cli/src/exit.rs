//! Exit codes: the part of the command line that scripts read.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use lifeboat_engine::supervise::protocol::Failure;
use lifeboat_engine::{Error, Result};

use crate::output;

pub const DONE: u8 = 0;
pub const FAILED: u8 = 1;
pub const USAGE: u8 = 2;
pub const BUSY: u8 = 3;
pub const DAMAGED: u8 = 4;
/// A backup was made, and something is not in it, or it does not look as it should.
pub const DEGRADED: u8 = 5;

pub fn code_of(error: &Error) -> u8 {
    match error {
        Error::Busy { .. } => BUSY,
        Error::Corrupt { .. } => DAMAGED,
        _ => FAILED,
    }
}

/// The end of a command line that clap refused, or of `--help` and `--version`, which come as errors too.
pub fn usage(error: &clap::Error) -> ExitCode {
    let json = std::env::args_os().any(|arg| arg == "--json");
    if json && error.use_stderr() {
        // clap speaks to a terminal: what is wrong stands in its first paragraph, after a label.
        let text = error.render().to_string();
        let message = text.split("\n\n").next().unwrap_or(&text).trim().trim_start_matches("error: ");
        let failure = Failure { code: "E_CONFIG".into(), message: message.into() };
        output::print_json(&output::ErrorDocument { error: failure });
    } else if error.print().is_err() {
        // The reader of the help went away: nothing is left to say, and nobody to say it to.
    }
    if error.use_stderr() { USAGE.into() } else { DONE.into() }
}

/// Runs `work`, and turns a panic into `E_INTERNAL`: a bug ends in a sentence and an exit code, also for scripts.
pub fn caught<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let message = match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
            (Some(text), _) => text.to_string(),
            (_, Some(text)) => text.clone(),
            _ => "a panic without a message".into(),
        };
        Err(Error::internal(message))
    })
}
