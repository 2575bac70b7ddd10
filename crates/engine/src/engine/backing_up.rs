//! Making backups, at the engine's front door: by hand, for a program, or because the schedule has one due.

use super::Engine;
use crate::report::{BackupOptions, BackupResult, BackupType, PruneOptions, Warning};
use crate::schedule::Agenda;
use crate::schedule::ledger::ScheduleLedger;
use crate::vault::Vault;
use crate::vault::lock::Lock;
use crate::vault::name::BackupName;
use crate::vault::{place, shelf};
use crate::watch::{self, News, Watch};
use crate::{Control, Error, Result, archive, backup, marriage, restore};

/// Of what goes on for longer, no calendar need show the end.
const LONGEST_PAUSE: i64 = 10 * 366 * 24 * 3_600_000;

/// What is to be made. The schedule decides once more when it has the vault for itself.
struct Wanted<'a> {
    kind: BackupType,
    options: BackupOptions,
    schedule: Option<&'a Agenda>,
}

impl Engine {
    pub fn create_backup(&self, kind: BackupType, options: &BackupOptions, control: &Control) -> Result<BackupResult> {
        let wanted = Wanted { kind, options: options.clone(), schedule: None };
        some(self.backup(wanted, control, |_, result, _, _| Ok(result)))
    }

    /// Does at once what the schedule does for this type: what no rule keeps goes, and an archive is written where the
    /// schedule asks for one. `covers`: smaller types that it counts for. What fails behind the backup is a warning.
    pub fn run_scheduled(
        &self,
        kind: BackupType,
        covers: &[BackupType],
        wait: bool,
        control: &Control,
    ) -> Result<BackupResult> {
        let options = BackupOptions { wait, covers: covers.to_vec(), ..BackupOptions::default() };
        let wanted = Wanted { kind, options, schedule: None };
        some(
            self.backup(wanted, control, |vault, result, covers, control| {
                self.follow_up(vault, result, covers, control)
            }),
        )
    }

    /// The backup that the schedule has due now, and what belongs to it. `zone`: the host's, for where none is configured.
    /// `None`: none is due, or another operation is at work, which may be just this one. However many ask, and whenever they
    /// do, it is made once, because what was seen to stands in the vault and is read under its lock.
    pub fn run_due(&self, zone: Option<&str>, control: &Control) -> Result<Option<BackupResult>> {
        let agenda = Agenda::of(&self.access.config, zone)?;
        let Some(due) = self.ledger(control)?.due(&agenda, control.now()) else { return Ok(None) };
        let options = BackupOptions { covers: due.covers, ..BackupOptions::default() };
        let wanted = Wanted { kind: due.kind, options, schedule: Some(&agenda) };
        let made = self
            .backup(wanted, control, |vault, result, covers, control| self.follow_up(vault, result, covers, control));
        match made {
            Err(Error::Busy { .. }) => Ok(None),
            other => other,
        }
    }

    /// No scheduled backups until then, in milliseconds since the epoch; it ends by itself.
    pub fn pause(&self, until: i64, control: &Control) -> Result<()> {
        if until <= control.now() {
            let message = "The end of a pause must be in the future. `lifeboat resume` ends a pause now.".into();
            return Err(Error::Config { message });
        }
        if until > control.now().saturating_add(LONGEST_PAUSE) {
            let message =
                "A pause can last ten years at most. For longer, switch `schedules` off in the configuration.".into();
            return Err(Error::Config { message });
        }
        self.logbook()?.pause(Some(until), control.now())
    }

    /// Ends a pause.
    pub fn resume(&self, control: &Control) -> Result<()> {
        self.logbook()?.pause(None, control.now())
    }

    fn logbook(&self) -> Result<watch::Logbook> {
        let dir = &self.access.config.backup_dir;
        if !Vault::exists(dir) {
            let message = format!("There is no vault in {} yet. `lifeboat backup` makes it.", dir.display());
            return Err(Error::NotFound { message });
        }
        watch::Logbook::open(dir)
    }

    fn ledger(&self, control: &Control) -> Result<ScheduleLedger> {
        watch::ledger(&place::of(&self.access.config.backup_dir), control.now())
    }

    /// What belongs to a scheduled backup.
    fn follow_up(
        &self,
        vault: &Vault,
        mut result: BackupResult,
        covers: &[BackupType],
        control: &Control,
    ) -> Result<BackupResult> {
        let mut warn = |path: &str, message: String| result.warnings.push(Warning { path: path.into(), message });
        match self.prune_with(vault, &PruneOptions::default(), control) {
            Ok(report) => report.warnings.into_iter().for_each(|warning| warn(&warning.path, warning.message)),
            Err(error) => warn("", format!("The backup is whole, but pruning failed: {error}")),
        }
        if covers.iter().chain([&result.kind]).any(|kind| self.access.config.schedule(*kind).archive) {
            let put = |name: BackupName| {
                archive::shelf::put(vault, &self.access.config, &self.access.credentials(None)?, &name, control)
            };
            match result.backup.parse().and_then(put) {
                Ok(warning) => result.warnings.extend(warning),
                Err(error) => {
                    let message = format!("No archive was written: {error} The backup itself is whole.");
                    result.warnings.push(Warning { path: shelf::FOLDER.into(), message });
                }
            }
        }
        Ok(result)
    }

    /// `then`: what belongs to it, under the same lock. `None`: the schedule has none due any more.
    fn backup(
        &self,
        mut wanted: Wanted<'_>,
        control: &Control,
        then: impl FnOnce(&Vault, BackupResult, &[BackupType], &Control) -> Result<BackupResult>,
    ) -> Result<Option<BackupResult>> {
        // Held until its end is written down: whoever takes it next takes a run without an end for one that was cut off.
        let (mut opened, mut held) = (None, None);
        let begun = self.begin(&mut wanted, &mut opened, &mut held, control);
        if let Ok(false) = begun {
            return Ok(None);
        }
        let Wanted { kind, options, schedule } = wanted;
        let recorder = self.recorder("BACKUP", Some(kind), control);
        let mut recorder = recorder.covering(kind, &options.covers, schedule.is_some());
        let work = || {
            begun?;
            let ((vault, place), lock) = opened.zip(held.as_ref()).ok_or_else(|| Error::internal("no lock is held"))?;
            let married = marriage::settle(&vault, &self.access.config)?;
            // One that cannot be ended now is no reason to have no backup.
            let unfinished = self.recover_restore(control).err().map(|error| error.to_string());
            recorder.started(&vault);
            let control = &lock.told(control);
            let not_stored = self.store_displaced(&vault, control).err();
            control.check()?;
            let options = BackupOptions { unfinished, ..options };
            let mut result = backup::run(&vault, &self.access.config, kind, &options, control)?;
            result.warnings.extend(place.into_iter().chain(married));
            let warning = |error: Error| Warning { path: restore::WORKSPACE.into(), message: error.to_string() };
            result.warnings.extend(not_stored.filter(|_| options.unfinished.is_none()).map(warning));
            then(&vault, result, &options.covers, control)
        };
        let result = work();
        let result = recorder.end(result, |result| News::of_backup(kind, result));
        drop(held);
        if let Ok(untold) = Watch::new(&self.access.config).notice(None, control.now(), control.now()) {
            untold.iter().for_each(|news| control.untold(news));
        }
        result.map(Some)
    }

    /// Opens the vault, which may be made, and takes its lock. False: what the schedule had due is done.
    fn begin(
        &self,
        wanted: &mut Wanted<'_>,
        opened: &mut Option<(Vault, Option<Warning>)>,
        held: &mut Option<Lock>,
        control: &Control,
    ) -> Result<bool> {
        // Of many that come at once to make what is due one goes on, and only that opens the vault, which takes a second.
        if wanted.schedule.is_none() || !Vault::exists(&self.access.config.backup_dir) {
            *opened = Some(self.access.vault_for_backup()?);
        }
        *held = Some(self.access.lock(&format!("BACKUP {}", wanted.kind), wanted.options.wait, control)?);
        if let Some(agenda) = wanted.schedule {
            self.settle(opened, control)?;
            let Some(due) = self.ledger(control)?.due(agenda, control.now()) else { return Ok(false) };
            (wanted.kind, wanted.options.covers) = (due.kind, due.covers);
        }
        if opened.is_none() {
            *opened = Some(self.access.vault_for_backup()?);
        }
        Ok(true)
    }

    /// What was cut off before may be what is due: how it ended is known first. The caller holds the vault's lock.
    fn settle(&self, opened: &mut Option<(Vault, Option<Warning>)>, control: &Control) -> Result<()> {
        let dir = &self.access.config.backup_dir;
        let Ok(logbook) = watch::Logbook::open(dir) else { return Ok(()) };
        if logbook.open_runs().is_ok_and(|open| open.is_empty()) {
            return Ok(());
        }
        if opened.is_none() {
            *opened = Some(self.access.vault_for_backup()?);
        }
        let _ = self.recover_restore(control);
        let vault = opened.as_ref().map(|(vault, _)| vault);
        // What cannot be written down is no reason to have no backup.
        let _ = watch::settle::settle(&logbook, dir, vault, control.now());
        Ok(())
    }
}

/// What was asked for, and not left to the schedule.
fn some(result: Result<Option<BackupResult>>) -> Result<BackupResult> {
    result.and_then(|made| made.ok_or_else(|| Error::internal("a backup that was asked for was not made")))
}
