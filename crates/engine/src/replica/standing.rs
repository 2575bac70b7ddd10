//! How the targets are, for whoever only looks: what is where, what waits, and what went wrong last. Needs no key, and asks no target.

use std::collections::HashSet;
use std::path::Path;

use super::ledger::Ledger;
use crate::config::cloud::Target;
use crate::report::{BackupInfo, CloudFailure, CloudState, CloudStatus};
use crate::vault::layout::{self, Object, Part};
use crate::{Config, Result};

/// For so long a target that has failed is left alone, in milliseconds, unless somebody asks for it.
pub const REST: i64 = 5 * 60_000;

/// What waits to be sent to one target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unsent {
    pub objects: u64,
    pub bytes: u64,
}

/// Which place a target is: where it is another one, what was known of it says nothing. No secret is in it.
pub fn identity(target: &Target) -> String {
    let or_empty = |text: &Option<String>| text.clone().unwrap_or_default();
    match target {
        Target::GDrive(drive) => {
            let [folder, client, user, endpoint] =
                [&drive.folder_id, &drive.client_id, &drive.impersonate, &drive.endpoint].map(or_empty);
            format!("gdrive {folder:?} {client:?} {user:?} {endpoint:?}")
        }
        Target::S3(s3) => {
            let [prefix, endpoint] = [&s3.prefix, &s3.endpoint].map(or_empty);
            format!("s3 {:?} {prefix:?} {endpoint:?}", s3.bucket)
        }
        Target::Folder(folder) => format!("folder {:?}", folder.path),
    }
}

/// What the vault has and the target has not, as far as a backup needs it there.
pub fn pending(vault: &Path, ledger: &Ledger, target: &str) -> Result<Unsent> {
    pending_of(&layout::objects_in(vault)?, ledger, target)
}

fn pending_of(objects: &[Object], ledger: &Ledger, target: &str) -> Result<Unsent> {
    let there: HashSet<String> = ledger.objects(target, "")?.into_iter().map(|(object, _)| object).collect();
    let (spare, dropped) = (ledger.spare(target)?, ledger.dropped(target)?);
    let is_dropped = |object: &Object| match object.part {
        Part::Snapshot => dropped.contains(&object.name),
        Part::Mark => dropped.contains(&format!("snapshots/{}", object.name.rsplit('/').next().unwrap_or_default())),
        _ => false,
    };
    let waits = |object: &&Object| {
        object.part != Part::Archive
            && !there.contains(&object.name)
            && !spare.contains(&object.name)
            && !is_dropped(object)
    };
    let waiting = objects.iter().filter(waits);
    Ok(waiting
        .fold(Unsent::default(), |sum, object| Unsent { objects: sum.objects + 1, bytes: sum.bytes + object.size }))
}

/// Of each configured target.
pub fn of_targets(config: &Config, vault: &Path) -> Result<Vec<CloudStatus>> {
    if config.cloud.is_empty() {
        return Ok(Vec::new());
    }
    let objects = layout::objects_in(vault)?;
    let ledger = Ledger::read(vault);
    config.cloud.iter().map(|target| of_target(config, target, &objects, ledger.as_ref())).collect()
}

fn of_target(config: &Config, target: &Target, objects: &[Object], ledger: Option<&Ledger>) -> Result<CloudStatus> {
    let name = target.name();
    let standing = ledger.map_or(Ok(None), |ledger| ledger.standing(name, &identity(target)))?;
    // Of another place, what the ledger has under this name says nothing.
    let known = ledger.filter(|_| standing.is_some());
    let pending = match known {
        Some(ledger) => pending_of(objects, ledger, name)?,
        None => {
            let all = objects.iter().filter(|object| object.part != Part::Archive);
            all.fold(Unsent::default(), |sum, object| Unsent {
                objects: sum.objects + 1,
                bytes: sum.bytes + object.size,
            })
        }
    };
    let standing = standing.unwrap_or_default();
    let damaged = known.map_or(Ok(None), |ledger| damage(ledger, name))?;
    let last_failure = standing
        .failure
        .map(|failure| CloudFailure { at: failure.at, code: failure.code, message: failure.message })
        .or(damaged);
    let state = match (&last_failure, pending.objects) {
        _ if !config.syncs() => CloudState::Off,
        (Some(_), _) => CloudState::Failing,
        (None, 0) if standing.success.is_some() => CloudState::Synced,
        (None, _) => CloudState::Queued,
    };
    Ok(CloudStatus {
        target: name.into(),
        provider: target.provider().into(),
        state,
        pending: pending.objects,
        pending_bytes: pending.bytes,
        last_success: standing.success,
        last_failure,
        warnings: known.map_or(Ok(Vec::new()), |ledger| ledger.warnings(name))?,
    })
}

/// What was found damaged there, and is still so.
fn damage(ledger: &Ledger, target: &str) -> Result<Option<CloudFailure>> {
    let damaged = ledger.damaged(target)?;
    Ok(damaged.first().map(|(object, at)| {
        let others = match damaged.len() - 1 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let message = format!(
            "{target}: {object}{others} has other content than was written. `lifeboat sync` sends the objects again \
             that are whole here. `lifeboat verify --target {target} --deep` lists the others."
        );
        CloudFailure { at: *at, code: "E_CORRUPT".into(), message }
    }))
}

/// What one target is known to have of the records, and what its rules have dropped.
struct Records {
    target: String,
    there: HashSet<String>,
    dropped: HashSet<String>,
}

/// The same backups, each with the targets where it is, and whether it goes to one still.
pub fn where_they_are(config: &Config, vault: &Path, mut backups: Vec<BackupInfo>) -> Vec<BackupInfo> {
    if config.cloud.is_empty() {
        return backups;
    }
    let ledger = Ledger::read(vault);
    let records = |target: &Target| {
        let (ledger, name) = (ledger.as_ref()?, target.name());
        ledger.standing(name, &identity(target)).ok()??;
        let there = ledger.objects(name, "snapshots/").ok()?.into_iter().map(|(object, _)| object).collect();
        Some(Records { target: name.into(), there, dropped: ledger.dropped(name).ok()? })
    };
    let all: Vec<Option<Records>> = config.cloud.iter().map(records).collect();
    for info in &mut backups {
        let record = format!("snapshots/{}", info.backup);
        for known in all.iter().flatten().filter(|known| known.there.contains(&record)) {
            if !info.location.contains(&known.target) {
                info.location.push(known.target.clone());
            }
        }
        let has = |known: &Records| known.there.contains(&record);
        let is_anywhere = all.iter().flatten().any(has);
        // Every target has it, or its rules have dropped it.
        let is_settled =
            all.iter().all(|known| known.as_ref().is_some_and(|known| has(known) || known.dropped.contains(&record)));
        info.cloud = match (config.syncs(), is_settled, is_anywhere) {
            (true, false, _) => "queued",
            (true, true, true) => "synced",
            // It is nowhere but here, and stays so.
            (true, true, false) | (false, ..) => "off",
        }
        .into();
    }
    backups
}

/// Is there something to do for a target that may be asked now? `now`: milliseconds since the epoch.
pub fn is_due(config: &Config, vault: &Path, now: i64) -> bool {
    !due(config, vault, now).is_empty()
}

/// The targets that may be asked now, and for which there is something to do.
pub fn due<'a>(config: &'a Config, vault: &Path, now: i64) -> Vec<&'a Target> {
    if !config.syncs() {
        return Vec::new();
    }
    let Some(ledger) = Ledger::read(vault) else { return config.cloud.iter().collect() };
    let is_due = |target: &Target| -> Result<bool> {
        let Some(standing) = ledger.standing(target.name(), &identity(target))? else { return Ok(true) };
        // A time that is far ahead was noted under another clock.
        let may_be_asked = standing.not_before <= now || standing.not_before > now + 24 * 3_600_000 + REST;
        let is_open =
            standing.busy || standing.failure.is_some() || pending(vault, &ledger, target.name())?.objects > 0;
        let is_old = standing.success.is_none_or(|at| !(0..LOOKED_AFTER).contains(&(now - at)));
        Ok(may_be_asked && (is_open || is_old))
    };
    config.cloud.iter().filter(|target| is_due(target).unwrap_or(true)).collect()
}

/// Also a target to which nothing is to be sent is asked this often, in milliseconds: whether it still has what it had, and
/// whether it still takes the credentials.
const LOOKED_AFTER: i64 = 24 * 3_600_000;
