//! What a person sees of a restore or an undo: what will be done, and what was done, in words, with the one command that
//! takes it back.

use std::io::{self, Write};
use std::path::Path;

use console::style;
use lifeboat_engine::report::{RestoreMode, RestorePlan, RestoreResult};
use lifeboat_engine::zone::Zone;
use lifeboat_engine::{Error, Result};

use crate::output::{count, escaped, in_person, size, warnings};
use crate::session::Session;
use crate::{shell, time};

/// A plan shows so many paths of each kind; `--json` has them all.
const SHOWN: usize = 40;

/// Shows a result, and says so loudly where an app has written over it.
pub fn tell(result: &RestoreResult, target: Option<&Path>, session: &Session, zone: &Zone) -> Result<()> {
    session.output.result(result, |out| {
        show(out, result, target, session, zone)?;
        next(out, result)?;
        undo(out, result, session)
    })?;
    if let Some(advice) =
        result.advice.as_ref().filter(|_| !result.overwritten.is_empty() || !result.still_open.is_empty())
    {
        session.output.alarm(advice);
    }
    Ok(())
}

/// Asks a person who has seen what will be done. `E_ABORTED`: not that.
pub fn ask(planned: &RestoreResult, session: &Session, zone: &Zone) -> Result<()> {
    show_plan(&mut io::stderr().lock(), planned, zone)
        .map_err(|error| Error::io("asking at", "the terminal", error))?;
    session.output.ask("Go on?")
}

fn show(
    out: &mut dyn Write,
    result: &RestoreResult,
    target: Option<&Path>,
    session: &Session,
    zone: &Zone,
) -> io::Result<()> {
    if result.dry_run {
        return show_plan(out, result, zone);
    }
    let name = subject(result, zone);
    if result.staged {
        let what = if result.takes_back.is_some() { "To take back " } else { "" };
        writeln!(
            out,
            "{} {what}{name} is ready, and is applied at the next start of the app",
            style("✓").green().bold()
        )?;
        reason(out, result)?;
        let mut discard = session.typed_again("restore");
        discard.push("--discard-pending".into());
        writeln!(out, "  to leave everything as it is: {}", shell::command(&discard))?;
        left_alone(out, result)?;
        return warnings(out, &result.warnings);
    }
    let is_well = result.failed.is_empty()
        && (result.overwritten.is_empty() && result.still_open.is_empty() || result.advice.is_none());
    let mark = if is_well { style("✓").green().bold() } else { style("!").yellow().bold() };
    match &result.takes_back {
        Some(_) => {
            writeln!(out, "{mark} Taken back: {name}")?;
            writeln!(out, "  from its safety backup {}", result.backup)?;
        }
        None => {
            writeln!(out, "{mark} Restored: {name}")?;
            writeln!(out, "  as it was on {} ({})", zone.say(result.timestamp), time::ago(result.timestamp))?;
        }
    }
    let items = count(result.restored.len() as u64, "item", "items");
    let bytes = size(result.plan.bytes);
    match target {
        Some(target) => {
            let target = target.display().to_string();
            writeln!(out, "  {items}, {bytes}, written to {} and compared with their hashes", escaped(&target))?;
        }
        None if is_nothing(&result.plan) => {
            writeln!(out, "  nothing to do: {} as it was then", count(result.plan.unchanged, "item is", "items are"))?;
        }
        None => {
            writeln!(out, "  in place: {}", in_numbers(&result.plan))?;
            writeln!(out, "  {bytes} written, and every byte of it read back from the disk")?;
            if result.takes_back.is_some() {
                paths(out, &result.plan)?;
            }
            if result.mode == Some(RestoreMode::Live) {
                reason(out, result)?;
            }
            if !result.reloaded_by.is_empty() {
                writeln!(out, "  read again by {}", escaped(&result.reloaded_by.join(", ")))?;
            }
        }
    }
    writeln!(out, "  took {}", time::took(result.duration_ms))?;
    left_alone(out, result)?;
    damaged(out, result)?;
    warnings(out, &result.warnings)
}

/// Sessions that work.
fn left_alone(out: &mut dyn Write, result: &RestoreResult) -> io::Result<()> {
    let mut kept = result.kept.iter();
    kept.try_for_each(|kept| writeln!(out, "  left alone: {}. {}", escaped(&kept.path), escaped(&kept.message)))
}

/// What to do now.
fn next(out: &mut dyn Write, result: &RestoreResult) -> io::Result<()> {
    if result.dry_run || result.mode.is_none() {
        return Ok(());
    }
    if let Some(advice) = &result.advice {
        return writeln!(out, "\n{} {}", style("!").yellow().bold(), in_person(advice));
    }
    match result.mode {
        _ if is_nothing(&result.plan) || result.staged => Ok(()),
        Some(RestoreMode::Live) => {
            writeln!(out, "\nThe app uses the restored data now. Nothing else is to be done.")
        }
        _ => writeln!(out, "\nThe app can be started now."),
    }
}

/// The one command that takes it back: the last line.
fn undo(out: &mut dyn Write, result: &RestoreResult, session: &Session) -> io::Result<()> {
    match &result.undo {
        Some(_) => writeln!(out, "\nTo take all of it back:\n  {}", shell::command(&session.typed_again("undo"))),
        None => Ok(()),
    }
}

fn is_nothing(plan: &RestorePlan) -> bool {
    plan.create.is_empty() && plan.replace.is_empty() && plan.remove.is_empty()
}

/// "backup_DAILY_…", or of an undo "the restore of backup_DAILY_… at 14:00".
fn subject(result: &RestoreResult, zone: &Zone) -> String {
    match &result.takes_back {
        None => style(&result.backup).bold().to_string(),
        Some(back) if back.undo => {
            format!("the undo of {} (of the restore of {})", zone.say(back.at), style(&back.backup).bold())
        }
        Some(back) => format!("the restore of {}, made on {}", style(&back.backup).bold(), zone.say(back.at)),
    }
}

fn show_plan(out: &mut dyn Write, result: &RestoreResult, zone: &Zone) -> io::Result<()> {
    let plan = &result.plan;
    match &result.takes_back {
        None => writeln!(out, "{} of {}", style(&result.backup).bold(), zone.say(result.timestamp))?,
        Some(_) => writeln!(out, "Taking back {}", subject(result, zone))?,
    }
    let safety = match result.safety_bytes {
        None => String::new(),
        Some(bytes) => format!(", and about {} for the safety backup", size(bytes)),
    };
    writeln!(out, "  would do this: {}; {} to write{safety}", in_numbers(plan), size(plan.bytes))?;
    paths(out, plan)?;
    reason(out, result)?;
    if !result.still_open.is_empty() {
        let paths = escaped(&result.still_open.join(", ")).into_owned();
        let mark = style("!").yellow().bold();
        writeln!(out, "  {mark} still open in an app, though deleted, moved or replaced: {paths}")?;
        writeln!(out, "    what it has there is kept in a SAFETY backup first; start the app again afterwards")?;
    }
    if result.failed.is_empty() {
        writeln!(out, "  and can: the vault opens, every stored piece is in its place, and the disk has room")?;
    } else {
        damaged(out, result)?;
    }
    left_alone(out, result)?;
    warnings(out, &result.warnings)
}

/// The first paths of each kind.
fn paths(out: &mut dyn Write, plan: &RestorePlan) -> io::Result<()> {
    for (verb, paths) in [("create", &plan.create), ("replace", &plan.replace), ("remove", &plan.remove)] {
        for path in paths.iter().take(SHOWN) {
            writeln!(out, "    {verb:<8} {}", escaped(path))?;
        }
        if paths.len() > SHOWN {
            writeln!(out, "    {verb:<8} and {} more: see --json", paths.len() - SHOWN)?;
        }
    }
    Ok(())
}

fn damaged(out: &mut dyn Write, result: &RestoreResult) -> io::Result<()> {
    if result.failed.is_empty() {
        return Ok(());
    }
    let failed = count(result.failed.len() as u64, "item is", "items are");
    writeln!(out, "  {} {failed} damaged, and could not be restored:", style("!").yellow().bold())?;
    for lost in &result.failed {
        writeln!(out, "    {}: {}", escaped(&lost.path), escaped(&lost.message))?;
    }
    Ok(())
}

fn reason(out: &mut dyn Write, result: &RestoreResult) -> io::Result<()> {
    let (Some(mode), Some(reason)) = (result.mode, &result.reason) else { return Ok(()) };
    writeln!(out, "  {}: {}", in_words(mode), escaped(reason))
}

fn in_words(mode: RestoreMode) -> &'static str {
    match mode {
        RestoreMode::Live => "while the app runs (live)",
        RestoreMode::OnRestart => "at the next start of the app (on-restart)",
        _ => "by renaming files (offline)",
    }
}

fn in_numbers(plan: &RestorePlan) -> String {
    format!(
        "{} created, {} replaced, {} removed, {} unchanged",
        plan.create.len(),
        plan.replace.len(),
        plan.remove.len(),
        plan.unchanged
    )
}
