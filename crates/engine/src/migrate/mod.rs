//! Another server: a new root from nothing but a vault, or an archive, and what opens it.
//!
//! find the source → choose the backup → restore it into the empty root → copy the vault into it → give both to their
//! owner → verify → say what is left to do. The source is only read from, unless it lies where the new root's vault
//! belongs. The restore is all or nothing and comes first, because the app waits for it; whatever is cut off, the same
//! command goes on with it. Users' files are never rewritten: what of a configuration does not fit here is a warning.

mod history;
mod origin;
mod owner;
mod root;
mod settings;
mod survey;

use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::config::DEFAULT_FILE;
use crate::report::*;
use crate::seal::keyring::Credentials;
use crate::vault::lock::Lock;
use crate::vault::name::BackupName;
use crate::vault::snapshot::Snapshot;
use crate::vault::{Vault, durable};
use crate::{Config, Control, Engine, Error, Result, restore, space, verify};

use origin::Origin;
use root::{NewRoot, Note};
use settings::Settings;
use survey::Survey;

/// One run of a migration.
pub struct Migration<'a> {
    pub engine: &'a Engine,
    pub credentials: Credentials,
    pub options: &'a MigrateOptions,
    pub control: &'a Control,
}

/// The vault that all comes from, opened, and the backup that was chosen.
struct Source {
    vault: Vault,
    name: BackupName,
    snapshot: Snapshot,
}

impl Migration<'_> {
    pub fn run(&self, from: &Path) -> Result<MigrateReport> {
        let started = Instant::now();
        let origin = Origin::find(from)?;
        let owner = self.options.owner.as_deref().map(owner::parse).transpose()?;
        let config = self.engine.config();
        self.refuse_tangles(&origin, config)?;
        // A restore that was cut off is finished or undone; only then it is known what the root holds.
        restore::recover(config, self.control)?;
        let places = [config.backup_dir.as_path(), origin.path()].into_iter().filter_map(|place| inside(place, &config.root));
        let mut root = NewRoot::enter(&config.root, &places.collect::<Vec<_>>())?;
        let resumed = root.note.is_some();
        let source = self.open(&origin, &mut root)?;
        // The vault's own place is refused by the restore.
        let taken = inside(origin.path(), &config.root).filter(|_| !same_place(origin.path(), &config.backup_dir));
        let survey = Survey::of(&source.vault, &source.snapshot, taken.as_deref(), self.control)
            .map_err(|error| advise(error, &origin, &source.name))?;
        let place = self.place(&source, &survey);
        let config = Config { backup_dir: place.clone(), ..config.clone() };
        let is_there = same_place(source.vault.dir(), &place);
        let objects = match self.options.history && !is_there {
            true => history::objects(&source.vault)?,
            false => Vec::new(),
        };
        self.check_place(&source, &place, is_there, resumed)?;
        let note = Note { vault: Some(source.vault.id()), backup: Some(source.name.to_string()) };
        root.write_note(&note)?;
        if !root.is_restored {
            check_space(&config.root, &source.snapshot, &place, history::missing(&objects, &place))?;
            self.restore(&source, &config, owner, is_there).map_err(|error| advise(error, &origin, &source.name))?;
            root.keep();
        }
        let mut report = MigrateReport {
            success: true,
            source: origin.path().to_path_buf(),
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
            self.set_up_vault(&source, &objects, &place, is_there, &mut report)?;
        }
        self.give(&root, &survey, owner, &report)?;
        report.warnings = self.warnings(&source, &survey, &origin, &report, owner.is_some());
        report.next = next_steps(&survey, &report);
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
                return refuse("An archive has no history to leave out: it becomes the first backup of the new vault.".into());
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
        let config = self.engine.config();
        let noted = root.note.clone().unwrap_or_default();
        let (vault, wanted) = match origin {
            Origin::Vault(dir) => {
                let vault = match same_place(dir, &config.backup_dir) {
                    true => Vault::open(dir, &self.credentials)?,
                    false => Vault::open_untouched(dir, &self.credentials)?,
                };
                let noted = noted.backup.clone().map(BackupRef::Name);
                (vault, self.options.backup.clone().or(noted))
            }
            Origin::Archive(file) => {
                let backup = match noted.backup.clone().filter(|_| Vault::exists(&config.backup_dir)) {
                    Some(backup) => backup,
                    None => {
                        root.write_note(&Note::default())?;
                        self.engine.import_backup(file, self.control)?.backup
                    }
                };
                (self.engine.vault()?, Some(BackupRef::Name(backup)))
            }
        };
        let name = vault.resolve(&wanted.unwrap_or_else(|| BackupRef::Name("latest".into())))?;
        let is_other = noted.vault.is_some_and(|id| id != vault.id()) || noted.backup.is_some_and(|it| it != name.as_str());
        if is_other {
            return Err(Error::Restore {
                message: format!(
                    "{} holds a migration of another backup that was cut off. Finish that with its own command, or \
                     choose another folder (--root DIR).",
                    config.root.display()
                ),
            });
        }
        let snapshot = Snapshot::read(&vault, &name).map_err(|error| advise(error, origin, &name))?;
        Ok(Source { vault, name, snapshot })
    }

    /// Where the new root's vault belongs: as was asked for, else where the restored configuration will look for it.
    fn place(&self, source: &Source, survey: &Survey) -> PathBuf {
        let config = self.engine.config();
        let is_default = config.backup_dir == config.root.join(Config::default().backup_dir);
        let is_new = same_place(source.vault.dir(), &config.backup_dir);
        let Some(settings) = survey.settings.as_ref().filter(|_| is_default && !is_new) else {
            return config.backup_dir.clone();
        };
        // A vault on a disk or share that is there on this machine, too, goes on being used.
        let kept = settings.absolute_vault().filter(|vault| same_place(vault, source.vault.dir()));
        kept.map_or_else(|| settings.vault_of(&config.root, &source.snapshot.root), Path::to_path_buf)
    }

    /// May the vault go there?
    fn check_place(&self, source: &Source, place: &Path, is_there: bool, resumed: bool) -> Result<()> {
        if is_there || !place.exists() {
            return Ok(());
        }
        if place.starts_with(source.vault.dir()) || source.vault.dir().starts_with(place) {
            return Err(Error::Config {
                message: format!(
                    "{} and the new vault {} lie in each other. Move the source elsewhere, or choose another place for \
                     the vault (--vault DIR).",
                    source.vault.dir().display(),
                    place.display()
                ),
            });
        }
        let is_ours = match Vault::exists(place) {
            true => self.reopen(source, place).is_ok_and(|there| there.id() == source.vault.id()),
            false => resumed || durable::list(place)?.is_empty(),
        };
        if is_ours {
            return Ok(());
        }
        Err(Error::Restore {
            message: format!(
                "The new vault belongs to {}, and something else is there. Move that away, or choose another place for \
                 the vault (--vault DIR).",
                place.display()
            ),
        })
    }

    fn restore(&self, source: &Source, config: &Config, owner: Option<owner::Ids>, is_there: bool) -> Result<()> {
        // Where the source is not the new vault, no lock is taken: that would be a file in the source.
        let _lock = match is_there {
            true => Some(Lock::acquire(source.vault.dir(), "MIGRATE", false, self.control)?),
            false => None,
        };
        let options = RestoreOptions {
            create_backup_first: false,
            mode: RestoreMode::Offline,
            mirror: Vec::new(),
            owner,
            allow_outside_links: self.options.allow_outside_links,
            ..RestoreOptions::default()
        };
        let backup = BackupRef::Name(source.name.to_string());
        restore::in_place(&source.vault, config, &backup, &options, self.control).map(drop)
    }

    /// Copies the history where it is not there yet, and proves that the new vault is whole.
    fn set_up_vault(
        &self,
        source: &Source,
        objects: &[(PathBuf, u64)],
        place: &Path,
        is_there: bool,
        report: &mut MigrateReport,
    ) -> Result<()> {
        history::make_folder(place)?;
        let _lock = Lock::acquire(place, "MIGRATE", false, self.control)?;
        if !is_there {
            report.copied = history::copy(source.vault.dir(), objects, place, self.control).map_err(unfinished)?;
        }
        let vault = self.reopen(source, place)?;
        let threads = self.engine.config().worker.effective_threads();
        let verified = verify::run(&vault, None, false, threads, self.control)?;
        report.backups = verified.backups;
        report.damaged = verified.damaged;
        // So that `lifeboat list` need not open every snapshot.
        vault.catalog_for_writing().map(drop)
    }

    /// Opens the copy of a vault, by the key that opened the vault.
    fn reopen(&self, source: &Source, place: &Path) -> Result<Vault> {
        Vault::open(place, &Credentials { master: source.vault.costly_key(), ..self.credentials.clone() })
    }

    /// The root's own folder and the vault are in no backup: they go to whoever has what is in it.
    fn give(&self, root: &NewRoot, survey: &Survey, owner: Option<owner::Ids>, report: &MigrateReport) -> Result<()> {
        let Some(ids) = owner.or(survey.main_owner()).filter(|_| owner::may_give()) else { return Ok(()) };
        if owner.is_some() || root.was_made() || owner::is_roots(&report.root) {
            owner::give(&report.root, ids)?;
        }
        // A folder between the root and the vault was made for it.
        let vault = report.vault.as_deref();
        let between = vault.into_iter().flat_map(|vault| vault.ancestors().skip(1));
        between.take_while(|folder| folder.starts_with(&report.root) && *folder != report.root).try_for_each(|folder| {
            if owner::is_roots(folder) { owner::give(folder, ids) } else { Ok(()) }
        })?;
        vault.map_or(Ok(()), |vault| owner::give_all(vault, ids))
    }

    fn warnings(
        &self,
        source: &Source,
        survey: &Survey,
        origin: &Origin,
        report: &MigrateReport,
        has_owner: bool,
    ) -> Vec<Warning> {
        let mut warnings = match &survey.settings {
            Some(settings) => settings.misfits(&report.root, report.vault.as_deref()),
            None => vec![Warning {
                path: DEFAULT_FILE.into(),
                message: "It is not valid JSON, so Lifeboat will refuse it. Put it right.".into(),
            }],
        };
        let mut warn = |path: &Path, message: String| warnings.push(Warning { path: path.display().to_string(), message });
        let name = Path::new(source.name.as_str());
        if self.options.backup.is_none() && source.name.kind() == BackupType::Safety {
            let message = "It is the newest backup, and the state before a restore. If you want the state after that, \
                           choose an older one (--backup NAME) in another folder.";
            warn(name, message.into());
        }
        if source.snapshot.degraded {
            let what = source.snapshot.warnings.first();
            let what = what.map_or(String::new(), |first| format!(" (first: {}: {})", first.path, first.message));
            warn(name, format!("Not everything could be stored as it should be when it was made{what}."));
        }
        let vault_is_source = report.vault.as_deref().is_some_and(|vault| same_place(vault, origin.path()));
        if origin.path().starts_with(&report.root) && !vault_is_source {
            warn(origin.path(), "It lies in the new root, and so would be in every backup. Move it out.".into());
        }
        if owner::may_give() && !has_owner {
            for uid in survey.users().into_iter().filter(|uid| !owner::is_known(*uid)).take(3) {
                let message = format!(
                    "Files belong to user {uid}, as in the backup, and this machine has no such user. Make that user, or \
                     give everything to the bot's own: `chown -R USER:GROUP {}`.",
                    report.root.display()
                );
                warn(&report.root, message);
            }
        }
        warnings
    }
}

/// What the owner has to do now, in this order.
fn next_steps(survey: &Survey, report: &MigrateReport) -> Vec<NextStep> {
    let mut steps = Vec::new();
    let mut step = |command: &str, why: &str| steps.push(NextStep { command: command.into(), why: why.into() });
    if survey.has_package && !report.root.join("node_modules").is_dir() {
        let install = if survey.has_package_lock { "npm ci" } else { "npm install" };
        step(install, "brings back node_modules, which no backup holds");
    }
    step("npm start", "or however you start the bot; on the old server it must stay off");
    step("lifeboat backup", "the first backup here");
    step("lifeboat verify", "proves that the vault is whole");
    steps
}

/// Damage is no reason to give up: says what else can be done.
fn advise(error: Error, origin: &Origin, name: &BackupName) -> Error {
    match (error, origin) {
        (Error::Corrupt { object, detail, backups }, Origin::Vault(vault)) => Error::Corrupt {
            object,
            detail: format!(
                "{detail}. Nothing was put into the new root. If there is another copy of the vault, use that. Else choose \
                 an older backup (`lifeboat --vault {vault} list`, --backup NAME), or write out what is whole: \
                 `lifeboat --vault {vault} restore {name} --salvage --to DIR`",
                vault = vault.display()
            ),
            backups,
        },
        (other, _) => other,
    }
}

/// The root is there: that must not get lost in an error about the history.
fn unfinished(error: Error) -> Error {
    match error {
        Error::Aborted => Error::Restore {
            message: "The root is restored, and copying the history was cancelled. The same command goes on with it."
                .into(),
        },
        Error::Io { action, path, source } => Error::Restore {
            message: format!(
                "The root is restored, but the history could not be copied: {action} {} failed ({source}). The same \
                 command goes on with it.",
                path.display()
            ),
        },
        other => other,
    }
}

/// The room for everything, also where root and vault share a disk.
fn check_space(root: &Path, snapshot: &Snapshot, place: &Path, missing: u64) -> Result<()> {
    let disk = place.ancestors().find(|folder| folder.exists()).unwrap_or(root);
    let together = same_disk(root, disk);
    let wants = [
        (root, snapshot.total_size.saturating_add(if together { missing } else { 0 })),
        (disk, if together { 0 } else { missing }),
    ];
    for (folder, need) in wants {
        if let Some(free) = space::free(folder).filter(|free| *free < need) {
            return Err(Error::Restore {
                message: format!(
                    "{} has {} free, and the migration needs {}. Free some space, or leave the history out \
                     (--no-history).",
                    folder.display(),
                    bytesize::ByteSize(free),
                    bytesize::ByteSize(need)
                ),
            });
        }
    }
    Ok(())
}

#[cfg(unix)]
fn same_disk(a: &Path, b: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let disk = |path: &Path| std::fs::metadata(path).map(|metadata| metadata.dev()).ok();
    disk(a) == disk(b)
}

#[cfg(not(unix))]
fn same_disk(a: &Path, b: &Path) -> bool {
    a.components().next() == b.components().next()
}

fn same_place(a: &Path, b: &Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => a == b,
    }
}

/// The path of `place` in the new root, where it lies there.
fn inside(place: &Path, root: &Path) -> Option<PathBuf> {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let within = place.strip_prefix(root).or_else(|_| place.strip_prefix(real(root)).or_else(|_| place.strip_prefix(root)));
    within.ok().map(Path::to_path_buf)
}
