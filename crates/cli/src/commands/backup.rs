//! `lifeboat backup`: takes one, and says in a few lines what it was and what it cost.

use std::io::{self, Write};

use console::style;
use indicatif::HumanCount;
use lifeboat_engine::Result;
use lifeboat_engine::report::{BackupOptions, BackupResult};

use crate::args::BackupArgs;
use crate::output::{count, notes, ratio, size, warnings};
use crate::session::{Session, SessionVault};
use crate::{exit, ping, priority, time};

use super::preview;

pub fn run(args: &BackupArgs, session: &Session) -> Result<u8> {
    if args.dry_run {
        return preview::run(session);
    }
    let full = args.full.then_some(true);
    let options = BackupOptions { full, note: args.note.clone(), wait: args.wait, ..BackupOptions::default() };
    let config = session.config()?;
    priority::lower(config.worker.nice);
    let result =
        session.long(SessionVault::MayBeNew, |engine, control| engine.create_backup(args.kind, &options, control));
    if let Ok(result) = &result {
        session.output.result(result, |out| show(out, result))?;
        if result.degraded {
            session.output.alarms(&format!("{} is not whole.", result.backup), &result.warnings);
        } else if result.suspicious.is_some() {
            session.output.alarms(&format!("{} is suspicious.", result.backup), &result.warnings);
        }
    }
    if let Some(url) = &config.monitor.ping_url
        && let Err(why) = ping::tell(url, &result)
    {
        session.output.remark(&format!("monitor.pingUrl could not be reached: {why}."));
    }
    result.map(|result| if is_good(&result) { exit::DONE } else { exit::DEGRADED })
}

fn is_good(result: &BackupResult) -> bool {
    !result.degraded && result.suspicious.is_none()
}

fn show(out: &mut dyn Write, result: &BackupResult) -> io::Result<()> {
    let mark = if is_good(result) { style("✓").green().bold() } else { style("!").yellow().bold() };
    writeln!(out, "{mark} {}", style(&result.backup).bold())?;
    let items = count(result.items, "item", "items");
    let news = match result.changed {
        0 => format!("nothing new or changed in {items}"),
        some => format!("{} of {items} new or changed", HumanCount(some)),
    };
    let gone = match result.removed {
        0 => String::new(),
        some => format!(", {} gone", HumanCount(some)),
    };
    writeln!(out, "  {news}{gone}")?;
    let saved = ratio(result.total_size, result.size).map(|ratio| format!(" ({ratio})")).unwrap_or_default();
    writeln!(out, "  {} added to the vault for {} of data{saved}", size(result.size), size(result.total_size))?;
    let how = if result.full { ", every byte read again" } else { "" };
    writeln!(out, "  took {}{how}", time::took(result.duration_ms))?;
    if result.degraded {
        writeln!(out, "  Not everything could be stored as it should be:")?;
    }
    warnings(out, &result.warnings)?;
    notes(out, &result.notes)
}
