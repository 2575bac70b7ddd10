//! Taking the last restore back: exactly what it changed, from its own record.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;

use lifeboat_engine::report::*;
use lifeboat_engine::{Config, Control, Engine, Result};

use crate::in_place::{restore, wreck};
use crate::support::*;

pub fn undo(bot: &Bot) -> Result<RestoreResult> {
    let options = UndoOptions { mode: RestoreMode::Offline, ..UndoOptions::default() };
    bot.engine().undo_restore(&options, &Control::silent())
}

fn offline() -> RestoreOptions {
    RestoreOptions { mode: RestoreMode::Offline, ..RestoreOptions::default() }
}

#[test]
fn an_undo_makes_the_root_what_it_was_and_another_one_takes_the_undo_back() {
    let bot = Bot::new();
    let backup = bot.backup(BackupType::Manual).backup;
    wreck(&bot);
    let wrecked = tree(&bot.root());
    let restored = restore(&bot, &backup, offline()).unwrap();
    assert_eq!(restored.undo.as_deref(), Some("lifeboat undo"));
    let after = tree(&bot.root());

    let planned =
        bot.engine().undo_restore(&UndoOptions { dry_run: true, ..UndoOptions::default() }, &Control::silent());
    assert_same_tree(&after, &tree(&bot.root()));
    let undone = undo(&bot).unwrap();
    assert_eq!(undone.plan.remove, planned.unwrap().plan.remove, "it does what it has said");
    assert_same_tree(&wrecked, &tree(&bot.root()));
    let back = undone.takes_back.unwrap();
    assert_eq!((back.backup.as_str(), back.undo), (backup.as_str(), false));
    assert_eq!(undone.backup, restored.safety_backup.unwrap());

    let again = undo(&bot).unwrap();
    assert!(again.takes_back.unwrap().undo);
    assert_same_tree(&after, &tree(&bot.root()));
    undo(&bot).unwrap();
    assert_same_tree(&wrecked, &tree(&bot.root()));
}

#[test]
fn an_undo_touches_nothing_that_the_restore_did_not() {
    let bot = Bot::new();
    let backup = bot.backup(BackupType::Manual).backup;
    fs::remove_dir_all(bot.path("uploads/reports")).unwrap();
    bot.write("config.json", b"mine");
    restore(&bot, &backup, offline()).unwrap();
    // The app goes on: in a file that was not restored, and in a folder that was made.
    bot.write(".env", b"PORT=4000\n");
    bot.write("uploads/reports/2026/11/T1/c.jpg", b"a new one");
    let undone = undo(&bot).unwrap();
    assert_eq!(fs::read(bot.path("config.json")).unwrap(), b"mine");
    assert_eq!(fs::read(bot.path(".env")).unwrap(), b"PORT=4000\n");
    assert!(!bot.path("uploads/reports/2026/11/T1/a.jpg").exists());
    assert_eq!(fs::read(bot.path("uploads/reports/2026/11/T1/c.jpg")).unwrap(), b"a new one");
    let stays = undone.warnings.iter().find(|warning| warning.path == "uploads/reports/2026/11/T1").unwrap();
    assert!(stays.message.contains("c.jpg"), "{stays:?}");
}

#[test]
fn a_link_out_of_the_root_that_a_restore_has_replaced_comes_back_also_where_backups_follow_it() {
    for follow_links in [vec![], vec!["uploads".to_string()]] {
        let mut bot = Bot::new();
        let backup = bot.backup(BackupType::Manual).backup;
        let disk = bot.dir.path().join("disk");
        fs::rename(bot.path("uploads"), &disk).unwrap();
        fs::write(disk.join("on-the-disk.jpg"), b"x").unwrap();
        symlink(&disk, bot.path("uploads")).unwrap();
        bot.config = Config { follow_links, ..bot.config.clone() };
        let behind = tree(&disk);
        restore(&bot, &backup, offline()).unwrap();
        assert!(bot.path("uploads").symlink_metadata().unwrap().is_dir());
        undo(&bot).unwrap();
        assert_eq!(fs::read_link(bot.path("uploads")).unwrap(), disk);
        assert_same_tree(&behind, &tree(&disk));
    }
}

#[test]
fn names_of_any_bytes_are_taken_back() {
    let bot = Bot::new();
    let names: Vec<&OsStr> =
        [&b"bad\xff"[..], b"-rf", b"new\nline", b"a[b", b"sub/--all"].into_iter().map(OsStr::from_bytes).collect();
    let write = |text: &str| {
        for name in &names {
            let path = bot.root().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    };
    write("old");
    let backup = bot.backup(BackupType::Manual).backup;
    write("new");
    fs::remove_file(bot.root().join(names[0])).unwrap();
    let before = tree(&bot.root());
    restore(&bot, &backup, offline()).unwrap();
    assert_eq!(fs::read(bot.root().join(names[0])).unwrap(), b"old");
    undo(&bot).unwrap();
    assert_same_tree(&before, &tree(&bot.root()));
}

#[test]
fn a_restore_that_waited_can_be_taken_back_once_it_was_applied() {
    let bot = Bot::new();
    let backup = bot.backup(BackupType::Manual).backup;
    bot.write("config.json", b"mine");
    restore(&bot, &backup, RestoreOptions { mode: RestoreMode::OnRestart, ..RestoreOptions::default() }).unwrap();
    let refused = undo(&bot).unwrap_err();
    assert!(refused.to_string().contains("--discard-pending"), "{refused}");
    bot.engine().apply_pending_restore(&Control::silent()).unwrap().unwrap();
    assert_ne!(fs::read(bot.path("config.json")).unwrap(), b"mine");
    // An undo may wait for the next start, too.
    let options = UndoOptions { mode: RestoreMode::OnRestart, ..UndoOptions::default() };
    assert!(bot.engine().undo_restore(&options, &Control::silent()).unwrap().staged);
    bot.engine().apply_pending_restore(&Control::silent()).unwrap().unwrap();
    assert_eq!(fs::read(bot.path("config.json")).unwrap(), b"mine");
}

#[test]
fn a_created_database_goes_with_what_lies_beside_it() {
    let bot = Bot::new();
    let backup = bot.backup(BackupType::Manual).backup;
    fs::remove_file(bot.path("database.sqlite")).unwrap();
    restore(&bot, &backup, offline()).unwrap();
    let wal = bot.path("database.sqlite-wal");
    fs::write(&wal, b"of the time after").unwrap();
    undo(&bot).unwrap();
    assert!(!bot.path("database.sqlite").exists() && !wal.exists());
}

#[test]
fn where_nothing_can_be_taken_back_a_sentence_says_why() {
    let bot = Bot::new();
    let backup = bot.backup(BackupType::Manual).backup;
    let none = undo(&bot).unwrap_err();
    assert_eq!(none.code(), "E_NOT_FOUND");
    assert!(none.to_string().contains("no restore to take back"), "{none}");

    bot.write("config.json", b"mine");
    restore(&bot, &backup, RestoreOptions { create_backup_first: false, ..offline() }).unwrap();
    let unsafe_one = undo(&bot).unwrap_err();
    assert!(unsafe_one.to_string().contains("without a safety backup"), "{unsafe_one}");

    bot.write("config.json", b"mine");
    let safety = restore(&bot, &backup, offline()).unwrap().safety_backup.unwrap();
    bot.engine().delete_backup(&safety, &Control::silent()).unwrap();
    let gone = undo(&bot).unwrap_err();
    assert!(gone.to_string().contains(&safety) && gone.to_string().contains("is gone"), "{gone}");
}

#[test]
fn the_record_hides_names_and_is_believed_only_as_it_was_written() {
    let bot = Bot::new();
    let backup = bot.backup(BackupType::Manual).backup;
    bot.write("config.json", b"mine");
    restore(&bot, &backup, offline()).unwrap();
    let record = bot.vault().join("last-restore");
    let mut bytes = fs::read(&record).unwrap();
    assert!(!bytes.windows(6).any(|window| window == b"config"));
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&record, bytes).unwrap();
    assert_eq!(undo(&bot).unwrap_err().code(), "E_CORRUPT");
    assert_eq!(bot.backup(BackupType::Manual).warnings, [], "a backup does not need it");
}

#[test]
fn the_safety_backup_of_the_last_restore_and_the_backup_that_waits_outlive_every_rule() {
    let mut bot = Bot::new();
    bot.config.local_retention_days = 0;
    let first = bot.backup(BackupType::Hourly).backup;
    bot.write("config.json", b"mine");
    let safety = restore(&bot, &first, offline()).unwrap().safety_backup.unwrap();
    restore(&bot, &first, RestoreOptions { mode: RestoreMode::OnRestart, ..RestoreOptions::default() }).unwrap();
    for _ in 0..30 {
        bot.backup(BackupType::Hourly);
    }
    let late = Control::silent().with_clock(|| jiff::Timestamp::now().as_millisecond() + 400 * 24 * 3_600_000);
    let report = bot.engine().prune(&PruneOptions::default(), &late).unwrap();
    let why = |name: &str| {
        let verdict = report.backups.iter().find(|verdict| verdict.backup == name).unwrap();
        (verdict.keep, verdict.why.clone())
    };
    assert_eq!(why(&safety), (true, "it is needed to take back the last restore".into()));
    assert_eq!(why(&first), (true, "it is restored at the next start of the app".into()));
    let refused = bot.engine().delete_backup(&first, &Control::silent()).unwrap_err();
    assert!(refused.to_string().contains("--discard-pending"), "{refused}");
}

#[test]
fn no_backup_can_be_deleted_that_a_waiting_restore_takes_an_item_from() {
    let bot = Bot::new();
    bot.write("gone.json", b"{}");
    let old = bot.backup(BackupType::Manual).backup;
    fs::remove_file(bot.path("gone.json")).unwrap();
    let new = bot.backup(BackupType::Manual).backup;
    bot.write("config.json", b"[1]");
    let items = vec!["gone.json".into(), "config.json".into()];
    let options = RestoreOptions { mode: RestoreMode::OnRestart, per_item: true, items, ..RestoreOptions::default() };
    restore(&bot, &new, options).unwrap();
    for name in [&old, &new] {
        let refused = bot.engine().delete_backup(name, &Control::silent()).unwrap_err();
        assert!(refused.to_string().contains("--discard-pending"), "{refused}");
    }
}

#[test]
fn a_safety_backup_may_pass_the_limit_and_costs_no_other_backup() {
    let mut bot = Bot::empty();
    let mut names = Vec::new();
    for seed in 0..4 {
        bot.write("data.bin", &noise(2_500_000, seed));
        names.push(bot.backup(BackupType::Hourly).backup);
    }
    let used = bot.engine().status().unwrap().storage.used;
    bot.config = Config { max_local_storage: lifeboat_engine::config::Size(used + 2_500_000), ..bot.config.clone() };
    bot.write("data.bin", &noise(3_000_000, 9));
    let dry = restore(&bot, &names[0], RestoreOptions { dry_run: true, ..offline() }).unwrap();
    assert!(dry.safety_bytes > Some(1_000_000), "{:?}", dry.safety_bytes);
    restore(&bot, &names[0], offline()).unwrap();
    let names_now = |bot: &Bot| -> Vec<String> {
        let backups = Engine::new(bot.config.clone()).list_backups(&ListFilter::default()).unwrap();
        backups.into_iter().map(|backup| backup.backup).collect()
    };
    assert!(names.iter().all(|name| names_now(&bot).contains(name)));
    // Nor does the next backup make anything else go for it.
    bot.backup(BackupType::Hourly);
    assert!(names.iter().all(|name| names_now(&bot).contains(name)), "{:?}", names_now(&bot));
    undo(&bot).unwrap();
    assert_eq!(fs::metadata(bot.path("data.bin")).unwrap().len(), 3_000_000);
    assert!(Path::new(&bot.vault()).join("last-restore").is_file());
}

#[test]
fn a_restore_that_was_cut_off_and_finished_by_others_can_be_taken_back() {
    let bot = Bot::new();
    let backup = bot.backup(BackupType::Manual).backup;
    wreck(&bot);
    let wrecked = tree(&bot.root());
    // From the journal on; the panic ends it as a kill would.
    let killed = Control::new(|progress| assert_ne!(progress.phase, "replacing"));
    let restore = || bot.engine().restore(&BackupRef::Name(backup.clone()), &offline(), &killed);
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(restore)).unwrap_err();
    bot.engine().status().unwrap();
    assert!(bot.path("uploads/reports/2026/11/T1/a.jpg").exists(), "it was finished");
    assert_eq!(undo(&bot).unwrap().takes_back.unwrap().backup, backup);
    assert_same_tree(&wrecked, &tree(&bot.root()));
}

#[test]
fn a_restore_that_was_rolled_back_leaves_the_record_of_the_one_before() {
    let bot = Bot::new();
    let backup = bot.backup(BackupType::Manual).backup;
    bot.write("config.json", b"mine");
    restore(&bot, &backup, offline()).unwrap();
    let record = fs::read(bot.vault().join("last-restore")).unwrap();
    bot.write("config.json", b"yours");
    // A folder where a file is to be put, at the last moment.
    let root = bot.root();
    let control = Control::new(move |progress| {
        if progress.phase == "replacing" {
            let _ = fs::remove_file(root.join("config.json"));
            let _ = fs::create_dir_all(root.join("config.json/in-the-way"));
        }
    });
    if bot.engine().restore(&BackupRef::Name(backup), &offline(), &control).is_err() {
        assert_eq!(fs::read(bot.vault().join("last-restore")).unwrap(), record);
    }
}
