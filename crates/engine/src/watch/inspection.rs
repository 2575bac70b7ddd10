//! Reading back what is stored, a part of it each day, so that all of the vault is read every month.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use super::{Logbook, fact};
use crate::archive::shelf::{ReadBack, read_back};
use crate::report::{BackupInfo, Damage, VerifyReport};
use crate::seal::keyring::Credentials;
use crate::vault::Vault;
use crate::vault::pack::PackId;
use crate::vault::shelf;
use crate::verify::{self, Scope, Verified};
use crate::{Control, Result};

/// In so many days everything is read once, if there is an inspection each day.
const DAYS: u64 = 28;
/// What was not read for so long is read now, however much it is.
const OVERDUE: i64 = 28 * DAY;
/// An archive is written once a week, and lives for a month: so it is read twice.
const ARCHIVE: i64 = 14 * DAY;
const DAY: i64 = 24 * 3_600_000;

/// Is given what was found, and makes good what it can. True: something was.
pub type Mend<'a> = dyn FnMut(&mut Verified) -> Result<bool> + 'a;

/// So often what was found damaged is made good: a piece of an item list that is back may name more that is missing.
const ROUNDS: usize = 3;

/// Verifies the part of the vault whose turn it is, and whatever was damaged the last time. `heal`: is given damaged
/// archives, and may write them anew.
pub fn part(
    vault: &Vault,
    credentials: &Credentials,
    threads: usize,
    control: &Control,
    mend: &mut Mend<'_>,
    heal: impl FnOnce(&mut [Damage]) -> Result<()>,
) -> Result<VerifyReport> {
    let now = control.now();
    let logbook = Logbook::open(vault.dir()).ok();
    let checked = logbook.as_ref().and_then(|logbook| logbook.checked().ok()).unwrap_or_default();
    let archives = logbook.as_ref().and_then(|logbook| logbook.facts::<i64>(fact::ARCHIVE).ok()).unwrap_or_default();
    let (checked, archives): (HashMap<_, _>, HashMap<_, _>) =
        (checked.into_iter().collect(), archives.into_iter().collect());
    let damaged: HashSet<String> = damage(vault.dir()).into_iter().map(|one| one.object).collect();
    let choose = |packs: &[(PackId, u64)]| -> Result<HashSet<PackId>> {
        let packs: Vec<Candidate> = packs
            .iter()
            .map(|(id, size)| Candidate {
                id: *id,
                size: *size,
                // What was never read was whole when it was written.
                read: checked.get(id).copied().or_else(|| written(&id.path(vault.dir()))).unwrap_or(0),
                suspect: damaged.contains(&id.object()),
            })
            .collect();
        Ok(turn(packs, now))
    };
    let scope = Scope::Packs(&choose);
    let mut verified = verify::run(vault, &scope, false, threads, control)?;
    if !verified.report.ok {
        mend(&mut verified)?;
    }
    let is_due = |path: &Path, object: &str| {
        let read = archives.get(object).copied().or_else(|| written(path)).unwrap_or(0);
        !(0..ARCHIVE).contains(&(now - read)) || damaged.contains(object)
    };
    let mut read = read_back(vault, credentials, is_due, control)?;
    if !read.damaged.is_empty() {
        heal(&mut read.damaged)?;
    }
    let archives = add(&mut verified.report, read);
    // Where it cannot be noted, the report says it all the same.
    let _ = remember(vault, &verified, &archives, &scope, now);
    Ok(verified.report)
}

/// All of the vault, or one backup.
pub fn whole(
    vault: &Vault,
    credentials: &Credentials,
    scope: &Scope<'_>,
    deep: bool,
    threads: usize,
    control: &Control,
    mend: &mut Mend<'_>,
) -> Result<VerifyReport> {
    let mut healed: Vec<Damage> = Vec::new();
    let mut verified = verify::run(vault, scope, deep, threads, control)?;
    for _ in 0..ROUNDS {
        if verified.report.ok || !mend(&mut verified)? {
            break;
        }
        // Read back once more, and told all the same: a disk that loses data is to be looked at.
        healed.extend(verified.report.damaged.into_iter().filter(|damage| damage.healed));
        verified = verify::run(vault, scope, deep, threads, control)?;
    }
    let still: HashSet<String> = verified.report.damaged.iter().map(|damage| damage.object.clone()).collect();
    verified.report.damaged.extend(healed.into_iter().filter(|damage| !still.contains(&damage.object)));
    verified.report.ok = verified.report.damaged.is_empty();
    let archives = match scope {
        Scope::All => add(&mut verified.report, read_back(vault, credentials, |_, _| true, control)?),
        _ => Vec::new(),
    };
    let _ = remember(vault, &verified, &archives, scope, control.now());
    Ok(verified.report)
}

/// Adds what reading archives came to. Returns those that are whole.
fn add(report: &mut VerifyReport, read: ReadBack) -> Vec<String> {
    report.bytes += read.bytes;
    report.damaged.extend(read.damaged);
    report.ok = report.damaged.is_empty();
    read.whole
}

fn written(path: &Path) -> Option<i64> {
    let written = std::fs::metadata(path).ok()?.modified().ok()?;
    Some(written.duration_since(std::time::UNIX_EPOCH).ok()?.as_millis() as i64)
}

struct Candidate {
    id: PackId,
    size: u64,
    /// When it was last read or written.
    read: i64,
    suspect: bool,
}

/// Those whose turn it is: the longest unread first, a part of the vault's size, and all that are overdue or suspect.
fn turn(mut packs: Vec<Candidate>, now: i64) -> HashSet<PackId> {
    let budget = packs.iter().map(|pack| pack.size).sum::<u64>().div_ceil(DAYS);
    packs.sort_by_key(|pack| (pack.read, pack.id));
    let mut taken = 0;
    let mut take = |pack: &Candidate| {
        // A time that is still to come is no time.
        let is_due = taken < budget || now - pack.read >= OVERDUE || pack.read > now || pack.suspect;
        taken += if is_due { pack.size } else { 0 };
        is_due
    };
    packs.iter().filter(|pack| take(pack)).map(|pack| pack.id).collect()
}

/// The packs in which damage was found, and not seen to have gone since.
pub fn damaged_packs(dir: &Path) -> HashSet<PackId> {
    damage(dir).iter().filter_map(|one| PackId::of_object(&one.object)).collect()
}

/// What is known to be damaged.
pub fn damage(dir: &Path) -> Vec<Damage> {
    let report = Logbook::open_read_only(dir).and_then(|logbook| logbook.fact::<VerifyReport>(fact::DAMAGE).ok()?);
    report.map_or(Vec::new(), |report| report.damaged)
}

/// What was found damaged before and was not read this time, so that it may be damaged still.
fn still_damaged(vault: &Vault, verified: &Verified, archives: &[String], scope: &Scope<'_>) -> Vec<Damage> {
    let whole: HashSet<String> = verified.whole.iter().map(PackId::object).chain(archives.iter().cloned()).collect();
    let is_open = |one: &Damage| {
        // Where it is not one backup, all records are read, and all that was damaged before.
        let is_read = !matches!(scope, Scope::Backup(_)) || whole.contains(&one.object);
        !is_read && (!one.object.contains('/') || vault.dir().join(&one.object).exists())
    };
    damage(vault.dir()).into_iter().filter(is_open).collect()
}

/// What of a report nobody was told of before.
pub fn is_news(known: &[Damage], report: &VerifyReport) -> bool {
    let known: HashSet<&str> = known.iter().map(|one| one.object.as_str()).collect();
    report.damaged.iter().any(|one| one.healed || !known.contains(one.object.as_str()))
}

/// Notes what was read, and what was found. `archives`: those that are whole.
pub(crate) fn remember(
    vault: &Vault,
    verified: &Verified,
    archives: &[String],
    scope: &Scope<'_>,
    now: i64,
) -> Result<()> {
    let logbook = Logbook::open(vault.dir())?;
    logbook.set_checked(&verified.whole, &verified.packs, now)?;
    let mut report = verified.report.clone();
    report.damaged.retain(|damage| !damage.healed);
    let remain = still_damaged(vault, verified, archives, scope);
    let found: HashSet<String> = report.damaged.iter().map(|one| one.object.clone()).collect();
    let damaged: Vec<Damage> =
        report.damaged.iter().cloned().chain(remain.into_iter().filter(|one| !found.contains(&one.object))).collect();
    match damaged.is_empty() {
        true => logbook.forget(fact::DAMAGE)?,
        false => logbook.note(fact::DAMAGE, &VerifyReport { ok: false, damaged, ..report.clone() })?,
    }
    let backups: Vec<String> = verified.backups.iter().map(|name| name.to_string()).collect();
    if !matches!(scope, Scope::Packs(_)) {
        let hurt: HashSet<&String> = report.damaged.iter().flat_map(|damage| &damage.backups).collect();
        let whole: Vec<String> = backups.iter().filter(|name| !hurt.contains(name)).cloned().collect();
        logbook.note_all(fact::VERIFIED, &whole, now)?;
    }
    if !matches!(scope, Scope::Backup(_)) {
        logbook.keep_only(fact::VERIFIED, &backups)?;
        logbook.note_all(fact::ARCHIVE, archives, now)?;
        let existing: Vec<String> = shelf::list(vault)?.iter().map(|(path, _)| shelf::object(path)).collect();
        logbook.keep_only(fact::ARCHIVE, &existing)?;
    }
    Ok(())
}

/// The same backups, each with when it was last read back as a whole.
pub fn verified(dir: &Path, mut backups: Vec<BackupInfo>) -> Vec<BackupInfo> {
    let facts = Logbook::open_read_only(dir).and_then(|logbook| logbook.facts(fact::VERIFIED).ok());
    let verified: HashMap<String, i64> = facts.unwrap_or_default().into_iter().collect();
    backups.iter_mut().for_each(|info| info.verified_at = verified.get(&info.backup).copied());
    backups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packs(count: u8, read: impl Fn(u8) -> i64) -> Vec<Candidate> {
        let pack = |n| Candidate { id: PackId([n; 32]), size: 16 << 20, read: read(n), suspect: false };
        (0..count).map(pack).collect()
    }

    #[test]
    fn everything_is_read_within_a_month_and_no_day_reads_much_more_than_another() {
        let mut read: HashMap<PackId, i64> = HashMap::new();
        for day in 0..28 {
            let chosen = turn(packs(100, |n| read.get(&PackId([n; 32])).copied().unwrap_or(0)), day * DAY);
            assert_eq!(chosen.len(), 4, "day {day}");
            read.extend(chosen.into_iter().map(|id| (id, day * DAY)));
        }
        assert_eq!(read.len(), 100);
    }

    #[test]
    fn what_was_put_off_for_too_long_is_read_at_once_and_so_is_what_is_suspect() {
        assert_eq!(turn(packs(100, |n| if n < 30 { 0 } else { 20 * DAY }), 30 * DAY).len(), 30);
        assert_eq!(turn(packs(100, |n| if n < 5 { 99 * DAY } else { 20 * DAY }), 30 * DAY).len(), 4 + 5);
        let mut some = packs(100, |_| 29 * DAY);
        some[99].suspect = true;
        assert_eq!(turn(some, 30 * DAY).len(), 4 + 1);
        assert_eq!(turn(Vec::new(), 0).len(), 0);
    }
}
