//! What a migration tells its owner: what does not fit here, what is left to do, and what to do about an error.

use std::path::Path;

use super::origin::Origin;
use super::place::same_place;
use super::settings::Settings;
use super::survey::Survey;
use super::{Migration, Source};
use crate::config::{DEFAULT_FILE, PASSPHRASE_FILE};
use crate::owner;
use crate::path::in_shell;
use crate::report::*;
use crate::vault::name::BackupName;
use crate::{Config, Error};

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
            let message = "It is the newest backup, and the state before a restore. If you want the state after that, \
                           choose an older one (--backup NAME) in another folder.";
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
            warn(origin.path(), "It lies in the new root, and so would be in every backup. Move it out.".into());
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
            "keeps the passphrase in {PASSPHRASE_FILE}, which is in no backup; or set BACKUP_PASSPHRASE for the bot"
        );
        step(init, &why);
    }
    for lost in survey.dependencies.iter().filter(|dependency| !dependency.is_there(&report.root)) {
        let (old, new) = (lost.place(Path::new(&source.snapshot.root)), lost.place(&report.root));
        let folder = new.parent().unwrap_or(&new);
        step(
            &format!("scp -r OLD-SERVER:{} {}", in_shell(&old), in_shell(folder)),
            &format!("{} lies beside the app, and is in no backup", lost.name),
        );
    }
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
pub fn advise(error: Error, origin: &Origin, name: &BackupName) -> Error {
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
        (Error::Corrupt { object, detail, backups }, Origin::Remote(remote)) => Error::Corrupt {
            object,
            detail: format!(
                "{detail}. Nothing was put into the new root. {} has it damaged: try another target, or choose an older backup \
                 (--backup NAME)",
                remote.name
            ),
            backups,
        },
        (other, _) => other,
    }
}

/// The root is there: that must not get lost in an error about the history.
pub fn unfinished(error: Error) -> Error {
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
