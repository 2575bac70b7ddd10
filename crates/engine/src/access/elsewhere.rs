//! The targets of the configuration: reading what is missing here from there.

use std::sync::Arc;
use std::time::Instant;

use super::Access;
use crate::config::cloud::Target;
use crate::replica::fetch::{self, Fetch};
use crate::replica::ledger::Ledger;
use crate::replica::standing::identity;
use crate::replica::{marks, opening};
use crate::report::{BackupRef, Damage, PruneReport, Warning};
use crate::vault::elsewhere::Elsewhere;
use crate::vault::layout::{ACCEPTED, PINS};
use crate::vault::name::BackupName;
use crate::vault::snapshot::Snapshot;
use crate::vault::{Vault, description, snapshot};
use crate::{Control, Error, Result};

impl Access {
    /// The vault for whoever only reads: what is missing or damaged here comes from the targets, or from the one that is named.
    pub(crate) fn vault_to_read(&self, from: Option<&str>, control: &Control) -> Result<Vault> {
        let vault = self.vault()?;
        self.reading_elsewhere(vault, from, control)
    }

    /// The same for whoever brings everything back: also what opens the vault.
    pub(crate) fn vault_to_restore(&self, from: Option<&str>, control: &Control) -> Result<Vault> {
        let (vault, _) = self.vault_or_brought_back(control)?;
        self.reading_elsewhere(vault, from, control)
    }

    /// The vault. Where it cannot be opened because one file of it is lost, that is fetched from a target, and told.
    pub(crate) fn vault_or_brought_back(&self, control: &Control) -> Result<(Vault, Vec<Damage>)> {
        let error = match self.vault() {
            Err(error) if opening::may_be_lost(&error) => error,
            opened => return opened.map(|vault| (vault, Vec::new())),
        };
        let credentials = self.credentials(None)?;
        match opening::bring_back(&self.config, self.opener(), &credentials, control) {
            Ok(brought) if !brought.is_empty() => self.vault().map(|vault| (vault, brought)),
            Err(Error::Aborted) => Err(Error::Aborted),
            _ => Err(error),
        }
    }

    fn reading_elsewhere(&self, vault: Vault, from: Option<&str>, control: &Control) -> Result<Vault> {
        let Some(fetch) = self.fetch(&vault, from, control)? else { return Ok(vault) };
        if from.is_some() {
            // Whoever names a target wants to know what that has now.
            fetch.look()?;
        }
        Ok(vault.with_elsewhere(Arc::new(fetch)))
    }

    /// Where nothing is configured there is nothing to fetch from.
    pub(crate) fn fetch(&self, vault: &Vault, from: Option<&str>, control: &Control) -> Result<Option<Fetch>> {
        let targets = self.targets(from)?;
        if targets.is_empty() {
            return Ok(None);
        }
        let openings = targets.iter().map(|target| self.opening((*target).clone(), vault.id())).collect();
        let fetch = Fetch::new(vault, openings, control)?;
        // What was sent from here need not be asked for.
        if let Some(ledger) = Ledger::read(vault.dir()) {
            for target in targets {
                let standing = ledger.standing(target.name(), &identity(target))?;
                if standing.is_some_and(|standing| standing.listed.is_some()) {
                    fetch.learn(target.name(), ledger.objects(target.name(), "")?);
                }
            }
        }
        Ok(Some(fetch))
    }

    /// The backup of this name in the vault here. Where it is only at a target, the error says so, and what can be done.
    pub(crate) fn resolve_here(&self, vault: &Vault, backup: &str) -> Result<BackupName> {
        let resolved = vault.resolve(&BackupRef::Name(backup.into()));
        let Err(missing @ Error::NotFound { .. }) = resolved else { return resolved };
        let Some((name, fetch)) = self.only_elsewhere(vault, backup)? else { return Err(missing) };
        let holders = fetch.holders(&snapshot::object(&name));
        let Some(target) = holders.first() else { return Err(missing) };
        Err(Error::NotFound {
            message: format!(
                "{name} is only at {}, and not here. `lifeboat verify --target {target} --deep` reads it back there; \
                 `lifeboat export {name} FILE` and `lifeboat import FILE` bring it here.",
                holders.join(", ")
            ),
        })
    }

    /// The backup of this name, where it is not here and some target has it.
    pub(crate) fn only_elsewhere(&self, vault: &Vault, backup: &str) -> Result<Option<(BackupName, Arc<Fetch>)>> {
        let Ok(name) = backup.parse::<BackupName>() else { return Ok(None) };
        let record = snapshot::object(&name);
        let Some(fetch) = self.fetch(vault, None, &Control::silent())? else { return Ok(None) };
        if vault.dir().join(&record).exists() {
            return Ok(None);
        }
        if !fetch.is_told() && fetch.holders(&record).is_empty() {
            // One that cannot be reached has nothing, as far as anybody here knows.
            let _ = fetch.look();
        }
        Ok((!fetch.holders(&record).is_empty()).then(|| (name, Arc::new(fetch))))
    }

    /// Where the vault cannot be opened because something of it is not there: with how it comes back from a target.
    pub(crate) fn with_way_back(&self, error: Error) -> Error {
        let Some(way) = self.config.way_back() else { return error };
        match error {
            Error::NotFound { message } => Error::NotFound { message: format!("{message} {way}") },
            Error::Corrupt { object, detail, backups } if object.starts_with("keys") || object == description::FILE => {
                Error::Corrupt { object, detail: format!("{detail}. {way}"), backups }
            }
            other => other,
        }
    }

    /// Before a backup is deleted here: remembers its facts, and says where it stays.
    pub(crate) fn stays(&self, vault: &Vault, name: &BackupName, control: &Control) -> Result<Vec<Warning>> {
        let Some(fetch) = self.fetch(vault, None, control)? else { return Ok(Vec::new()) };
        let holders = fetch.holders(&snapshot::object(name));
        if holders.is_empty() {
            return Ok(Vec::new());
        }
        if let Ok(snapshot) = Snapshot::read(vault, name) {
            fetch.remember(&snapshot.info());
        }
        let may_not = |target: &&Target| target.is_append_only() && holders.iter().any(|name| name == target.name());
        let how = match self.config.cloud.iter().find(may_not) {
            None => format!("Run `lifeboat delete {name}` again to delete it there, too."),
            Some(target) => {
                format!(
                    "These credentials may not delete at {}: delete it from another machine, with other \
                 credentials.",
                    target.name()
                )
            }
        };
        let message = format!("It stays at {}, and can be restored from there. {how}", holders.join(", "));
        Ok(vec![Warning { path: name.to_string(), message }])
    }

    /// All targets, or the one of this name.
    pub(crate) fn targets(&self, name: Option<&str>) -> Result<Vec<&Target>> {
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

    pub(crate) fn opening(&self, target: Target, vault_id: String) -> fetch::FetchTarget {
        let (opener, name) = (self.opener.clone(), target.name().to_owned());
        fetch::FetchTarget { name, open: Box::new(move || opener.open(&target, &vault_id)) }
    }

    /// The record goes first, and what was said about it: without it, there is no backup.
    pub(crate) fn delete_elsewhere(&self, vault: &Vault, name: &BackupName, control: &Control) -> Result<PruneReport> {
        let started = Instant::now();
        let record = snapshot::object(name);
        let mut holders = Vec::new();
        for target in &self.config.cloud {
            let Some(fetch) = self.fetch(vault, Some(target.name()), control)? else { continue };
            fetch.look()?;
            if !fetch.holders(&record).is_empty() {
                holders.push((target.name().to_owned(), fetch));
            }
        }
        let names: Vec<String> = holders.iter().map(|(name, _)| name.clone()).collect();
        marks::refuse_append_only(&self.config, &names, &record)?;
        let ledger = Ledger::open(vault.dir())?;
        for (target, fetch) in &holders {
            for object in [record.clone(), format!("{PINS}/{name}"), format!("{ACCEPTED}/{name}")] {
                fetch.delete(&object)?;
                ledger.gone(target, &object)?;
            }
        }
        // Else the next sync would say it there again.
        vault.unpin(name)?;
        vault.forget_acceptance(name.as_str())?;
        let (removed, duration_ms) = (1, started.elapsed().as_millis() as u64);
        Ok(PruneReport { removed, duration_ms, ..PruneReport::default() })
    }
}
