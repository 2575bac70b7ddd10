//! `lifeboat restore`: brings a backup back, in place or into another folder. What a salvage lost is exit code 4.

use std::io::{self, BufRead, Write};
use std::path::Path;

use console::style;
use lifeboat_engine::report::{BackupRef, RestoreMode, RestoreOptions, RestorePlan, RestoreResult};
use lifeboat_engine::zone::Zone;
use lifeboat_engine::{Config, Engine, Error, Result};

use crate::args::{Mode, RestoreArgs};
use crate::output::{count, escaped, in_shell, size, warnings};
use crate::session::{Session, Vault, absolute};
use crate::{exit, time};

/// A plan shows so many paths of each kind; `--json` has them all.
const SHOWN: usize = 40;
/// So many paths may stand on a command line that a person is to read.
const FEW: usize = 5;

pub fn run(args: &RestoreArgs, session: &Session) -> Result<u8> {
    if args.apply_pending {
        return apply_pending(session);
    }
    if args.discard_pending {
        return discard_pending(session);
    }
    let zone = session.zone()?;
    let (backup, items) = what(args, &zone)?;
    let options = options(args, items)?;
    let restore = |options: &RestoreOptions| {
        session.long(Vault::MustExist, |engine, control| engine.restore(&backup, options, control))
    };
    if options.target.is_none() && !options.dry_run && !args.yes && session.output.may_ask() {
        let plan = restore(&RestoreOptions { dry_run: true, ..options.clone() })?;
        if !agreed(&plan, &zone)? {
            return Err(Error::Aborted);
        }
    }
    let result = restore(&options)?;
    session.output.result(&result, |out| {
        show(out, &result, options.target.as_deref(), &zone)?;
        undo(out, &result, &options.items, session)?;
        advice(out, &result)
    })?;
    let is_urgent = !result.overwritten.is_empty() || !result.still_open.is_empty();
    if let Some(advice) = result.advice.as_ref().filter(|_| is_urgent) {
        session.output.alarm(advice);
    }
    if !result.failed.is_empty() {
        session.output.alarm("Some items are damaged and were not restored: see `lifeboat verify`.");
        return Ok(exit::DAMAGED);
    }
    Ok(exit::DONE)
}

/// With `--at`, the first word is no backup but an item.
fn what(args: &RestoreArgs, zone: &Zone) -> Result<(BackupRef, Vec<String>)> {
    let at = args.at.as_ref().map(|at| at.at(zone)).transpose()?;
    match (at, &args.backup) {
        (Some(at), first) => Ok((BackupRef::At { at }, first.iter().chain(&args.items).cloned().collect())),
        (None, Some(name)) => Ok((BackupRef::Name(name.clone()), args.items.clone())),
        (None, None) => Err(Error::Config { message: "Name a backup, or choose one with --at TIME.".into() }),
    }
}

fn options(args: &RestoreArgs, items: Vec<String>) -> Result<RestoreOptions> {
    let mut options = RestoreOptions {
        items,
        target: args.to.as_deref().map(absolute).transpose()?,
        dry_run: args.dry_run,
        create_backup_first: !args.no_safety,
        mode: match args.mode {
            Mode::Auto => RestoreMode::Auto,
            Mode::Live => RestoreMode::Live,
            Mode::Offline => RestoreMode::Offline,
            Mode::OnRestart => RestoreMode::OnRestart,
        },
        per_item: args.per_item,
        salvage: args.salvage,
        owner: args.owner.clone(),
        allow_outside_links: args.allow_outside_links,
        wait: args.wait,
        watch: !args.no_watch,
        ..RestoreOptions::default()
    };
    if let Some(mirror) = &args.mirror {
        options.mirror = mirror.iter().flatten().copied().collect();
    }
    Ok(options)
}

fn apply_pending(session: &Session) -> Result<u8> {
    let result = session.long(Vault::MustExist, Engine::apply_pending_restore)?;
    let zone = session.zone()?;
    session.output.result(&result, |out| match &result {
        Some(result) => {
            show(out, result, None, &zone)?;
            // What was asked for is not known here any more: what was done is.
            let done = &result.restored;
            undo(out, result, if done.len() <= SHOWN { done } else { &[] }, session)?;
            advice(out, result)
        }
        None => writeln!(out, "No restore waits for the next start, and none was cut off."),
    })?;
    Ok(exit::DONE)
}

fn discard_pending(session: &Session) -> Result<u8> {
    // It needs a root and nothing else: a configuration that is wrong may be why nothing can be applied.
    let discarded = match session.config() {
        Err(Error::Config { .. }) => {
            Engine::new(Config::default().resolved(&session.root()?)?).discard_pending_restore()?
        }
        _ => session.engine(Vault::MustExist, Engine::discard_pending_restore)?,
    };
    session.output.result(&serde_json::json!({ "discarded": discarded }), |out| match discarded {
        true => writeln!(out, "The restore that waited for the next start is forgotten. Nothing was changed."),
        false => writeln!(out, "No restore waits for the next start."),
    })?;
    Ok(exit::DONE)
}

/// Asks a person who has seen what will be done.
fn agreed(planned: &RestoreResult, zone: &Zone) -> Result<bool> {
    let ask = || -> io::Result<bool> {
        let mut err = io::stderr().lock();
        show_plan(&mut err, planned, zone)?;
        write!(err, "Go on? [y/N] ")?;
        err.flush()?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
    };
    ask().map_err(|error| Error::io("asking at", "the terminal", error))
}

fn show(out: &mut dyn Write, result: &RestoreResult, target: Option<&Path>, zone: &Zone) -> io::Result<()> {
    if result.dry_run {
        return show_plan(out, result, zone);
    }
    let name = style(&result.backup).bold();
    if result.staged {
        writeln!(
            out,
            "{} {name} is ready, and is applied when the app starts the next time",
            style("✓").green().bold()
        )?;
        reason(out, result)?;
        writeln!(out, "  to leave everything as it is: lifeboat restore --discard-pending")?;
        left_alone(out, result)?;
        return warnings(out, &result.warnings);
    }
    let is_told = result.overwritten.is_empty() && result.still_open.is_empty() || result.advice.is_none();
    let is_well = result.failed.is_empty() && is_told;
    let mark = if is_well { style("✓").green().bold() } else { style("!").yellow().bold() };
    writeln!(out, "{mark} {name}")?;
    writeln!(out, "  as it was on {} ({})", zone.say(result.timestamp), time::ago(result.timestamp))?;
    let items = count(result.restored.len() as u64, "item", "items");
    let bytes = size(result.plan.bytes);
    match target {
        Some(target) => {
            let target = target.display().to_string();
            writeln!(out, "  {items}, {bytes}, written to {} and compared with their hashes", escaped(&target))?;
        }
        None if result.plan.create.len() + result.plan.replace.len() + result.plan.remove.len() == 0 => {
            writeln!(out, "  nothing to do: {} as it was then", count(result.plan.unchanged, "item is", "items are"))?;
        }
        None => {
            writeln!(out, "  in place: {}; {bytes} written, and read back from the disk", in_numbers(&result.plan))?;
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
    result
        .kept
        .iter()
        .try_for_each(|kept| writeln!(out, "  left alone: {}. {}", escaped(&kept.path), escaped(&kept.message)))
}

/// What to do now: the last line.
fn advice(out: &mut dyn Write, result: &RestoreResult) -> io::Result<()> {
    match &result.advice {
        Some(advice) => writeln!(out, "\n{} {}", style("!").yellow().bold(), escaped(advice)),
        None => Ok(()),
    }
}

/// The very command that takes the restore back. It names what was selected: an hour later, the rest of the safety backup
/// is an hour old.
fn undo(out: &mut dyn Write, result: &RestoreResult, items: &[String], session: &Session) -> io::Result<()> {
    let Some(safety) = &result.safety_backup else { return Ok(()) };
    let replaced: Vec<&String> = result.plan.replace.iter().chain(&result.plan.remove).collect();
    let mut command = session.typed_again("restore");
    command.push(safety.clone());
    if items.is_empty() {
        // All of it.
    } else if replaced.len() <= FEW && !replaced.iter().any(|path| path.contains(['*', '?', '[', '{', '\\'])) {
        command.extend(replaced.iter().map(|path| path.to_string()));
    } else {
        command.extend(items.iter().cloned());
    }
    if items.is_empty() || !replaced.is_empty() {
        writeln!(out, "\nTo take it all back:\n  {}", in_shell(&command))?;
    }
    match result.plan.create.len() as u64 {
        0 => Ok(()),
        created => {
            let created = count(created, "item that it created stays", "items that it created stay");
            writeln!(out, "{created}, except in the session.")
        }
    }
}

fn show_plan(out: &mut dyn Write, result: &RestoreResult, zone: &Zone) -> io::Result<()> {
    let plan = &result.plan;
    writeln!(out, "{} of {}", style(&result.backup).bold(), zone.say(result.timestamp))?;
    writeln!(out, "  would do this: {}; {} to write", in_numbers(plan), size(plan.bytes))?;
    for (verb, paths) in [("create", &plan.create), ("replace", &plan.replace), ("remove", &plan.remove)] {
        for path in paths.iter().take(SHOWN) {
            writeln!(out, "    {verb:<8} {}", escaped(path))?;
        }
        if paths.len() > SHOWN {
            writeln!(out, "    {verb:<8} and {} more: see --json", paths.len() - SHOWN)?;
        }
    }
    reason(out, result)?;
    if result.failed.is_empty() {
        writeln!(out, "  and can: the vault opens, every stored piece is in its place, and the disk has room")?;
    } else {
        damaged(out, result)?;
    }
    left_alone(out, result)?;
    warnings(out, &result.warnings)
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
