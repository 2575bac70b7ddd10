//! `lifeboat backup --dry-run`: what would be taken and what would not, and why. Nothing is written.

use std::io::{self, Write};

use console::style;
use lifeboat_engine::Result;
use lifeboat_engine::report::{Preview, PreviewLeft};

use crate::exit;
use crate::output::{count, escaped, notes, size, table};
use crate::session::{Session, SessionVault};

/// So many rows of a list are shown; --json has all.
const ROWS: usize = 30;

pub fn run(session: &Session) -> Result<u8> {
    let preview = session.long(SessionVault::MustExist, |engine, control| engine.preview_backup(control))?;
    session.output.result(&preview, |out| show(out, &preview))?;
    Ok(exit::DONE)
}

fn show(out: &mut dyn Write, preview: &Preview) -> io::Result<()> {
    let total = format!("{} with {}", count(preview.items, "item", "items"), size(preview.size));
    writeln!(out, "{} of {}", style(format!("A backup would take {total}")).bold(), preview.root.display())?;
    let categories = preview.categories.iter();
    let categories = categories.map(|(category, totals)| format!("{} {}", category.as_str(), size(totals.size)));
    writeln!(out, "  {}\n", categories.collect::<Vec<_>>().join(", "))?;
    // Folders without content of their own say nothing to a person.
    let taken: Vec<_> = preview.taken.iter().filter(|row| row.size > 0).collect();
    let rows = taken.iter().take(ROWS).map(|row| {
        [escaped(&row.path).into_owned(), row.category.as_str().into(), row.items.to_string(), size(row.size)]
    });
    out.write_all(table(["TAKEN", "CATEGORY", "ITEMS", "SIZE"], rows.collect(), &[2, 3]).as_bytes())?;
    more(out, taken.len())?;
    if !preview.useless.is_empty() {
        let rows = preview
            .useless
            .iter()
            .take(ROWS)
            .map(|row| [escaped(&row.path).into_owned(), row.items.to_string(), size(row.size), row.why.clone()]);
        writeln!(out)?;
        let head = ["PROBABLY USELESS, BUT TAKEN", "ITEMS", "SIZE", ""];
        out.write_all(table(head, rows.collect(), &[1, 2]).as_bytes())?;
        more(out, preview.useless.len())?;
        writeln!(out, "  To leave something out: \"exclude\": [{:?}] in the configuration.", preview.useless[0].path)?;
    }
    notes(out, &preview.notes)?;
    if preview.left.is_empty() {
        return writeln!(out, "\nNothing is left out.");
    }
    writeln!(out)?;
    let rows = preview.left.iter().take(ROWS).map(left);
    out.write_all(table(["NOT TAKEN", "ITEMS", "SIZE", "WHY"], rows.collect(), &[1, 2]).as_bytes())?;
    more(out, preview.left.len())?;
    for lost in preview.left.iter().filter(|left| left.lost).take(ROWS) {
        let mend = lost.mend.as_deref().unwrap_or_default();
        writeln!(out, "  {} {}: {}", style("!").yellow().bold(), escaped(&lost.path), escaped(mend))?;
    }
    Ok(())
}

fn left(row: &PreviewLeft) -> [String; 4] {
    let path = if row.path.is_empty() { "(others)".into() } else { escaped(&row.path).into_owned() };
    let more = if row.more { "+" } else { "" };
    let mark = if row.lost { "! " } else { "" };
    [path, format!("{}{more}", row.items), format!("{}{more}", size(row.size)), format!("{mark}{}", escaped(&row.why))]
}

fn more(out: &mut dyn Write, rows: usize) -> io::Result<()> {
    match rows.saturating_sub(ROWS) {
        0 => Ok(()),
        more => writeln!(out, "  and {more} more: see --json"),
    }
}
