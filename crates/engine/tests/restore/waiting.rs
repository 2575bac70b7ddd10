//! Restores that wait for the next start of the app.

use std::fs;

use lifeboat_engine::Control;
use lifeboat_engine::report::*;

use crate::in_place::{restore, wreck};
use crate::support::*;

fn on_restart() -> RestoreOptions {
    RestoreOptions { mode: RestoreMode::OnRestart, ..RestoreOptions::default() }
}

#[test]
fn a_restore_that_meets_another_one_says_no_more_than_it_knows() {
    let bot = Bot::new();
    let backup = bot.backup(BackupType::Manual).backup;
    restore(&bot, &backup, on_restart()).unwrap();
    // Another vault's restore of this root has it.
    let lock = fs::File::open(bot.path(".lifeboat-restore/lock")).unwrap();
    lock.lock().unwrap();
    let error = restore(&bot, &backup, on_restart()).unwrap_err();
    assert_eq!(error.code(), "E_BUSY");
    let said = error.to_string();
    assert!(said.starts_with("RESTORE is running in another process. Wait for it"), "{said}");
    drop(lock);
    restore(&bot, &backup, on_restart()).unwrap();
}

#[test]
fn what_was_staged_is_applied_once_at_the_next_start() {
    let bot = Bot::new();
    let before = tree(&bot.root());
    let backup = bot.backup(BackupType::Manual).backup;
    wreck(&bot);
    fs::remove_dir_all(bot.path("uploads/reports/2026/12")).unwrap();
    fs::remove_file(bot.path("notes-of-mine.txt")).unwrap();
    let wrecked = tree(&bot.root());
    let staged = restore(&bot, &backup, on_restart()).unwrap();
    assert!(staged.staged && staged.restored.is_empty());
    assert!(bot.path(".lifeboat-restore").is_dir());
    // The app goes on until then: whatever it writes is in the safety backup.
    bot.write("config.json", b"{\"late\":true}");
    let mut now = tree(&bot.root());
    now.retain(|path, _| !path.starts_with(".lifeboat-restore"));
    assert_eq!(now.len(), wrecked.len());
    bot.backup(BackupType::Hourly);
    assert!(bot.path(".lifeboat-restore").is_dir(), "a backup in between does not forget it");

    let applied = bot.engine().apply_pending_restore(&Control::silent()).unwrap().unwrap();
    let mut after = tree(&bot.root());
    after.remove(std::path::Path::new("elsewhere"));
    assert_same_tree(&before, &after);
    let safety = applied.safety_backup.unwrap();
    let out = bot.restore(&safety);
    assert_eq!(fs::read(out.join("config.json")).unwrap(), b"{\"late\":true}");
    assert!(bot.engine().apply_pending_restore(&Control::silent()).unwrap().is_none());
}

#[test]
fn what_changed_since_it_was_staged_is_restored_too() {
    let bot = Bot::new();
    let before = tree(&bot.root());
    let backup = bot.backup(BackupType::Manual).backup;
    bot.write("config.json", b"{}");
    restore(&bot, &backup, on_restart()).unwrap();
    bot.write(".env", b"PORT=1\n");
    // A staged file that a disk has lost half of is written anew.
    fs::write(bot.path(".lifeboat-restore/new/config.json"), b"torn").unwrap();
    bot.engine().apply_pending_restore(&Control::silent()).unwrap().unwrap();
    assert_same_tree(&before, &tree(&bot.root()));
}

#[test]
fn a_restore_that_waits_can_be_forgotten_and_is_replaced_by_the_next() {
    let bot = Bot::new();
    let before = tree(&bot.root());
    let backup = bot.backup(BackupType::Manual).backup;
    bot.write("config.json", b"{}");
    let changed = tree(&bot.root());
    restore(&bot, &backup, on_restart()).unwrap();
    assert!(bot.engine().discard_pending_restore().unwrap());
    assert_same_tree(&changed, &tree(&bot.root()));
    assert!(!bot.engine().discard_pending_restore().unwrap());
    restore(&bot, &backup, on_restart()).unwrap();
    let dry = restore(&bot, &backup, RestoreOptions { dry_run: true, ..RestoreOptions::default() }).unwrap();
    let result = restore(&bot, &backup, RestoreOptions::default()).unwrap();
    for result in [dry, result] {
        let said = result.warnings.iter().any(|warning| warning.message.contains("It is discarded"));
        assert!(said, "{:?}", result.warnings);
    }
    assert_same_tree(&before, &tree(&bot.root()));
    assert!(bot.engine().apply_pending_restore(&Control::silent()).unwrap().is_none());
}
