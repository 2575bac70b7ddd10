//! `lifeboat init`: makes the vault, or adds a way to open it. Where nothing says what opens it, that becomes a file,
//! `config/backup.pass`, which the app finds without any configuration.

use std::io::{self, Write};
use std::path::Path;

use console::style;
use lifeboat_engine::Result;
use lifeboat_engine::report::InitReport;
use lifeboat_engine::seal::places::Places;
use lifeboat_engine::vault::{self, place};

use crate::args::InitArgs;
use crate::output::escaped;
use crate::session::{Session, SessionVault, absolute};
use crate::shell;
use crate::{credentials, engine, exit};

pub fn run(args: &InitArgs, session: &Session) -> Result<u8> {
    let report = match &args.key_file {
        // A new vault with a key file needs no passphrase, so none is asked for.
        Some(file) => {
            let file = absolute(file)?;
            session.engine(SessionVault::MustExist, |engine| engine.init(Some(&file)))?
        }
        None if wants_file(session)? => with_file(session)?,
        None => session.engine(SessionVault::MustExist, |engine| engine.init(None))?,
    };
    let named = session.config()?.backup_dir;
    session.output.result(&report, |out| show(out, &report, &named, session))?;
    Ok(exit::DONE)
}

/// Is there nothing yet that opens the vault?
fn wants_file(session: &Session) -> Result<bool> {
    let config = session.config()?;
    Ok(config.encryption && !Places::of(&config).given())
}

fn with_file(session: &Session) -> Result<InitReport> {
    let config = session.config()?;
    let is_new = !vault::Vault::exists(&place::of(&config.backup_dir));
    match session.output.may_ask() {
        true if is_new => {
            let passphrase = credentials::ask_for_file()?;
            engine::of(config).init_with_passphrase_file(passphrase.as_ref())
        }
        // A passphrase that a person types, until it opens the vault.
        true => session.engine(SessionVault::MustExist, |engine| {
            let typed = engine.config().environment.typed.clone();
            match typed {
                Some(typed) => engine.init_with_passphrase_file(Some(&typed)),
                None => engine.init(None),
            }
        }),
        false if is_new => engine::of(config).init_with_passphrase_file(None),
        // Nobody is there who could type it: says where it was looked for.
        false => session.engine(SessionVault::MustExist, |engine| engine.init(None)),
    }
}

/// `named`: the folder that was named for the vault.
fn show(out: &mut dyn Write, report: &InitReport, named: &Path, session: &Session) -> io::Result<()> {
    let vault = report.vault.display().to_string();
    let (mark, vault) = (style("✓").green().bold(), escaped(&vault));
    match (report.created, report.encrypted) {
        (true, true) => writeln!(out, "{mark} Made the vault {vault}, encrypted.")?,
        (true, false) => writeln!(out, "{mark} Made the vault {vault}. It is not encrypted: anybody can read it.")?,
        (false, _) => writeln!(out, "{mark} The vault {vault} is ready.")?,
    }
    if report.created && report.vault != named {
        writeln!(out, "  It has its own folder, because {} contains other files.", escaped(&named.to_string_lossy()))?;
    }
    if let Some(file) = &report.passphrase_file {
        let file = file.display().to_string();
        writeln!(out, "  It opens by the passphrase in {}. The app and every command find this file.", escaped(&file))?;
        writeln!(
            out,
            "  The file is in no backup. Without it nobody can read the backups: keep a copy on another \
         machine."
        )?;
        writeln!(out, "  To see it: {}", shell::command(&["cat", file.as_str()]))?;
    }
    if let Some(file) = &report.key_file {
        let file = file.display().to_string();
        let file = escaped(&file);
        writeln!(out, "  Key file: {file}")?;
        writeln!(out, "  Everybody who has this file can read the backups. Keep a copy of it on another machine.")?;
        writeln!(out, "  To use it: set BACKUP_KEY_FILE={file}, or \"keyFile\" in the configuration.")?;
    }
    for warning in &report.warnings {
        writeln!(out, "  {} {}", style("!").yellow().bold(), escaped(warning))?;
    }
    writeln!(out, "  Next: {}", shell::command(&session.typed_again("backup")))
}
