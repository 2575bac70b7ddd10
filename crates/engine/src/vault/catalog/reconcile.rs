//! The catalog in line with the folder: what came is added, what went is forgotten.

use std::collections::HashSet;
use std::fs::File;

use rusqlite::params;

use super::{Catalog, CatalogAccess};
use crate::error::IoContext;
use crate::vault::pack::PackCipher;
use crate::vault::snapshot::Snapshot;
use crate::vault::{Vault, lock};
use crate::{Error, Result};

impl Catalog {
    /// Looks at the folder again: what a reader needs may have been written anew by a pruning beside it.
    pub fn renew(&mut self, vault: &Vault) -> Result<()> {
        match self.access {
            // Nobody prunes beside whoever holds the lock.
            CatalogAccess::Write => {}
            CatalogAccess::Read => *self = vault.catalog_compared()?,
            CatalogAccess::Temporary => drop(self.reconcile_packs(vault)?),
        }
        Ok(())
    }

    /// Makes the catalog say what the folder holds. Returns the errors of objects that could not be read.
    pub fn reconcile(&mut self, vault: &Vault) -> Result<Vec<Error>> {
        if self.is_in_line(vault) {
            return Ok(Vec::new());
        }
        let mut damaged = self.reconcile_packs(vault)?;
        damaged.extend(self.reconcile_backups(vault)?);
        // What is damaged is told each time.
        if let Some(tenure) = lock::tenure(vault.dir()).filter(|_| damaged.is_empty()) {
            self.db.run("INSERT OR REPLACE INTO meta VALUES ('tenure', ?1)", params![tenure])?;
        }
        Ok(damaged)
    }

    /// Was it compared with the folder since this process holds the lock? A restore would else look at every pack ten times.
    pub fn is_in_line(&self, vault: &Vault) -> bool {
        let compared = self.db.get::<i64>("SELECT value FROM meta WHERE key = 'tenure'", params![]).ok().flatten();
        compared.is_some() && compared == lock::tenure(vault.dir())
    }

    /// As [`Catalog::reconcile`], for the packs alone.
    pub fn reconcile_packs(&mut self, vault: &Vault) -> Result<Vec<Error>> {
        loop {
            if let Some(damaged) = self.try_reconcile_packs(vault)? {
                return Ok(damaged);
            }
        }
    }

    /// `None`: a pack was pruned at this moment, beside a reader; what is needed of it is in one that was not listed yet.
    fn try_reconcile_packs(&mut self, vault: &Vault) -> Result<Option<Vec<Error>>> {
        let mut damaged = Vec::new();
        let mut known = self.packs()?;
        for (id, size) in vault.list_packs()? {
            if known.remove(&id) == Some(size) {
                continue;
            }
            let path = id.path(vault.dir());
            let file = match File::open(&path) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
                other => other.at("reading", &path),
            };
            let cipher = PackCipher::new(vault.keys(), id);
            match file.and_then(|file| cipher.read_index(&file)) {
                Ok(entries) => self.add_pack(id, size, &entries)?,
                Err(error) => {
                    self.forget_pack(id)?;
                    // Whoever reads it knows only what failed, and not on what.
                    damaged.push(match error {
                        Error::Io { action, source, .. } => Error::Io { action, path, source },
                        other => other,
                    });
                }
            }
        }
        for id in known.into_keys() {
            self.forget_pack(id)?;
        }
        Ok(Some(damaged))
    }

    fn reconcile_backups(&mut self, vault: &Vault) -> Result<Vec<Error>> {
        let mut damaged = Vec::new();
        let mut known: HashSet<String> = self.names()?.into_iter().collect();
        for name in vault.list_snapshots()? {
            if known.remove(name.as_str()) {
                continue;
            }
            match Snapshot::read(vault, &name) {
                Ok(snapshot) => self.add_backup(&snapshot.info())?,
                Err(error) => damaged.push(error),
            }
        }
        for name in known {
            // In this order: a kill in between leaves it known.
            self.note_lost(&name)?;
            self.db.run("DELETE FROM backups WHERE name = ?1", params![name])?;
        }
        Ok(damaged)
    }
}
