//! `lifeboat pause` and `lifeboat resume`: no scheduled backups for a while, and then again.

use clap::Args;
use lifeboat_engine::{Control, Result};

use crate::exit;
use crate::session::{Session, SessionVault};
use crate::time::{self, Length};

#[derive(Debug, Args)]
pub struct PauseArgs {
    /// For how long: 30m, 2h, 1d, 2w.
    #[arg(value_name = "LENGTH", value_parser = time::parse_length)]
    pub length: Length,
}

pub fn run(args: &PauseArgs, session: &Session) -> Result<u8> {
    let zone = session.zone()?;
    let until = args.length.ends(&zone)?;
    session.engine(SessionVault::MustExist, |engine| engine.pause(until, &Control::silent()))?;
    session.output.result(&serde_json::json!({ "paused": until }), |out| {
        writeln!(out, "Scheduled backups are paused until {}. `lifeboat resume` ends the pause now.", zone.say(until))?;
        writeln!(out, "Backups by commands, for example by cron, continue.")
    })?;
    Ok(exit::DONE)
}

pub fn resume(session: &Session) -> Result<u8> {
    session.engine(SessionVault::MustExist, |engine| engine.resume(&Control::silent()))?;
    session.output.result(&serde_json::json!({ "paused": null }), |out| {
        writeln!(out, "Scheduled backups continue. Missed backups are made once.")
    })?;
    Ok(exit::DONE)
}
