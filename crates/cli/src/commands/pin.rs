//! `lifeboat pin` and `lifeboat unpin`: a backup that no rule removes.

use lifeboat_engine::Result;

use crate::args::PinArgs;
use crate::exit;
use crate::session::{Session, SessionVault};

pub fn run(args: &PinArgs, pinned: bool, session: &Session) -> Result<u8> {
    let backup = session.engine(SessionVault::MustExist, |engine| engine.pin(&args.backup, pinned))?;
    session.output.result(&serde_json::json!({ "backup": backup, "pinned": pinned }), |out| match pinned {
        true => writeln!(out, "{backup} is kept until it is unpinned."),
        false => writeln!(
            out,
            "{backup} is unpinned. The retention rules apply to it again: see `lifeboat prune \
         --dry-run`."
        ),
    })?;
    Ok(exit::DONE)
}
