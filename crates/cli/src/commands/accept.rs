//! `lifeboat accept`: a suspicious backup is right after all.

use lifeboat_engine::Result;

use crate::args::PinArgs;
use crate::exit;
use crate::output::count;
use crate::session::{Session, SessionVault};

pub fn run(args: &PinArgs, session: &Session) -> Result<u8> {
    let accepted = session.engine(SessionVault::MustExist, |engine| engine.accept_backup(&args.backup))?;
    session.output.result(&serde_json::json!({ "accepted": accepted }), |out| match accepted.as_slice() {
        [] => writeln!(out, "It is not suspicious: there was nothing to accept."),
        [one] => writeln!(out, "{one} is accepted. The next pruning removes the backups that no rule keeps."),
        [newest, ..] => {
            let many = count(accepted.len() as u64, "backup is", "backups are");
            writeln!(out, "{many} accepted, up to {newest}. The next pruning removes the backups that no rule keeps.")
        }
    })?;
    Ok(exit::DONE)
}
