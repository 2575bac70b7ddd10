//! `lifeboat restore`: brings a backup back, in place or into another folder. What a salvage lost is exit code 4.

use std::ffi::OsString;

use lifeboat_engine::report::{BackupRef, RestoreOptions};
use lifeboat_engine::zone::Zone;
use lifeboat_engine::{Config, Engine, Error, Result};

use super::restore_args::RestoreArgs;
use super::restored;
use crate::session::{Session, SessionVault, absolute};
use crate::{exit, shell};

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
        let restored =
            session.long(SessionVault::MustExist, |engine, control| engine.restore(&backup, options, control));
        restored.map_err(|error| with_backup_first(error, args))
    };
    if options.target.is_none() && !options.dry_run && !args.yes && session.output.may_ask() {
        let plan = restore(&RestoreOptions { dry_run: true, ..options.clone() })?;
        restored::ask(&plan, session, &zone)?;
    }
    let result = restore(&options)?;
    restored::tell(&result, options.target.as_deref(), session, &zone)?;
    if !result.failed.is_empty() {
        session.output.alarm("Some items are damaged and were not restored: see `lifeboat verify`.");
        return Ok(exit::DAMAGED);
    }
    Ok(exit::DONE)
}

/// Who names an item and no backup means the latest.
fn with_backup_first(error: Error, args: &RestoreArgs) -> Error {
    match (error, &args.backup) {
        (Error::NotFound { message }, Some(word))
            if args.at.is_none()
                && !word.as_encoded_bytes().starts_with(b"backup_")
                && !message.contains("`latest`")
                && message.starts_with("There is no backup") =>
        {
            // Without the places: whoever prints it names them.
            let mut command: Vec<OsString> = ["lifeboat", "restore", "latest"].map(OsString::from).into();
            command.extend([word].into_iter().chain(&args.items).map(|word| shell::operand(word)));
            let message = format!("{message} A backup is named before its items: `{}`.", shell::command(&command));
            Error::NotFound { message }
        }
        (other, _) => other,
    }
}

/// With `--at`, the first word is no backup but an item.
fn what(args: &RestoreArgs, zone: &Zone) -> Result<(BackupRef, Vec<String>)> {
    let at = args.at.as_ref().map(|at| at.at(zone)).transpose()?;
    match (at, &args.backup) {
        (Some(at), first) => {
            Ok((BackupRef::At { at }, first.iter().chain(&args.items).map(|word| shell::typed(word)).collect()))
        }
        (None, Some(name)) => Ok((BackupRef::Name(shell::typed(name)), shell::all_typed(&args.items))),
        (None, None) => Err(Error::Config { message: "Name a backup, or choose one with --at TIME.".into() }),
    }
}

fn options(args: &RestoreArgs, items: Vec<String>) -> Result<RestoreOptions> {
    let mut options = RestoreOptions {
        items,
        target: args.to.as_deref().map(absolute).transpose()?,
        dry_run: args.dry_run,
        create_backup_first: !args.no_safety,
        mode: args.mode.into(),
        per_item: args.per_item,
        salvage: args.salvage,
        owner: args.owner.clone(),
        allow_outside_links: args.allow_outside_links,
        wait: args.wait,
        watch: !args.no_watch,
        from: args.from.clone(),
        ..RestoreOptions::default()
    };
    if let Some(mirror) = &args.mirror {
        options.mirror = mirror.iter().flatten().copied().collect();
    }
    Ok(options)
}

fn apply_pending(session: &Session) -> Result<u8> {
    let result = session.long(SessionVault::MustExist, Engine::apply_pending_restore)?;
    match &result {
        Some(result) => restored::tell(result, None, session, &session.zone()?)?,
        None => session
            .output
            .result(&result, |out| writeln!(out, "No restore waits for the next start, and none was cut off."))?,
    }
    Ok(exit::DONE)
}

fn discard_pending(session: &Session) -> Result<u8> {
    // It needs a root and nothing else: a configuration that is wrong may be why nothing can be applied.
    let discarded = match session.config() {
        Err(Error::Config { .. }) => {
            Engine::new(Config::default().resolved(&session.root()?)?).discard_pending_restore()?
        }
        _ => session.engine(SessionVault::MustExist, Engine::discard_pending_restore)?,
    };
    session.output.result(&serde_json::json!({ "discarded": discarded }), |out| match discarded {
        true => writeln!(out, "The restore that waited for the next start is forgotten. Nothing was changed."),
        false => writeln!(out, "No restore waits for the next start."),
    })?;
    Ok(exit::DONE)
}
