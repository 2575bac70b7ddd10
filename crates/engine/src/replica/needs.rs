//! Which packs a backup needs, asked backup by backup, from what is here.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use crate::vault::Vault;
use crate::vault::catalog::Catalog;
use crate::vault::mark::NeedsMarker;
use crate::vault::name::BackupName;
use crate::vault::pack::PackId;
use crate::{Error, Result};

pub enum Needs {
    /// These, and those of the backups that were asked for before; or all, where `careful`.
    Packs(Vec<PackId>),
    /// It was removed meanwhile.
    Gone,
    /// Something of it cannot be read, or is nowhere: why.
    Unknown(String),
}

pub struct Asker<'a> {
    vault: &'a Vault,
    catalog: Arc<Mutex<Catalog>>,
    marker: NeedsMarker<'a>,
    told: HashSet<PackId>,
    /// Each backup by itself: that takes longer, and tells apart which backups damage hurts.
    careful: bool,
}

impl<'a> Asker<'a> {
    pub fn new(vault: &'a Vault, careful: bool) -> Result<Asker<'a>> {
        let catalog = Arc::new(Mutex::new(vault.catalog_for_reading()?));
        let marker = NeedsMarker::new(vault, catalog.clone());
        Ok(Asker { vault, catalog, marker, told: HashSet::new(), careful })
    }

    pub fn of(&mut self, name: &BackupName) -> Result<Needs> {
        if self.careful {
            self.marker = NeedsMarker::new(self.vault, self.catalog.clone());
            self.told.clear();
        }
        match self.marker.backup(name) {
            Err(Error::NotFound { .. }) => return Ok(Needs::Gone),
            Err(error) => return Err(error),
            Ok(Some(error)) => return Ok(Needs::Unknown(error.to_string())),
            Ok(None) => {}
        }
        if self.marker.has_lost() {
            // What is lost is told once only: from here on each is asked by itself.
            self.careful = true;
            return Ok(Needs::Unknown(format!(
                "{name} needs data that is in no pack of the vault any more. `lifeboat verify` says what is damaged, \
                 and `lifeboat backup --full` stores again what the root still has."
            )));
        }
        let new: Vec<PackId> = self.marker.packs().filter(|pack| !self.told.contains(pack)).collect();
        self.told.extend(&new);
        Ok(Needs::Packs(new))
    }
}
