//! `lifeboat export`: one backup as one portable file.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use console::style;
use lifeboat_engine::Result;
use lifeboat_engine::report::{ExportOptions, ExportResult};

use crate::output::{count, escaped, size};
use crate::session::{Session, SessionVault, absolute};
use crate::{exit, shell, time};

#[derive(Debug, Args)]
pub struct ExportArgs {
    /// A backup's name, or `latest`.
    pub backup: String,
    /// The file to write, or the folder to write it to [default: this folder].
    pub file: Option<PathBuf>,
    /// Only these paths, globs or categories, separated by commas, or give the option several times. Write a comma in a name as `\,`.
    #[arg(long, value_name = "ITEM")]
    pub items: Vec<OsString>,
    /// Do not encrypt the file: everybody who has it can read it.
    #[arg(long)]
    pub plain: bool,
    /// Encrypt the file, whatever the configuration says.
    #[arg(long, conflicts_with = "plain")]
    pub sealed: bool,
    /// Replace the file if it exists.
    #[arg(long)]
    pub overwrite: bool,
}

pub fn run(args: &ExportArgs, session: &Session) -> Result<u8> {
    let file = absolute(args.file.as_deref().unwrap_or(Path::new(".")))?;
    let options = ExportOptions {
        items: args.items.iter().flat_map(|items| split(&shell::typed(items))).collect(),
        encrypt: args.plain.then_some(false).or(args.sealed.then_some(true)),
        overwrite: args.overwrite,
    };
    let work = |engine: &lifeboat_engine::Engine, control: &lifeboat_engine::Control| {
        engine.export_backup(&args.backup, &file, &options, control)
    };
    let result = session.long(SessionVault::MustExist, work)?;
    let config = session.config()?.placed();
    // The next backup would take it, and the one after that as well.
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let file = real(&result.file);
    let is_taken = file.starts_with(real(&config.root)) && !file.starts_with(real(&config.backup_dir));
    session.output.result(&result, |out| show(out, &result, is_taken))?;
    Ok(exit::DONE)
}

/// At commas, but not at `\,`.
fn split(items: &str) -> Vec<String> {
    // No name has a NUL.
    items.replace("\\,", "\0").split(',').map(|item| item.replace('\0', ",")).collect()
}

fn show(out: &mut dyn Write, result: &ExportResult, is_taken: bool) -> io::Result<()> {
    let file = result.file.display().to_string();
    writeln!(out, "{} {}", style("✓").green().bold(), style(escaped(&file)).bold())?;
    writeln!(out, "  {}, {}", count(result.items, "item", "items"), size(result.size))?;
    if result.encrypted {
        writeln!(out, "  encrypted: only the passphrase or key file that was used now opens it")?;
    } else {
        writeln!(out, "  not encrypted: everybody who has the file can read it")?;
    }
    if is_taken {
        let warning = "It is in the root, so the next backup contains it. Move it away if you do not want that.";
        writeln!(out, "  {} {warning}", style("!").yellow().bold())?;
    }
    writeln!(out, "  took {}", time::took(result.duration_ms))
}
