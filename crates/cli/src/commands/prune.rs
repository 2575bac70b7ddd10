//! `lifeboat prune` and `lifeboat delete`: backups go, and what only they needed.

use std::io::{self, Write};

use clap::Args;
use console::style;
use lifeboat_engine::report::{PruneOptions, PruneReport};
use lifeboat_engine::{Control, Engine, Result};

use crate::output::{count, escaped, size, table, warnings};
use crate::session::{Session, SessionVault};
use crate::{exit, time};

#[derive(Debug, Args)]
pub struct PruneArgs {
    /// Only show what would be removed, and why.
    #[arg(long)]
    pub dry_run: bool,
    /// Wait for a running operation instead of failing with exit code 3.
    #[arg(long)]
    pub wait: bool,
    /// Prune although a backup is suspicious.
    #[arg(long)]
    pub despite_suspicion: bool,
    /// Free all space now, and not after a day. Use it only while nobody copies the vault.
    #[arg(long)]
    pub at_once: bool,
    /// Remove backups from this target by its own rules, and nothing from this vault.
    #[arg(long, value_name = "NAME", conflicts_with = "at_once")]
    pub target: Option<String>,
    /// The id of the vault at the target, if there are several and none on this machine. If there is one on this machine, only that one is pruned. The command `vaults` lists the ids.
    #[arg(long, value_name = "ID", requires = "target")]
    pub vault_id: Option<String>,
}

#[derive(Debug, Args)]
pub struct DeleteArgs {
    /// A backup's name, or `latest`.
    pub backup: String,
    /// Do not ask. Lifeboat asks only at a terminal, never in a script.
    #[arg(long, short)]
    pub yes: bool,
}

pub fn run(args: &PruneArgs, session: &Session) -> Result<u8> {
    let PruneArgs { dry_run, wait, despite_suspicion, at_once, ref target, ref vault_id } = *args;
    let options = PruneOptions { dry_run, wait, despite_suspicion, at_once, ..PruneOptions::default() };
    if let Some(target) = target {
        let prune =
            |engine: &Engine, control: &Control| engine.prune_target(target, vault_id.as_deref(), &options, control);
        let report = session.long(SessionVault::MustExist, prune)?;
        session.output.result(&report, |out| show(out, &report))?;
        return Ok(exit::DONE);
    }
    let report = session.long(SessionVault::MustExist, |engine, control| engine.prune(&options, control))?;
    session.output.result(&report, |out| show(out, &report))?;
    Ok(exit::DONE)
}

pub fn delete(args: &DeleteArgs, session: &Session) -> Result<u8> {
    if !args.yes && session.output.may_ask() {
        session.output.ask(&format!("Delete {} for good?", escaped(&args.backup)))?;
    }
    let report =
        session.long(SessionVault::MustExist, |engine, control| engine.delete_backup(&args.backup, control))?;
    session.output.result(&report, |out| summary(out, &report))?;
    Ok(exit::DONE)
}

fn show(out: &mut dyn Write, report: &PruneReport) -> io::Result<()> {
    let word = |keep| {
        if keep {
            "keep"
        } else if report.dry_run {
            "would go"
        } else {
            "gone"
        }
    };
    let rows = report.backups.iter().map(|verdict| {
        [verdict.backup.clone(), time::ago(verdict.timestamp), word(verdict.keep).into(), verdict.why.clone()]
    });
    write!(out, "{}", table(["NAME", "AGE", "", "WHY"], rows.collect(), &[]))?;
    summary(out, report)
}

fn summary(out: &mut dyn Write, report: &PruneReport) -> io::Result<()> {
    let backups = count(report.removed, "backup", "backups");
    if report.dry_run {
        writeln!(out, "{backups} would be removed, and {} with them.", size(report.freed))?;
    } else {
        let took = time::took(report.duration_ms);
        writeln!(out, "{} {backups} gone, {} freed, in {took}.", style("✓").green().bold(), size(report.freed))?;
    }
    if report.waiting > 0 {
        writeln!(
            out,
            "{} more that nothing needs {} after a day, so that a copy which is being made misses nothing.",
            size(report.waiting),
            if report.dry_run { "would go" } else { "go" }
        )?;
    }
    warnings(out, &report.warnings)
}
