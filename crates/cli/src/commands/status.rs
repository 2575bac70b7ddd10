//! `lifeboat status`: healthy or not, why, and what to do.

use std::io::{self, Write};

use console::style;
use lifeboat_engine::report::{CloudState, CloudStatus, Maker, Status};
use lifeboat_engine::zone::{self, Zone};
use lifeboat_engine::{Config, Result};

use super::schedule::made_by;
use crate::output::{count, escaped, in_person, ratio, size};
use crate::session::{Session, SessionVault};
use crate::{exit, shell, time};

pub fn run(session: &Session) -> Result<u8> {
    let (status, config) =
        session.engine(SessionVault::MustExist, |engine| Ok((engine.status()?, engine.config().clone())))?;
    let zone = zone::of(&config);
    session.output.result(&status, |out| show(out, &status, &config, &zone))?;
    Ok(exit::DONE)
}

fn show(out: &mut dyn Write, status: &Status, config: &Config, zone: &Zone) -> io::Result<()> {
    let newest = match status.age {
        Some(age) => format!("the newest good backup was made {}", time::age(age)),
        None => "there is no backup yet".into(),
    };
    if status.healthy {
        writeln!(out, "{}: {newest}.", style("✓ Healthy").green().bold())?;
    } else {
        writeln!(out, "{}: {newest}.", style("✗ Not healthy").red().bold())?;
    }
    for problem in &status.problems {
        writeln!(out, "  {} {} ({})", style("!").yellow().bold(), in_person(&problem.message), problem.code)?;
    }
    writeln!(out)?;
    let mut line = |name: &str, text: String| writeln!(out, "  {:<10} {}", name, escaped(&text));
    line("Root", config.root.display().to_string())?;
    line("Vault", config.backup_dir.display().to_string())?;
    if let Some(running) = &status.running {
        let far = running.progress.as_ref().map_or(String::new(), |progress| format!(", {}", progress.phase));
        let since = zone.say(running.since);
        line("Running", format!("{} since {since} (process {}){far}", running.operation, running.pid))?;
    }
    if status.pending_restore {
        let how = "a restore waits for the next start of the app; `lifeboat restore --discard-pending` discards it";
        line("Waiting", shell::for_here(how).into_owned())?;
    }
    let storage = &status.storage;
    let mut backups = count(storage.backups, "backup", "backups");
    if let Some(ratio) = ratio(storage.source_bytes, storage.stored_bytes) {
        let (data, stored) = (size(storage.source_bytes), size(storage.stored_bytes));
        backups += &format!(", {data} of data stored in {stored} ({ratio})");
    }
    line("Backups", backups)?;
    let limit = match storage.limit {
        0 => String::new(),
        some => format!(" of {} ({:.0} %)", size(some), storage.used as f64 * 100.0 / some as f64),
    };
    line("Space", format!("{} used{limit}, {} free on the disk", size(storage.used), size(storage.free)))?;
    for (index, target) in status.cloud.iter().enumerate() {
        let name = if index == 0 { "Targets" } else { "" };
        line(name, format!("{} ({}): {}", target.target, target.provider, standing(target)))?;
        for warning in &target.warnings {
            line("", shell::for_here(warning).into_owned())?;
        }
    }
    for (index, (kind, at)) in status.last_success.iter().enumerate() {
        let name = if index == 0 { "Last good" } else { "" };
        line(name, format!("{kind:<8} {} ({})", zone.say(*at), time::ago(*at)))?;
    }
    if let Some(failure) = &status.last_failure {
        let when = format!("{} ({})", zone.say(failure.at), time::ago(failure.at));
        line("Last bad", format!("{:<8} {when}: {} ({})", failure.kind, failure.message, failure.code))?;
    }
    let makers = made_by(&status.schedule, zone);
    line("Made by", if status.schedule.by == Maker::Nobody { format!("nobody: {makers}") } else { makers })?;
    for host in status.schedule.hosts.iter().filter(|host| host.scheduler.is_none()) {
        let since = zone.say(host.since);
        line("Host", format!("{} (process {}) since {since}, without a scheduler", host.name, host.pid))?;
    }
    if let Some(until) = status.schedule.paused {
        let how = format!("scheduled backups are paused until {}; `lifeboat resume` ends the pause", zone.say(until));
        line("Paused", shell::for_here(&how).into_owned())?;
    }
    if let Some(next) = &status.schedule.next {
        line("Next", format!("{:<8} {} ({})", next.kind, zone.say(next.at), time::until(next.at)))?;
    }
    Ok(())
}

/// How a target is.
fn standing(target: &CloudStatus) -> String {
    let waits = || format!("{}, {}, wait", count(target.pending, "object", "objects"), size(target.pending_bytes));
    let last =
        target.last_success.map_or("never complete so far".into(), |at| format!("all was there {}", time::ago(at)));
    match (&target.last_failure, target.state) {
        (_, CloudState::Off) => "nothing is sent there by itself (cloudSync)".into(),
        (_, CloudState::Synced) => {
            format!("complete, as of {}", target.last_success.map_or("never".into(), time::ago))
        }
        (Some(failure), _) => format!("{} ({}); {}; {last}", failure.message, failure.code, waits()),
        (None, _) => format!("{}; {last}", waits()),
    }
}
