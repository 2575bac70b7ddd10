//! `lifeboat sync`: brings the backups to their targets, and waits for that.

use std::io::{self, Write};

use clap::Args;
use console::style;
use lifeboat_engine::Result;
use lifeboat_engine::report::SyncReport;

use crate::output::{count, escaped, size, warnings};
use crate::session::{Session, SessionVault};
use crate::{exit, priority};

#[derive(Debug, Args)]
pub struct SyncArgs {
    /// Only this target, by its name.
    #[arg(long, value_name = "NAME")]
    pub target: Option<String>,
}

pub fn run(args: &SyncArgs, session: &Session) -> Result<u8> {
    priority::lower(session.config()?.worker.nice);
    let report =
        session.long(SessionVault::MustExist, |engine, control| engine.sync(args.target.as_deref(), control))?;
    session.output.result(&report, |out| show(out, &report))?;
    for failure in &report.failed {
        session.output.alarm(&failure.message);
    }
    Ok(if report.failed.is_empty() { exit::DONE } else { exit::FAILED })
}

fn show(out: &mut dyn Write, report: &SyncReport) -> io::Result<()> {
    let sent = format!("{} sent, {}", count(report.uploaded, "object", "objects"), size(report.bytes));
    match (report.failed.is_empty(), report.pending) {
        (true, 0) => writeln!(out, "{} Everything is at its targets: {sent}.", style("✓").green().bold())?,
        _ => {
            let waits = count(report.pending, "object waits", "objects wait");
            writeln!(out, "{} Some backups are not at their targets yet: {sent}, {waits}.", style("✗").red().bold())?;
        }
    }
    for failure in &report.failed {
        let what = if failure.object.is_empty() { &failure.target } else { &failure.object };
        writeln!(out, "  {}: {} ({})", escaped(what), escaped(&failure.message), failure.code)?;
    }
    warnings(out, &report.warnings)
}
