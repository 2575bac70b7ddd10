//! `lifeboat schedule`: the backups to come.

use std::io::{self, Write};

use lifeboat_engine::Result;
use lifeboat_engine::report::NextRun;
use lifeboat_engine::schedule::Agenda;

use crate::args::ScheduleArgs;
use crate::output::table;
use crate::session::Session;
use crate::{exit, time};

pub fn run(args: &ScheduleArgs, session: &Session) -> Result<u8> {
    let agenda = Agenda::of(&session.config()?, None)?;
    let now = jiff::Timestamp::now().as_millisecond();
    let coming = agenda.next(now, args.next as usize).into_iter().map(|run| NextRun { kind: run.kind, at: run.at });
    let coming: Vec<NextRun> = coming.collect();
    session.output.result(&coming, |out| show(out, &coming))?;
    Ok(exit::DONE)
}

fn show(out: &mut dyn Write, coming: &[NextRun]) -> io::Result<()> {
    if coming.is_empty() {
        return writeln!(out, "No backup is scheduled: all types are switched off (`schedules` in the configuration).");
    }
    let rows = coming.iter().map(|run| [time::show(run.at), run.kind.to_string(), time::until(run.at)]);
    out.write_all(table(["WHEN", "TYPE", ""], rows.collect(), &[]).as_bytes())?;
    writeln!(out, "\nThe app runs them, while `scheduler.start()` is in force there.")
}
