//! `lifeboat restore`: writes a backup, or some of its items, into a new folder.

use std::io::{self, Write};

use console::style;
use lifeboat_engine::report::{BackupRef, RestoreOptions, RestoreResult};
use lifeboat_engine::{Error, Result};

use crate::args::RestoreArgs;
use crate::output::{count, escaped, size, warnings};
use crate::session::{Session, Vault, absolute};
use crate::{exit, time};

pub fn run(args: &RestoreArgs, session: &Session) -> Result<u8> {
    let (backup, items) = what(args)?;
    let target = absolute(&args.to)?;
    let options = RestoreOptions { items, target: Some(target), dry_run: args.dry_run, ..RestoreOptions::default() };
    let result = session.long(Vault::MustExist, |engine, control| engine.restore(&backup, &options, control))?;
    session.output.result(&result, |out| show(out, &result, &options))?;
    Ok(exit::DONE)
}

/// With `--at`, the first word is no backup but an item.
fn what(args: &RestoreArgs) -> Result<(BackupRef, Vec<String>)> {
    match (args.at, &args.backup) {
        (Some(at), first) => Ok((BackupRef::At { at }, first.iter().chain(&args.items).cloned().collect())),
        (None, Some(name)) => Ok((BackupRef::Name(name.clone()), args.items.clone())),
        (None, None) => Err(Error::Config { message: "Name a backup, or choose one with --at TIME.".into() }),
    }
}

fn show(out: &mut dyn Write, result: &RestoreResult, options: &RestoreOptions) -> io::Result<()> {
    let target = options.target.iter().map(|target| target.display().to_string()).collect::<String>();
    let (target, bytes) = (escaped(&target), size(result.plan.bytes));
    if result.dry_run {
        let items = count(result.plan.create.len() as u64, "item", "items");
        writeln!(out, "{} would write {items}, {bytes}, to {target}:", style(&result.backup).bold())?;
        for path in &result.plan.create {
            writeln!(out, "  {}", escaped(path))?;
        }
        return Ok(());
    }
    let items = count(result.restored.len() as u64, "item", "items");
    writeln!(out, "{} {}", style("✓").green().bold(), style(&result.backup).bold())?;
    writeln!(out, "  as it was on {} ({})", time::show(result.timestamp), time::ago(result.timestamp))?;
    writeln!(out, "  {items}, {bytes}, written to {target} and compared with their hashes")?;
    writeln!(out, "  took {}", time::took(result.duration_ms))?;
    warnings(out, &result.warnings)
}
