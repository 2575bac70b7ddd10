//! Databases that SQLite cannot read, such as encrypted ones: known by their names or by what lies beside them, and one
//! set with it.

use std::fs;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lifeboat_engine::Control;
use lifeboat_engine::report::*;
use rustix::fs::inotify;

use crate::beside::JOURNAL;
use crate::support::*;

fn paths(bot: &Bot, backup: &str) -> Vec<String> {
    bot.engine().list_items(backup, &[]).unwrap().into_iter().map(|item| item.path).collect()
}

#[test]
fn what_looks_like_a_database_is_one_set_whoever_can_read_it() {
    let bot = Bot::empty();
    for (name, seed) in [("secret.db", 1), ("old.SQLITE3", 2), ("store", 3), ("sessions/raf/keys.db", 4)] {
        bot.write(name, &noise(200_000, seed));
    }
    for side in ["secret.db-wal", "sessions/raf/keys.db-wal"] {
        bot.write(side, &noise(5_000, 9));
    }
    bot.write("store-journal", &[&JOURNAL[..], &noise(5_000, 9)].concat());
    for index in ["secret.db-shm", "store-shm"] {
        bot.write(index, &[&3_007_000_u32.to_ne_bytes()[..], &noise(5_000, 9)].concat());
    }
    // These are files of their own: nothing that they could belong to is there.
    for alone in ["draft-wal", "notes-shm", "x.journal"] {
        bot.write(alone, b"x");
    }
    bot.write("notes", b"plain");
    let backup = bot.backup(BackupType::Manual);
    assert!(!backup.degraded && backup.warnings.is_empty(), "{:?}", backup.warnings);
    let expected = [
        "draft-wal",
        "notes",
        "notes-shm",
        "old.SQLITE3",
        "secret.db",
        "sessions",
        "sessions/raf",
        "sessions/raf/keys.db",
        "store",
        "x.journal",
    ];
    assert_eq!(paths(&bot, &backup.backup), expected);
    let out = bot.restore(&backup.backup);
    let mut before = tree(&bot.root());
    before.retain(|path, _| !path.ends_with("secret.db-shm") && !path.ends_with("store-shm"));
    assert_same_tree(&before, &tree(&out));
}

#[test]
fn a_log_of_later_days_goes_when_its_database_goes_back() {
    let bot = Bot::empty();
    bot.write("app.db", &noise(100_000, 1));
    let backup = bot.backup(BackupType::Manual).backup;
    bot.write("app.db", &noise(100_000, 2));
    bot.write("app.db-wal", &noise(9_000, 3));
    bot.write("app.db-shm", &noise(32_768, 4));
    let options = RestoreOptions { mode: RestoreMode::Offline, ..RestoreOptions::default() };
    let restore =
        |backup: &str| bot.engine().restore(&BackupRef::Name(backup.into()), &options, &Control::silent()).unwrap();
    let result = restore(&backup);
    assert_eq!(fs::read(bot.path("app.db")).unwrap(), noise(100_000, 1));
    assert!(!bot.path("app.db-wal").exists() && !bot.path("app.db-shm").exists());
    // And comes again when that is taken back.
    restore(&result.safety_backup.unwrap());
    assert_eq!(fs::read(bot.path("app.db")).unwrap(), noise(100_000, 2));
    assert_eq!(fs::read(bot.path("app.db-wal")).unwrap(), noise(9_000, 3));
}

#[test]
fn a_set_of_which_nothing_changed_is_not_read_again() {
    let bot = Bot::empty();
    bot.write("app.db", &noise(100_000, 1));
    bot.write("app.db-wal", &noise(9_000, 2));
    // What is younger may be written once more without a trace.
    std::thread::sleep(Duration::from_millis(2100));
    assert_eq!(bot.backup(BackupType::Manual).changed, 1);
    let watch = inotify::init(inotify::CreateFlags::NONBLOCK).unwrap();
    inotify::add_watch(&watch, bot.path("app.db-wal"), inotify::WatchFlags::ACCESS).unwrap();
    let was_read = || rustix::io::read(&watch, &mut [0; 4096]).is_ok();
    assert_eq!(bot.backup(BackupType::Manual).changed, 0);
    assert!(!was_read());
    bot.backup(BackupType::Daily);
    assert!(was_read(), "a full backup reads everything");
    for (side, content) in [("app.db-wal", noise(9_000, 3)), ("app.db-journal", [&JOURNAL[..], b"x"].concat())] {
        bot.write(side, &content);
        let backup = bot.backup(BackupType::Manual).backup;
        assert_eq!(fs::read(bot.restore(&backup).join(side)).unwrap(), content, "{side}");
    }
    fs::remove_file(bot.path("app.db-wal")).unwrap();
    let out = bot.restore(&bot.backup(BackupType::Manual).backup);
    assert!(!out.join("app.db-wal").exists());
}

#[test]
fn a_set_is_of_one_moment_or_the_backup_is_degraded() {
    let bot = Bot::empty();
    let number = |n: u64| n.to_le_bytes();
    bot.write("app.db", &[&number(0)[..], &noise(3_000_000, 1)].concat());
    bot.write("app.db-wal", &number(0));
    let (stop, busy) = (AtomicBool::new(false), AtomicBool::new(false));
    /// Also where an assertion fails: a scope waits for its threads.
    struct Stop<'a>(&'a AtomicBool);
    impl Drop for Stop<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    std::thread::scope(|scope| {
        let _stop = Stop(&stop);
        scope.spawn(|| {
            let open = |name: &str| fs::File::options().write(true).open(bot.path(name)).unwrap();
            let (db, wal) = (open("app.db"), open("app.db-wal"));
            let mut n = 1;
            while !stop.load(Ordering::Relaxed) {
                db.write_all_at(&number(n), 0).unwrap();
                wal.write_all_at(&number(n), 0).unwrap();
                n += 1;
                let rest = if busy.load(Ordering::Relaxed) { 1 } else { 1500 };
                std::thread::sleep(Duration::from_millis(rest));
            }
        });
        for _ in 0..3 {
            let backup = bot.backup(BackupType::Manual);
            assert!(!backup.degraded, "{:?}", backup.warnings);
            let out = bot.restore(&backup.backup);
            assert_eq!(fs::read(out.join("app.db")).unwrap()[..8], fs::read(out.join("app.db-wal")).unwrap()[..8]);
        }
        busy.store(true, Ordering::Relaxed);
        // The writer may be resting still.
        std::thread::sleep(Duration::from_millis(1600));
        let backup = bot.backup(BackupType::Manual);
        assert!(backup.degraded);
        assert_eq!(backup.warnings[0].path, "app.db");
        assert!(backup.warnings[0].message.contains("written to each time"), "{:?}", backup.warnings);
    });
}
