//! The clock: against what the targets say, and against the newest backup. A wrong one makes signatures fail, and backups that seem
//! to come from the future.

use std::path::Path;

use crate::report::Check;
use crate::vault;

/// A minute is nobody's trouble, in milliseconds; services refuse what is signed some five minutes off.
const MUCH: i64 = 60_000;
const MEND: &str = "`timedatectl set-ntp true` sets it by the network, and keeps it right.";

/// `ahead`: by how many milliseconds this clock is ahead of a target's, with the target's name. Of those that told.
pub fn check(ahead: &[(String, i64)], vault: &Path, now: i64) -> Check {
    // What was made under a clock that was far ahead is told by the lists of backups, too.
    let newest = vault::list_snapshots(vault).ok().and_then(|names| names.iter().map(|name| name.millis()).max());
    if let Some((target, off)) = ahead.iter().find(|(_, off)| off.abs() > MUCH) {
        let way = if *off > 0 { "ahead of" } else { "behind" };
        return Check::bad("clock", format!("It is {} {way} that of {target}.", said(off.abs())), MEND);
    }
    match newest.map(|newest| newest - now).filter(|late| *late > MUCH) {
        Some(late) => Check::bad(
            "clock",
            format!(
                "The newest backup was made {} from now: the clock goes wrong now, or went wrong then.",
                said(late)
            ),
            format!("{MEND} If it is right now, delete the backups that are dated into the future."),
        ),
        None => {
            let names: Vec<&str> = ahead.iter().map(|(name, _)| name.as_str()).collect();
            match names.is_empty() {
                true => Check::good("clock", "It is not before the newest backup; no target has told the time."),
                false => Check::good("clock", format!("It agrees with {}.", names.join(", "))),
            }
        }
    }
}

fn said(millis: i64) -> String {
    match millis / 1000 {
        seconds @ ..120 => format!("{seconds} seconds"),
        seconds @ 120..7_200 => format!("{} minutes", seconds / 60),
        seconds => format!("{:.1} hours", seconds as f64 / 3_600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_differs_from_a_target_or_is_before_the_newest_backup_is_told_with_how_much() {
        let vault = tempfile::tempdir().unwrap();
        let now = 1_795_000_000_000;
        let ahead = |off| vec![("office".to_string(), 0), ("s3".to_string(), off)];
        assert!(check(&ahead(30_000), vault.path(), now).ok);
        let check_it = |ahead: &[(String, i64)]| check(ahead, vault.path(), now);
        let bad = check_it(&ahead(3 * 3_600_000));
        assert!(!bad.ok && bad.message == "It is 3.0 hours ahead of that of s3.", "{bad:?}");
        assert!(check_it(&ahead(-600_000)).message.contains("10 minutes behind"));
        assert!(check_it(&[]).ok);
        std::fs::create_dir(vault.path().join("snapshots")).unwrap();
        let name = crate::vault::name::BackupName::new(crate::report::BackupType::Daily, now + 7_200_000).unwrap();
        std::fs::write(vault.path().join("snapshots").join(name.as_str()), b"").unwrap();
        let bad = check_it(&[]);
        assert!(!bad.ok && bad.message.contains("2.0 hours from now"), "{bad:?}");
    }
}
