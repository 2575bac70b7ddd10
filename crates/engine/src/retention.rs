//! Which backups are kept, and why. Pure rules: nothing here looks at a clock or a disk.
//!
//! A backup stays if any rule keeps it:
//!
//! | rule | keeps |
//! |---|---|
//! | newest | the newest good backup, whatever else is said |
//! | pinned | what somebody has pinned |
//! | schedule | the newest `keep` of each scheduled type, and the newest `keep` good ones of it |
//! | by hand | the newest [`RetentionRules::manual`] that people and programs asked for, and all that are younger than the local days |
//! | safety | those from before a restore that are younger than the local days |
//!
//! A backup that is suspicious stays, takes nobody's place, and is no good one; while there is one, nothing is pruned at all.
//! A clock that was wrong harms nothing: what is dated in the future is kept, and counts for nothing. And no backup is older in
//! days than there were days since on which anything ran: where a clock is a month ahead for an hour, or a server was off for
//! a month, nothing is a month older.
//!
//! A larger type that ran in the place of a smaller one counts for it. A *good* backup is one that is not degraded; a
//! degraded one never takes the place of a good one. Where a cloud target has a copy, the local one goes after the
//! local days, if it is neither the newest nor pinned.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::Config;
use crate::report::{BackupInfo, BackupType};

const DAY: i64 = 24 * 3_600_000;
/// A clock may be corrected by so much.
const AHEAD: i64 = 10 * 60_000;

/// From the smallest tier to the largest: where room is made, it is made in this order.
pub const TIERS: [BackupType; 7] = [
    BackupType::Safety,
    BackupType::Hourly,
    BackupType::Daily,
    BackupType::Weekly,
    BackupType::Monthly,
    BackupType::Api,
    BackupType::Manual,
];

/// How many are kept, and for how long.
#[derive(Clone, Debug)]
pub struct RetentionRules {
    /// By scheduled type.
    pub keep: BTreeMap<BackupType, u32>,
    /// Of MANUAL and API together.
    pub manual: u32,
    /// How long to keep the local copy of a backup that is in the cloud, in ms.
    pub local: i64,
    /// Days since the epoch on which anything ran, besides those of the backups themselves.
    pub days: BTreeSet<i64>,
}

impl RetentionRules {
    pub fn of(config: &Config) -> RetentionRules {
        RetentionRules {
            keep: BackupType::SCHEDULED.map(|kind| (kind, config.schedule(kind).keep)).into(),
            manual: config.keep_manual,
            local: i64::from(config.local_retention_days) * DAY,
            days: BTreeSet::new(),
        }
    }

    /// With the days on which anything ran.
    pub fn seeing(mut self, days: BTreeSet<i64>) -> RetentionRules {
        self.days = days;
        self
    }
}

/// What becomes of one backup, and why, in a sentence without its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub keep: bool,
    pub why: String,
}

/// A verdict for each of `backups`, which are sorted newest first. `now`: milliseconds since the epoch.
pub fn judge(backups: &[BackupInfo], rules: &RetentionRules, now: i64) -> Vec<Verdict> {
    let newest = newest_good(backups, now);
    let mut counts = Counts::default();
    let days: BTreeSet<i64> =
        backups.iter().map(|info| day(info.timestamp)).chain(rules.days.iter().copied()).collect();
    let age = |info: &BackupInfo| {
        let seen = days.range(day(info.timestamp) + 1..=day(now).max(day(info.timestamp) + 1)).count() as i64;
        (now - info.timestamp).min(seen * DAY)
    };
    let judge_one = |(index, info): (usize, &BackupInfo)| {
        if is_ahead(info.timestamp, now) {
            // It takes no place of one whose time is right.
            return keep("dated in the future: the clock was wrong when it was made, or is wrong now");
        }
        let young = age(info) < rules.local;
        if info.suspicious.is_some() {
            return keep("suspicious, until somebody accepts or deletes it");
        }
        let scheduled = counts.schedule(info, rules);
        let by_hand = counts.by_hand(info, rules);
        if Some(index) == newest {
            return keep("the newest good backup");
        }
        if info.pinned {
            return keep("pinned");
        }
        if now - info.timestamp >= rules.local && info.location.iter().any(|place| place != "local") {
            return go("older than the local days, and a cloud target has it");
        }
        match info.kind {
            BackupType::Safety if young => keep("from before a restore, and younger than the local days"),
            BackupType::Safety => go("from before a restore, and older than the local days"),
            BackupType::Manual | BackupType::Api => match by_hand {
                true => keep(&format!("one of the newest {} by hand", rules.manual)),
                false if young => keep("by hand, and younger than the local days"),
                false => go(&format!("older than the newest {} by hand, and than the local days", rules.manual)),
            },
            kind => scheduled
                .map_or_else(|| go(&format!("older than the newest {} {kind}", rules.limit(kind))), |why| keep(&why)),
        }
    };
    backups.iter().enumerate().map(judge_one).collect()
}

/// Whole days since the epoch.
pub fn day(millis: i64) -> i64 {
    millis.div_euclid(DAY)
}

/// The newest that is neither degraded nor suspicious; the newest of all where every one is. What a restore replaced (SAFETY) is a state that its
/// owner did not want: it comes after the others. Those that are dated in the future come last.
pub fn newest_good(backups: &[BackupInfo], now: i64) -> Option<usize> {
    (0..backups.len()).min_by_key(|index| {
        let info = &backups[*index];
        (
            is_ahead(info.timestamp, now),
            info.suspicious.is_some(),
            info.degraded,
            info.kind == BackupType::Safety,
            *index,
        )
    })
}

/// Is a backup of this time dated in the future, by more than clocks are corrected by?
pub fn is_ahead(timestamp: i64, now: i64) -> bool {
    timestamp > now + AHEAD
}

/// In which order kept backups go where room has to be made, as indexes: the smallest tier first, in it the oldest. The
/// newest good one and pinned ones are not among them.
pub fn sacrifices(backups: &[BackupInfo], now: i64) -> Vec<usize> {
    let newest = newest_good(backups, now);
    let mut order: Vec<usize> =
        (0..backups.len()).filter(|index| Some(*index) != newest && !backups[*index].pinned).collect();
    let tier = |kind| TIERS.iter().position(|tier| *tier == kind);
    order.sort_by_key(|index| (tier(backups[*index].kind), backups[*index].timestamp));
    order
}

/// How many of each type were met so far, from the newest on.
#[derive(Default)]
struct Counts {
    all: BTreeMap<BackupType, u32>,
    good: BTreeMap<BackupType, u32>,
    by_hand: (u32, u32),
}

impl Counts {
    /// Why a schedule keeps this backup. The largest type that does is the reason.
    fn schedule(&mut self, info: &BackupInfo, rules: &RetentionRules) -> Option<String> {
        let mut why = None;
        for kind in BackupType::SCHEDULED.into_iter().filter(|kind| info.counts_for(*kind)) {
            let limit = rules.limit(kind);
            let all = next(self.all.entry(kind).or_default());
            let is_good = !info.degraded && next(self.good.entry(kind).or_default()) < limit;
            if all < limit || is_good {
                why = Some(format!("one of the newest {limit} {kind}"));
            }
        }
        why
    }

    fn by_hand(&mut self, info: &BackupInfo, rules: &RetentionRules) -> bool {
        if !matches!(info.kind, BackupType::Manual | BackupType::Api) {
            return false;
        }
        let all = next(&mut self.by_hand.0);
        let is_good = !info.degraded && next(&mut self.by_hand.1) < rules.manual;
        all < rules.manual || is_good
    }
}

impl RetentionRules {
    fn limit(&self, kind: BackupType) -> u32 {
        self.keep.get(&kind).copied().unwrap_or(0)
    }
}

/// The count before this one.
fn next(count: &mut u32) -> u32 {
    *count += 1;
    *count - 1
}

fn keep(why: &str) -> Verdict {
    Verdict { keep: true, why: why.into() }
}

fn go(why: &str) -> Verdict {
    Verdict { keep: false, why: why.into() }
}
