//! `lifeboat import`: takes an archive into the vault.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use console::style;
use lifeboat_engine::report::BackupInfo;
use lifeboat_engine::secret::Secret;
use lifeboat_engine::zone::Zone;
use lifeboat_engine::{Control, Engine, Error, Result};

use crate::output::{count, size};
use crate::session::{Session, SessionVault, absolute};
use crate::{credentials, exit, time};

#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The archive: a .tar.gz or .tar.gz.sealed that lifeboat export wrote.
    pub file: PathBuf,
}

pub fn run(args: &ImportArgs, session: &Session) -> Result<u8> {
    let file = absolute(&args.file)?;
    let import = |passphrase: Option<Secret>| {
        let work = |engine: &Engine, control: &Control| engine.import_backup(&file, passphrase.as_ref(), control);
        session.long(SessionVault::MayBeNew, work)
    };
    let mut outcome = import(credentials::of_archive()?);
    if matches!(outcome, Err(Error::Sealed { .. })) && session.output.may_ask() {
        outcome = import(Some(credentials::ask_archive()?));
    }
    let info = outcome?;
    let zone = session.zone()?;
    session.output.result(&info, |out| show(out, &info, &zone))?;
    Ok(exit::DONE)
}

fn show(out: &mut dyn Write, info: &BackupInfo, zone: &Zone) -> io::Result<()> {
    writeln!(out, "{} {}", style("✓").green().bold(), style(&info.backup).bold())?;
    writeln!(out, "  as it was on {} ({})", zone.say(info.timestamp), time::ago(info.timestamp))?;
    let items = count(info.items, "item", "items");
    writeln!(out, "  {items}, {}, in the vault and compared with their hashes", size(info.total_size))
}
