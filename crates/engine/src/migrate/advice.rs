//! What a migration tells its owner: what does not fit here, what is left to do, and what to do about an error.

use std::path::Path;

use super::origin::Origin;
use super::place::same_place;
use super::remote::Remote;
use super::settings::Settings;
use super::survey::Survey;
use super::{Migration, Source};
use crate::config::{DEFAULT_FILE, PASSPHRASE_FILE};
use crate::owner;
use crate::path::in_shell;
use crate::report::*;
use crate::restore::source::sources;
use crate::vault::Vault;
use crate::vault::name::BackupName;
use crate::{Config, Error, Result, restore};

/// So many backups are looked at for one that is whole.
const LOOKED_AT: usize = 20;

impl Migration<'_> {
    /// What does not fit on this machine, or is not as good as it might seem.
    pub fn warnings(
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
        let mut warn =
            |path: &Path, message: String| warnings.push(Warning { path: path.display().to_string(), message });
        let name = Path::new(source.name.as_str());
        if self.options.backup.is_none() && source.name.kind() == BackupType::Safety {
            let message = "It is the newest backup, and the state before a restore. If you want the state after the \
             restore, choose an older one (--backup NAME) in another folder.";
            warn(name, message.into());
        }
        if source.snapshot.degraded {
            let what = source.snapshot.warnings.first();
            let what =
                what.map_or(String::new(), |first| format!(" (first: {})", first.in_words().trim_end_matches('.')));
            warn(name, format!("Not everything could be stored as it should be when it was made{what}."));
        }
        let vault_is_source = report.vault.as_deref().is_some_and(|vault| same_place(vault, origin.path()));
        if origin.path().starts_with(&report.root) && !vault_is_source {
            warn(origin.path(), "It is in the new root, so every backup would contain it. Move it out.".into());
        }
        for lost in survey.dependencies.iter().filter(|dependency| !dependency.is_there(&report.root)) {
            let message = format!(
                "{:?} is {:?}, which leads to {}, and nothing is there. Put it there before npm runs, or correct the line: \
                 npm makes a link to nothing and says no word, and `npx {}` then asks the public registry for that name, \
                 where it may be somebody else's package.",
                lost.name,
                lost.spec,
                lost.place(&report.root).display(),
                lost.name
            );
            warn(Path::new("package.json"), message);
        }
        if let Origin::Remote(Remote { name, hint: Some(hint), .. }) = origin
            && !hint.is_empty()
        {
            warn(Path::new(name), format!("There may be newer backups that were not found.{hint}"));
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
pub fn next_steps(survey: &Survey, source: &Source, report: &MigrateReport, config: &Config) -> Vec<NextStep> {
    let mut steps = Vec::new();
    let mut step = |command: &str, why: &str| steps.push(NextStep { command: command.into(), why: why.into() });
    let is_opened = survey.settings.as_ref().is_some_and(Settings::opens) || report.root.join(PASSPHRASE_FILE).exists();
    // A key file needs no passphrase, and there may be none.
    if source.vault.is_encrypted() && !is_opened && config.environment.key_file.is_none() {
        // With what this command was given, and the bot is not, `init` would make no file.
        let init = match config.environment.passphrase {
            Some(_) => "env -u BACKUP_PASSPHRASE lifeboat init",
            None => "lifeboat init",
        };
        let why = format!(
            "stores the passphrase in {PASSPHRASE_FILE}, which is in no backup; or set BACKUP_PASSPHRASE for the bot"
        );
        step(init, &why);
    }
    for lost in survey.dependencies.iter().filter(|dependency| !dependency.is_there(&report.root)) {
        let (old, new) = (lost.place(Path::new(&source.snapshot.root)), lost.place(&report.root));
        let folder = new.parent().unwrap_or(&new);
        step(
            &format!("scp -r OLD-SERVER:{} {}", in_shell(&old), in_shell(folder)),
            &format!("{} is beside the app, and in no backup", lost.name),
        );
    }
    if survey.has_package && !report.root.join("node_modules").is_dir() {
        let install = if survey.has_package_lock { "npm ci" } else { "npm install" };
        step(install, "installs node_modules, which is in no backup");
    }
    step("npm start", "or however you start the bot; on the old server it must stay off");
    step("lifeboat backup", "the first backup here");
    step("lifeboat verify", "proves that the vault is whole");
    steps
}

/// Damage is no reason to give up: says what is lost of this backup, and what else can be done.
pub fn advise(error: Error, origin: &Origin, vault: &Vault, name: &BackupName) -> Error {
    // Of an archive there is no other backup, and no other copy is known.
    if matches!(origin, Origin::Archive(_)) {
        return error;
    }
    let Error::Corrupt { object, detail, backups } = error else { return error };
    let detail = format!("{detail}. Nothing was put into the new root.");
    let detail = match origin {
        Origin::Vault(place) => {
            let place = in_shell(place);
            format!(
                "{detail} {}If there is another copy of the vault, use that. Else choose an older backup ({}`lifeboat --vault \
                 {place} list`), or write out what is whole: `lifeboat --vault {place} restore {name} --salvage --to DIR`",
                lost(vault, name),
                other(vault, name)
            )
        }
        Origin::Remote(Remote { name: folder, hint: Some(hint), .. }) => format!(
            "{detail} {}Something is missing or damaged in {folder}: download that again.{hint} Or choose an older backup \
             ({}`--backup NAME`), or write out what is whole with the recover.mjs of any vault: `node recover.mjs --vault {folder} {name} DIR`",
            lost(vault, name),
            other(vault, name),
            folder = in_shell(Path::new(folder)),
        ),
        Origin::Remote(remote) => format!(
            "{detail} {} has it damaged: try another target, or choose an older backup (--backup NAME)",
            remote.name
        ),
        Origin::Archive(_) => detail,
    };
    Error::Corrupt { object, detail, backups }
}

/// How much of a backup leans on what is not there; empty where that cannot be told.
fn lost(vault: &Vault, name: &BackupName) -> String {
    match missing(vault, name) {
        Ok((lost, _)) if lost.iter().any(|lost| lost.path.is_empty()) => {
            format!("Not even the item list of {name} is whole. ")
        }
        Ok((lost, all)) if !lost.is_empty() => {
            format!("Of the {all} items of {name}, {} cannot be restored. ", lost.len())
        }
        _ => String::new(),
    }
}

/// The newest other backup that has all it needs, as something to type.
fn other(vault: &Vault, name: &BackupName) -> String {
    let mut names = vault.names_or_look().unwrap_or_default();
    names.retain(|other| other != name && other.kind() != BackupType::Safety);
    let found = names
        .into_iter()
        .rev()
        .take(LOOKED_AT)
        .find(|other| missing(vault, other).is_ok_and(|(lost, _)| lost.is_empty()));
    found.map_or(String::new(), |other| format!("the newest with all its packs is `--backup {other}`; "))
}

/// What of a backup a pack is missing for, and how many items it has. Content is not read.
fn missing(vault: &Vault, name: &BackupName) -> Result<(Vec<Warning>, u64)> {
    let mut sources = sources(vault, &BackupRef::Name(name.to_string()), &RestoreOptions::default())?;
    let mut lost = Vec::new();
    let mut survey = restore::source::ListAccess { vault, allows: &|_, _| true, lost: Some(&mut lost) };
    for source in &mut sources {
        survey.run(source, |_, _| Ok(()))?;
    }
    Ok((lost, sources.first().map_or(0, |source| source.snapshot.items)))
}

/// The root is there: that must not get lost in an error about the history.
pub fn unfinished(error: Error) -> Error {
    match error {
        Error::Aborted => Error::Restore {
            message: "The root is restored, and copying the history was cancelled. Run the same command again to \
             continue."
                .into(),
        },
        Error::Io { action, path, source } => Error::Restore {
            message: format!(
                "The root is restored, but the history could not be copied: {action} {} failed ({source}). Run the \
                 same command again to continue.",
                path.display()
            ),
        },
        other => other,
    }
}
