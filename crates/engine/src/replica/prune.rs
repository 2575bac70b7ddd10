//! Removing from a target what its rules do not keep: records first, and a day later the packs that nothing there needs any more.
//!
//! What is kept is found out from what lies there, and not from what is remembered. Where it cannot be told what a kept backup
//! needs, no pack goes. Nothing is removed where a backup is suspicious, nothing that is not ours, and nothing at all where the
//! credentials are only to add.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use super::keep::{self, DAY, RemoteBackup};
use super::ledger::Ledger;
use super::patience::Patience;
use super::there::{There, list_ours};
use super::unneeded;
use crate::config::cloud::Target;
use crate::report::{BackupInfo, PruneReport, PruneVerdict, Warning};
use crate::retention::RetentionRules;
use crate::store::{Store, Stored};
use crate::vault::layout::{PINS, Part};
use crate::vault::name::BackupName;
use crate::vault::pack::PackId;
use crate::vault::{ACCEPTED, Vault};
use crate::{Config, Control, Error, Result, held, prune, restore, watch};

pub struct Pruning<'a> {
    pub vault: &'a Vault,
    pub config: &'a Config,
    pub target: &'a Target,
    pub store: &'a dyn Store,
    /// `None`: nothing is remembered here, as where it is pruned from elsewhere. Then a note at the target remembers it.
    pub ledger: Option<&'a Ledger>,
    pub patience: Patience,
    pub control: &'a Control,
}

impl Pruning<'_> {
    pub fn run(&self, dry_run: bool, despite_suspicion: bool) -> Result<PruneReport> {
        let started = Instant::now();
        if self.target.is_append_only() && !dry_run {
            return Err(Error::Config {
                message: format!(
                    "{}: these credentials may add objects but not remove them (`appendOnly`). Prune it from another \
                     machine, with other credentials.",
                    self.target.name()
                ),
            });
        }
        let there = There::look(self.vault, self.store, self.patience, self.control)?;
        let backups = self.backups(&there)?;
        let now = self.control.now();
        let rules = keep::rules(self.config, self.target.keep()).seeing(watch::days(self.vault.dir()));
        let judged = keep::judge(&backups, &rules, now);
        let infos: Vec<BackupInfo> = backups.iter().map(|backup| backup.info.clone()).collect();
        let mut verdicts = prune::verdicts(&infos, judged);
        self.spare_the_last(&backups, &mut verdicts);
        self.spare_what_waits(&mut verdicts);
        let mut warnings = Vec::new();
        if let Some(message) = prune::frozen(&infos).filter(|_| !despite_suspicion) {
            verdicts.iter_mut().for_each(|verdict| verdict.keep = true);
            warnings.push(Warning { path: self.target.name().into(), message });
        }
        if !dry_run {
            for verdict in verdicts.iter_mut().filter(|one| !one.keep) {
                self.remove_record(verdict, &there)?;
            }
        }
        let removed = verdicts.iter().filter(|one| !one.keep).count() as u64;
        let (packs_removed, freed, waiting) = self.sweep(&there, &verdicts, dry_run, &mut warnings)?;
        if let Some(ledger) = self.ledger.filter(|_| !dry_run) {
            ledger.set_warnings(self.target.name(), warnings.iter().map(|warning| warning.message.as_str()))?;
        }
        Ok(PruneReport {
            dry_run,
            backups: verdicts,
            removed,
            packs_removed,
            packs_rewritten: 0,
            freed,
            waiting,
            copied: 0,
            duration_ms: started.elapsed().as_millis() as u64,
            warnings,
        })
    }

    /// Everything there that a kept backup needs, and what opens the vault; all, where that cannot be told.
    pub fn needed(&self) -> Result<Vec<Stored>> {
        let there = There::look(self.vault, self.store, self.patience, self.control)?;
        let backups = self.backups(&there)?;
        let rules = keep::rules(self.config, self.target.keep()).seeing(watch::days(self.vault.dir()));
        let judged = keep::judge(&backups, &rules, self.control.now());
        let infos: Vec<BackupInfo> = backups.iter().map(|backup| backup.info.clone()).collect();
        let mut verdicts = prune::verdicts(&infos, judged);
        self.spare_the_last(&backups, &mut verdicts);
        self.spare_what_waits(&mut verdicts);
        let is_frozen = prune::frozen(&infos).is_some();
        let kept: Vec<BackupName> =
            verdicts.iter().filter(|one| one.keep || is_frozen).map(|one| one.backup.parse()).collect::<Result<_>>()?;
        let packs = there.needed(&kept)?;
        let names: HashSet<&str> = kept.iter().map(BackupName::as_str).collect();
        let is_needed = |stored: &&Stored| match Part::of(&stored.object) {
            Some(Part::Pack) => {
                let id = PackId::of_object(&stored.object);
                packs.as_ref().is_none_or(|packs| id.is_some_and(|id| packs.contains(&id)))
            }
            Some(Part::Snapshot | Part::Mark) => names.contains(stored.object.rsplit('/').next().unwrap_or_default()),
            Some(Part::Key | Part::Page | Part::Description) => true,
            Some(Part::Archive) | None => false,
        };
        let mut needed: Vec<Stored> = there.listed.values().filter(is_needed).cloned().collect();
        needed.sort_by(|a, b| a.object.cmp(&b.object));
        Ok(needed)
    }

    /// Newest first. One that cannot be read is known by its name, and no good one.
    fn backups(&self, there: &There<'_>) -> Result<Vec<RemoteBackup>> {
        let is_marked = |mark: &str| there.has(mark) || self.vault.dir().join(mark).exists();
        let mut backups = Vec::new();
        for (name, snapshot) in there.records()? {
            let stored = there.listed.get(&format!("snapshots/{name}"));
            let info = snapshot.map(|snapshot| snapshot.info());
            backups.push(RemoteBackup::new(&name, info, stored.and_then(|stored| stored.written), is_marked));
        }
        keep::sort(&mut backups);
        Ok(backups)
    }

    /// What is not here any more, or never was, may be nowhere else: of that stays what the vault's own rules keep, too. What other
    /// targets have does not count: they drop by rules of their own.
    fn spare_the_last(&self, backups: &[RemoteBackup], verdicts: &mut [PruneVerdict]) {
        let rules = RetentionRules::of(self.config).seeing(watch::days(self.vault.dir()));
        let ours = keep::judge(backups, &rules, self.control.now());
        for (verdict, ours) in verdicts.iter_mut().zip(ours).filter(|(verdict, ours)| !verdict.keep && ours.keep) {
            if !self.vault.dir().join(format!("snapshots/{}", verdict.backup)).exists() {
                verdict.keep = true;
                verdict.why = format!("not in the vault any more, whose own rules keep it: {}", ours.why);
            }
        }
    }

    /// A restore waits for these, and may find them only there.
    fn spare_what_waits(&self, verdicts: &mut [PruneVerdict]) {
        let waits = restore::pending_backups(&self.config.root);
        for verdict in verdicts.iter_mut().filter(|verdict| !verdict.keep && waits.contains(&verdict.backup)) {
            (verdict.keep, verdict.why) = (true, held::WAITS.into());
        }
    }

    fn remove_record(&self, verdict: &mut PruneVerdict, there: &There<'_>) -> Result<()> {
        let (name, target) = (&verdict.backup, self.target.name());
        let record = format!("snapshots/{name}");
        let marks = [format!("{PINS}/{name}"), format!("{ACCEPTED}/{name}")];
        // Pinned meanwhile, there or here: that waits for nobody.
        let is_pinned = self.vault.dir().join(&marks[0]).exists()
            || self.patience.retry(self.control, || self.store.head(&marks[0]))?.is_some();
        if is_pinned {
            (verdict.keep, verdict.why) = (true, "pinned".into());
            return Ok(());
        }
        // Not sent again by the next sync, also where this one is cut off here.
        if let Some(ledger) = self.ledger {
            ledger.drop_records(target, std::slice::from_ref(&record))?;
        }
        self.delete(&record)?;
        marks.iter().filter(|mark| there.has(mark)).try_for_each(|mark| self.delete(mark))
    }

    fn delete(&self, object: &str) -> Result<()> {
        self.control.check()?;
        self.patience.retry(self.control, || self.store.delete(object))?;
        self.ledger.map_or(Ok(()), |ledger| ledger.gone(self.target.name(), object))
    }

    /// Packs that went, their bytes, and the bytes of those that wait.
    fn sweep(
        &self,
        there: &There<'_>,
        verdicts: &[PruneVerdict],
        dry_run: bool,
        warnings: &mut Vec<Warning>,
    ) -> Result<(u64, u64, u64)> {
        let kept: Vec<BackupName> =
            verdicts.iter().filter(|one| one.keep).map(|one| one.backup.parse()).collect::<Result<_>>()?;
        let Some(needed) = there.needed(&kept)? else {
            let message = "It is not known what a backup there needs, so no pack is removed. `lifeboat verify` says which \
                 backup.";
            warnings.push(Warning { path: self.target.name().into(), message: message.into() });
            return Ok((0, 0, 0));
        };
        let now = self.control.now();
        let before = match self.ledger {
            Some(ledger) => ledger.unneeded(self.target.name())?,
            None => unneeded::read(self.store, self.patience, self.control)?,
        };
        let (mut since, mut ripe, mut waiting) = (HashMap::new(), Vec::new(), 0);
        for (object, stored) in &there.listed {
            let Some(pack) = PackId::of_object(object).filter(|_| Part::of(object) == Some(Part::Pack)) else {
                continue;
            };
            if needed.contains(&pack) {
                continue;
            }
            // What has just arrived may belong to a backup whose record is still on its way.
            let is_young = stored.written.is_some_and(|written| now - written < DAY);
            let known = before.get(object).copied().filter(|since| *since <= now).unwrap_or(now);
            if is_young || now - known < DAY {
                since.insert(object.clone(), known);
                waiting += stored.size;
            } else {
                ripe.push((object.clone(), stored.size));
            }
        }
        let mut freed = 0;
        let mut removed = 0;
        if !dry_run && !ripe.is_empty() && self.has_new_records(there)? {
            // A backup has arrived meanwhile, which may lean on them: the next time.
            waiting += ripe
                .drain(..)
                .map(|(object, size)| {
                    since.insert(object, now - DAY);
                    size
                })
                .sum::<u64>();
        }
        for (object, size) in &ripe {
            if !dry_run {
                self.delete(object)?;
                self.ledger.map_or(Ok(()), |ledger| ledger.is_spare(self.target.name(), object))?;
            }
            (removed, freed) = (removed + 1, freed + size);
        }
        match self.ledger {
            _ if dry_run => {}
            Some(ledger) => ledger.set_unneeded(self.target.name(), &since)?,
            None => unneeded::write(&since, self.store, self.patience, self.control)?,
        }
        Ok((removed, freed, waiting))
    }

    fn has_new_records(&self, there: &There<'_>) -> Result<bool> {
        let now = list_ours(self.store, self.patience, self.control)?;
        Ok(now.keys().any(|object| object.starts_with("snapshots/") && !there.has(object)))
    }
}
