//! `lifeboat vaults`: all vaults of a target, whose they are, and which are late.

use clap::Args;
use lifeboat_engine::Result;

use crate::output::{escaped, size, table};
use crate::session::{Session, SessionVault};
use crate::{exit, time};

#[derive(Debug, Args)]
pub struct VaultsArgs {
    /// The target, by its name in the configuration.
    pub target: String,
}

pub fn run(args: &VaultsArgs, session: &Session) -> Result<u8> {
    let vaults = session.long(SessionVault::MustExist, |engine, control| engine.vaults(&args.target, control))?;
    session.output.result(&vaults, |out| {
        let rows = vaults.iter().map(|vault| {
            let newest = vault.newest.map_or("never".into(), time::ago);
            let late = if vault.late { "late" } else { "" };
            [escaped(&vault.owner).to_string(), newest, late.into(), size(vault.bytes), vault.prefix.clone()]
        });
        write!(out, "{}", table(["OWNER", "NEWEST", "", "SIZE", "PREFIX"], rows.collect(), &[3]))
    })?;
    Ok(exit::DONE)
}
