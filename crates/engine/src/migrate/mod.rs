//! Another server: a new root from nothing but a vault, or an archive, and what opens it.
//!
//! find the source → choose the backup → restore it into the empty root → copy the vault into it → give both to their
//! owner → verify → say what is left to do. The source is only read from, unless it lies where the new root's vault
//! belongs. The restore is all or nothing and comes first, because the app waits for it; whatever is cut off, the same
//! command goes on with it. Users' files are never rewritten: what of a configuration does not fit here is a warning.

mod advice;
mod dependencies;
mod history;
mod logbook;
mod origin;
mod place;
mod remote;
mod root;
mod settings;
mod survey;
mod vault_only;

use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::access::Access;
use crate::config::{DEFAULT_FILE, PASSPHRASE_FILE};
use crate::report::*;
use crate::seal::keyring::Credentials;
use crate::vault::Vault;
use crate::vault::layout::Object;
use crate::vault::lock::Lock;
use crate::vault::name::BackupName;
use crate::vault::snapshot::Snapshot;
use crate::{Config, Control, Error, Result, marriage, owner, restore, verify, watch};

use advice::{advise, next_steps, unfinished};
pub use origin::From;
use origin::Origin;
use place::{check_space, inside, same_place};
use root::{NewRoot, Note};
use survey::Survey;

/// One run of a migration.
pub struct Migration<'a> {
    pub access: &'a Access,
    /// Takes an archive into the vault of the new root.
    pub import: &'a dyn Fn(&Path) -> Result<BackupInfo>,
    pub credentials: Credentials,
    pub options: &'a MigrateOptions,
    pub control: &'a Control,
}

/// The vault that all comes from, opened, and the backup that was chosen.
pub struct Source {
    vault: Vault,
    name: BackupName,
    snapshot: Snapshot,
}

impl Migration<'_> {
    pub fn run(&self, from: From<'_>) -> Result<MigrateReport> {
        let started = Instant::now();
        if !self.options.restore {
            return self.vault_only(from, started);
        }
        let origin = Origin::find(from, self.options.vault_id.as_deref(), self.access.opener(), self.control)?;
        let owner = self.options.owner.as_deref().map(owner::parse).transpose()?;
        let config = self.access.config();
        self.refuse_tangles(&origin, config)?;
        // A restore that was cut off is finished or undone; only then it is known what the root holds.
        restore::recover(config, self.control)?;
        // Also the folder that holds the vault beside other things: all of it was copied here.
        let around = match (from, &origin) {
            (From::Path(from), _) => Some(from.canonicalize().unwrap_or_else(|_| from.to_path_buf())),
            _ => None,
        };
        let around = around.filter(|from| is_remote(&origin) || origin.path().starts_with(from));
        let places = [Some(config.backup_dir.as_path()), Some(origin.path()), around.as_deref()];
        let places = places.into_iter().flatten().filter_map(|place| inside(place, &config.root));
        // What opens the vault and the target may have been put there first: no backup holds it.
        let secrets = match from {
            From::Target(target) => target.secret_files(),
            From::Path(_) => Vec::new(),
        };
        let secrets = secrets.into_iter().filter_map(|file| inside(file, &config.root));
        let named = matches!(from, From::Target(_)).then(|| PathBuf::from(DEFAULT_FILE));
        let places = places.chain([PathBuf::from(PASSPHRASE_FILE)]).chain(secrets).chain(named);
        let mut root = NewRoot::enter(&config.root, &places.collect::<Vec<_>>())?;
        let resumed = root.note.is_some();
        let mut source = self.open(&origin, &mut root)?;
        // The vault's own place is refused by the restore.
        let taken = inside(origin.path(), &config.root).filter(|_| !same_place(origin.path(), &config.backup_dir));
        let survey = Survey::of(&source.vault, &source.snapshot, taken.as_deref(), self.control)
            .map_err(|error| advise(error, &origin, &source.vault, &source.name))?;
        let place = self.place(&source, &survey)?;
        let config = Config { backup_dir: place.clone(), ..config.clone() };
        let is_there = same_place(source.vault.dir(), &place);
        let objects = match (&origin, self.options.history && !is_there) {
            (_, false) => Vec::new(),
            (Origin::Remote(remote), true) => remote.objects(&source.vault, self.control)?,
            (_, true) => history::objects(&source.vault)?,
        };
        self.check_place(&source, &place, is_there, resumed)?;
        let fetched = inside(&place, &config.root).filter(|_| is_remote(&origin) && self.options.history);
        let note = Note { vault: Some(source.vault.id()), backup: Some(source.name.to_string()), place: fetched };
        root.write_note(&note)?;
        if !root.is_restored {
            check_space(&config.root, &source.snapshot, &place, history::missing(&objects, &place))?;
            if let Origin::Remote(remote) = &origin
                && self.options.history
            {
                // From here on another try goes on with what was fetched.
                root.keep();
                source.vault = remote.bring_needed(&source, &place, self.control)?;
            }
            self.restore(&source, &config, is_there)
                .map_err(|error| advise(error, &origin, &source.vault, &source.name))?;
            root.keep();
        }
        let mut report = MigrateReport {
            success: true,
            source: origin.said(),
            root: config.root.clone(),
            vault: (self.options.history || is_there).then(|| place.clone()),
            backup: source.name.to_string(),
            timestamp: source.snapshot.timestamp,
            items: source.snapshot.items,
            bytes: source.snapshot.total_size,
            backups: 0,
            copied: 0,
            resumed,
            damaged: Vec::new(),
            warnings: Vec::new(),
            next: Vec::new(),
            duration_ms: 0,
        };
        if report.vault.is_some() {
            self.set_up_vault(&origin, &source, &objects, &place, is_there, &mut report)?;
        }
        self.give(&source, &root, &survey, owner, &report)?;
        if report.vault.is_some() {
            // The new root is another one than the old, also where they share the vault.
            let vault = self.reopen(&source, &place)?;
            let _lock = Lock::acquire(&place, "MIGRATE", false, self.control)?;
            marriage::adopt(&vault, &config)?;
        }
        report.warnings.extend(self.warnings(&source, &survey, &origin, &report, owner.is_some()));
        report.next = next_steps(&survey, &source, &report, self.access.config());
        root.finish()?;
        report.duration_ms = started.elapsed().as_millis() as u64;
        Ok(report)
    }

    /// Source and root must not lie in each other's way.
    fn refuse_tangles(&self, origin: &Origin, config: &Config) -> Result<()> {
        let refuse = |message: String| Err(Error::Config { message });
        if let Origin::Archive(file) = origin {
            if self.options.backup.is_some() {
                return refuse(format!("{} is an archive of one backup: there is none to choose.", file.display()));
            }
            if !self.options.history {
                return refuse(
                    "An archive has no history to leave out: it becomes the first backup of the new vault.".into(),
                );
            }
        }
        if config.root.starts_with(origin.path()) || origin.path() == config.root {
            return refuse(format!(
                "The new root {} lies in the source {}. Choose another folder (--root DIR).",
                config.root.display(),
                origin.path().display()
            ));
        }
        Ok(())
    }

    /// Opens the source, and chooses the backup. An archive becomes the first backup of the new vault, and that the source.
    fn open(&self, origin: &Origin, root: &mut NewRoot) -> Result<Source> {
        let config = self.access.config();
        let noted = root.note.clone().unwrap_or_default();
        // Before anything is restored, another backup may be chosen as well.
        let begun = if root.is_restored { noted.clone() } else { Note::default() };
        let (vault, wanted) = match origin {
            Origin::Vault(dir) => {
                let vault = match same_place(dir, &config.backup_dir) {
                    true => Vault::open(dir, &self.credentials)?,
                    false => Vault::open_untouched(dir, &self.credentials)?,
                };
                let begun = begun.backup.clone().map(BackupRef::Name);
                (vault, self.options.backup.clone().or(begun))
            }
            Origin::Remote(remote) => {
                let begun = begun.backup.clone().map(BackupRef::Name);
                (remote.open(&self.credentials, self.control)?, self.options.backup.clone().or(begun))
            }
            Origin::Archive(file) => {
                let backup = match noted.backup.filter(|_| Vault::exists(&config.backup_dir)) {
                    Some(backup) => backup,
                    None => {
                        root.write_note(&Note::default())?;
                        (self.import)(file)?.backup
                    }
                };
                (self.access.vault()?, Some(BackupRef::Name(backup)))
            }
        };
        let name = vault.resolve(&wanted.unwrap_or_else(|| BackupRef::Name("latest".into())))?;
        let is_other =
            begun.vault.is_some_and(|id| id != vault.id()) || begun.backup.is_some_and(|it| it != name.as_str());
        if is_other {
            return Err(Error::Restore {
                message: format!(
                    "{} holds a migration of another backup that was cut off. Finish that with its own command, or \
                     choose another folder (--root DIR).",
                    config.root.display()
                ),
            });
        }
        let snapshot = Snapshot::read(&vault, &name).map_err(|error| advise(error, origin, &vault, &name))?;
        Ok(Source { vault, name, snapshot })
    }

    fn restore(&self, source: &Source, config: &Config, is_there: bool) -> Result<()> {
        // Where the source is not the new vault, no lock is taken: that would be a file in the source.
        let _lock = match is_there {
            true => Some(Lock::acquire(source.vault.dir(), "MIGRATE", false, self.control)?),
            false => None,
        };
        let options = RestoreOptions {
            create_backup_first: false,
            mode: RestoreMode::Offline,
            mirror: Vec::new(),
            owner: self.options.owner.clone(),
            allow_outside_links: self.options.allow_outside_links,
            ..RestoreOptions::default()
        };
        let backup = BackupRef::Name(source.name.to_string());
        restore::in_place(&source.vault, config, &backup, &options, self.control).map(drop)
    }

    /// Copies the history where it is not there yet, and proves that the new vault is whole.
    fn set_up_vault(
        &self,
        origin: &Origin,
        source: &Source,
        objects: &[Object],
        place: &Path,
        is_there: bool,
        report: &mut MigrateReport,
    ) -> Result<()> {
        history::make_folder(place)?;
        let _lock = Lock::acquire(place, "MIGRATE", false, self.control)?;
        let from = source.vault.dir();
        // Before vault.json, which comes last: from then on the app may write a logbook of its own.
        report.warnings.extend(match is_there {
            true => logbook::adopt(place),
            false => {
                let temporary = history::temporary(place).map_err(unfinished)?;
                let (warning, copied) = match origin {
                    Origin::Remote(remote) => (None, remote.copy(source, objects, place, &temporary, self.control)),
                    _ => {
                        let warning = logbook::bring(from, place, &temporary);
                        (warning, history::copy(from, objects, place, &temporary, self.control))
                    }
                };
                report.copied = copied.map_err(unfinished)?;
                warning
            }
        });
        let vault = self.reopen(source, place)?;
        let threads = self.access.config().worker.effective_threads();
        let scope = verify::Scope::All;
        let verified = verify::run(&vault, &scope, false, threads, self.control)?;
        // So that `status` knows of damage, too. Where it cannot be noted, the next inspection finds it.
        let _ = watch::inspection::remember(&vault, &verified, &[], &scope, self.control.now());
        report.backups = verified.report.backups;
        report.damaged = verified.report.damaged;
        // So that `lifeboat list` need not open every snapshot.
        vault.catalog_for_writing().map(drop)
    }

    /// Opens the copy of a vault, by the key that opened the vault.
    fn reopen(&self, source: &Source, place: &Path) -> Result<Vault> {
        Vault::open(place, &Credentials { master: source.vault.costly_key(), ..self.credentials.clone() })
    }

    /// The root's own folder and the vault are in no backup: they go to whoever has what is in it.
    fn give(
        &self,
        source: &Source,
        root: &NewRoot,
        survey: &Survey,
        owner: Option<owner::Ids>,
        report: &MigrateReport,
    ) -> Result<()> {
        let Some(ids) = owner.or(survey.main_owner()).filter(|_| owner::may_give()) else { return Ok(()) };
        // A backup that knows whose the root was has given it back already.
        let is_known = source.snapshot.root_folder.is_some();
        if owner.is_some() || (!is_known && (root.was_made() || owner::is_roots(&report.root))) {
            owner::give(&report.root, ids)?;
        }
        // A vault on a share that was there before is not ours to give away.
        let is_ours = |vault: &&PathBuf| vault.starts_with(&report.root) || !same_place(vault, &report.source);
        let Some(vault) = report.vault.as_ref().filter(is_ours) else { return Ok(()) };
        for folder in vault.ancestors().skip(1).take_while(|folder| *folder != report.root) {
            // A folder between the root and the vault was made for it.
            if folder.starts_with(&report.root) && owner::is_roots(folder) {
                owner::give(folder, ids)?;
            }
        }
        owner::give_all(vault, ids)
    }
}

fn is_remote(origin: &Origin) -> bool {
    matches!(origin, Origin::Remote(_))
}
