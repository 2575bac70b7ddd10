//! The `lifeboat` executable: the engine's commands for people, and the worker that a host starts.
//!
//! The tour, in the order in which a command meets them:
//!
//! | file | what it does |
//! |---|---|
//! | `args.rs` | what may be typed, and the help that teaches it |
//! | `session.rs` | folders and configuration → an engine; asks for a passphrase when the vault wants one |
//! | `engine.rs` | the engine, with every kind of target |
//! | `credentials.rs` | where a passphrase or a key file comes from |
//! | `commands/` | one small file a command: call the engine, show what it said |
//! | `progress.rs` | the engine's progress → a bar, JSON lines, or the host |
//! | `output.rs` | one JSON document, or tables and sentences; sizes, counts, times |
//! | `ping.rs` | telling an outside watchman of a backup |
//! | `shell.rs` | words as they were typed, and as they can be pasted |
//! | `time.rs` | `2h`, `yesterday`, `2026-11-23 14:00` → an instant, and back |
//! | `interrupt.rs` | Ctrl-C → stop at the next safe place |
//! | `priority.rs` | the quiet guest: low CPU and I/O priority |
//! | `worker.rs`, `heartbeat.rs` | the worker's end of the protocol with its host; its signs of life |
//! | `clerk/` | looking up in the vault what a host asks for |
//! | `no_core.rs` | no core, which would hold secrets |
//! | `exit.rs` | exit codes |
//!
//! It promises: results go to stdout and all else to stderr; a closed pipe is no accident; no secret is ever printed.

mod args;
mod clerk;
mod commands;
mod credentials;
mod engine;
mod exit;
mod heartbeat;
mod interrupt;
mod no_core;
mod output;
mod ping;
mod priority;
mod progress;
mod session;
mod shell;
mod time;
mod worker;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Cli, Command};
use crate::output::Output;
use crate::session::Session;

fn main() -> ExitCode {
    no_core::leave_none();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return exit::usage(&error),
    };
    if matches!(cli.command, Command::Worker | Command::Clerk) {
        interrupt::leave_session();
    }
    let output = Output::new(&cli.global);
    interrupt::install(output.has_person());
    let session = Session::new(cli.global, output);
    match exit::caught(|| commands::run(&cli.command, &session)) {
        Ok(code) => code.into(),
        Err(error) => {
            output.error(&error);
            exit::code_of(&error).into()
        }
    }
}
