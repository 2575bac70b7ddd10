//! The doctor: looks at everything that a backup needs, from the root to the vault and its targets, and says of each what was
//! found and what mends it. It never stops at the first fault, and writes nothing.

mod baileys;
mod clock;
mod targets;

use crate::access::Access;
use crate::backup;
use crate::capture::sqlite;
use crate::capture::stat::{Purpose, may};
use crate::report::{Check, Diagnosis, Maker, Preview, PreviewLeft};
use crate::restore::{self, Unfinished};
use crate::seal::places::Places;
use crate::vault::{self, Vault, place};
use crate::watch::{self, newest_good};
use crate::{Config, Control, Error, Result, marriage, schedule, space};

/// So many things of a kind are named.
const NAMED: usize = 5;

/// `configuration`: what is wrong with it, where the engine's is not the one that was meant.
pub fn examine(access: &Access, configuration: Option<&Error>, control: &Control) -> Result<Diagnosis> {
    let config = access.config();
    let mut checks = vec![of_configuration(configuration)];
    match backup::preview(config, control) {
        Ok(preview) => checks.extend([of_root(&preview), of_links(&preview), of_unreadable(&preview)]),
        Err(Error::Aborted) => return Err(Error::Aborted),
        Err(error) => checks.push(Check::bad(
            "root",
            error.to_string(),
            "Name the folder of the app (`root` in the configuration, --root DIR), and let this user read it.",
        )),
    }
    let exists = Vault::exists(&config.backup_dir);
    checks.push(of_nameless(config));
    checks.push(of_vault(config, exists));
    checks.push(of_opening(access, exists));
    checks.push(of_room(config));
    checks.push(of_age(config, exists, control.now()));
    checks.push(of_makers(config, control.now()));
    checks.push(of_sqlite());
    checks.push(of_restore(config));
    checks.extend(baileys::check(&config.root));
    let id = if exists { access.vault().map(|vault| vault.id()).unwrap_or_default() } else { String::new() };
    let mut ahead = Vec::new();
    for target in &config.cloud {
        control.check()?;
        let (check, off) = targets::check(access, target, &id, control.now());
        checks.push(check);
        ahead.extend(off.map(|off| (target.name().to_owned(), off)));
    }
    checks.push(clock::check(&ahead, &config.backup_dir, control.now()));
    Ok(Diagnosis::of(checks))
}

fn of_configuration(wrong: Option<&Error>) -> Check {
    match wrong {
        None => Check::good("configuration", "It is understood."),
        Some(error) => Check::bad(
            "configuration",
            error.to_string(),
            "Mend what the message names. What follows was looked at with the defaults.",
        ),
    }
}

fn of_root(preview: &Preview) -> Check {
    let items = match preview.items {
        1 => "1 item".into(),
        many => format!("{many} items"),
    };
    let mut message =
        format!("{}: {} with {} would be taken", preview.root.display(), items, space::said(preview.size));
    let left: Vec<String> = preview
        .left
        .iter()
        .filter(|left| !left.lost && !left.path.is_empty() && left.size > 0)
        .take(NAMED)
        .map(|left| format!("{} ({})", left.path, space::said(left.size)))
        .collect();
    if !left.is_empty() {
        message += &format!("; not taken are {}", left.join(", "));
    }
    let check = Check::good("root", message + ".");
    match preview.items {
        0 => Check::bad("root", "Nothing in it would be taken.", "Name the folder of the app: `root`, --root DIR."),
        _ if preview.left.is_empty() => check,
        _ => check.with_advice("`lifeboat backup --dry-run` lists all of it."),
    }
}

fn of_links(preview: &Preview) -> Check {
    let lost = lost(preview, |left| left.reason == crate::report::LeftReason::Link);
    losses("links", &lost, "No link leads out of the root.", "What is behind these links is not in a backup")
}

fn of_unreadable(preview: &Preview) -> Check {
    let lost = lost(preview, |left| left.reason == crate::report::LeftReason::Unreadable);
    losses("readable", &lost, "Everything that would be taken can be read.", "These cannot be read")
}

/// What an app writes to a database that was deleted or replaced under it.
fn of_nameless(config: &Config) -> Check {
    let found = backup::nameless_databases(config, &config.backup_dir);
    match found.first() {
        None => Check::good("open", "No app is known to have a database open that was deleted or replaced."),
        Some(first) => {
            let paths: Vec<&str> = found.iter().take(NAMED).map(|one| one.path.as_str()).collect();
            let message = format!("An app has databases open that were deleted or replaced: {}.", paths.join(", "));
            Check::bad("open", message, first.message.clone())
        }
    }
}

fn lost(preview: &Preview, is_kind: impl Fn(&PreviewLeft) -> bool) -> Vec<&PreviewLeft> {
    preview.left.iter().filter(|left| left.lost && is_kind(left)).collect()
}

fn losses(name: &str, lost: &[&PreviewLeft], good: &str, bad: &str) -> Check {
    let Some(first) = lost.first() else { return Check::good(name, good) };
    let named: Vec<&str> = lost.iter().take(NAMED).map(|left| left.path.as_str()).collect();
    let more = match lost.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Check::bad(name, format!("{bad}: {}{more}.", named.join(", ")), first.mend.clone().unwrap_or_default())
}

fn of_vault(config: &Config, exists: bool) -> Check {
    let dir = &config.backup_dir;
    let place = dir.ancestors().find(|folder| folder.exists()).unwrap_or(dir);
    if let Err(error) = may(place, Purpose::Write) {
        return Check::bad(
            "vault",
            format!("Nothing can be written in {}: {error}.", place.display()),
            "Let this user write there (chown, chmod), mount its disk, or name another place (`backupDir`, --vault DIR).",
        );
    }
    if let Err(error) = marriage::refuse_missing_vault(config) {
        return Check::bad(
            "vault",
            error.to_string(),
            "Mount its disk, or put the vault back; `lifeboat init` makes a new one.",
        );
    }
    let beside = place::beside(dir).unwrap_or_default();
    match exists {
        true if !beside.is_empty() => Check::good(
            "vault",
            format!(
                "It is {}, and can be written. What else lies in it is in no backup: {}.",
                dir.display(),
                beside.join(", ")
            ),
        )
        .with_advice("Let the app keep that in another folder."),
        true => Check::good("vault", format!("It is {}, and can be written.", dir.display())),
        false => Check::good("vault", format!("There is none yet at {}; it can be made there.", dir.display()))
            .with_advice("`lifeboat backup` makes it."),
    }
}

/// How the vault is opened, and by what. An error says where a passphrase was looked for.
fn of_opening(access: &Access, exists: bool) -> Check {
    let mend = "`lifeboat init` makes config/backup.pass; or set BACKUP_PASSPHRASE or BACKUP_KEY_FILE where the app is started, \
                or name a file in the configuration (`passphraseFile`, `keyFile`).";
    let looked_for = Places::of(access.config()).looked_for();
    if let Some(warning) = looked_for.iter().filter(|place| place.used).find_map(|place| place.warning.clone()) {
        return Check::bad("key", warning, "Let nobody else read it: chmod 600.");
    }
    let by: Vec<String> = looked_for.into_iter().filter(|place| place.used).map(|place| place.sentence).collect();
    let by = by.join(" ");
    let opened = match exists {
        true => access.vault().map(|vault| vault.is_encrypted()),
        false => access.can_make_vault().map(|()| access.config().encryption),
    };
    match opened {
        Ok(true) if exists => Check::good("key", format!("The vault opens. {by}")),
        Ok(true) => Check::good("key", format!("There is something that will open the vault. {by}")),
        Ok(false) => Check::good("key", "The vault is not encrypted: whoever has it can read it."),
        Err(error) => Check::bad("key", error.to_string(), mend),
    }
}

fn of_room(config: &Config) -> Check {
    let dir = &config.backup_dir;
    let place = dir.ancestors().find(|folder| folder.exists()).unwrap_or(dir);
    let (limit, free) = (config.max_local_storage.0, space::free(place).unwrap_or(0));
    let used = vault::usage(dir).map(|usage| usage.used).unwrap_or(0);
    let message = format!(
        "The vault uses {} of {} (maxLocalStorage); {} are free on its disk.",
        space::said(used),
        space::said(limit),
        space::said(free)
    );
    let is_short = used as f64 >= limit as f64 * config.monitor.storage_warn_percent / 100.0;
    let mend = "Raise `maxLocalStorage`, delete or unpin backups that are not needed, or use a larger disk.";
    match is_short || free < backup::LEAST_ROOM {
        true => Check::bad("room", message, mend),
        false => Check::good("room", message),
    }
}

fn of_age(config: &Config, exists: bool, now: i64) -> Check {
    let newest = if exists { newest_good(&config.backup_dir, now).ok().flatten() } else { None };
    match newest {
        None => Check::bad(
            "age",
            "There is no good backup.",
            "`lifeboat backup` makes one; its warnings say why if it is degraded.",
        ),
        Some(at) => {
            let hours = |millis: i64| millis.max(0) as f64 / 3_600_000.0;
            let limit = schedule::patience(config, None, now);
            let message = format!(
                "The newest good backup is {:.1} hours old; the limit is {:.0}.",
                hours(now - at),
                hours(limit)
            );
            match now - at > limit {
                true => {
                    Check::bad("age", message, "`lifeboat backup` makes one; `lifeboat history` says what happened.")
                }
                false => Check::good("age", message),
            }
        }
    }
}

/// Who makes the backups.
fn of_makers(config: &Config, now: i64) -> Check {
    let makers = watch::makers(config, now);
    let hours = |at: i64| (now - at).max(0) as f64 / 3_600_000.0;
    match (makers.by, &makers.last_command, makers.hosts.iter().find(|host| host.scheduler.is_some())) {
        (Maker::Host, _, Some(host)) => {
            Check::good("schedule", format!("The scheduler of {} (process {}) makes them.", host.name, host.pid))
        }
        (Maker::Commands, Some(last), _) => Check::good(
            "schedule",
            format!("Commands make them, such as cron's; the last {:.1} hours ago.", hours(last.at)),
        ),
        _ => Check::bad(
            "schedule",
            "Nobody makes backups by a schedule.",
            "Call lifeboat.scheduler.start() in the app, or let cron run `lifeboat backup daily --quiet`.",
        ),
    }
}

fn of_sqlite() -> Check {
    match sqlite::check_library() {
        Ok(()) => Check::good("sqlite", format!("SQLite {} is built in.", rusqlite::version())),
        Err(error) => Check::bad("sqlite", error.to_string(), "Build Lifeboat again: `npm run build`."),
    }
}

fn of_restore(config: &Config) -> Check {
    match restore::unfinished(&config.root) {
        None => Check::good("restore", "None waits, and none was cut off."),
        Some(Unfinished::Waits) => Check::good("restore", "One waits for the next start of the app.")
            .with_advice("Start the app again, or `lifeboat restore --discard-pending` forgets it."),
        // Whose journal cannot be used nothing finishes: the error says what to do.
        Some(Unfinished::CutOff) => match restore::unusable(&config.root) {
            Some(error) => Check::bad("restore", error.to_string(), "docs/disaster.md has the commands."),
            None => Check::bad(
                "restore",
                "One was cut off in the middle, or is under way now.",
                "`lifeboat status` finishes or undoes it.",
            ),
        },
    }
}
