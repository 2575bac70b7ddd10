//! What may be typed behind `lifeboat restore`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use lifeboat_engine::report::{Category, RestoreMode};

use crate::time::{self, Moment};

#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// A backup's name, or `latest`.
    #[arg(required_unless_present_any = ["at", "apply_pending", "discard_pending"])]
    pub backup: Option<OsString>,
    /// Paths, globs or categories; default: everything.
    #[arg(value_name = "ITEM")]
    pub items: Vec<OsString>,
    /// The newest good backup at or before this time: 2h, 14:30 (today), yesterday, 2026-11-23, '2026-11-23 14:00'. A day means its
    /// end, and a minute means its end. Times are in the zone of the configuration, or else of the app, or else of this machine.
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    pub at: Option<Moment>,
    /// Write into this folder instead of in place.
    #[arg(long, value_name = "DIR")]
    pub to: Option<PathBuf>,
    /// Read missing or damaged data from this target; default: from each target in turn.
    #[arg(long, value_name = "TARGET")]
    pub from: Option<String>,
    /// Only show what would be done, and whether it is possible: key, room, every stored piece.
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask before replacing anything. Lifeboat asks only at a terminal, never in a script.
    #[arg(long, short)]
    pub yes: bool,
    /// How to restore databases that a running app has open.
    #[arg(long, value_enum, default_value_t = ModeArgument::Auto, conflicts_with = "to")]
    pub mode: ModeArgument,
    /// Do not back up the files that are replaced.
    #[arg(long, conflicts_with = "to")]
    pub no_safety: bool,
    /// In these categories, also remove files that are not in the backup; `none` for no category [default: session].
    #[arg(long, value_name = "CATEGORY", value_delimiter = ',', value_parser = mirrored(), conflicts_with = "to")]
    pub mirror: Option<Vec<Option<Category>>>,
    /// Take each item from the newest backup that has it, up to the chosen one.
    #[arg(long)]
    pub per_item: bool,
    /// Save everything that is whole in a damaged vault, and list what is not. Needs --to.
    #[arg(long, requires = "to")]
    pub salvage: bool,
    /// Give all files to this user and group, by name or number. Only root may do this.
    #[arg(long, value_name = "USER[:GROUP]")]
    pub owner: Option<String>,
    /// Also restore links that lead out of the root.
    #[arg(long)]
    pub allow_outside_links: bool,
    /// Wait for a running operation instead of failing with exit code 3.
    #[arg(long)]
    pub wait: bool,
    /// Do not watch for half a minute whether a running app overwrites the restored files.
    #[arg(long, conflicts_with = "to")]
    pub no_watch: bool,
    /// Apply now the restore that waits for the next start. The app must not run.
    #[arg(long, conflicts_with_all = ["backup", "at", "to", "dry_run", "discard_pending"])]
    pub apply_pending: bool,
    /// Discard the restore that waits for the next start.
    #[arg(long, conflicts_with_all = ["backup", "at", "to", "dry_run"])]
    pub discard_pending: bool,
}

/// How a restore in place replaces databases.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
pub enum ModeArgument {
    /// Live if only databases are in use, or if the app reads the restored files again. Otherwise at its next start, if the app
    /// supports that. Offline if no app runs.
    Auto,
    /// Through SQLite: open connections see the restored rows.
    Live,
    /// By renaming files: no process may have a database open.
    Offline,
    /// Prepare everything now, and apply it at the next start of the app.
    OnRestart,
}

impl From<ModeArgument> for RestoreMode {
    fn from(mode: ModeArgument) -> RestoreMode {
        match mode {
            ModeArgument::Auto => RestoreMode::Auto,
            ModeArgument::Live => RestoreMode::Live,
            ModeArgument::Offline => RestoreMode::Offline,
            ModeArgument::OnRestart => RestoreMode::OnRestart,
        }
    }
}

fn mirrored() -> impl TypedValueParser<Value = Option<Category>> {
    let names = Category::ALL.iter().map(|category| category.as_str()).chain(["none"]);
    PossibleValuesParser::new(names)
        .map(|name| Category::ALL.iter().copied().find(|category| category.as_str() == name))
}
