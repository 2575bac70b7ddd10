//! `lifeboat undo`: takes the last restore in place back.

use clap::Args;
use lifeboat_engine::Result;
use lifeboat_engine::report::UndoOptions;

use super::restore_args::ModeArgument;
use super::restored;
use crate::exit;
use crate::session::{Session, SessionVault};

#[derive(Debug, Args)]
pub struct UndoArgs {
    /// Only show what would be done, and whether it is possible.
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask before replacing anything. Lifeboat asks only at a terminal, never in a script.
    #[arg(long, short)]
    pub yes: bool,
    /// How to restore databases that a running app has open.
    #[arg(long, value_enum, default_value_t = ModeArgument::Auto)]
    pub mode: ModeArgument,
    /// Wait for a running operation instead of failing with exit code 3.
    #[arg(long)]
    pub wait: bool,
    /// Do not watch for half a minute whether a running app overwrites the restored files.
    #[arg(long)]
    pub no_watch: bool,
}

pub fn run(args: &UndoArgs, session: &Session) -> Result<u8> {
    let options = UndoOptions { dry_run: args.dry_run, mode: args.mode.into(), wait: args.wait, watch: !args.no_watch };
    let undo = |options: &UndoOptions| {
        session.long(SessionVault::MustExist, |engine, control| engine.undo_restore(options, control))
    };
    let zone = session.zone()?;
    if !options.dry_run && !args.yes && session.output.may_ask() {
        restored::ask(&undo(&UndoOptions { dry_run: true, ..options.clone() })?, session, &zone)?;
    }
    restored::tell(&undo(&options)?, None, session, &zone)?;
    Ok(exit::DONE)
}
