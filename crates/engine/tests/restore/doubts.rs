//! What is said of the backup that was chosen, before a restore and after it.

use lifeboat_engine::Control;
use lifeboat_engine::report::*;

use crate::in_place::restore;
use crate::support::*;

/// A database that nothing can read makes each backup degraded from then on.
fn break_database(bot: &Bot) {
    let mut bytes = b"SQLite format 3\0\x10\x00\x01\x01".to_vec();
    bytes.extend(noise(3000, 5));
    bot.write("broken.db", &bytes);
}

fn said(result: &RestoreResult) -> String {
    result.warnings.iter().map(|warning| warning.message.as_str()).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_backup_that_is_not_whole_says_what_it_lacks_and_names_the_newest_good_one() {
    let bot = Bot::new();
    let good = bot.backup(BackupType::Manual).backup;
    break_database(&bot);
    assert!(bot.backup(BackupType::Manual).degraded);
    bot.write("config.json", b"mine");
    let items = vec!["config.json".to_string()];
    for dry_run in [true, false] {
        let result = restore(&bot, "latest", RestoreOptions { items: items.clone(), dry_run, ..Default::default() });
        let said = said(&result.unwrap());
        assert!(said.contains("broken.db") && said.contains(&good), "{said}");
    }
    let target = Some(bot.dir.path().join("out"));
    let elsewhere = restore(&bot, "latest", RestoreOptions { items, target, ..Default::default() }).unwrap();
    assert!(said(&elsewhere).contains("broken.db"));
    let whole = restore(&bot, &good, RestoreOptions { dry_run: true, ..Default::default() }).unwrap();
    assert_eq!(said(&whole), "");
}

#[test]
fn a_time_says_which_newer_backups_it_passed_over() {
    let bot = Bot::new();
    let good = bot.backup(BackupType::Manual).backup;
    break_database(&bot);
    bot.backup(BackupType::Hourly);
    let newest = bot.backup(BackupType::Hourly).backup;
    let at = BackupRef::At { at: Control::silent().now() };
    let options = RestoreOptions { dry_run: true, ..RestoreOptions::default() };
    let result = bot.engine().restore(&at, &options, &Control::silent()).unwrap();
    assert_eq!(result.backup, good);
    let said = said(&result);
    assert!(said.contains("2 newer backups were skipped") && said.contains(&newest), "{said}");
}
