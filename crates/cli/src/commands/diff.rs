//! `lifeboat diff`: what changed between two backups, or since one; `+` added, `-` removed, `~` changed.

use std::io::{self, Write};

use console::{StyledObject, style};
use indicatif::HumanCount;
use lifeboat_engine::Result;
use lifeboat_engine::report::{Aspect, BackupRef, Change, DiffReport, ItemInfo, ItemType, TableDiff};

use crate::args::DiffArgs;
use crate::output::{count, escaped, size, warnings};
use crate::session::{Session, SessionVault};
use crate::{exit, priority, shell, time};

/// So many paths are shown; `--json` has them all.
const SHOWN: usize = 120;

pub fn run(args: &DiffArgs, session: &Session) -> Result<u8> {
    priority::lower(session.config()?.worker.nice);
    let from = BackupRef::Name(args.from.clone());
    let to = args.to.clone().map(BackupRef::Name);
    let report = session.long(SessionVault::MustExist, |engine, control| engine.diff(&from, to.as_ref(), control))?;
    session.output.result(&report, |out| show(out, &report))?;
    Ok(exit::DONE)
}

/// One path that differs.
enum DiffLine<'a> {
    Added(&'a ItemInfo),
    Removed(&'a ItemInfo),
    Changed(&'a Change),
}

impl DiffLine<'_> {
    fn path(&self) -> &str {
        match self {
            DiffLine::Added(item) | DiffLine::Removed(item) => &item.path,
            DiffLine::Changed(change) => &change.path,
        }
    }
}

fn show(out: &mut dyn Write, report: &DiffReport) -> io::Result<()> {
    // Whatever was written in a folder gave it another time: that is no news.
    let is_news = |change: &&Change| {
        !change.metadata_only || change.after.kind != ItemType::Dir || change.besides != [Aspect::Time]
    };
    let mut lines: Vec<DiffLine<'_>> = report.changed.iter().filter(is_news).map(DiffLine::Changed).collect();
    lines.extend(report.added.iter().map(DiffLine::Added));
    lines.extend(report.removed.iter().map(DiffLine::Removed));
    lines.sort_by(|a, b| a.path().split('/').cmp(b.path().split('/')));
    // As of plans: more than that nobody reads on a screen.
    for line in lines.iter().take(SHOWN) {
        match line {
            DiffLine::Added(item) => writeln!(out, "{} {}{}", style("+").green(), name(item), sized(item))?,
            DiffLine::Removed(item) => writeln!(out, "{} {}{}", style("-").red(), name(item), sized(item))?,
            DiffLine::Changed(change) => changed(out, change)?,
        }
    }
    if lines.len() > SHOWN {
        writeln!(out, "and {} more: see --json", HumanCount((lines.len() - SHOWN) as u64))?;
    }
    warnings(out, &report.warnings)?;
    if !lines.is_empty() {
        writeln!(out)?;
    }
    let to = report.to.as_deref().unwrap_or("the root as it is now");
    writeln!(out, "{} → {to}: {} in {}.", report.from, sum(report, &lines), time::took(report.duration_ms))
}

fn sum(report: &DiffReport, lines: &[DiffLine<'_>]) -> String {
    let counted = |wanted: fn(&DiffLine<'_>) -> bool| lines.iter().filter(|line| wanted(line)).count();
    let parts = [
        (report.added.len(), "added"),
        (report.removed.len(), "removed"),
        (counted(|line| matches!(line, DiffLine::Changed(change) if !change.metadata_only)), "changed"),
        (counted(|line| matches!(line, DiffLine::Changed(change) if change.metadata_only)), "touched"),
    ];
    let parts = parts.iter().filter(|(number, _)| *number > 0);
    let parts: Vec<String> = parts.map(|(number, what)| format!("{} {what}", HumanCount(*number as u64))).collect();
    if parts.is_empty() { "nothing differs".into() } else { parts.join(", ") }
}

/// A path with the mark of its kind, as `lifeboat items` shows it.
fn name(item: &ItemInfo) -> String {
    let mark = match item.kind {
        ItemType::File => "",
        ItemType::Dir => "/",
        ItemType::Symlink => "",
    };
    format!("{}{mark}", shell::path(item))
}

fn sized(item: &ItemInfo) -> StyledObject<String> {
    style(if item.kind == ItemType::File { format!("  {}", size(item.size)) } else { String::new() }).dim()
}

fn changed(out: &mut dyn Write, change: &Change) -> io::Result<()> {
    let (before, after) = (&change.before, &change.after);
    let what = match (before.kind, after.kind) {
        _ if change.metadata_only => format!("only its {}", besides(&change.besides)),
        (ItemType::File, ItemType::File) if size(before.size) == size(after.size) => size(after.size),
        (ItemType::File, ItemType::File) => format!("{} → {}", size(before.size), size(after.size)),
        (ItemType::Symlink, ItemType::Symlink) => "leads elsewhere".into(),
        (before, after) => format!("{} → {}", kind(before), kind(after)),
    };
    writeln!(out, "{} {}  {}", style("~").yellow(), name(after), style(what).dim())?;
    for table in &change.tables {
        writeln!(out, "    {}: {}", escaped(&table.table), rows(table))?;
    }
    match &change.note {
        Some(note) => writeln!(out, "    {}", escaped(note)),
        None => Ok(()),
    }
}

/// "mode, owner and time".
fn besides(aspects: &[Aspect]) -> String {
    let name = |aspect: &Aspect| match aspect {
        Aspect::Mode => "mode",
        Aspect::Owner => "owner",
        Aspect::Time => "time",
        Aspect::Attributes => "attributes",
        Aspect::Names => "other names",
    };
    let names: Vec<&str> = aspects.iter().map(name).collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => names.concat(),
    }
}

fn kind(kind: ItemType) -> &'static str {
    match kind {
        ItemType::File => "file",
        ItemType::Dir => "folder",
        ItemType::Symlink => "link",
    }
}

/// "3 rows added, 12 changed; its definition differs".
fn rows(table: &TableDiff) -> String {
    let mut parts = Vec::new();
    for (number, what) in [(table.added, "added"), (table.removed, "removed"), (table.changed, "changed")] {
        match (number, parts.len()) {
            (0, _) => {}
            (_, 0) => parts.push(format!("{} {what}", count(number, "row", "rows"))),
            _ => parts.push(format!("{} {what}", HumanCount(number))),
        }
    }
    let definition = match table {
        TableDiff { created: true, .. } => "new",
        TableDiff { dropped: true, .. } => "dropped",
        TableDiff { schema: true, .. } => "its definition differs",
        _ => "",
    };
    let rows = parts.join(", ");
    let separator = if rows.is_empty() || definition.is_empty() { "" } else { "; " };
    format!("{rows}{separator}{definition}")
}
