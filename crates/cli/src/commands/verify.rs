//! `lifeboat verify`: is every stored byte still good? Damage is exit code 4.

use std::io::{self, Write};

use clap::Args;
use console::style;
use lifeboat_engine::Result;
use lifeboat_engine::report::VerifyReport;

use crate::output::{count, escaped, size};
use crate::session::{Session, SessionVault};
use crate::{exit, priority, time};

#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// A backup's name, or `latest`; default: the whole vault.
    pub backup: Option<String>,
    /// Also unpack every item and compare its hash.
    #[arg(long)]
    pub deep: bool,
    /// Read back the part that is due, so that everything is read each month. Once a week, also rehearse a restore.
    #[arg(long, conflicts_with_all = ["backup", "deep"])]
    pub part: bool,
    /// Read back a part of this target, or all of it with --deep. Replace objects that are damaged or missing there with the whole
    /// ones from here.
    #[arg(long, value_name = "TARGET", conflicts_with_all = ["backup", "part"])]
    pub target: Option<String>,
}

pub fn run(args: &VerifyArgs, session: &Session) -> Result<u8> {
    priority::lower(session.config()?.worker.nice);
    if args.part {
        return part(session);
    }
    if let Some(target) = &args.target {
        let report = session
            .long(SessionVault::MustExist, |engine, control| engine.verify_target(target, args.deep, control))?;
        session.output.result(&report, |out| show(out, &report, false, Some(target)))?;
        return Ok(code(report.ok, session));
    }
    let backup = args.backup.as_deref();
    let report = session.long(SessionVault::MustExist, |engine, control| engine.verify(backup, args.deep, control))?;
    session.output.result(&report, |out| show(out, &report, args.deep, None))?;
    Ok(code(report.ok, session))
}

/// What the scheduler of an app does each day.
fn part(session: &Session) -> Result<u8> {
    let inspection = session.long(SessionVault::MustExist, |engine, control| engine.inspect(control))?;
    let reports = || [Some(&inspection.verify), inspection.rehearsal.as_ref()].into_iter().flatten();
    session.output.result(&inspection, |out| {
        show(out, &inspection.verify, false, None)?;
        match &inspection.rehearsal {
            None => Ok(()),
            Some(report) if report.ok => {
                let took = time::took(report.duration_ms);
                writeln!(out, "{} A restore of the newest backup was rehearsed in {took}.", style("✓").green().bold())
            }
            Some(report) => {
                writeln!(out, "The rehearsal of a restore failed:")?;
                show(out, report, true, None)
            }
        }
    })?;
    Ok(code(reports().all(|report| report.ok), session))
}

fn code(ok: bool, session: &Session) -> u8 {
    if ok {
        return exit::DONE;
    }
    // For `--quiet`: damage is the one thing that must be heard.
    session.output.alarm("Damaged data was found in the vault: run `lifeboat verify` to see what it hurts.");
    exit::DAMAGED
}

/// `target`: what was read back is there, and not here.
fn show(out: &mut dyn Write, report: &VerifyReport, deep: bool, target: Option<&str>) -> io::Result<()> {
    let read = format!(
        "{} in {}, {} read back in {}",
        count(report.backups, "backup", "backups"),
        count(report.packs, "pack", "packs"),
        size(report.bytes),
        time::took(report.duration_ms)
    );
    if report.ok {
        let depth = if deep { "Everything is whole, down to each item" } else { "Everything is whole" };
        return writeln!(out, "{} {depth}: {read}.", style("✓").green().bold());
    }
    let damaged = count(report.damaged.len() as u64, "object is", "objects are");
    writeln!(out, "{} {damaged} damaged: {read}.", style("✗").red().bold())?;
    for damage in &report.damaged {
        writeln!(out, "  {}: {}", escaped(&damage.object), escaped(&damage.message))?;
        match damage.backups.as_slice() {
            _ if damage.healed => writeln!(out, "    healed")?,
            [] => writeln!(out, "    hurts no backup")?,
            hurt => writeln!(out, "    hurts {}", hurt.join(", "))?,
        }
    }
    if let Some(target) = target {
        let advice = match (report.damaged.iter().all(|damage| damage.healed), hurts(report)) {
            (true, _) => "Everything is whole again.".into(),
            (false, true) => format!(
                "Backups that are not named here are whole at {target}. What is not whole here either, `lifeboat backup --full`\n  \
                 stores anew from the root, and `lifeboat sync` sends."
            ),
            (false, false) => {
                format!("Every backup at {target} can be restored: what is damaged is not needed for that.")
            }
        };
        return writeln!(out, "\n  {advice}");
    }
    if report.damaged.iter().all(|damage| damage.healed) {
        return writeln!(out, "\n  Everything is whole again. But check the health of the disk.");
    }
    let advice = if hurts(report) {
        "Backups that are not named here are whole. Now run `lifeboat backup --full`: it reads the root\n  \
         again and stores anew what is damaged. Then look at the health of the disk."
    } else {
        "Every backup is whole: what is damaged is stored elsewhere, too, or is not needed.\n  \
         But look at the health of the disk."
    };
    writeln!(out, "\n  {advice}")
}

fn hurts(report: &VerifyReport) -> bool {
    report.damaged.iter().any(|damage| !damage.healed && !damage.backups.is_empty())
}
