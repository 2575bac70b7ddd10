//! Reading back what is stored, at the engine's front door.

use std::sync::Arc;

use super::Engine;
use crate::replica::heal;
use crate::report::{BackupRef, Damage, Inspection, VerifyReport};
use crate::schedule::Agenda;
use crate::seal::keyring::Credentials;
use crate::vault::Vault;
use crate::verify::{Scope, Verified};
use crate::watch::inspection::{self, is_news};
use crate::watch::{self, News, rehearsal};
use crate::{Control, Error, Result, archive, marriage};

impl Engine {
    /// Reads back and authenticates every byte of one backup, or of the whole vault; `deep` also decompresses and
    /// re-hashes every chunk. Damage is in the report, not an error.
    pub fn verify(&self, backup: Option<&str>, deep: bool, control: &Control) -> Result<VerifyReport> {
        self.recover_quietly();
        let (vault, brought) = self.access.vault_or_brought_back(control)?;
        let name = backup.map(|name| self.access.resolve_here(&vault, name)).transpose()?;
        let scope = name.as_ref().map_or(Scope::All, Scope::Backup);
        let recorder = self.recorder("VERIFY", None, control);
        let threads = self.access.config.worker.effective_threads();
        let known = inspection::damage(vault.dir());
        let mut mend = |verified: &mut Verified| self.mend(&vault, verified, control);
        let result =
            inspection::whole(&vault, &self.access.credentials(None)?, &scope, deep, threads, control, &mut mend);
        let result = result.map(|mut report| {
            report.damaged.extend(brought);
            report.ok = report.damaged.is_empty();
            report
        });
        recorder.end(result, |result| match result {
            Ok(report) => (!report.ok && is_news(&known, report)).then(|| News::IntegrityFailure(report.clone())),
            // Whoever asked is told why it could not be done.
            Err(_) => None,
        })
    }

    /// Fetches from a target what was found damaged or missing here. True: something is whole again.
    fn mend(&self, vault: &Vault, verified: &mut Verified, control: &Control) -> Result<bool> {
        if !marriage::is_in_its_place(vault, &self.access.config) {
            // The catalog of a copy may be older than what was copied after it: what was pruned meanwhile is not lost.
            verified.report.damaged.retain(|damage| !heal::is_lost_record(vault, &damage.object));
            if verified.report.damaged.is_empty() {
                return Ok(false);
            }
        }
        let fetch = self.access.fetch(vault, None, control)?;
        let is_lost = |damage: &Damage| heal::is_lost_record(vault, &damage.object);
        if fetch.is_none() && !verified.report.damaged.iter().any(is_lost) {
            return Ok(false);
        }
        let lock = self.access.lock("VERIFY", true, control)?;
        let Some(fetch) = fetch else {
            return heal::forget_lost(vault, &mut verified.report.damaged).map(|()| false);
        };
        let fetch = fetch.under(&lock.told(control));
        match heal::here(vault, &fetch, &mut verified.report.damaged, &verified.lost) {
            Err(error @ (Error::Cloud { .. } | Error::CloudCredentials { .. } | Error::CloudFull { .. })) => {
                if let Some(damage) = verified.report.damaged.iter_mut().find(|damage| !damage.healed) {
                    damage.message = format!("{}; it could not be fetched: {error}", damage.message);
                }
            }
            done => done?,
        }
        Ok(verified.report.damaged.iter().any(|damage| damage.healed))
    }

    /// Reads back what a target has of this vault: the part whose turn it is, or with `deep` all of it; and puts the whole object
    /// from here in the place of one that is damaged or missing there.
    pub fn verify_target(&self, target: &str, deep: bool, control: &Control) -> Result<VerifyReport> {
        self.recover_quietly();
        let vault = self.access.vault()?;
        let fetch = self.access.fetch(&vault, Some(target), control)?;
        let fetch = Arc::new(fetch.ok_or_else(|| Error::internal("a target is configured, and is not"))?);
        let recorder = self.recorder("VERIFY", None, control).of(target);
        let result = heal::there(&vault, &fetch, &self.access.config, self.access.target(target)?, deep, control);
        recorder.end(result, |result| match result {
            Ok(report) => (!report.ok).then(|| News::IntegrityFailure(report.clone())),
            Err(_) => None,
        })
    }

    /// Reads back the part of the vault whose turn it is, and once a week rehearses a restore of the newest backup.
    pub fn inspect(&self, control: &Control) -> Result<Inspection> {
        self.recover_quietly();
        let recorder = self.recorder("VERIFY", None, control);
        let known = inspection::damage(&self.access.config.backup_dir);
        let work = || self.inspect_part(&self.access.vault()?, &self.access.credentials(None)?, control);
        let verify = recorder.end(work(), |result| News::of_inspection("VERIFY", &known, result))?;
        let vault = self.access.vault()?;
        let rehearsal = self.rehearse(&vault, control)?;
        let _ = watch::Logbook::open(vault.dir()).and_then(|logbook| logbook.inspected(control.now()));
        Ok(Inspection { verify, rehearsal })
    }

    /// The inspection that is due by the schedule. `None`: none is, or somebody else is at it. `zone`: as for
    /// [`Engine::run_due`].
    pub fn inspect_due(&self, zone: Option<&str>, control: &Control) -> Result<Option<Inspection>> {
        let dir = &self.access.config.backup_dir;
        let agenda = Agenda::of(&self.access.config, zone)?;
        let is_due = || {
            let ledger = watch::ledger(dir, control.now())?;
            Ok::<_, Error>(Vault::exists(dir) && ledger.inspection_due(&agenda, control.now()).is_some())
        };
        if !is_due()? {
            return Ok(None);
        }
        let lock = match self.access.lock("VERIFY", false, control) {
            Err(Error::Busy { .. }) => return Ok(None),
            lock => lock?,
        };
        if !is_due()? {
            return Ok(None);
        }
        // Noted before: it is read without the lock, and nobody else begins the same meanwhile.
        let _ = watch::Logbook::open(dir).and_then(|logbook| logbook.inspected(control.now()));
        drop(lock);
        self.inspect(control).map(Some)
    }

    fn inspect_part(&self, vault: &Vault, credentials: &Credentials, control: &Control) -> Result<VerifyReport> {
        let threads = self.access.config.worker.effective_threads();
        let mut mend = |verified: &mut Verified| self.mend(vault, verified, control);
        inspection::part(vault, credentials, threads, control, &mut mend, |damaged| {
            let lock = self.access.lock("VERIFY", true, control)?;
            archive::shelf::heal(vault, &self.access.config, credentials, damaged, &lock.told(control))
        })
    }

    /// Where it is time for one.
    fn rehearse(&self, vault: &Vault, control: &Control) -> Result<Option<VerifyReport>> {
        if !rehearsal::is_due(vault, control.now()) {
            return Ok(None);
        }
        let Ok(name) = vault.resolve(&BackupRef::Name("latest".into())) else { return Ok(None) };
        let mut recorder = self.recorder("REHEARSAL", None, control);
        let known = rehearsal::failed(vault.dir());
        let mut held = None;
        let mut work = || {
            let lock = held.insert(self.access.lock("REHEARSAL", true, control)?);
            recorder.started(vault);
            rehearsal::run(vault, &name, self.access.config.worker.effective_threads(), &lock.told(control))
        };
        let result = work();
        let result = recorder.end(result, |result| News::of_inspection("REHEARSAL", &known, result));
        drop(held);
        result.map(Some)
    }
}
