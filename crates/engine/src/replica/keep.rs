//! Which backups stay at a target, and why: the rules of the vault ([`crate::retention`]), with the counts of the target. Pure.
//!
//! What counts as the time of a backup is when the target says that it was written, and not what its name says: whoever has broken
//! into a server may write backups with any name. And of those that arrived in one hour, day, week or month, as their type has
//! it, one counts for all: however many are sent at once, they take one place, and no good backup is pushed out. They stay and go
//! together. What is younger than a day at the target stays.

use std::collections::BTreeMap;

use crate::config::Config;
use crate::config::cloud::Keep;
use crate::report::{BackupInfo, BackupType};
use crate::retention::{self, RetentionRules, Verdict};
use crate::vault::ACCEPTED;
use crate::vault::layout::PINS;
use crate::vault::name::BackupName;

const HOUR: i64 = 3_600_000;
pub const DAY: i64 = 24 * HOUR;

/// A backup at a target.
#[derive(Clone, Debug)]
pub struct RemoteBackup {
    pub info: BackupInfo,
    /// When the target says that it was written; its own time where it does not say.
    pub written: i64,
}

impl RemoteBackup {
    /// `info`: what its record says; where nobody can read that, it is known by its name, and no good one. `written`: as the target
    /// says. `is_marked`: is there such a mark, there or here?
    pub fn new(
        name: &BackupName,
        info: Option<BackupInfo>,
        written: Option<i64>,
        is_marked: impl Fn(&str) -> bool,
    ) -> RemoteBackup {
        let mut info = info.unwrap_or_else(|| BackupInfo::of_name(name));
        info.pinned = is_marked(&format!("{PINS}/{name}"));
        info.suspicious = info.suspicious.filter(|_| !is_marked(&format!("{ACCEPTED}/{name}")));
        RemoteBackup { info, written: written.unwrap_or(name.millis()) }
    }
}

/// Newest first.
pub fn sort(backups: &mut [RemoteBackup]) {
    backups.sort_by(|a, b| (b.info.timestamp, &b.info.backup).cmp(&(a.info.timestamp, &a.info.backup)));
}

/// The rules of a target: those of the vault, but for what it has of its own.
pub fn rules(config: &Config, keep: &Keep) -> RetentionRules {
    let mut rules = RetentionRules::of(config);
    for (kind, count) in keep {
        match kind {
            BackupType::Manual | BackupType::Api => rules.manual = *count,
            kind => drop(rules.keep.insert(*kind, *count)),
        }
    }
    rules
}

/// A verdict for each, in the same order.
pub fn judge(backups: &[RemoteBackup], rules: &RetentionRules, now: i64) -> Vec<Verdict> {
    let mut groups: BTreeMap<(BackupType, i64), Vec<usize>> = BTreeMap::new();
    for (index, backup) in backups.iter().enumerate() {
        groups.entry(slot(backup)).or_default().push(index);
    }
    let groups: Vec<Vec<usize>> = groups.into_values().collect();
    // The best of each speaks for all.
    let best = |group: &Vec<usize>| {
        let by = |index: &usize| {
            let info = &backups[*index].info;
            (info.suspicious.is_none(), !info.degraded, info.timestamp)
        };
        group.iter().copied().max_by_key(by).unwrap_or(0)
    };
    let mut speakers: Vec<(usize, BackupInfo)> = groups
        .iter()
        .enumerate()
        .map(|(number, group)| {
            let RemoteBackup { info, written } = &backups[best(group)];
            // That it lies here is no reason for it to go.
            (number, BackupInfo { timestamp: *written, location: Vec::new(), ..info.clone() })
        })
        .collect();
    speakers.sort_by(|(_, a), (_, b)| (b.timestamp, &b.backup).cmp(&(a.timestamp, &a.backup)));
    let infos: Vec<BackupInfo> = speakers.iter().map(|(_, info)| info.clone()).collect();
    let mut verdicts = vec![None; backups.len()];
    for ((number, _), verdict) in speakers.iter().zip(retention::judge(&infos, rules, now)) {
        for index in &groups[*number] {
            verdicts[*index] = Some(own(&backups[*index], verdict.clone(), now));
        }
    }
    verdicts.into_iter().map(|verdict| verdict.unwrap_or_else(|| keep("its content is not known"))).collect()
}

/// What speaks for one backup alone.
fn own(backup: &RemoteBackup, verdict: Verdict, now: i64) -> Verdict {
    match &backup.info {
        _ if verdict.keep => verdict,
        info if info.pinned => keep("pinned"),
        info if info.suspicious.is_some() => keep("suspicious, until somebody accepts or deletes it"),
        _ if now - backup.written < DAY => keep("younger than a day at the target"),
        _ => verdict,
    }
}

fn keep(why: &str) -> Verdict {
    Verdict { keep: true, why: why.into() }
}

/// Those of one slot came at the same time.
fn slot(backup: &RemoteBackup) -> (BackupType, i64) {
    let (kind, length) = match backup.info.kind {
        BackupType::Hourly => (BackupType::Hourly, HOUR),
        BackupType::Weekly => (BackupType::Weekly, 7 * DAY),
        BackupType::Monthly => (BackupType::Monthly, 28 * DAY),
        BackupType::Manual | BackupType::Api => (BackupType::Manual, DAY),
        other => (other, DAY),
    };
    (kind, backup.written.div_euclid(length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::name::BackupName;

    const NOW: i64 = 1_795_000_000_000;

    fn kept(kind: BackupType, named: i64, written: i64) -> RemoteBackup {
        let name = BackupName::new(kind, named).unwrap();
        let json = serde_json::json!({
            "backup": name.to_string(), "type": kind, "timestamp": named, "size": 1, "totalSize": 1, "items": 1,
            "categories": {}, "full": false, "degraded": false, "location": ["local"],
        });
        RemoteBackup { info: serde_json::from_value(json).unwrap(), written }
    }

    fn config() -> Config {
        Config::default()
    }

    /// Ten good days, each backup written when it was made.
    fn good() -> Vec<RemoteBackup> {
        (1..=10).map(|day| kept(BackupType::Daily, NOW - day * DAY, NOW - day * DAY)).collect()
    }

    #[test]
    fn the_counts_are_the_targets_own_and_what_is_left_out_is_as_in_the_vault() {
        let keep: Keep = [(BackupType::Daily, 3), (BackupType::Manual, 2)].into();
        let rules = rules(&config(), &keep);
        assert_eq!((rules.keep[&BackupType::Daily], rules.keep[&BackupType::Hourly], rules.manual), (3, 24, 2));
        let stays: Vec<bool> = judge(&good(), &rules, NOW).into_iter().map(|verdict| verdict.keep).collect();
        assert_eq!(stays, [true, true, true, false, false, false, false, false, false, false]);
    }

    #[test]
    fn backups_that_are_dated_into_the_future_or_the_past_push_out_no_good_one() {
        let rules = rules(&config(), &[(BackupType::Daily, 7)].into());
        for offset in [-400 * DAY, -9 * DAY - HOUR, -HOUR, 0, 400 * DAY] {
            let mut all = good();
            // A hundred of them, written within minutes, by whoever has broken in.
            all.extend((0..100).map(|n| kept(BackupType::Daily, NOW + offset + n * 1000, NOW - HOUR + n * 1000)));
            let stays = judge(&all, &rules, NOW)[..10].iter().filter(|verdict| verdict.keep).count();
            // They take the place of one, as the next day's would.
            assert!(stays >= 6, "dated {} hours ahead: {stays} good ones stay", offset / HOUR);
        }
    }

    #[test]
    fn nothing_that_has_just_arrived_goes_and_a_vault_that_is_sent_at_once_stays_together() {
        let rules = rules(&config(), &[(BackupType::Daily, 1)].into());
        let first_sync: Vec<RemoteBackup> =
            (1..=30).map(|day| kept(BackupType::Daily, NOW - day * DAY, NOW - HOUR)).collect();
        assert!(judge(&first_sync, &rules, NOW).iter().all(|verdict| verdict.keep));
        let mut later = first_sync;
        let then = NOW + 2 * DAY;
        later.push(kept(BackupType::Daily, then - HOUR, then - HOUR));
        let stays = judge(&later, &rules, then).iter().filter(|verdict| verdict.keep).count();
        assert_eq!(stays, 1);
    }

    #[test]
    fn pinned_ones_and_the_newest_good_one_stay_whatever_the_counts_are() {
        let rules = rules(&config(), &[(BackupType::Daily, 1)].into());
        let mut all = good();
        all[9].info.pinned = true;
        all[0].info.degraded = true;
        let verdicts = judge(&all, &rules, NOW);
        assert!(verdicts[9].keep && verdicts[1].keep, "{verdicts:?}");
    }
}
