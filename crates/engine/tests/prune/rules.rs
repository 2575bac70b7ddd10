//! Which backups are kept.

use lifeboat_engine::Config;
use lifeboat_engine::report::*;
use lifeboat_engine::retention::{RetentionRules, judge, newest_good, sacrifices};

const HOUR: i64 = 3_600_000;
const NOW: i64 = 1_795_399_200_000;

fn info(kind: BackupType, age_hours: i64) -> BackupInfo {
    let json = serde_json::json!({
        "backup": format!("{kind} {age_hours}"), "type": kind, "timestamp": NOW - age_hours * HOUR, "size": 0,
        "totalSize": 0, "items": 0, "categories": {}, "full": false, "degraded": false, "location": ["local"]
    });
    serde_json::from_value(json).unwrap()
}

fn kept(backups: &[BackupInfo]) -> Vec<String> {
    let verdicts = judge(backups, &RetentionRules::of(&Config::default()), NOW);
    backups.iter().zip(verdicts).filter(|(_, verdict)| verdict.keep).map(|(info, _)| info.backup.clone()).collect()
}

#[test]
fn the_newest_of_each_type_are_kept() {
    for (kind, hours, keep) in [
        (BackupType::Hourly, 1, 24),
        (BackupType::Daily, 24, 7),
        (BackupType::Weekly, 7 * 24, 4),
        (BackupType::Monthly, 30 * 24, 12),
    ] {
        let backups: Vec<_> = (0..40).map(|n| info(kind, n * hours)).collect();
        let expected: Vec<_> = backups[..keep].iter().map(|info| info.backup.clone()).collect();
        assert_eq!(kept(&backups), expected);
    }
}

#[test]
fn a_larger_one_counts_for_the_smaller_that_it_ran_for() {
    let mut backups: Vec<_> = (0..30).map(|n| info(BackupType::Hourly, n)).collect();
    backups[5] = info(BackupType::Daily, 5);
    backups[5].covers = vec![BackupType::Hourly];
    assert_eq!(kept(&backups).len(), 24);
    backups[5].covers.clear();
    assert_eq!(kept(&backups).len(), 25);
}

#[test]
fn one_that_is_degraded_takes_no_place_of_a_good_one() {
    let mut backups: Vec<_> = (0..60).map(|n| info(BackupType::Hourly, n)).collect();
    backups[..30].iter_mut().for_each(|info| info.degraded = true);
    // The newest 24, all degraded, and the newest 24 good ones.
    let kept = kept(&backups);
    assert_eq!(kept.len(), 48);
    assert!(kept.contains(&"HOURLY 53".into()) && !kept.contains(&"HOURLY 25".into()));
    assert_eq!(newest_good(&backups, NOW), Some(30));
}

#[test]
fn pins_hands_and_safety_have_rules_of_their_own() {
    let mut backups: Vec<_> = (0..30).map(|n| info(BackupType::Manual, n * 24)).collect();
    backups.insert(0, info(BackupType::Hourly, 0));
    backups[25].pinned = true;
    let manual = kept(&backups);
    assert_eq!(manual.len(), 1 + 10 + 1);
    assert!(manual.contains(&"MANUAL 576".into()));
    // Many on one day, and all younger than the local days.
    let many: Vec<_> = (0..50).map(|n| info(BackupType::Api, n)).collect();
    assert_eq!(kept(&many).len(), 50);
    let mut safety: Vec<_> = (0..20).map(|n| info(BackupType::Safety, n * 24)).collect();
    safety.insert(0, info(BackupType::Hourly, 0));
    assert_eq!(kept(&safety).len(), 1 + 7);
}

#[test]
fn the_newest_good_one_stays_whatever_it_is() {
    let mut old = info(BackupType::Safety, 24 * 400);
    assert_eq!(kept(std::slice::from_ref(&old)).len(), 1);
    old.degraded = true;
    assert_eq!(kept(&[old]).len(), 1);
}

#[test]
fn what_a_cloud_target_has_goes_from_the_disk_after_the_local_days() {
    let mut backups: Vec<_> = (0..12).map(|n| info(BackupType::Monthly, n * 30 * 24)).collect();
    assert_eq!(kept(&backups).len(), 12);
    backups[1..].iter_mut().for_each(|info| info.location.push("s3".into()));
    assert_eq!(kept(&backups).len(), 1);
}

#[test]
fn what_is_dated_in_the_future_takes_no_place() {
    let mut backups: Vec<_> = (-30..30).map(|n| info(BackupType::Hourly, n)).collect();
    assert_eq!(kept(&backups).len(), 30 + 24);
    assert_eq!(newest_good(&backups, NOW), Some(30));
    backups.truncate(30);
    assert_eq!(newest_good(&backups, NOW), Some(0));
}

#[test]
fn a_clock_that_is_a_month_ahead_takes_nothing() {
    let ahead = NOW + 30 * 24 * HOUR;
    let mut backups: Vec<_> = (0..20).map(|n| info(BackupType::Manual, n)).collect();
    backups.extend((0..5).map(|n| info(BackupType::Safety, 24 + n)));
    // The first backup under the wrong clock.
    let mut hourly = info(BackupType::Hourly, 0);
    hourly.timestamp = ahead;
    backups.insert(0, hourly);
    let left = |rules: &RetentionRules| judge(&backups, rules, ahead).iter().filter(|verdict| verdict.keep).count();
    assert_eq!(left(&RetentionRules::of(&Config::default())), backups.len());
    // Where Lifeboat was at work on each day of that month, it is a month.
    let days = (0..=30).map(|n| (NOW + n * 24 * HOUR) / (24 * HOUR)).collect();
    assert_eq!(left(&RetentionRules::of(&Config::default()).seeing(days)), 1 + 10);
}

#[test]
fn room_is_made_from_the_smallest_tier_and_the_oldest() {
    let mut backups = vec![
        info(BackupType::Hourly, 0),
        info(BackupType::Hourly, 1),
        info(BackupType::Daily, 2),
        info(BackupType::Hourly, 3),
        info(BackupType::Manual, 4),
        info(BackupType::Monthly, 5),
    ];
    backups[5].pinned = true;
    let order: Vec<_> = sacrifices(&backups, NOW).into_iter().map(|index| backups[index].backup.as_str()).collect();
    assert_eq!(order, ["HOURLY 3", "HOURLY 1", "DAILY 2", "MANUAL 4"]);
}
