//! `lifeboat adopt`: this root and this vault belong together from now on.

use lifeboat_engine::Result;

use crate::exit;
use crate::session::{Session, SessionVault};

pub fn run(session: &Session) -> Result<u8> {
    let (root, vault) = session.engine(SessionVault::MustExist, |engine| {
        engine.adopt_vault()?;
        Ok((engine.config().root.clone(), engine.config().backup_dir.clone()))
    })?;
    session.output.result(&serde_json::json!({ "root": root, "vault": vault }), |out| {
        writeln!(out, "The vault {} belongs to {} from now on.", vault.display(), root.display())
    })?;
    Ok(exit::DONE)
}
