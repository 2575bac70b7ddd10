//! `lifeboat history`: what happened in this vault, newest first.

use std::io::{self, Write};

use lifeboat_engine::Result;
use lifeboat_engine::report::{HistoryFilter, Run, RunResult, Warning};
use lifeboat_engine::zone::Zone;

use crate::args::HistoryArgs;
use crate::output::{escaped, size, table};
use crate::session::{Session, SessionVault};
use crate::{exit, time};

pub fn run(args: &HistoryArgs, session: &Session) -> Result<u8> {
    let zone = session.zone()?;
    let filter = HistoryFilter {
        operation: args.operation.map(|operation| operation.as_str().into()),
        kind: args.kind,
        since: args.since.as_ref().map(|since| since.since(&zone)).transpose()?,
        limit: (!args.all).then_some(args.limit),
        ..HistoryFilter::default()
    };
    let runs = session.engine(SessionVault::MustExist, |engine| engine.history(&filter))?;
    session.output.result(&runs, |out| show(out, &runs, &zone))?;
    Ok(exit::DONE)
}

fn show(out: &mut dyn Write, runs: &[Run], zone: &Zone) -> io::Result<()> {
    if runs.is_empty() {
        return writeln!(out, "No matching entries.");
    }
    let rows = runs.iter().map(|run| {
        let what = run.kind.map_or_else(|| run.operation.clone(), |kind| format!("{} {kind}", run.operation));
        let took = if run.result == RunResult::Running { String::new() } else { time::took(run.duration_ms) };
        let bytes = run.size.map(size).unwrap_or_default();
        [zone.show(run.at), what, run.result.as_str().into(), took, bytes, remarks(run)]
    });
    let when = format!("WHEN ({})", zone.name);
    out.write_all(table([when.as_str(), "WHAT", "RESULT", "TOOK", "SIZE", ""], rows.collect(), &[3, 4]).as_bytes())
}

fn remarks(run: &Run) -> String {
    let warnings = match run.warnings.len() {
        0 => None,
        1 => Some(format!("warning: {}", in_words(&run.warnings[0]))),
        many => Some(format!("{many} warnings, the first: {}", in_words(&run.warnings[0]))),
    };
    let parts = [run.backup.clone(), run.message.clone(), warnings];
    escaped(&parts.into_iter().flatten().collect::<Vec<_>>().join("; ")).into_owned()
}

fn in_words(warning: &Warning) -> String {
    if warning.path.is_empty() { warning.message.clone() } else { format!("{}: {}", warning.path, warning.message) }
}
