//! What people say of a backup that is only at targets: that it is pinned, or right after all. It is said there, where pruning
//! asks for it, and here, so that what is pruned from here knows it, too.
//!
//! A mark is put at a target first and here last, and removed in the same order: a kill in between leaves the backup kept.

use sha2::{Digest, Sha256};

use super::fetch::Fetch;
use super::ledger::Ledger;
use super::patience::patiently;
use crate::config::cloud::Target;
use crate::store::Straight;
use crate::vault::elsewhere::Elsewhere;
use crate::vault::name::BackupName;
use crate::vault::{Vault, durable, snapshot};
use crate::{Config, Error, Result};

/// Says it at each target that has the backup, and here. An error: no target could be told, and nothing is said anywhere.
pub fn put(vault: &Vault, fetch: &Fetch, folder: &str, name: &BackupName) -> Result<()> {
    let (record, mark) = (snapshot::object(name), format!("{folder}/{name}"));
    let mut failed = None;
    let mut is_said = false;
    for copy in fetch.copies(&record) {
        let said = fetch.store(copy.place).and_then(|store| {
            let put = patiently(fetch.control(), || store.put(&mark, &Vec::new(), &Straight))?;
            // Whoever prunes there may have removed it at this moment.
            Ok((put, patiently(fetch.control(), || store.head(&record))?.is_some()))
        });
        match said {
            Ok((stored, true)) => {
                is_said = true;
                let content = hex::encode(Sha256::digest(b""));
                let ledger = Ledger::open(vault.dir())?;
                ledger.arrived(fetch.name(copy.place), &stored, Some(&content), fetch.control().now())?;
            }
            Ok((_, false)) => {
                let message = format!("{name} was just removed at {}.", fetch.name(copy.place));
                failed = Some(Error::NotFound { message });
            }
            Err(fault) => failed = Some(fault.into()),
        }
    }
    if !is_said {
        return Err(failed.unwrap_or_else(|| Error::NotFound { message: format!("{name} is at no target.") }));
    }
    let folder = vault.dir().join(folder);
    durable::make_folder(&folder)?;
    durable::write_private(&folder.join(name.as_str()), b"")?;
    durable::sync_dir(vault.dir())
}

/// Takes it back, at each target that knows of it, and here.
pub fn remove(vault: &Vault, fetch: &Fetch, config: &Config, folder: &str, name: &BackupName) -> Result<()> {
    let mark = format!("{folder}/{name}");
    fetch.look()?;
    let holders = fetch.holders(&mark);
    refuse_append_only(config, &holders, &mark)?;
    let ledger = Ledger::open(vault.dir())?;
    fetch.delete(&mark)?;
    holders.iter().try_for_each(|target| ledger.gone(target, &mark))?;
    match std::fs::remove_file(vault.dir().join(&mark)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io("removing", vault.dir().join(&mark), error))
        }
        _ => Ok(()),
    }
}

/// Before anything is removed anywhere.
pub fn refuse_append_only(config: &Config, holders: &[String], object: &str) -> Result<()> {
    let may_not = |target: &&Target| target.is_append_only() && holders.iter().any(|holder| holder == target.name());
    match config.cloud.iter().find(may_not) {
        None => Ok(()),
        Some(target) => Err(Error::Cloud {
            message: format!(
                "{}: {object} is there, and these credentials may not delete (`appendOnly`). Nothing was removed. \
                 Remove it from another machine, with other credentials.",
                target.name()
            ),
        }),
    }
}
