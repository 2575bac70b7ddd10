//! The targets of the configuration, at the engine's front door: reading what is missing here from there.

use std::sync::Arc;
use std::time::Instant;

use super::Engine;
use crate::config::cloud::Target;
use crate::replica::fetch::{self, Fetch};
use crate::report::PruneReport;
use crate::vault::elsewhere::Elsewhere;
use crate::vault::layout::{ACCEPTED, PINS};
use crate::vault::name::BackupName;
use crate::vault::{Vault, snapshot};
use crate::{Control, Error, Result};

impl Engine {
    /// The vault for whoever only reads: what is missing or damaged here comes from the targets, or from the one that is named.
    pub(crate) fn vault_to_read(&self, from: Option<&str>, control: &Control) -> Result<Vault> {
        let vault = self.vault()?;
        match self.fetch(&vault, from, control)? {
            Some(fetch) => Ok(vault.with_elsewhere(Arc::new(fetch))),
            None => Ok(vault),
        }
    }

    /// Where nothing is configured there is nothing to fetch from.
    pub(crate) fn fetch(&self, vault: &Vault, from: Option<&str>, control: &Control) -> Result<Option<Fetch>> {
        let targets = self.targets(from)?;
        if targets.is_empty() {
            return Ok(None);
        }
        let targets = targets.into_iter().map(|target| self.opening(target.clone(), vault.id())).collect();
        Fetch::new(vault, targets, control).map(Some)
    }

    /// All targets, or the one of this name.
    pub(super) fn targets(&self, name: Option<&str>) -> Result<Vec<&Target>> {
        match name {
            Some(wanted) => Ok(vec![self.target(wanted)?]),
            None => Ok(self.config.cloud.iter().collect()),
        }
    }

    /// The target of this name.
    pub(crate) fn target(&self, wanted: &str) -> Result<&Target> {
        let found = self.config.cloud.iter().find(|target| target.name() == wanted);
        found.ok_or_else(|| Error::Config { message: self.no_such_target(wanted) })
    }

    fn no_such_target(&self, wanted: &str) -> String {
        let names: Vec<&str> = self.config.cloud.iter().map(Target::name).collect();
        match names.as_slice() {
            [] => format!("There is no target {wanted:?}: `cloud` in the configuration names none."),
            some => format!("There is no target {wanted:?}. `cloud` in the configuration has {}.", some.join(", ")),
        }
    }

    pub(crate) fn opening(&self, target: Target, vault_id: String) -> fetch::Target {
        let (opener, name) = (self.opener.clone(), target.name().to_owned());
        fetch::Target { name, open: Box::new(move || opener.open(&target, &vault_id)) }
    }

    /// The record goes first, and what was said about it: without it, there is no backup.
    pub(super) fn delete_elsewhere(&self, vault: &Vault, name: &BackupName, control: &Control) -> Result<PruneReport> {
        let started = Instant::now();
        let record = snapshot::object(name);
        for target in &self.config.cloud {
            let Some(fetch) = self.fetch(vault, Some(target.name()), control)? else { continue };
            fetch.look()?;
            if fetch.holders(&record).is_empty() {
                continue;
            }
            if target.is_append_only() {
                return Err(Error::Cloud {
                    message: format!(
                        "{}: {name} is there, and these credentials may not delete. Delete it from elsewhere, with others.",
                        target.name()
                    ),
                });
            }
            for object in [record.clone(), format!("{PINS}/{name}"), format!("{ACCEPTED}/{name}")] {
                fetch.delete(&object)?;
            }
        }
        let (removed, duration_ms) = (1, started.elapsed().as_millis() as u64);
        Ok(PruneReport { removed, duration_ms, ..PruneReport::default() })
    }
}
