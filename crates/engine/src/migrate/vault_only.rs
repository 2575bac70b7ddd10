//! The vault of a root that has lost it, brought back into its place from a target or a copy. The root is not touched.
//!
//! What of the vault is left in its place stays and is completed; each object that comes is proved, and `vault.json` comes last. So a
//! run that was cut off is gone on with by the same command.

use std::time::Instant;

use super::origin::{From, Origin};
use super::{Migration, Source, history};
use crate::error::IoContext;
use crate::report::{BackupRef, MigrateReport};
use crate::vault::lock::Lock;
use crate::vault::snapshot::Snapshot;
use crate::vault::{Vault, description, durable, place};
use crate::{Error, Result, marriage, owner};

impl Migration<'_> {
    pub(super) fn vault_only(&self, from: From<'_>, started: Instant) -> Result<MigrateReport> {
        let config = self.access.config();
        let (root, to) = (config.root.clone(), config.backup_dir.clone());
        let refuse = |message: String| Err(Error::Config { message });
        if !root.is_dir() {
            return refuse(format!("There is no root {}. Leave out --no-restore to set it up.", root.display()));
        }
        if !self.options.history || self.options.backup.is_some() {
            return refuse("--no-restore brings back all of the vault, and chooses no backup.".into());
        }
        let owner = self.options.owner.as_deref().map(owner::parse).transpose()?;
        let origin = Origin::find(from, self.options.vault_id.as_deref(), self.access.opener(), self.control)?;
        let vault = match &origin {
            Origin::Remote(remote) => remote.open(&self.credentials, self.control)?,
            Origin::Vault(dir) => Vault::open_untouched(dir, &self.credentials)?,
            Origin::Archive(file) => {
                return refuse(format!(
                    "{} is an archive of one backup, and no vault. The command `import` takes it into a vault.",
                    file.display()
                ));
            }
        };
        if to.starts_with(origin.path()) || origin.path().starts_with(&to) {
            return refuse(format!("{} is the vault's own place. Name a target, or a copy elsewhere.", to.display()));
        }
        refuse_others(&vault, &to)?;
        let name = vault.resolve(&BackupRef::Name("latest".into()))?;
        let snapshot = Snapshot::read(&vault, &name)?;
        let objects = match &origin {
            Origin::Remote(remote) => remote.objects(&vault, self.control)?,
            _ => history::objects(&vault)?,
        };
        let was_there = to.join("packs").is_dir();
        let source = Source { vault, name, snapshot };
        let mut report = MigrateReport {
            success: true,
            source: origin.said(),
            root: root.clone(),
            vault: Some(to.clone()),
            backup: source.name.to_string(),
            timestamp: source.snapshot.timestamp,
            items: 0,
            bytes: 0,
            backups: 0,
            copied: 0,
            resumed: was_there,
            damaged: Vec::new(),
            warnings: Vec::new(),
            next: Vec::new(),
            duration_ms: 0,
        };
        self.set_up_vault(&origin, &source, &objects, &to, false, &mut report)?;
        if let Some(ids) = owner.or(owner::of_folder_of_another(&root)).filter(|_| owner::may_give()) {
            owner::give_all(&to, ids)?;
        }
        let back = self.reopen(&source, &to)?;
        let _lock = Lock::acquire(&to, "MIGRATE", false, self.control)?;
        marriage::adopt(&back, config)?;
        report.duration_ms = started.elapsed().as_millis() as u64;
        Ok(report)
    }
}

/// What is in the place already is the rest of this vault, or nothing.
fn refuse_others(vault: &Vault, to: &std::path::Path) -> Result<()> {
    let refuse = |message: String| Err(Error::Vault { message });
    if let Some(name) = durable::names(to)?.into_iter().find(|name| !place::is_ours(name)) {
        return refuse(format!("{} holds {name:?}, which is not a vault's. Move it away.", to.display()));
    }
    let described = to.join(description::FILE);
    if !described.is_file() {
        return Ok(());
    }
    let is_this = durable::read_small(&described, description::MAX_LEN)
        .and_then(|bytes| description::id_in(&bytes))
        .map(|id| id == vault.id());
    match is_this {
        Ok(false) => refuse(format!(
            "In {} is another vault than the one that was named. Move it away, or name another place (--vault DIR).",
            to.display()
        )),
        // Nothing can be opened with it: the one that comes takes its place.
        Err(Error::Corrupt { .. } | Error::Format { .. }) => {
            std::fs::remove_file(&described).at("removing", &described)
        }
        other => other.map(drop),
    }
}
