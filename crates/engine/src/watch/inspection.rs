//! Reading back what is stored, a part of it each day, so that all of the vault is read every month.

use std::collections::{HashMap, HashSet};

use super::{Logbook, fact};
use crate::report::{BackupInfo, VerifyReport};
use crate::vault::Vault;
use crate::vault::pack::PackId;
use crate::verify::{self, Scope, Verified};
use crate::{Control, Result};

/// In so many days everything is read once, if there is an inspection each day.
const DAYS: u64 = 28;
/// What was not read for so long is read now, however much it is.
const OVERDUE: i64 = 28 * 24 * 3_600_000;

/// Verifies the part of the vault whose turn it is, and whatever was damaged the last time.
pub fn part(vault: &Vault, threads: usize, control: &Control) -> Result<VerifyReport> {
    let now = control.now();
    let logbook = Logbook::open(vault.dir()).ok();
    let (checked, damage) = match &logbook {
        Some(logbook) => (logbook.checked()?, logbook.fact::<VerifyReport>(fact::DAMAGE)?),
        None => Default::default(),
    };
    let checked: HashMap<PackId, i64> = checked.into_iter().collect();
    let damaged: HashSet<String> = damage.into_iter().flat_map(|report| report.damaged).map(|one| one.object).collect();
    let choose = |packs: &[(PackId, u64)]| -> Result<HashSet<PackId>> {
        let packs: Vec<Candidate> = packs
            .iter()
            .map(|(id, size)| Candidate {
                id: *id,
                size: *size,
                // What was never read was whole when it was written.
                read: checked.get(id).copied().or_else(|| written(vault, id)).unwrap_or(0),
                suspect: damaged.contains(&id.object()),
            })
            .collect();
        Ok(turn(packs, now))
    };
    let verified = verify::run(vault, &Scope::Packs(&choose), false, threads, control)?;
    remember(vault, &verified, &Scope::Packs(&choose), now)?;
    Ok(verified.report)
}

fn written(vault: &Vault, pack: &PackId) -> Option<i64> {
    let written = std::fs::metadata(pack.path(vault.dir())).ok()?.modified().ok()?;
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
pub fn damaged_packs(dir: &std::path::Path) -> HashSet<PackId> {
    let damage = Logbook::open_read_only(dir).and_then(|logbook| logbook.fact::<VerifyReport>(fact::DAMAGE).ok()?);
    damage.into_iter().flat_map(|report| report.damaged).filter_map(|one| PackId::of_object(&one.object)).collect()
}

/// Notes what was read, and what was found.
pub fn remember(vault: &Vault, verified: &Verified, scope: &Scope<'_>, now: i64) -> Result<()> {
    let logbook = Logbook::open(vault.dir())?;
    logbook.set_checked(&verified.whole, &verified.packs, now)?;
    let report = &verified.report;
    match (report.ok, scope) {
        (false, _) => logbook.note(fact::DAMAGE, report)?,
        // The rest of the vault may still be damaged.
        (true, Scope::Backup(_)) => {}
        (true, _) => logbook.forget(fact::DAMAGE)?,
    }
    if !matches!(scope, Scope::Packs(_)) {
        let hurt: HashSet<&String> = report.damaged.iter().flat_map(|damage| &damage.backups).collect();
        let whole = verified.backups.iter().map(|name| name.to_string()).filter(|name| !hurt.contains(name));
        logbook.verified(&whole.collect::<Vec<_>>(), now)?;
    }
    Ok(())
}

/// The same backups, each with when it was last read back as a whole.
pub fn verified(dir: &std::path::Path, mut backups: Vec<BackupInfo>) -> Vec<BackupInfo> {
    let facts = Logbook::open_read_only(dir).and_then(|logbook| logbook.facts(fact::VERIFIED).ok());
    let verified: HashMap<String, i64> = facts.unwrap_or_default().into_iter().collect();
    backups.iter_mut().for_each(|info| info.verified_at = verified.get(&info.backup).copied());
    backups
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * 3_600_000;

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
