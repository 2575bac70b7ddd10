//! The commands: one file each, which calls the engine and shows what it said.

mod accept;
mod adopt;
pub mod auth;
mod backup;
pub mod call;
mod diff;
mod doctor;
pub mod export;
mod history;
pub mod import;
mod init;
mod items;
mod list;
pub mod migrate;
pub mod pause;
mod pin;
mod preview;
pub mod prune;
mod restore;
pub mod restore_args;
mod restored;
mod schedule;
mod status;
pub mod sync;
pub mod target;
pub mod undo;
pub mod vaults;
pub mod verify;
mod versions;

use lifeboat_engine::Result;

use crate::args::Command;
use crate::session::Session;
use crate::{clerk, worker};

/// Runs a command, and returns the exit code of one that did its work.
pub fn run(command: &Command, session: &Session) -> Result<u8> {
    match command {
        Command::Init(args) => init::run(args, session),
        Command::Backup(args) => backup::run(args, session),
        Command::List(args) => list::run(args, session),
        Command::Items(args) => items::run(args, session),
        Command::Restore(args) => restore::run(args, session),
        Command::Undo(args) => undo::run(args, session),
        Command::Verify(args) => verify::run(args, session),
        Command::Versions(args) => versions::run(args, session),
        Command::Diff(args) => diff::run(args, session),
        Command::Export(args) => export::run(args, session),
        Command::Import(args) => import::run(args, session),
        Command::Migrate(args) => migrate::run(args, session),
        Command::Prune(args) => prune::run(args, session),
        Command::Sync(args) => sync::run(args, session),
        Command::Vaults(args) => vaults::run(args, session),
        Command::Delete(args) => prune::delete(args, session),
        Command::Pin(args) => pin::run(args, true, session),
        Command::Unpin(args) => pin::run(args, false, session),
        Command::Accept(args) => accept::run(args, session),
        Command::Adopt => adopt::run(session),
        Command::Auth(args) => auth::run(args, session),
        Command::Pause(args) => pause::run(args, session),
        Command::Resume => pause::resume(session),
        Command::History(args) => history::run(args, session),
        Command::Schedule(args) => schedule::run(args, session),
        Command::Status => status::run(session),
        Command::Doctor => doctor::run(session),
        Command::Call(args) => call::run(args, session),
        Command::Worker => Ok(worker::run()),
        Command::Clerk => Ok(clerk::run()),
    }
}
