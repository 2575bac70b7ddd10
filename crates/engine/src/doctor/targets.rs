//! The targets: is each reached, does it take the credentials, has it room, and is everything there in time?

use crate::access::Access;
use crate::backup;
use crate::config::cloud::Target;
use crate::replica::{safe, standing};
use crate::report::{Check, CloudStatus};
use crate::store::Account;
use crate::{schedule, space, vault};

/// What was found of one, and by how many milliseconds this clock is ahead of its.
pub fn check(access: &Access, target: &Target, id: &str, now: i64) -> (Check, Option<i64>) {
    let name = format!("target {}", target.name());
    let asked = access.opener().open(target, id).and_then(|store| {
        store.head(vault::description::FILE)?;
        store.account()
    });
    match asked {
        Ok(account) => (of_account(access, target, &name, &account, now), account.ahead),
        Err(fault) => {
            (Check::bad(&name, fault.to_string(), "Mend what the message names; `lifeboat sync` goes on then."), None)
        }
    }
}

/// Whether it can be written to, the last sync tells.
fn of_account(access: &Access, target: &Target, name: &str, account: &Account, now: i64) -> Check {
    let config = access.config();
    let mut message = match &account.name {
        Some(name) => format!("It is reached, as {name}."),
        None => "It is reached.".into(),
    };
    let free = match target {
        Target::Folder(folder) => space::free(&folder.path),
        _ => account.limit.zip(account.used).map(|(limit, used)| limit.saturating_sub(used)),
    };
    if let Some(free) = free {
        message += &match account.limit {
            Some(limit) => format!(" {} of {} are free.", space::said(free), space::said(limit)),
            None => format!(" {} are free.", space::said(free)),
        };
        if free < backup::LEAST_ROOM {
            let trash =
                account.trash.map(|trash| format!(" Its trash has {}.", space::said(trash))).unwrap_or_default();
            return Check::bad(name, message, format!("Make room there, or keep fewer backups there (`keep`).{trash}"));
        }
    }
    let standing = standing::of_targets(config, &config.backup_dir).unwrap_or_default();
    let standing = standing.into_iter().find(|standing| standing.target == target.name());
    if let Some(standing) = standing {
        if let Some(failure) = &standing.last_failure {
            let pending = standing.pending;
            let message = format!("{message} But the last sync failed: {} {pending} objects wait.", failure.message);
            return Check::bad(name, message, "`lifeboat sync` tries it now.");
        }
        let said = of_time(&standing, now);
        message += &said;
        if is_late(access, &standing, now) {
            let mend =
                "`lifeboat sync` brings them there now. By itself a running scheduler does, or cron: `lifeboat sync`.";
            return Check::bad(name, format!("{message} That is late."), mend);
        }
    }
    if safe::is_on_the_vaults_disk(target, &config.backup_dir) {
        let message = format!("{message} But it is on the same disk as the vault: both are lost together.");
        let mend = "Mount the disk that should be there, or name a folder on another one. No copy here goes because this target \
                    has it.";
        return Check::good(name, message).with_advice(mend);
    }
    Check::good(name, message)
}

fn of_time(standing: &CloudStatus, now: i64) -> String {
    let waits = match standing.pending {
        0 => String::new(),
        1 => " 1 object waits.".into(),
        many => format!(" {many} objects wait."),
    };
    match standing.last_success {
        Some(at) => format!(" Everything was there {:.1} hours ago.{waits}", (now - at).max(0) as f64 / 3_600_000.0),
        None => format!(" Nothing was brought there yet.{waits}"),
    }
}

/// Something waits for longer than a newest backup may be old.
fn is_late(access: &Access, standing: &CloudStatus, now: i64) -> bool {
    let config = access.config();
    let oldest = || vault::list_snapshots(&config.backup_dir).ok()?.first().map(|name| name.millis());
    let since = standing.last_success.or_else(oldest);
    config.syncs()
        && standing.pending > 0
        && since.is_some_and(|since| now - since > schedule::patience(config, None, now))
}
