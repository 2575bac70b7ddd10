//! `lifeboat migrate`: a new root on another server, from a vault or an archive. Damage in the history is exit code 4.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use console::style;
use lifeboat_engine::Result;
use lifeboat_engine::migrate::From;
use lifeboat_engine::report::{BackupRef, MigrateOptions, MigrateReport};
use lifeboat_engine::zone::Zone;

use crate::commands::target::{self, TargetArgs};
use crate::output::{count, escaped, size, warnings};
use crate::session::{Session, SessionVault, absolute};
use crate::time::Moment;
use crate::{exit, time};

#[derive(Debug, Args)]
pub struct MigrateArgs {
    /// The vault, a folder that contains one (an old root, a download), an archive, or a target: its name in the configuration
    /// (--config), or `s3` or `gdrive` with the options below. A folder of the same name is `./NAME`.
    #[arg(long, value_name = "SOURCE")]
    pub from: PathBuf,
    #[command(flatten)]
    pub target: TargetArgs,
    /// The id of the vault, if a target or a download has several.
    #[arg(long, value_name = "ID")]
    pub vault_id: Option<String>,
    /// Restore this backup instead of the newest.
    #[arg(long, value_name = "NAME")]
    pub backup: Option<String>,
    /// The newest good backup at or before this time: 2h, 14:30 (today), yesterday, 2026-11-23, '2026-11-23 14:00'. A day means its
    /// end, and a minute means its end.
    #[arg(long, value_name = "TIME", value_parser = time::parse, conflicts_with = "backup")]
    pub at: Option<Moment>,
    /// Give all files to this user and group, by name or number. Only root may do this.
    #[arg(long, value_name = "USER[:GROUP]")]
    pub owner: Option<String>,
    /// Do not copy the vault: the next backup begins a new one.
    #[arg(long)]
    pub no_history: bool,
    /// Bring back only the vault, for a root that has lost it. The root is not changed.
    #[arg(long, conflicts_with_all = ["backup", "at", "no_history", "allow_outside_links"])]
    pub no_restore: bool,
    /// Also restore links that lead out of the root.
    #[arg(long)]
    pub allow_outside_links: bool,
}

pub fn run(args: &MigrateArgs, session: &Session) -> Result<u8> {
    let target = target::of(&args.from, &args.target, session)?;
    let from = absolute(&args.from)?;
    let at = args.at.as_ref().map(|at| at.at(&session.zone_of_new_root(&from)?)).transpose()?;
    let backup = args.backup.clone().map(BackupRef::Name).or(at.map(|at| BackupRef::At { at }));
    let options = MigrateOptions {
        backup,
        history: !args.no_history,
        owner: args.owner.clone(),
        allow_outside_links: args.allow_outside_links,
        vault_id: args.vault_id.clone(),
        restore: !args.no_restore,
    };
    let from_where = target.as_ref().map_or(From::Path(&from), From::Target);
    let which = if args.no_restore { SessionVault::MustExist } else { SessionVault::OfNewRoot };
    let report = session.long(which, |engine, control| engine.migrate_from(from_where, &options, control))?;
    // That of the root that is there now. Where its configuration does not fit here, that is a warning of the report.
    let zone = session.zone().or_else(|_| session.zone_of_new_root(&from))?;
    if args.no_restore {
        session.output.result(&report, |out| show_vault(out, &report))?;
    } else {
        session.output.result(&report, |out| show(out, &report, &zone))?;
    }
    if !report.damaged.is_empty() {
        session.output.alarm("The root is restored and whole, but older backups are damaged: run `lifeboat verify`.");
    }
    Ok(if report.damaged.is_empty() { exit::DONE } else { exit::DAMAGED })
}

fn show_vault(out: &mut dyn Write, report: &MigrateReport) -> io::Result<()> {
    let vault = report.vault.as_deref().unwrap_or(&report.root).display().to_string();
    let backups = count(report.backups, "backup", "backups");
    writeln!(out, "{} The vault {} is back with {backups}", style("✓").green().bold(), escaped(&vault))?;
    writeln!(out, "  from {}, {} copied", escaped(&report.source.display().to_string()), size(report.copied))?;
    for damage in &report.damaged {
        writeln!(out, "  damaged: {}: {}", escaped(&damage.object), escaped(&damage.message))?;
    }
    warnings(out, &report.warnings)
}

fn show(out: &mut dyn Write, report: &MigrateReport, zone: &Zone) -> io::Result<()> {
    let place = |path: &Path| escaped(&path.display().to_string()).into_owned();
    writeln!(out, "{} {} is set up", style("✓").green().bold(), style(place(&report.root)).bold())?;
    writeln!(out, "  from {} as of {} ({})", report.backup, zone.say(report.timestamp), time::ago(report.timestamp))?;
    let items = count(report.items, "item", "items");
    writeln!(out, "  {items}, {}, compared with their hashes", size(report.bytes))?;
    match &report.vault {
        Some(vault) => {
            let backups = count(report.backups, "backup", "backups");
            let copied = if report.copied > 0 { format!(", {} copied", size(report.copied)) } else { String::new() };
            writeln!(out, "  its vault is {} with {backups}{copied}", place(vault))?;
        }
        None => writeln!(out, "  without a vault: the next backup makes a new one")?,
    }
    writeln!(out, "  took {}", time::took(report.duration_ms))?;
    if !report.damaged.is_empty() {
        let damaged = count(report.damaged.len() as u64, "object is", "objects are");
        writeln!(out, "  {} {damaged} damaged in the vault; what was restored is whole:", style("!").yellow().bold())?;
        for damage in &report.damaged {
            writeln!(out, "    {}: {}", escaped(&damage.object), escaped(&damage.message))?;
        }
    }
    warnings(out, &report.warnings)?;
    writeln!(out, "\nNow, in {}:", place(&report.root))?;
    let width = report.next.iter().map(|step| step.command.chars().count()).filter(|length| *length <= 44).max();
    let width = width.unwrap_or(0);
    for step in &report.next {
        writeln!(out, "  {:<width$}  {}", escaped(&step.command), escaped(&step.why))?;
    }
    Ok(())
}
