//! `lifeboat init`: makes the vault, or adds a way to open it.

use std::io::{self, Write};

use console::style;
use lifeboat_engine::Result;
use lifeboat_engine::report::InitReport;

use crate::args::InitArgs;
use crate::exit;
use crate::output::escaped;
use crate::session::{Session, Vault, absolute};

pub fn run(args: &InitArgs, session: &Session) -> Result<u8> {
    let key_file = args.key_file.as_deref().map(absolute).transpose()?;
    // A new vault with a key file needs no passphrase, so none is asked for.
    let vault = if key_file.is_some() { Vault::MustExist } else { Vault::MayBeNew };
    let report = session.engine(vault, |engine| engine.init(key_file.as_deref()))?;
    session.output.result(&report, |out| show(out, &report))?;
    Ok(exit::DONE)
}

fn show(out: &mut dyn Write, report: &InitReport) -> io::Result<()> {
    let vault = report.vault.display().to_string();
    let (mark, vault) = (style("✓").green().bold(), escaped(&vault));
    match (report.created, report.encrypted) {
        (true, true) => writeln!(out, "{mark} Made the vault {vault}, encrypted.")?,
        (true, false) => writeln!(out, "{mark} Made the vault {vault}. It is not encrypted: anybody can read it.")?,
        (false, _) => writeln!(out, "{mark} The vault {vault} is ready.")?,
    }
    if let Some(file) = &report.key_file {
        let file = file.display().to_string();
        let file = escaped(&file);
        writeln!(out, "  Key file: {file}")?;
        writeln!(out, "  Whoever has this file can read the backups. Keep a copy of it on another machine.")?;
        writeln!(out, "  To use it: set BACKUP_KEY_FILE={file}, or \"keyFile\" in the configuration.")?;
    }
    writeln!(out, "  Next: lifeboat backup")
}
