//! `lifeboat schedule`: the backups to come.

use std::io::{self, Write};

use lifeboat_engine::Result;
use lifeboat_engine::report::{Maker, NextRun, ScheduleStatus};
use lifeboat_engine::schedule::Agenda;
use lifeboat_engine::zone::{self, Zone};

use crate::args::ScheduleArgs;
use crate::output::table;
use crate::session::{Session, SessionVault};
use crate::{exit, shell, time};

pub fn run(args: &ScheduleArgs, session: &Session) -> Result<u8> {
    let makers = session.engine(SessionVault::MustExist, |engine| Ok(engine.status()?.schedule))?;
    let config = session.config()?;
    let (agenda, zone) = (Agenda::of(&config, None)?, zone::of(&config));
    let now = jiff::Timestamp::now().as_millisecond();
    let coming = agenda
        .next(makers.paused.unwrap_or(now), args.next as usize)
        .into_iter()
        .map(|run| NextRun { kind: run.kind, at: run.at });
    let coming: Vec<NextRun> = coming.collect();
    session.output.result(&coming, |out| show(out, &coming, &makers, &zone))?;
    Ok(exit::DONE)
}

fn show(out: &mut dyn Write, coming: &[NextRun], makers: &ScheduleStatus, zone: &Zone) -> io::Result<()> {
    if coming.is_empty() {
        return writeln!(out, "No backup is scheduled: all types are switched off (`schedules` in the configuration).");
    }
    let rows = coming.iter().map(|run| [zone.show(run.at), run.kind.to_string(), time::until(run.at)]);
    let when = format!("WHEN ({})", zone.name);
    out.write_all(table([when.as_str(), "TYPE", ""], rows.collect(), &[]).as_bytes())?;
    if let Some(until) = makers.paused {
        writeln!(out, "\nScheduled backups are paused until {}. `lifeboat resume` ends the pause.", zone.say(until))?;
    }
    match makers.by {
        Maker::Nobody => writeln!(out, "\nNothing makes them now: {}", made_by(makers, zone)),
        _ => writeln!(out, "\nThey are made by {}.", made_by(makers, zone)),
    }
}

/// Who makes the backups, as the end of a sentence; and if nobody does, how to change that.
pub fn made_by(makers: &ScheduleStatus, zone: &Zone) -> String {
    let last = makers.last_command.as_ref();
    let last = last.map_or(String::new(), |last| format!("{} {}", last.kind, time::ago(last.at)));
    match makers.by {
        Maker::Host => {
            let hosts = makers.hosts.iter().filter_map(|host| {
                let since = zone.say(host.scheduler?);
                Some(format!("{} (process {}), whose scheduler has run since {since}", host.name, host.pid))
            });
            hosts.collect::<Vec<_>>().join("; ")
        }
        Maker::Commands => format!("commands, such as cron's (the last: {last})"),
        Maker::Nobody => {
            let last = if last.is_empty() { last } else { format!(" The last that a command made: {last}.") };
            let how = format!(
                "no app runs with `scheduler.start()`, and no cron has made any lately.{last} Start the app, or let cron \
                 run `npx lifeboat backup daily --quiet` in this folder."
            );
            shell::for_here(&how).into_owned()
        }
    }
}
