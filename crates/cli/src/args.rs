//! The arguments of the command line, and its help. Nothing here touches a file.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use lifeboat_engine::report::BackupType;

use crate::commands::auth::AuthArgs;
use crate::commands::call::CallArgs;
use crate::commands::export::ExportArgs;
use crate::commands::import::ImportArgs;
use crate::commands::migrate::MigrateArgs;
use crate::commands::pause::PauseArgs;
use crate::commands::prune::{DeleteArgs, PruneArgs};
use crate::commands::restore_args::RestoreArgs;
use crate::commands::sync::SyncArgs;
use crate::commands::undo::UndoArgs;
use crate::commands::vaults::VaultsArgs;
use crate::commands::verify::VerifyArgs;
use crate::time::{self, Moment};

const TOUR: &str = "\
Two minutes to the first backup:
  cd /srv/bot
  lifeboat init                                  makes the vault in backups/, and its passphrase in config/backup.pass
  lifeboat backup
  lifeboat list                                  shows the backups
  lifeboat restore latest --to /tmp/look         restores everything into a new folder
  lifeboat restore latest config.json            restores one file in its place
  lifeboat verify                                checks every stored byte

The bot may keep running: Lifeboat captures whole databases and does not stop the bot.
Without the passphrase (or a key file) nobody can read the backups, not even you. Keep a copy of it in another place.

Environment:
  BACKUP_PASSPHRASE   the passphrase that opens the vault; default: config/backup.pass in the root
  BACKUP_KEY_FILE     a key file that opens the vault without a passphrase
  BACKUP_ARCHIVE_PASSPHRASE
                      the passphrase of an archive to import, if it is not the vault's
  NO_COLOR            plain output

Exit codes:
  0  done
  1  failed
  2  wrong usage
  3  another operation is running
  4  damaged data was found
  5  the backup was made, but is degraded or suspicious: its warnings say why, and what to do";

/// Encrypted, deduplicated backups of a running Node.js app: its SQLite databases, JSON files, session and uploads.
#[derive(Debug, Parser)]
#[command(name = "lifeboat", version, after_long_help = TOUR, max_term_width = 110, disable_help_subcommand = true)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Everywhere")]
pub struct Global {
    /// The folder that is backed up [default: as configured, or this folder].
    #[arg(long, global = true, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// The vault, where backups are stored [default: as configured, or backups/ in the root].
    #[arg(long, global = true, value_name = "DIR")]
    pub vault: Option<PathBuf>,
    /// The configuration [default: config/backup-config.json in the root, if it exists].
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print one JSON document on stdout, and progress as JSON lines on stderr.
    #[arg(long, global = true)]
    pub json: bool,
    /// Print nothing but errors.
    #[arg(long, short, global = true)]
    pub quiet: bool,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make the vault, or add a way to open it.
    ///
    /// If you give no passphrase or key file, init writes config/backup.pass in the root, with a passphrase that you choose, or
    /// with a strong new one. The app and every command find it there. If BACKUP_PASSPHRASE is set, or a key file, or if the
    /// configuration names one of them, that opens the vault instead. If the vault exists already, init adds the passphrase or
    /// the key file as another way to open it.
    #[command(after_help = "\
Examples:
  lifeboat init                                     asks twice for a passphrase, and stores it in config/backup.pass
  lifeboat init --key-file /etc/lifeboat/bot.key    unattended: no passphrase is needed after this")]
    Init(InitArgs),

    /// Back up the root, while its app keeps running.
    ///
    /// It stores only new and changed data, but every backup is complete. HOURLY, MANUAL, API and SAFETY backups do not read
    /// files that look unchanged. DAILY, WEEKLY and MONTHLY backups read every byte again, as --full does. If something cannot
    /// be stored, everything else is backed up, and the exit code is 5.
    #[command(after_help = "\
Examples:
  lifeboat backup
  lifeboat backup --dry-run                         shows what would be backed up, what would not, and why
  lifeboat backup daily --quiet                     for cron: prints only problems
  lifeboat backup --note 'before the upgrade'
  lifeboat backup --wait                            waits if another operation is running")]
    Backup(BackupArgs),

    /// Show the backups, newest first.
    ///
    /// TOTAL is the size of the data in a backup, ADDED the space that it used in the vault. The command never waits for a running
    /// backup. A terminal shows the newest 60, unless you give --limit or --all. With --json, and if the output is no terminal,
    /// all backups are shown.
    #[command(after_help = "\
Examples:
  lifeboat list
  lifeboat list --limit 5
  lifeboat list --type daily --since 2w
  lifeboat list --since yesterday --json")]
    List(ListArgs),

    /// Show the items of a backup.
    ///
    /// Each line has one item: size, time of the last change, category and path. Name paths, globs or categories (database,
    /// config, logs, accounts, templates, session, media, data) to see only those. If a name fits several of them, an existing
    /// path is used before a glob, and a file before a category; a folder is shown together with the category. ./NAME always
    /// means the path, and category:NAME the category. Paths are printed with shell quoting, so that you can paste them. With
    /// --json, a path that is not UTF-8 also has its bytes as `raw`, in base64.
    #[command(after_help = "\
Examples:
  lifeboat items latest
  lifeboat items latest database                    a category, and a folder of that name
  lifeboat items latest category:database           the category alone
  lifeboat items latest ./database                  the folder alone
  lifeboat items latest 'uploads/reports/2026/**'   a glob, in quotes so that the shell does not expand it
  lifeboat items backup_DAILY_2026-11-23T02-00-00-000Z config.json")]
    Items(ItemsArgs),

    /// Restore a backup, or some of its items: in place, or into another folder.
    ///
    /// A restore in place is all or nothing. If it is cut off, the next Lifeboat command finishes it or undoes it. Everything that
    /// it replaces is backed up first, and its last lines say how to take it back. Files that are not in the backup stay, except
    /// in the session. The app may run: its open databases are then restored through SQLite. With --to, no live file is
    /// changed; that folder must be empty or must not exist.
    ///
    /// Choose the backup by its name, by `latest`, or by --at, which takes the newest good backup at or before that time.
    #[command(
        override_usage = "lifeboat restore [OPTIONS] <BACKUP> [ITEM]...\n       \
                          lifeboat restore [OPTIONS] --at <TIME> [ITEM]...\n       \
                          lifeboat restore --apply-pending | --discard-pending",
        after_help = "\
Examples:
  lifeboat restore latest --dry-run                 shows what would be done, and whether it is possible
  lifeboat restore --at '2026-11-23 14:00'          restores everything as it was then
  lifeboat restore latest database                  a category, and a folder of that name: see lifeboat items --help
  lifeboat restore --at 3h session --mode on-restart
  lifeboat restore latest --to /tmp/look            into another folder
  lifeboat restore latest --to /tmp/rescue --salvage    saves everything that is whole in a damaged vault"
    )]
    Restore(RestoreArgs),

    /// Take back the last restore in place.
    ///
    /// Files that the restore replaced or removed come back from its safety backup. Files that it created are removed. Nothing
    /// else is changed. An undo is a restore, too: the current files are backed up first, and another undo takes it back.
    #[command(after_help = "\
Examples:
  lifeboat undo --dry-run                           shows what would be done
  lifeboat undo")]
    Undo(UndoArgs),

    /// Read stored data back and prove that it is whole.
    ///
    /// It authenticates every stored byte of one backup, or of the whole vault. --deep also unpacks every item and compares its
    /// hash, like a restore that writes nothing. If there is damage, the exit code is 4, and the affected backups are listed.
    #[command(after_help = "\
Examples:
  lifeboat verify
  lifeboat verify latest --deep
  lifeboat verify --part --quiet                    for cron, each day, if no app follows the schedule
  lifeboat verify --quiet || mail -s 'backups are damaged' me@example.com")]
    Verify(VerifyArgs),

    /// Show every version of one file over time, newest first.
    ///
    /// Each line has one version: when the file was last changed, its size, how many backups in a row contain it, and the newest of
    /// them. The same content in several backups in a row is one version. Folders and links have versions, too.
    #[command(after_help = "\
Examples:
  lifeboat versions config.json
  lifeboat versions database/users.sqlite
  lifeboat versions config.json --json | jq -r '.[1].backup'    the backup with the previous version")]
    Versions(VersionsArgs),

    /// Show what changed between two backups, or between a backup and the root as it is now.
    ///
    /// A + marks an added path, a - a removed one, a ~ a changed one. For an SQLite database, the output says which tables changed
    /// and by how many rows. The root is only read, and its app may run: databases are read as a backup reads them.
    #[command(after_help = "\
Examples:
  lifeboat diff latest                              what changed since the newest backup
  lifeboat diff backup_DAILY_2026-11-22T02-00-00-000Z backup_DAILY_2026-11-23T02-00-00-000Z
  lifeboat diff latest --json | jq '.changed[].tables'")]
    Diff(DiffArgs),

    /// Write a backup into one portable file, which can be read without a vault.
    ///
    /// The file is <backup>.tar.gz, which tar unpacks, or <backup>.tar.gz.sealed, which needs the passphrase (or the key file, if
    /// there is no passphrase). It is sealed if the configuration has the vault encrypted. FILE may be a folder; the default is
    /// the current folder. `lifeboat import FILE` imports it into any vault. recover.mjs opens it, too.
    #[command(after_help = "\
Examples:
  lifeboat export latest /mnt/usb/
  lifeboat export latest /mnt/usb/bot.tar.gz --plain
  lifeboat export latest /tmp/some.tar.gz.sealed --items database,config.json")]
    Export(ExportArgs),

    /// Import an archive into the vault, as the backup that it was.
    ///
    /// Every byte is compared with the archive's manifest before the backup counts. A backup that is already in the vault is not
    /// changed. If there is no vault, it is made.
    #[command(after_help = "\
Examples:
  lifeboat import /mnt/usb/backup_DAILY_2026-11-23T02-00-00-000Z.tar.gz.sealed
  lifeboat import bot.tar.gz --root /srv/bot
  BACKUP_ARCHIVE_PASSPHRASE='of the old server' lifeboat import old.tar.gz.sealed")]
    Import(ImportArgs),

    /// Set up the bot on another server, from a copy of its vault, from an archive, or from a target.
    ///
    /// The new root is the current folder, or --root. It must be empty, except for the copy of the vault. The newest backup is
    /// restored into it, all or nothing. The vault is copied into the new root, with its history, also that of `lifeboat history`.
    /// The source is only read. If the command is cut off, run it again: it continues. docs/disaster.md is the complete guide.
    #[command(after_help = "\
Examples:
  lifeboat migrate --from ./backups                 the copied vault is already in the new root
  lifeboat migrate --from /mnt/usb/backups --root /srv/bot
  lifeboat migrate --from /mnt/old-disk/srv/bot     an old root: its vault is found
  lifeboat migrate --from bot.tar.gz.sealed         an archive
  lifeboat migrate --from s3 --bucket my-bot-backups --root /srv/bot
  lifeboat migrate --from gdrive --token-file google-drive-token.json --root /srv/bot
  lifeboat migrate --from s3 --no-restore           only the vault is lost, and the root is there
  sudo -E lifeboat migrate --from /mnt/usb/backups --root /srv/bot --owner bot:bot")]
    Migrate(MigrateArgs),

    /// Remove the backups that no retention rule keeps, and the data that only they needed.
    ///
    /// The rules keep the newest 24 hourly, 7 daily, 4 weekly and 12 monthly backups (`keep` in the configuration's schedules), the
    /// newest 10 that were made by hand, all pinned ones, and always the newest good one. A backup that is being read stays until
    /// the next pruning. While a backup is suspicious, nothing is removed: see `lifeboat accept --help`.
    #[command(after_help = "\
Examples:
  lifeboat prune --dry-run                          shows what would be removed, and why
  lifeboat prune --wait --quiet                     for cron
  lifeboat prune --target office --dry-run          at a target, by its own rules (`keep`)")]
    Prune(PruneArgs),

    /// Send the backups to their targets (`cloud` in the configuration), and wait until they are there.
    ///
    /// Objects that are already at the target are not sent again. An upload that was cut off continues. The newest backup is sent
    /// first. If an app follows the schedule, it sends each backup by itself. If something could not be sent, the exit code is 1.
    #[command(after_help = "\
Examples:
  lifeboat sync
  lifeboat sync --target office
  lifeboat backup --quiet; lifeboat sync --quiet    for cron, if no app follows the schedule")]
    Sync(SyncArgs),

    /// Show all vaults of a target: their owners, the age of their newest backups, and which are late.
    ///
    /// Many machines can share a target, each with its own vault. A machine that died cannot report that itself. With
    /// `monitor.neighbours` in the configuration, each machine watches the others. The command needs no passphrase.
    #[command(after_help = "\
Examples:
  lifeboat vaults office
  lifeboat vaults s3 --json | jq '.[] | select(.late)'")]
    Vaults(VaultsArgs),

    /// Delete one backup from this vault, and the data that only it needed. The other backups stay whole.
    #[command(
        long_about = "Delete one backup from this vault, and the data that only it needed.\n\nThe other backups stay whole, because \
                      no backup needs another one. If the backup is at a target, it stays there, and the command says where. \
                      Delete it once more to remove it there, too.",
        after_help = "\
Examples:
  lifeboat delete backup_MANUAL_2026-11-23T02-00-00-000Z"
    )]
    Delete(DeleteArgs),

    /// Pin a backup: keep it until it is unpinned.
    ///
    /// No retention rule removes a pinned backup, and neither does a lack of space.
    #[command(after_help = "\
Examples:
  lifeboat pin latest
  lifeboat pin backup_MONTHLY_2026-11-01T04-00-00-000Z")]
    Pin(PinArgs),

    /// Unpin a backup: the retention rules apply to it again.
    ///
    /// Nothing is removed before the next `lifeboat prune`.
    #[command(after_help = "\
Examples:
  lifeboat unpin backup_MONTHLY_2026-11-01T04-00-00-000Z")]
    Unpin(PinArgs),

    /// Accept a suspicious backup as right, so that pruning continues.
    ///
    /// A backup is suspicious if it has lost most of the data of the previous one, or if its files look as if somebody had encrypted
    /// them. It is a complete backup, but nothing is pruned until somebody accepts or deletes it. Earlier suspicious backups, and
    /// later ones with the same doubt, are accepted with it. `latest` means the newest suspicious one.
    #[command(after_help = "\
Examples:
  lifeboat status
  lifeboat accept latest
  lifeboat accept backup_HOURLY_2026-11-23T02-00-00-000Z")]
    Accept(PinArgs),

    /// Say that this root and this vault belong together.
    ///
    /// Each vault belongs to one root. The first backup joins them, and so do init and migrate. If a root finds the vault of another
    /// root, or a copy of a root finds the vault of the original, no backup is made, because retention would count the backups of
    /// both together. This command gives the vault to this root. The other root then needs another vault.
    #[command(after_help = "\
Examples:
  lifeboat adopt
  lifeboat --root /srv/bot --vault /mnt/backups/bot adopt")]
    Adopt,

    /// Sign in to Google Drive, so that backups can be stored there.
    ///
    /// The command shows a short link and a code: open the link on a phone or any computer, type the code, and agree. Lifeboat then
    /// writes a small file to Drive, reads it and removes it. If that works, the sign-in is stored in
    /// credentials/google-drive-token.json in the root (or `tokenFile`), which is in no backup. Lifeboat can see only files that it
    /// has made itself. The client id and secret come from the configuration, or from an earlier sign-in: docs/cloud-drive.md says
    /// how to get them.
    #[command(after_help = "\
Examples:
  lifeboat auth gdrive                              for a server: shows a code for the phone
  lifeboat auth gdrive --browser                    opens a browser on this machine
  lifeboat auth gdrive --paste                      uses a browser elsewhere; you paste its last address here")]
    Auth(AuthArgs),

    /// Pause scheduled backups for a while.
    ///
    /// The pause ends by itself, or with `lifeboat resume`. Missed backups are then made once. The pause applies to every app and host
    /// of this vault. Backups by hand and by cron continue, and so do the checks of the vault.
    #[command(after_help = "\
Examples:
  lifeboat pause 1d                                 for example before a large migration
  lifeboat pause 2h")]
    Pause(PauseArgs),

    /// End a pause: scheduled backups continue.
    ///
    /// Backups that were missed meanwhile are made once, within a minute if an app follows the schedule.
    #[command(after_help = "\
Examples:
  lifeboat resume")]
    Resume,

    /// Show what happened: every backup, restore, verification and pruning, newest first.
    ///
    /// Each line says when it was, how long it took, how many bytes were stored, and how it ended. Operations that failed or were cut
    /// off are listed, too. The command needs no passphrase. It shows the newest 20; --limit and --all show more.
    #[command(after_help = "\
Examples:
  lifeboat history
  lifeboat history --operation backup --type daily --since 1w
  lifeboat history --all --json | jq '.[] | select(.result == \"failure\")'")]
    History(HistoryArgs),

    /// Show the next scheduled backups (`schedules` in the configuration).
    ///
    /// The default schedule is hourly at every full hour, daily at 2, weekly on Sundays at 3, and monthly on the 1st at 4. If two are
    /// due at the same minute, only the larger one runs. The app makes them after it has called scheduler.start().
    #[command(after_help = "\
Examples:
  lifeboat schedule
  lifeboat schedule --next 100 --json")]
    Schedule(ScheduleArgs),

    /// Show the state of the backups: age, space, problems, and what to do about them.
    ///
    /// The command needs no passphrase and never waits. Its exit code is 0 even if there are problems: scripts read `healthy` from
    /// --json.
    #[command(after_help = "\
Examples:
  lifeboat status
  lifeboat status --json | jq .healthy")]
    Status,

    /// Check everything that a backup needs, from the app's folder to the vault, and say how to fix what is wrong.
    ///
    /// All checks are made, even if one fails. If one fails, the exit code is 1. With --json: {"ok", "checks": [{"name", "ok",
    /// "message", "mend"}]}. `mend` says how to fix it, and may be missing. `name` is one of configuration, root, links, readable,
    /// open, vault, key, room, age, schedule, sqlite, restore, baileys (if the root has it), `target NAME` for each target, and clock.
    #[command(after_help = "\
Examples:
  lifeboat doctor
  lifeboat doctor --json | jq '.checks[] | select(.ok | not)'")]
    Doctor,

    /// Call an operation by its name in JavaScript.
    ///
    /// For scripts, and for operations that only read or have no command. Give the arguments in their order, as text or as JSON.
    /// The result is JSON. Without a name, the command lists all operations; with --json it also prints their JSON schemas.
    #[command(after_help = "\
Examples:
  lifeboat call
  lifeboat call versions config.json
  lifeboat call listBackups '{\"limit\": 5}' --json")]
    Call(CallArgs),

    /// Run one operation for a host, which speaks the worker's protocol over stdin and stdout.
    #[command(hide = true)]
    Worker,

    /// Answer the questions of a host that only read the vault, one after another.
    #[command(hide = true)]
    Clerk,
}

#[derive(Debug, Args)]
pub struct InitArgs {
    /// Open the vault with this file. If it does not exist, it is made (32 random bytes, mode 0600).
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct BackupArgs {
    /// Why this backup is made.
    #[arg(value_name = "TYPE", default_value = "MANUAL", value_parser = backup_type(), ignore_case = true)]
    pub kind: BackupType,
    /// Read and hash every byte again, for any type.
    #[arg(long)]
    pub full: bool,
    /// Only show what would be backed up, what would not, and why. Writes nothing, and needs no passphrase.
    #[arg(long, conflicts_with_all = ["full", "note", "wait"])]
    pub dry_run: bool,
    /// A short text of your own, stored with the backup.
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
    /// Wait for a running operation instead of failing with exit code 3.
    #[arg(long)]
    pub wait: bool,
}

#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only backups of this type.
    #[arg(long = "type", value_name = "TYPE", value_parser = backup_type(), ignore_case = true)]
    pub kind: Option<BackupType>,
    /// Only backups since then: 2h, 3d, yesterday, 2026-11-23, '2026-11-23 14:00'.
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    pub since: Option<Moment>,
    /// Show at most N, the newest.
    #[arg(long, value_name = "N", value_parser = limit())]
    pub limit: Option<usize>,
    /// Show all, also on a terminal.
    #[arg(long, conflicts_with = "limit")]
    pub all: bool,
}

#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// Only this operation.
    #[arg(long, value_enum, ignore_case = true)]
    pub operation: Option<Operation>,
    /// Only backups of this type.
    #[arg(long = "type", value_name = "TYPE", value_parser = backup_type(), ignore_case = true)]
    pub kind: Option<BackupType>,
    /// Only operations that began since then: 2h, 3d, yesterday, 2026-11-23, '2026-11-23 14:00'.
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    pub since: Option<Moment>,
    /// Show at most N, the newest.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = limit())]
    pub limit: usize,
    /// Show all that are stored: the last 20,000.
    #[arg(long, conflicts_with = "limit")]
    pub all: bool,
}

/// The operations in the history.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum, strum::IntoStaticStr)]
#[strum(serialize_all = "UPPERCASE")]
pub enum Operation {
    Backup,
    Restore,
    Prune,
    Delete,
    Verify,
    Rehearsal,
    Export,
    Import,
    Sync,
}

impl Operation {
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

#[derive(Debug, Args)]
pub struct ScheduleArgs {
    /// How many to show.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub next: u32,
}

#[derive(Debug, Args)]
pub struct ItemsArgs {
    /// A backup's name, or `latest`.
    pub backup: String,
    /// Paths, globs or categories; default: everything.
    #[arg(value_name = "ITEM")]
    pub items: Vec<OsString>,
}

#[derive(Debug, Args)]
pub struct VersionsArgs {
    /// A path in the root, as `lifeboat items latest` shows it.
    pub path: OsString,
}

#[derive(Debug, Args)]
pub struct DiffArgs {
    /// A backup's name, or `latest`.
    #[arg(value_name = "A")]
    pub from: String,
    /// Another backup; default: the root as it is now.
    #[arg(value_name = "B")]
    pub to: Option<String>,
}

#[derive(Debug, Args)]
pub struct PinArgs {
    /// A backup's name, or `latest`.
    pub backup: String,
}

/// A number of lines. 0 is refused, because it is surely a mistake.
fn limit() -> impl TypedValueParser<Value = usize> {
    clap::value_parser!(u32).range(1..).map(|limit| limit as usize)
}

fn backup_type() -> impl TypedValueParser<Value = BackupType> {
    PossibleValuesParser::new(BackupType::ALL.iter().map(|kind| kind.as_str()))
        .try_map(|name| name.parse::<BackupType>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_holds_together() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn every_command_is_explained_and_has_examples() {
        for command in <Cli as clap::CommandFactory>::command().get_subcommands().filter(|one| !one.is_hide_set()) {
            assert!(command.get_long_about().is_some(), "{} has no paragraph", command.get_name());
            assert!(command.get_after_help().is_some(), "{} has no examples", command.get_name());
        }
    }

    #[test]
    fn global_options_stand_before_or_after_the_command() {
        for line in [["lifeboat", "--json", "status"], ["lifeboat", "status", "--json"]] {
            assert!(Cli::try_parse_from(line).unwrap().global.json);
        }
    }

    #[test]
    fn a_type_is_read_in_any_case() {
        for word in ["daily", "DAILY", "Daily"] {
            let Command::Backup(args) = Cli::try_parse_from(["lifeboat", "backup", word]).unwrap().command else {
                panic!("not a backup");
            };
            assert_eq!(args.kind, BackupType::Daily);
        }
        assert!(Cli::try_parse_from(["lifeboat", "backup", "yearly"]).is_err());
    }
}
