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
    /// Paths, globs or categories; none means everything.
    #[arg(value_name = "ITEM")]
    pub items: Vec<OsString>,
    /// The newest backup at or before then: 2h, 14:30 (today), yesterday, 2026-11-23, '2026-11-23 14:00'. A day means its end,
    /// and so does a minute. Times are in the zone of the configuration, else of the app, else of this machine.
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    pub at: Option<Moment>,
    /// Write into this folder instead of in place.
    #[arg(long, value_name = "DIR")]
    pub to: Option<PathBuf>,
    /// The target that gives what is missing or damaged here; else each of them in turn.
    #[arg(long, value_name = "TARGET")]
    pub from: Option<String>,
    /// Only tell what would be done, and whether it can be: key, room, every stored piece.
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask before replacing anything. Only a person at a terminal is asked; a script is not.
    #[arg(long, short)]
    pub yes: bool,
    /// What to do about databases that a running app has open.
    #[arg(long, value_enum, default_value_t = ModeArgument::Auto, conflicts_with = "to")]
    pub mode: ModeArgument,
    /// Make no backup of what is replaced.
    #[arg(long, conflicts_with = "to")]
    pub no_safety: bool,
    /// Remove what the backup does not have in these categories, too; `none` for no category [default: session].
    #[arg(long, value_name = "CATEGORY", value_delimiter = ',', value_parser = mirrored(), conflicts_with = "to")]
    pub mirror: Option<Vec<Option<Category>>>,
    /// Take each item from the newest backup that has it, not later than the chosen one.
    #[arg(long)]
    pub per_item: bool,
    /// Write all that is whole of a damaged vault, and list the rest. Needs --to.
    #[arg(long, requires = "to")]
    pub salvage: bool,
    /// Give everything to this user and group, by name or number. Only root may.
    #[arg(long, value_name = "USER[:GROUP]")]
    pub owner: Option<String>,
    /// Also restore links that lead out of the root.
    #[arg(long)]
    pub allow_outside_links: bool,
    /// Wait for a running operation instead of failing with exit code 3.
    #[arg(long)]
    pub wait: bool,
    /// Do not look for half a minute whether a running app writes its memory over what was restored.
    #[arg(long, conflicts_with = "to")]
    pub no_watch: bool,
    /// Apply the restore that waits for the next start, now. The app must not run.
    #[arg(long, conflicts_with_all = ["backup", "at", "to", "dry_run", "discard_pending"])]
    pub apply_pending: bool,
    /// Forget the restore that waits for the next start.
    #[arg(long, conflicts_with_all = ["backup", "at", "to", "dry_run"])]
    pub discard_pending: bool,
}

/// How a restore in place replaces databases.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
pub enum ModeArgument {
    /// Live where only databases are in use, or the app reads again what is restored; else at its next start, if it applies
    /// one; offline where no app runs.
    Auto,
    /// Through SQLite: open connections see the restored rows.
    Live,
    /// By renaming files: nobody may have a database open.
    Offline,
    /// Prepare everything, and apply it when the app starts the next time.
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
    let names = Category::ALL.map(Category::as_str).into_iter().chain(["none"]);
    PossibleValuesParser::new(names).map(|name| Category::ALL.into_iter().find(|category| category.as_str() == name))
}
