//! Bringing back, at the engine's front door: in place or elsewhere, now, at the next start, or after a crash.

use std::path::Path;
use std::time::{Duration, Instant};

use super::Engine;
use crate::report::{BackupRef, Progress, RestoreMode, RestoreOptions, RestoreResult, UndoOptions, Warning};
use crate::restore::Restored;
use crate::restore::afterwards::Afterwards;
use crate::vault::Vault;
use crate::watch::event::Overwritten;
use crate::watch::{self, News};
use crate::{Control, Error, Result, presence, restore};

/// What is restored where it waited for the next start.
const PENDING: &str = "pending";

impl Engine {
    /// Restores in place, or into `options.target`.
    pub fn restore(&self, backup: &BackupRef, options: &RestoreOptions, control: &Control) -> Result<RestoreResult> {
        restore::check_options(options)?;
        self.refuse_future([backup], control)?;
        match &options.target {
            Some(target) => self.refuse_in_vault(target)?,
            None => self.refuse_missing_root()?,
        }
        let vault = self.access.vault_to_restore(options.from.as_deref(), control)?;
        if let Some(target) = &options.target {
            self.recover_quietly();
            let threads = self.access.config.worker.effective_threads();
            let result = restore::into(&vault, target, backup, options, threads, control);
            let result = result.map_err(|error| self.in_zone(error));
            // A command has told it to whoever typed it.
            let news =
                News::of_restore(&backup.to_string(), result.as_ref()).filter(|_| self.hosted && !options.dry_run);
            if let Some(news) = news {
                watch::tell(vault.dir(), &news, control);
            }
            return result;
        }
        self.in_place(&vault, &backup.to_string(), options, control, |control| {
            restore::in_place(&vault, &self.access.config, backup, options, control)
        })
    }

    /// Takes the last restore in place back: exactly what it replaced and removed comes back, and what it made goes. That
    /// is a restore, too, with a safety backup of its own, and can be taken back.
    pub fn undo_restore(&self, options: &UndoOptions, control: &Control) -> Result<RestoreResult> {
        self.refuse_missing_root()?;
        let vault = self.access.vault_to_read(None, control)?;
        self.in_place(&vault, "undo", &options.as_restore(), control, |control| {
            restore::undo(&vault, &self.access.config, options, control)
        })
    }

    /// What is written there would be taken for the vault's, or for somebody else's; and the vault may be all that is left.
    fn refuse_in_vault(&self, target: &Path) -> Result<()> {
        let real = |path: &Path| {
            let mut there = path;
            while !there.exists() {
                there = there.parent()?;
            }
            let rest = path.strip_prefix(there).ok()?;
            Some(std::fs::canonicalize(there).ok()?.join(rest))
        };
        let vault = &self.config().backup_dir;
        match (real(target), real(vault)) {
            (Some(target), Some(vault)) if target.starts_with(&vault) => Err(Error::Config {
                message: format!("{} lies in the vault. Restore into a folder beside it.", target.display()),
            }),
            _ => Ok(()),
        }
    }

    fn refuse_missing_root(&self) -> Result<()> {
        let root = &self.access.config.root;
        if root.is_dir() {
            return Ok(());
        }
        if root.exists() {
            let message = format!("{} is no folder. Name the folder of the app (`root`, --root DIR).", root.display());
            return Err(Error::Source { message, source: None });
        }
        Err(Error::Source {
            message: format!(
                "The folder {} does not exist. Make it, and in it `lifeboat migrate --from COPY` sets it up from a copy of its \
                 vault or from an archive.",
                root.display()
            ),
            source: None,
        })
    }

    /// `name`: what failed, for an event.
    fn in_place(
        &self,
        vault: &Vault,
        name: &str,
        options: &RestoreOptions,
        control: &Control,
        restore: impl FnOnce(&Control) -> Result<Restored>,
    ) -> Result<RestoreResult> {
        let mut recorder = self.recorder("RESTORE", None, control).of(name);
        let mut held = None;
        let work = || {
            let lock = held.insert(self.access.lock("RESTORE", options.wait, control)?);
            let control = &lock.told(control);
            self.recover_under_lock(&vault.here(), control)?;
            if !options.dry_run {
                recorder.started(&vault.here());
            }
            restore(control).map_err(|error| self.in_zone(error))
        };
        let done = work();
        if options.dry_run {
            return done.map(|restored| restored.result);
        }
        // Written down before hosts are waited for: they may take a while, and the restore is done.
        let result = match done {
            Ok(Restored { mut result, placed, app_runs, asked, open }) => {
                let done = Ok(result.clone());
                let news = self.news_of_restore(name, &done);
                recorder.note(&done, news);
                drop(held);
                let may_restart = options.mode == RestoreMode::Auto;
                Afterwards {
                    vault: vault.dir(),
                    root: &self.access.config.root,
                    placed,
                    held: open,
                    app_runs,
                    watch: options.watch,
                    may_restart,
                    control,
                }
                .run(&mut result, asked);
                Ok(result)
            }
            Err(error) => Err(error),
        };
        if let Ok(result) = &result
            && !result.overwritten.is_empty()
            && result.advice.is_some()
        {
            let (backup, paths) = (result.backup.clone(), result.overwritten.clone());
            recorder.tell(&News::RestoreOverwritten(Overwritten { backup, paths }));
        }
        // Of one that was done that is kept already.
        recorder.end(result, |result| if result.is_ok() { None } else { self.news_of_restore(name, result) })
    }

    /// Whoever mistypes a name at a terminal has been told already.
    fn news_of_restore(&self, name: &str, result: &Result<RestoreResult>) -> Option<News> {
        match result {
            Err(Error::Config { .. } | Error::NotFound { .. } | Error::Passphrase { .. }) if !self.hosted => None,
            _ => News::of_restore(name, result.as_ref()),
        }
    }

    /// Applies a restore that was staged with [`RestoreMode::OnRestart`], and finishes or undoes one that was cut off.
    /// `None` where there is neither.
    pub fn apply_pending_restore(&self, control: &Control) -> Result<Option<RestoreResult>> {
        if restore::unfinished(&self.access.config.root).is_none() {
            return Ok(None);
        }
        // Another process may be in the middle of one: it is waited for, and what it has left is what counts.
        let exists = Vault::exists(&self.access.config.backup_dir);
        let lock = if exists { self.access.lock("RESTORE", true, control).ok() } else { None };
        let control = &lock.as_ref().map_or_else(|| control.clone(), |lock| lock.told(control));
        control.check()?;
        let finished = self.recover_restore(control)?;
        let stored =
            if exists { self.access.vault().and_then(|vault| self.store_displaced(&vault, control)) } else { Ok(None) };
        if let Some(mut finished) = finished {
            match stored {
                Ok(stored) => finished.safety_backup = stored.or(finished.safety_backup),
                Err(error) => finished.warnings.push(Warning { path: String::new(), message: error.to_string() }),
            }
            return Ok(Some(finished));
        }
        let Some(since) = restore::pending_since(&self.access.config)? else { return Ok(None) };
        self.wait_for_others(since, control)?;
        let recorder = self.recorder("RESTORE", None, control).of(PENDING);
        let applied = self
            .access
            .vault_to_read(None, control)
            .and_then(|vault| restore::apply_pending(&vault, &self.access.config, control));
        let result = match applied {
            // Forgotten at this moment.
            Ok(None) => return Ok(None),
            Ok(Some(result)) => Ok(result),
            Err(error) => Err(waits_still(error)),
        };
        recorder.end(result, |result| self.news_of_restore(PENDING, result)).map(Some)
    }

    /// Of several processes of an app that start again, the first one comes while others have not ended yet.
    fn wait_for_others(&self, staged: i64, control: &Control) -> Result<()> {
        const PATIENCE: Duration = Duration::from_secs(30);
        let until = Instant::now() + PATIENCE;
        let is_old = |host: &presence::Host| host.is_app() && host.since < staged && host.pid != parent();
        while Instant::now() < until && presence::processes(&self.access.config.backup_dir).iter().any(is_old) {
            control.check()?;
            control.report(&Progress { phase: "waiting until the app has ended".into(), ..Progress::default() });
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    /// Finishes or undoes a restore that was cut off. The result of one that was finished; one that waits for the next
    /// start goes on waiting. What it displaced is stored now if the vault can be opened, and nobody is at work in it.
    pub fn recover(&self, control: &Control) -> Result<Option<RestoreResult>> {
        let finished = self.recover_restore(control)?;
        if restore::displaced_waits(&self.access.config)?
            && Vault::exists(&self.access.config.backup_dir)
            && let Ok(vault) = self.access.vault()
            && let Ok(lock) = self.access.lock("RESTORE", false, control)
        {
            let _ = self.store_displaced(&vault, &lock.told(control));
        }
        Ok(finished)
    }

    /// Finishes or undoes a restore that was cut off, and writes down how it ended.
    pub(super) fn recover_restore(&self, control: &Control) -> Result<Option<RestoreResult>> {
        let recovered = restore::recover(&self.access.config, control);
        let dir = &self.access.config.backup_dir;
        let noted = match &recovered {
            Ok(Some(result)) => watch::settle::recovered(dir, Ok(result), control.now()),
            Err(error @ Error::RolledBack { .. }) => watch::settle::recovered(dir, Err(error), control.now()),
            _ => Ok(()),
        };
        // What cannot be written down changes nothing of it.
        let _ = noted;
        recovered
    }

    /// The same with the vault's lock: nothing of an earlier restore is left open, or it is an error.
    pub(super) fn recover_under_lock(&self, vault: &Vault, control: &Control) -> Result<()> {
        self.recover_restore(control)?;
        self.store_displaced(vault, control).map(drop)
    }

    /// Stores what an earlier restore has displaced. The caller holds the vault's lock.
    pub(super) fn store_displaced(&self, vault: &Vault, control: &Control) -> Result<Option<String>> {
        restore::store_waiting(vault, &self.access.config, control)
    }

    /// Forgets a restore that waits for the next start. True: there was one.
    pub fn discard_pending_restore(&self) -> Result<bool> {
        restore::discard_pending(&self.access.config)
    }
}

/// What waits goes on waiting, until it can be applied or is forgotten.
fn waits_still(error: Error) -> Error {
    const WAY_OUT: &str = "The restore goes on waiting; `lifeboat restore --discard-pending` forgets it.";
    match error {
        Error::Restore { message } => Error::Restore { message: format!("{message} {WAY_OUT}") },
        Error::NotFound { message } => Error::NotFound { message: format!("{message} {WAY_OUT}") },
        Error::Corrupt { object, detail, backups } => {
            Error::Corrupt { object, detail: format!("{detail} ({WAY_OUT})"), backups }
        }
        other => other,
    }
}

/// The host of a worker.
fn parent() -> u32 {
    #[cfg(unix)]
    return std::os::unix::process::parent_id();
    #[cfg(not(unix))]
    return 0;
}
