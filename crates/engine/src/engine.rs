//! The engine's front door: one method for each thing users ask for.

mod backing_up;
pub(crate) mod elsewhere;
mod inspecting;
mod keeping;
mod restoring;
mod signing_in;
mod syncing;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::archive::Archive;
use crate::config::Reach;
use crate::migrate::{From, Migration};
use crate::mutex::lock as locked;
use crate::replica::marks;
use crate::report::*;
use crate::seal::keyring::{self, Credentials};
use crate::seal::places::{Environment, Places};
use crate::seal::{passphrase, passphrase_file};
use crate::secret::{MasterKey, Secret};
use crate::store::{Folders, Opener};
use crate::vault::Vault;
use crate::vault::layout::PINS;
use crate::vault::lock::Lock;
use crate::vault::place;
use crate::watch::{News, Recorder};
use crate::{Config, Control, Error, Result, archive, backup, compare, doctor, marriage, prune, restore, watch, zone};

/// A clock that is read twice may have been put right in between, in milliseconds.
const A_MOMENT: i64 = 1_000;

/// One root and its vault.
pub struct Engine {
    /// With the vault's own folder.
    config: Config,
    /// The folder that was named for the vault.
    named: PathBuf,
    key: Option<MasterKey>,
    /// The vault, once it has been opened.
    opened: Mutex<Option<Vault>>,
    /// A host is at the other end, and no command: the history says so.
    hosted: bool,
    /// Makes the stores of the targets.
    opener: Arc<dyn Opener>,
}

impl Engine {
    /// Opens nothing yet. `config` comes from [`Config::of_root`], [`Config::from_file`] or [`Config::from_json`].
    pub fn new(config: Config) -> Engine {
        let named = place::real(&config.backup_dir, &config.root);
        Engine {
            config: config.placed(),
            named,
            key: None,
            opened: Mutex::default(),
            hosted: false,
            opener: Arc::new(Folders),
        }
    }

    /// With the stores that another crate brings. Without, no target but a folder can be reached.
    pub fn with_opener(mut self, opener: Arc<dyn Opener>) -> Engine {
        self.config.reach = Reach(opener.clone());
        self.opener = opener;
        self
    }

    /// For a host, as the history has it.
    pub fn for_host(mut self) -> Engine {
        self.hosted = true;
        self
    }

    /// Uses a master key that is known already (the host keeps it for its workers) instead of deriving it again.
    pub fn with_key(mut self, key: MasterKey) -> Engine {
        self.key = Some(key);
        self
    }

    pub(crate) fn opener(&self) -> &dyn Opener {
        self.opener.as_ref()
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The master key, once an operation has opened the vault by a passphrase; for the host to keep.
    pub fn unlocked_key(&self) -> Option<MasterKey> {
        locked(&self.opened).as_ref().and_then(Vault::costly_key)
    }

    /// Makes the vault, or lets one more passphrase or key file open a vault that exists.
    ///
    /// `key_file` is made (32 random bytes, mode 0600) where it does not exist.
    pub fn init(&self, key_file: Option<&Path>) -> Result<InitReport> {
        if key_file.is_some_and(|path| path.starts_with(&self.config.backup_dir)) {
            return Err(Error::Config {
                message: "The key file must not lie in the vault: whoever has the vault would have the key.".into(),
            });
        }
        let root = &self.config.root;
        if !root.is_dir() {
            let message = format!(
                "{} is not there, or no folder. Name the folder of the app (`root`, --root DIR), or make it first.",
                root.display()
            );
            return Err(Error::Source { message, source: None });
        }
        let report = |vault: &Vault, created| InitReport {
            vault: self.config.backup_dir.clone(),
            created,
            encrypted: vault.is_encrypted(),
            key_file: key_file.map(Path::to_path_buf),
            passphrase_file: Places::of(&self.config).fallback().filter(|_| vault.is_encrypted()),
            warnings: Places::of(&self.config).looked_for().into_iter().filter_map(|place| place.warning).collect(),
        };
        let exists = Vault::exists(&self.config.backup_dir);
        let mut credentials = self.credentials(key_file)?;
        // Opened before anything is made: who cannot open the vault leaves no key file behind.
        let opened = match exists {
            true => Some(Vault::open(&self.config.backup_dir, &credentials).or_else(|error| match error {
                // The named key file is to be added: the configured one opens.
                Error::Passphrase { .. } if key_file.is_some() => self.vault(),
                other => Err(other),
            })?),
            false => None,
        };
        let missing = key_file.filter(|path| !path.exists());
        match opened {
            Some(vault) => {
                let _lock = self.lock("INIT", true, &Control::silent())?;
                // First, because it may be refused: then no key file is made that opens nothing.
                vault.add_credentials(&credentials)?;
                if let Some(path) = missing {
                    let key_file = Some(keyring::make_key_file(path)?);
                    vault.add_credentials(&Credentials { key_file, ..Credentials::default() })?;
                }
                Ok(report(&vault, false))
            }
            None => {
                if let Some(path) = missing {
                    credentials.passphrase.as_ref().map(passphrase::for_sealing).transpose()?;
                    credentials.key_file = Some(keyring::make_key_file(path)?);
                }
                let vault = self.make_vault(&credentials)?;
                self.marry_new(&vault)?;
                Ok(report(&vault, true))
            }
        }
    }

    /// As [`Engine::init`], with a file that opens the vault from then on: `config/backup.pass`, for a root where nothing else
    /// does. It gets `passphrase`, which has to open a vault that exists, or a strong one where that is `None`.
    pub fn init_with_passphrase_file(&self, passphrase: Option<&Secret>) -> Result<InitReport> {
        let places = Places::of(&self.config);
        if Vault::exists(&self.config.backup_dir) {
            let credentials = Credentials { passphrase: passphrase.cloned(), places, ..Credentials::default() };
            Vault::open(&self.config.backup_dir, &credentials)?;
        }
        let passphrase = match passphrase {
            Some(given) => {
                passphrase::for_sealing(given)?;
                given.clone()
            }
            None => passphrase::generate()?,
        };
        passphrase_file::make(&self.config.root, &passphrase)?;
        // By the file alone, as every later command will: what it does not open now, it never would.
        let config = Config {
            backup_dir: self.named.clone(),
            environment: Environment { typed: None, ..self.config.environment.clone() },
            ..self.config.clone()
        };
        Engine::new(config).init(None)
    }

    /// What a backup would take, and what not, and why. Writes nothing, and needs no key.
    pub fn preview_backup(&self, control: &Control) -> Result<Preview> {
        backup::preview(&self.config, control)
    }

    /// Looks at everything that a backup needs. `configuration`: what is wrong with the one that was meant.
    pub fn doctor(&self, configuration: Option<&Error>, control: &Control) -> Result<Diagnosis> {
        doctor::examine(self, configuration, control)
    }

    pub(crate) fn recorder(&self, operation: &str, kind: Option<BackupType>, control: &Control) -> Recorder {
        Recorder::new(&self.config.backup_dir, operation, kind, self.hosted, control)
    }

    /// What happened, newest first. Needs no key and never waits.
    pub fn history(&self, filter: &HistoryFilter) -> Result<Vec<Run>> {
        watch::history(&self.config.backup_dir, filter)
    }

    /// Newest first, also those that are only at a target, as far as that is known here. Never waits, and asks no target.
    pub fn list_backups(&self, filter: &ListFilter) -> Result<Vec<BackupInfo>> {
        self.recover_quietly();
        if !Vault::exists(&self.config.backup_dir) {
            return marriage::refuse_missing_vault(&self.config).map(|()| Vec::new());
        }
        let vault = self.vault_to_read(None, &Control::silent())?;
        let backups = watch::inspection::verified(&self.config.backup_dir, vault.backups_known(filter)?);
        Ok(self.with_places(backups))
    }

    /// In path order; `items` are paths, globs or categories, empty means all. Never waits.
    pub fn list_items(&self, backup: &str, items: &[String]) -> Result<Vec<ItemInfo>> {
        self.recover_quietly();
        restore::select(&self.vault_to_read(None, &Control::silent())?, backup, items)
    }

    /// Every version of one path over time, newest first. `E_NOT_FOUND` with the nearest names where no backup has it.
    pub fn versions(&self, path: &str) -> Result<Vec<Version>> {
        self.recover_quietly();
        compare::versions(&self.vault_to_read(None, &Control::silent())?, path)
    }

    /// What changed from one backup to another, or to the live root.
    pub fn diff(&self, from: &BackupRef, to: Option<&BackupRef>, control: &Control) -> Result<DiffReport> {
        self.refuse_future([from].into_iter().chain(to), control)?;
        self.recover_quietly();
        compare::diff(&self.vault_to_read(None, control)?, &self.config, from, to, control)
            .map_err(|error| self.in_zone(error))
    }

    /// Writes one backup, or some of its items, into one portable file.
    pub fn export_backup(
        &self,
        backup: &str,
        file: &Path,
        options: &ExportOptions,
        control: &Control,
    ) -> Result<ExportResult> {
        archive::check_place(file, options.overwrite)?;
        self.recover_quietly();
        let (vault, credentials) = (self.vault_to_read(None, control)?, self.credentials(None)?);
        let recorder = self.recorder("EXPORT", None, control);
        recorder.end(archive::export(&vault, &self.config, &credentials, backup, file, options, control), silent)
    }

    /// Takes an archive into this vault, as the backup that it was; makes the vault where there is none. `passphrase`:
    /// the archive's, where it is not the vault's.
    pub fn import_backup(&self, file: &Path, passphrase: Option<&Secret>, control: &Control) -> Result<BackupInfo> {
        let credentials = self.credentials(None)?;
        let opening = Credentials {
            passphrase: passphrase
                .filter(|given| !given.expose().is_empty())
                .or(credentials.passphrase.as_ref())
                .cloned(),
            ..credentials.clone()
        };
        // Before a vault is made: one that was made with a passphrase that is wrong here would only be in the way.
        let archive = Archive::open(file, &opening)?;
        let vault = match Vault::exists(&self.config.backup_dir) {
            true => self.vault()?,
            false => {
                marriage::refuse_missing_vault(&self.config)?;
                self.make_vault(&credentials)?
            }
        };
        let lock = self.lock("IMPORT", true, control)?;
        let mut recorder = self.recorder("IMPORT", None, control);
        recorder.started(&vault);
        let control = &lock.told(control);
        let work = || {
            self.recover_under_lock(&vault, control)?;
            archive::import(&vault, &self.config, &archive, control)
        };
        recorder.end(work(), silent)
    }

    /// Sets up the root, which must be empty or not exist, from a vault, a folder that holds one, an archive, or a target of the
    /// configuration by its name.
    pub fn migrate(&self, from: &Path, options: &MigrateOptions, control: &Control) -> Result<MigrateReport> {
        // A folder of that name is `./NAME`.
        let named = self.config.cloud.iter().find(|target| from.as_os_str() == target.name());
        self.migrate_from(named.map_or(From::Path(from), From::Target), options, control)
    }

    /// The same from a target, which needs nothing here but what opens the target and the vault.
    pub fn migrate_from(&self, from: From<'_>, options: &MigrateOptions, control: &Control) -> Result<MigrateReport> {
        self.refuse_future(&options.backup, control)?;
        let credentials = self.credentials(None)?;
        let migrated = Migration { engine: self, credentials, options, control }.run(from);
        let report = migrated.map_err(|error| self.in_zone(error))?;
        self.take_over_targets(control);
        Ok(report)
    }

    /// Removes the backups that no rule keeps, and what only they needed; or only says what would go.
    pub fn prune(&self, options: &PruneOptions, control: &Control) -> Result<PruneReport> {
        let vault = self.vault()?;
        let lock = self.lock("PRUNE", options.wait, control)?;
        marriage::refuse_another(&vault, &self.config)?;
        let control = &lock.told(control);
        if options.dry_run {
            return self.prune_with(&vault, options, control);
        }
        let mut recorder = self.recorder("PRUNE", None, control);
        recorder.started(&vault);
        let work = || {
            prune::refuse_frozen(&vault, options, control.now())?;
            vault.clean_up()?;
            self.prune_with(&vault, options, control)
        };
        recorder.end(work(), silent)
    }

    fn prune_with(&self, vault: &Vault, options: &PruneOptions, control: &Control) -> Result<PruneReport> {
        prune::run(vault, &self.config, options, watch::inspection::damaged_packs(vault.dir()), control)
    }

    /// Removes one backup from here, and what only it needed; a warning says at which targets it stays. One that is only at targets
    /// goes there; what only it needed, their next pruning removes.
    pub fn delete_backup(&self, backup: &str, control: &Control) -> Result<PruneReport> {
        let vault = self.vault_to_read(None, control)?;
        let name = vault.resolve(&BackupRef::Name(backup.into()))?;
        let lock = self.lock("DELETE", false, control)?;
        let is_here = vault.list_snapshots()?.contains(&name);
        let vault = vault.here();
        let mut recorder = self.recorder("DELETE", None, control);
        recorder.started(&vault);
        let control = &lock.told(control);
        let deleted = match is_here {
            true => self.stays(&vault, &name, control).and_then(|stays| {
                let mut report = prune::delete(&vault, &self.config, &name, control)?;
                // What is read at this moment has not gone.
                report.warnings.extend(stays.into_iter().filter(|_| report.removed > 0));
                Ok(report)
            }),
            false => self.delete_elsewhere(&vault, &name, control),
        };
        recorder.end(deleted, silent)
    }

    /// Keeps a backup until it is unpinned, whatever the rules say; or leaves it to the rules again.
    /// Returns its name.
    pub fn pin(&self, backup: &str, pinned: bool) -> Result<String> {
        let vault = self.vault()?;
        if let Some((name, fetch)) = self.only_elsewhere(&vault, backup)? {
            match pinned {
                true => marks::put(&vault, &fetch, PINS, &name)?,
                false => marks::remove(&vault, &fetch, &self.config, PINS, &name)?,
            }
            return Ok(name.to_string());
        }
        let name = self.resolve_here(&vault, backup)?;
        if pinned {
            vault.pin(&name)?
        } else {
            vault.unpin(&name)?
        }
        Ok(name.to_string())
    }

    /// Never waits, never needs a key.
    pub fn status(&self) -> Result<Status> {
        let unfinished = self.recover(&Control::silent()).err();
        watch::status(&self.config, unfinished, Control::silent().now())
    }

    /// A restore that was cut off is finished or undone by whatever comes next, also where that only looks. An error
    /// here is told by the next operation that writes.
    fn recover_quietly(&self) {
        let _ = self.recover(&Control::silent());
    }

    /// The vault, opened once.
    pub(crate) fn vault(&self) -> Result<Vault> {
        let mut opened = locked(&self.opened);
        if let Some(vault) = &*opened {
            return Ok(vault.clone());
        }
        if !Vault::exists(&self.config.backup_dir) {
            marriage::refuse_missing_vault(&self.config)?;
        }
        let vault = Vault::open(&self.config.backup_dir, &self.credentials(None)?);
        let vault = vault.map_err(|error| self.with_way_back(error))?;
        Ok(opened.insert(vault).clone())
    }

    fn make_vault(&self, credentials: &Credentials) -> Result<Vault> {
        let vault = Vault::create(&self.config.backup_dir, credentials, self.config.encryption)?;
        Ok(locked(&self.opened).insert(vault).clone())
    }

    fn lock(&self, operation: &str, wait: bool, control: &Control) -> Result<Lock> {
        Lock::acquire(&self.config.backup_dir, operation, wait, control)
    }

    fn in_zone(&self, error: Error) -> Error {
        match error {
            // No other one names a time. Who asks for the zone opens the logbook, and SQLite makes files beside it.
            error @ Error::NoneThatOld { .. } => error.in_zone(&zone::of(&self.config)),
            other => other,
        }
    }

    /// Of a time that is still to come there is no backup: whoever asks for one means another zone, or mistyped.
    fn refuse_future<'a>(&self, backups: impl IntoIterator<Item = &'a BackupRef>, control: &Control) -> Result<()> {
        let now = control.now();
        for backup in backups {
            if let BackupRef::At { at } = backup
                && *at > now + A_MOMENT
            {
                let zone = zone::of(&self.config);
                return Err(Error::Config {
                    message: format!(
                        "{} is still to come: there it is {} now. A time without a zone is in the time zone {}; to name \
                         another, write for example 2026-11-23T14:00:00Z.",
                        zone.exactly(*at),
                        zone.show(now),
                        zone.why.words()
                    ),
                });
            }
        }
        Ok(())
    }

    /// Whatever may open the vault. `also`: a key file besides the configured one; it need not exist.
    fn credentials(&self, also: Option<&Path>) -> Result<Credentials> {
        Ok(Credentials { master: self.key.clone(), ..Places::of(&self.config).credentials(also)? })
    }
}

/// What nobody but the history is told.
fn silent<T>(_: &Result<T>) -> Option<News> {
    None
}
