//! What may be typed, and the help that teaches it. Nothing here touches a file.

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
  lifeboat init                                  makes the vault, backups/, and config/backup.pass, which opens it
  lifeboat backup
  lifeboat list                                  what there is
  lifeboat restore latest --to /tmp/look         everything, into a new folder
  lifeboat restore latest config.json            one file goes back in its place
  lifeboat verify                                is every stored byte still good?

Lifeboat may run while the bot runs: databases are captured whole, and the bot is not stopped.
Without the passphrase (or a key file) nobody can read the backups, nor can you: keep it somewhere else, too.

Environment:
  BACKUP_PASSPHRASE   the passphrase that opens the vault; without it, config/backup.pass in the root
  BACKUP_KEY_FILE     a key file that opens the vault without a passphrase
  BACKUP_ARCHIVE_PASSPHRASE
                      the passphrase of an archive that is imported, where the vault has another
  NO_COLOR            plain output

Exit codes:
  0  done
  1  failed
  2  wrong usage
  3  another operation is running
  4  damaged data was found
  5  the backup was made, but not everything could be stored: its warnings say what, and what to do";

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
    /// The folder that is backed up [default: the configuration's, else this folder].
    #[arg(long, global = true, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// The vault, where backups live [default: the configuration's, else backups/ in the root].
    #[arg(long, global = true, value_name = "DIR")]
    pub vault: Option<PathBuf>,
    /// The configuration [default: config/backup-config.json in the root, where there is one].
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
    /// Where nothing says what opens the vault, it becomes a file that the app and every command find: config/backup.pass in
    /// the root, with the passphrase that you choose, or a strong one. With BACKUP_PASSPHRASE, a key file or a configuration
    /// that names one, that opens it. On a vault that exists it adds the passphrase or the key file as another way to open it.
    #[command(after_help = "\
Examples:
  lifeboat init                                     asks for a passphrase, twice, and keeps it in config/backup.pass
  lifeboat init --key-file /etc/lifeboat/bot.key    unattended: no passphrase needed from then on")]
    Init(InitArgs),

    /// Back up the root, while its app keeps running.
    ///
    /// Stores what is new or changed; what an earlier backup stored already is not stored again, and still every
    /// backup is complete by itself. HOURLY, MANUAL, API and SAFETY trust a file that looks unchanged; DAILY, WEEKLY
    /// and MONTHLY read every byte again, as --full does. Where something cannot be stored, the backup is made of the
    /// rest, and the exit code is 5.
    #[command(after_help = "\
Examples:
  lifeboat backup
  lifeboat backup --dry-run                         what would be taken, what would not, and why
  lifeboat backup daily --quiet                     for cron: speaks only when something is wrong
  lifeboat backup --note 'before the upgrade'
  lifeboat backup --wait                            waits when another operation is running")]
    Backup(BackupArgs),

    /// Show the backups, newest first.
    ///
    /// TOTAL is what a backup holds, ADDED what it cost in the vault. It never waits for a running backup. On a terminal the
    /// newest 60 are shown, which are all by the usual rules, unless --limit or --all is given; elsewhere, and with --json,
    /// all are.
    #[command(after_help = "\
Examples:
  lifeboat list
  lifeboat list --limit 5
  lifeboat list --type daily --since 2w
  lifeboat list --since yesterday --json")]
    List(ListArgs),

    /// Show what is in a backup.
    ///
    /// One line an item: size, time of the last change, category and path. Name paths, globs or categories (database,
    /// config, logs, accounts, templates, session, media, data) to see only those. A path that is there comes before a glob, and
    /// a file before a category of its name; a folder is taken with the category. ./NAME is always the path, category:NAME
    /// always the category. Paths are shown as a shell reads them, so that they can be pasted; --json has bytes that are not
    /// UTF-8 as `raw`, in base64.
    #[command(after_help = "\
Examples:
  lifeboat items latest
  lifeboat items latest database                    a category, and a folder of that name
  lifeboat items latest category:database           the category alone
  lifeboat items latest ./database                  the folder alone
  lifeboat items latest 'uploads/reports/2026/**'   a glob, in quotes so that the shell leaves it alone
  lifeboat items backup_DAILY_2026-11-23T02-00-00-000Z config.json")]
    Items(ItemsArgs),

    /// Bring back a backup, or some of its items: in place, or into another folder.
    ///
    /// In place it is all or nothing, also when it is cut off: the next command of Lifeboat finishes or undoes it. What is
    /// replaced is backed up first, and the end tells how to take everything back. Files that the backup does not know
    /// stay, except in the session. The app may run: its databases are then restored through SQLite. With --to nothing
    /// live is touched, and the folder must not exist, or be empty.
    ///
    /// Choose the backup by name, by `latest`, or by --at, which takes the newest good one at or before that time.
    #[command(
        override_usage = "lifeboat restore [OPTIONS] <BACKUP> [ITEM]...\n       \
                          lifeboat restore [OPTIONS] --at <TIME> [ITEM]...\n       \
                          lifeboat restore --apply-pending | --discard-pending",
        after_help = "\
Examples:
  lifeboat restore latest --dry-run                 what would be done, and whether it can be
  lifeboat restore --at '2026-11-23 14:00'          everything as it was then
  lifeboat restore latest database                  a category, and a folder of that name: see lifeboat items --help
  lifeboat restore --at 3h session --mode on-restart
  lifeboat restore latest --to /tmp/look            into another folder
  lifeboat restore latest --to /tmp/rescue --salvage    what is whole of a damaged vault"
    )]
    Restore(RestoreArgs),

    /// Take the last restore in place back.
    ///
    /// What it replaced or removed comes back from its safety backup, what it made goes, and nothing else is touched. That is
    /// a restore, too: what is there now is backed up first, and another undo takes it back.
    #[command(after_help = "\
Examples:
  lifeboat undo --dry-run                           what would be done
  lifeboat undo")]
    Undo(UndoArgs),

    /// Read everything back and prove that it is whole.
    ///
    /// Authenticates every stored byte of one backup, or of the whole vault. --deep also unpacks every item and compares
    /// its hash: a restore without the writing. Damage ends in exit code 4 and a list of the backups that it hurts.
    #[command(after_help = "\
Examples:
  lifeboat verify
  lifeboat verify latest --deep
  lifeboat verify --part --quiet                    for cron, each day: what the scheduler of the app does
  lifeboat verify --quiet || mail -s 'backups are damaged' me@example.com")]
    Verify(VerifyArgs),

    /// Show every version of one file over time, newest first.
    ///
    /// One line a version: when the file was last changed, its size, how many backups in a row have it, and the newest of
    /// them. What was the same in backups in a row is one version. Folders and links have versions, too.
    #[command(after_help = "\
Examples:
  lifeboat versions config.json
  lifeboat versions database/users.sqlite
  lifeboat versions config.json --json | jq -r '.[1].backup'    the backup with the version before")]
    Versions(VersionsArgs),

    /// Show what changed between two backups, or between a backup and the root as it is now.
    ///
    /// A path after + was added, after - removed, after ~ changed. For an SQLite database it tells which tables changed by
    /// how many rows. The root is only read, and its app may run: databases are read as a backup reads them.
    #[command(after_help = "\
Examples:
  lifeboat diff latest                              what changed since the newest backup
  lifeboat diff backup_DAILY_2026-11-22T02-00-00-000Z backup_DAILY_2026-11-23T02-00-00-000Z
  lifeboat diff latest --json | jq '.changed[].tables'")]
    Diff(DiffArgs),

    /// Write a backup into one portable file, which is readable without a vault.
    ///
    /// <backup>.tar.gz, which tar unpacks, or <backup>.tar.gz.sealed, which opens with the passphrase (or, where there is
    /// none, the key file). It is sealed where the vault is configured to be encrypted. FILE may be a folder, and is the
    /// folder one stands in where it is left out. `lifeboat import FILE` takes it into any vault; recover.mjs opens it, too.
    #[command(after_help = "\
Examples:
  lifeboat export latest /mnt/usb/
  lifeboat export latest /mnt/usb/bot.tar.gz --plain
  lifeboat export latest /tmp/some.tar.gz.sealed --items database,config.json")]
    Export(ExportArgs),

    /// Take an archive into the vault, as the backup that it was.
    ///
    /// Every byte is compared with the archive's manifest before the backup counts. A backup that the vault has already
    /// is left as it is. The vault is made where there is none.
    #[command(after_help = "\
Examples:
  lifeboat import /mnt/usb/backup_DAILY_2026-11-23T02-00-00-000Z.tar.gz.sealed
  lifeboat import bot.tar.gz --root /srv/bot
  BACKUP_ARCHIVE_PASSPHRASE='of the old server' lifeboat import old.tar.gz.sealed")]
    Import(ImportArgs),

    /// Set up the bot on another server, from a copy of its vault, from an archive, or from a target.
    ///
    /// The new root, the folder one stands in or --root, must be empty; only the copy of the vault may lie in it already.
    /// The newest backup is restored into it, all or nothing, and the vault is copied to where the new root has it, so
    /// that its history goes on, that of `lifeboat history` too. The source is only read. If it is cut off, the same command goes on with it.
    /// docs/disaster.md is the guide for the whole day.
    #[command(after_help = "\
Examples:
  lifeboat migrate --from ./backups                 the copied vault lies in the new root already
  lifeboat migrate --from /mnt/usb/backups --root /srv/bot
  lifeboat migrate --from /mnt/old-disk/srv/bot     an old root: its vault is found
  lifeboat migrate --from bot.tar.gz.sealed         an archive
  lifeboat migrate --from s3 --bucket my-bot-backups --root /srv/bot
  lifeboat migrate --from gdrive --token-file google-drive-token.json --root /srv/bot
  lifeboat migrate --from s3 --no-restore           the root is there, and only its vault is lost
  sudo -E lifeboat migrate --from /mnt/usb/backups --root /srv/bot --owner bot:bot")]
    Migrate(MigrateArgs),

    /// Remove the backups that no rule keeps, and what only they needed.
    ///
    /// Kept are the newest 24 hourly, 7 daily, 4 weekly and 12 monthly backups (`keep` in the configuration's schedules), the
    /// newest 10 made by hand, what is pinned, and always the newest good one. A backup that is being read stays until the
    /// next time. While a backup is suspicious nothing goes: see `lifeboat accept --help`.
    #[command(after_help = "\
Examples:
  lifeboat prune --dry-run                          what would go, and why
  lifeboat prune --wait --quiet                     for cron
  lifeboat prune --target office --dry-run          at a target, by its own rules (`keep`)")]
    Prune(PruneArgs),

    /// Bring the backups to their targets (`cloud` in the configuration), and wait for that.
    ///
    /// What is there already is not sent again, and what was cut off is gone on with. The newest backup is there first. Where an
    /// app follows the schedule it does so by itself, after each backup. Exit code 1 where something could not be sent.
    #[command(after_help = "\
Examples:
  lifeboat sync
  lifeboat sync --target office
  lifeboat backup --quiet; lifeboat sync --quiet    for cron, where no app follows the schedule")]
    Sync(SyncArgs),

    /// Show all vaults of a target: whose they are, how old their newest backups are, and which are late.
    ///
    /// Many machines may share a target, each with a vault of its own. One that died says nothing itself: with
    /// `monitor.neighbours` in the configuration each one looks after the others. It needs no passphrase.
    #[command(after_help = "\
Examples:
  lifeboat vaults office
  lifeboat vaults s3 --json | jq '.[] | select(.late)'")]
    Vaults(VaultsArgs),

    /// Delete one backup here, and what only it needed. The other backups stay whole.
    #[command(
        long_about = "Delete one backup here, and what only it needed.\n\nThe other backups stay whole: none needs another one. \
                      At a target it stays, and the command says where: deleted once more, it goes there, too.",
        after_help = "\
Examples:
  lifeboat delete backup_MANUAL_2026-11-23T02-00-00-000Z"
    )]
    Delete(DeleteArgs),

    /// Keep a backup until it is unpinned.
    ///
    /// No rule removes it then, and no lack of room.
    #[command(after_help = "\
Examples:
  lifeboat pin latest
  lifeboat pin backup_MONTHLY_2026-11-01T04-00-00-000Z")]
    Pin(PinArgs),

    /// Leave a pinned backup to the rules again.
    ///
    /// Nothing is removed before the next `lifeboat prune`.
    #[command(after_help = "\
Examples:
  lifeboat unpin backup_MONTHLY_2026-11-01T04-00-00-000Z")]
    Unpin(PinArgs),

    /// Say that a suspicious backup is right, so that pruning goes on.
    ///
    /// A backup is suspicious that has lost most of what the one before had, or whose files look as if somebody had encrypted
    /// them. It is a backup as any other, but nothing is pruned until somebody accepts it or deletes it. Those before it, and
    /// later ones with the same doubt, are accepted with it; `latest` is the newest suspicious one.
    #[command(after_help = "\
Examples:
  lifeboat status
  lifeboat accept latest
  lifeboat accept backup_HOURLY_2026-11-23T02-00-00-000Z")]
    Accept(PinArgs),

    /// Say that this root and this vault belong together.
    ///
    /// Each vault is one root's. The first backup joins them, and so do init and migrate. Where a root meets another's vault, or
    /// a copy of a root meets the vault of the original, no backup is made, because the rules would count the backups of both
    /// together. This gives the vault to this root; the other one then needs another.
    #[command(after_help = "\
Examples:
  lifeboat adopt
  lifeboat --root /srv/bot --vault /mnt/backups/bot adopt")]
    Adopt,

    /// Sign in to Google Drive, so that backups can be stored there.
    ///
    /// Shows a short link and a code: open the link on a phone or any computer, type the code, and agree. The sign-in counts once a
    /// small file was written there, read and removed; then it is kept in credentials/google-drive-token.json in the root (or
    /// `tokenFile`), which no backup takes. Lifeboat asks Google only for what it makes itself. The client id and secret are in
    /// the configuration, or of an earlier sign-in: docs/cloud-drive.md shows how one gets them.
    #[command(after_help = "\
Examples:
  lifeboat auth gdrive                              a code for the phone; for a server
  lifeboat auth gdrive --browser                    opens on this machine, and comes back by itself
  lifeboat auth gdrive --paste                      a browser elsewhere; its last address is pasted here")]
    Auth(AuthArgs),

    /// Make no scheduled backups for a while.
    ///
    /// It ends by itself, or with `lifeboat resume`; what was missed is made up once. It holds for every app and host of this
    /// vault. Backups by hand and by commands, as cron runs them, and what looks after the vault, go on.
    #[command(after_help = "\
Examples:
  lifeboat pause 1d                                 before a large migration, for one
  lifeboat pause 2h")]
    Pause(PauseArgs),

    /// End a pause: scheduled backups go on.
    ///
    /// What was missed meanwhile is made up once, within a minute where an app follows the schedule.
    #[command(after_help = "\
Examples:
  lifeboat resume")]
    Resume,

    /// Show what happened: every backup, restore, verification and pruning, newest first.
    ///
    /// When, how long, how many bytes, and how it ended; also what failed, and what was cut off with its process. It needs
    /// no passphrase. The newest 20 are shown; --limit and --all show more.
    #[command(after_help = "\
Examples:
  lifeboat history
  lifeboat history --operation backup --type daily --since 1w
  lifeboat history --all --json | jq '.[] | select(.result == \"failure\")'")]
    History(HistoryArgs),

    /// Show the backups to come, by the configuration's `schedules`.
    ///
    /// Hourly at every full hour, daily at 2, weekly on Sundays at 3, monthly on the 1st at 4, unless they are configured
    /// otherwise. Of two at the same minute the larger one runs. The app runs them, once it has called scheduler.start().
    #[command(after_help = "\
Examples:
  lifeboat schedule
  lifeboat schedule --next 100 --json")]
    Schedule(ScheduleArgs),

    /// Tell how the backups are doing: age, space, problems and what to do about them.
    ///
    /// Needs no passphrase and never waits. It exits with 0 also where there are problems: scripts read `healthy` from
    /// --json.
    #[command(after_help = "\
Examples:
  lifeboat status
  lifeboat status --json | jq .healthy")]
    Status,

    /// Look at everything that a backup needs, from the folder of the app to the vault, and say what mends it.
    ///
    /// Every check is made, also behind one that failed. Exit code 1 where one did. With --json: {"ok", "checks": [{"name", "ok",
    /// "message", "mend"}]}, where `mend` may be missing, and `name` is one of configuration, root, links, readable, open, vault, key,
    /// room, age, schedule, sqlite, restore, baileys (where the root has it), `target NAME` for each target, and clock.
    #[command(after_help = "\
Examples:
  lifeboat doctor
  lifeboat doctor --json | jq '.checks[] | select(.ok | not)'")]
    Doctor,

    /// Call an operation by its name in JavaScript.
    ///
    /// For scripts, and for what only looks or has no command of its own. The arguments come in their order, as text or as JSON;
    /// the result is JSON. Without a name it lists all operations; with --json their JSON schemas, too.
    #[command(after_help = "\
Examples:
  lifeboat call
  lifeboat call versions config.json
  lifeboat call listBackups '{\"limit\": 5}' --json")]
    Call(CallArgs),

    /// The engine as a process of its own, for a host that speaks its protocol over stdin and stdout.
    #[command(hide = true)]
    Worker,

    /// A process that looks up in the vault what such a host asks for, question after question.
    #[command(hide = true)]
    Clerk,
}

#[derive(Debug, Args)]
pub struct InitArgs {
    /// Open the vault by this file; it is made (32 random bytes, mode 0600) where it does not exist.
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct BackupArgs {
    /// Why this backup is made.
    #[arg(value_name = "TYPE", default_value = "MANUAL", value_parser = backup_type(), ignore_case = true)]
    pub kind: BackupType,
    /// Read and hash every byte again, whatever the type.
    #[arg(long)]
    pub full: bool,
    /// Only say what would be taken and what would not, and why. Writes nothing, and needs no passphrase.
    #[arg(long, conflicts_with_all = ["full", "note", "wait"])]
    pub dry_run: bool,
    /// A few words of your own, kept with the backup.
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
    /// At most so many, the newest.
    #[arg(long, value_name = "N", value_parser = limit())]
    pub limit: Option<usize>,
    /// All of them, also on a terminal.
    #[arg(long, conflicts_with = "limit")]
    pub all: bool,
}

#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// Only these.
    #[arg(long, value_enum, ignore_case = true)]
    pub operation: Option<Operation>,
    /// Only backups of this type.
    #[arg(long = "type", value_name = "TYPE", value_parser = backup_type(), ignore_case = true)]
    pub kind: Option<BackupType>,
    /// Only what began since then: 2h, 3d, yesterday, 2026-11-23, '2026-11-23 14:00'.
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    pub since: Option<Moment>,
    /// At most so many, the newest.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = limit())]
    pub limit: usize,
    /// All that is remembered: the last 20,000.
    #[arg(long, conflicts_with = "limit")]
    pub all: bool,
}

/// What the history tells of.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
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
        match self {
            Operation::Backup => "BACKUP",
            Operation::Restore => "RESTORE",
            Operation::Prune => "PRUNE",
            Operation::Delete => "DELETE",
            Operation::Verify => "VERIFY",
            Operation::Rehearsal => "REHEARSAL",
            Operation::Export => "EXPORT",
            Operation::Import => "IMPORT",
            Operation::Sync => "SYNC",
        }
    }
}

#[derive(Debug, Args)]
pub struct ScheduleArgs {
    /// How many.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub next: u32,
}

#[derive(Debug, Args)]
pub struct ItemsArgs {
    /// A backup's name, or `latest`.
    pub backup: String,
    /// Paths, globs or categories; none means everything.
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
    /// Another backup; none means the root as it is now.
    #[arg(value_name = "B")]
    pub to: Option<String>,
}

#[derive(Debug, Args)]
pub struct PinArgs {
    /// A backup's name, or `latest`.
    pub backup: String,
}

/// How many lines; none is a slip of the pen.
fn limit() -> impl TypedValueParser<Value = usize> {
    clap::value_parser!(u32).range(1..).map(|limit| limit as usize)
}

fn backup_type() -> impl TypedValueParser<Value = BackupType> {
    PossibleValuesParser::new(BackupType::ALL.map(BackupType::as_str)).try_map(|name| name.parse::<BackupType>())
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
