//! Folders that belong together: stores of segments and a manifest, sessions, and what the configuration names. What is stored
//! of them is of one moment, or the backup is degraded.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use lifeboat_engine::config::Source;
use lifeboat_engine::report::*;

use crate::support::*;

/// Ends the writer also where an assertion fails: a scope waits for its threads.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn segment(generation: u64) -> Vec<u8> {
    generation.to_le_bytes().repeat(625_000)
}

/// The next generation of a store: a large segment, a manifest that names it, and `CURRENT`, which names the manifest.
fn turn(store: &Path, generation: u64) {
    let name = |kind: &str, generation: u64| store.join(format!("{kind}{generation:06}"));
    fs::write(name("segment-", generation), segment(generation)).unwrap();
    fs::write(name("MANIFEST-", generation), format!("segment-{generation:06}")).unwrap();
    fs::write(store.join("CURRENT.tmp"), format!("MANIFEST-{generation:06}\n")).unwrap();
    fs::rename(store.join("CURRENT.tmp"), store.join("CURRENT")).unwrap();
    for kind in ["segment-", "MANIFEST-"] {
        let _ = fs::remove_file(name(kind, generation.wrapping_sub(1)));
    }
}

fn assert_whole(store: &Path) {
    let read = |name: &str| fs::read_to_string(store.join(name.trim())).unwrap();
    let segment = read(&read("CURRENT"));
    let generation = segment.strip_prefix("segment-").unwrap().parse().unwrap();
    assert!(fs::read(store.join(&segment)).unwrap() == self::segment(generation), "{segment}");
}

/// Backups of a folder that turns once in `pause` milliseconds, and a last one while it never rests.
fn back_up(bot: &Bot, folder: &str) {
    let store = bot.path(folder);
    fs::create_dir_all(&store).unwrap();
    turn(&store, 1);
    let (stop, pause) = (AtomicBool::new(false), AtomicU64::new(700));
    std::thread::scope(|scope| {
        let _stop = Stop(&stop);
        scope.spawn(|| {
            for generation in 2.. {
                let mut rest = pause.load(Ordering::Relaxed);
                while rest > 0 && pause.load(Ordering::Relaxed) >= rest {
                    std::thread::sleep(Duration::from_millis(1));
                    rest -= 1;
                }
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                turn(&store, generation);
            }
        });
        for _ in 0..3 {
            let backup = bot.backup(BackupType::Manual);
            assert!(!backup.degraded, "{:?}", backup.warnings);
            assert_whole(&bot.restore(&backup.backup).join(folder));
        }
        pause.store(1, Ordering::Relaxed);
        let backup = bot.backup(BackupType::Manual);
        match backup.degraded {
            true => {
                assert_eq!(backup.warnings[0].path, folder, "{:?}", backup.warnings);
                assert!(backup.warnings[0].message.contains("belong together"));
            }
            // It has found a moment after all.
            false => assert_whole(&bot.restore(&backup.backup).join(folder)),
        }
    });
}

#[test]
fn a_store_of_segments_and_a_manifest_is_of_one_moment_or_the_backup_is_degraded() {
    back_up(&Bot::empty(), "wwebjs/IndexedDB/https_web.indexeddb.leveldb");
}

#[test]
fn any_folder_is_of_one_moment_that_the_configuration_names_as_a_set() {
    let mut bot = Bot::empty();
    let source = |include: &str| Source { include: vec![include.into()], ..Source::of(Category::Data) };
    bot.config.sources = vec![Source { set: true, ..source("queue/**") }, source("**")];
    // Nothing in it tells what it is.
    let folder = bot.path("queue");
    fs::create_dir_all(&folder).unwrap();
    fs::write(bot.path("other"), "x").unwrap();
    // So that a look at it takes longer than its writer rests.
    for number in 0..1000 {
        fs::write(folder.join(format!("file-{number}")), "x").unwrap();
    }
    let stop = AtomicBool::new(false);
    let number = |folder: &Path, name: &str| fs::read_to_string(folder.join(name)).unwrap().parse::<u64>().unwrap();
    let write = |number: u64| {
        // By a rename: none of them is ever half there.
        for name in ["a", "zz"] {
            fs::write(bot.path("being-written"), number.to_string()).unwrap();
            fs::rename(bot.path("being-written"), folder.join(name)).unwrap();
        }
    };
    write(0);
    std::thread::scope(|scope| {
        let _stop = Stop(&stop);
        scope.spawn(|| {
            for number in 1.. {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                write(number);
                std::thread::sleep(Duration::from_micros(100));
            }
        });
        for _ in 0..2 {
            let backup = bot.backup(BackupType::Manual);
            // On a machine that has much else to do the writer may stand still for a moment.
            if backup.degraded {
                assert_eq!(backup.warnings[0].path, "queue", "{:?}", backup.warnings);
                continue;
            }
            let stored = bot.restore(&backup.backup).join("queue");
            let (first, last) = (number(&stored, "a"), number(&stored, "zz"));
            assert!(first == last || first == last + 1, "{first} and {last} are of two moments");
        }
    });
    let rested = bot.backup(BackupType::Manual);
    assert!(!rested.degraded, "{:?}", rested.warnings);
    let out = bot.restore(&rested.backup);
    assert_eq!(fs::read(out.join("queue/a")).unwrap(), fs::read(folder.join("a")).unwrap());
    assert!(out.join("other").exists());
}

#[test]
fn a_session_file_that_outgrows_what_is_read_at_once_or_vanishes_is_stored_as_it_is_at_last() {
    let bot = Bot::empty();
    bot.write("sessions/raf/creds.json", b"{}");
    for number in 0..3000 {
        bot.write(&format!("sessions/raf/key-{number}.json"), format!("{{\"key\":{number}}}").as_bytes());
    }
    let (grows, goes) = (bot.path("sessions/raf/app-state.bin"), bot.path("sessions/raf/zz-last"));
    for round in 0..6 {
        fs::write(&grows, b"small").unwrap();
        fs::write(&goes, b"soon gone").unwrap();
        let backup = std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(5 * round));
                fs::write(&grows, noise(5 << 20, round)).unwrap();
                fs::remove_file(&goes).unwrap();
            });
            bot.backup(BackupType::Daily)
        });
        assert!(!backup.degraded, "{:?}", backup.warnings);
        // Both before, or both after.
        let out = bot.restore(&backup.backup);
        let (grown, gone) = (out.join("sessions/raf/app-state.bin"), out.join("sessions/raf/zz-last"));
        let size = fs::metadata(grown).unwrap().len();
        assert!(size == 5 || size == 5 << 20, "{size} bytes, round {round}");
        assert!(size != 5 || gone.exists(), "round {round}: of two moments");
    }
}

#[test]
fn a_large_session_is_backed_up_and_known_again_whatever_of_it_is_held_in_a_file() {
    let bot = Bot::empty();
    bot.write("sessions/raf/creds.json", b"{}");
    for number in 0..4300 {
        bot.write(&format!("sessions/raf/pre-key-{number}.json"), format!("{{\"key\":{number}}}").as_bytes());
    }
    bot.database("sessions/raf/zz-store.db", 100);
    std::os::unix::fs::symlink("creds.json", bot.path("sessions/raf/zz-link")).unwrap();
    fs::hard_link(bot.path("sessions/raf/creds.json"), bot.path("sessions/raf/zz-other")).unwrap();
    std::thread::sleep(Duration::from_millis(2100));
    let first = bot.backup(BackupType::Manual);
    assert_eq!(first.warnings, []);
    assert_same_tree(&tree(&bot.root()), &tree(&bot.restore(&first.backup)));
    let second = bot.backup(BackupType::Manual);
    assert_eq!((second.changed, second.removed, second.items), (0, 0, first.items));
    fs::remove_file(bot.path("sessions/raf/pre-key-4299.json")).unwrap();
    bot.write("sessions/raf/pre-key-4298.json", b"{}");
    let third = bot.backup(BackupType::Daily);
    // The folder, too, has another time now.
    assert_eq!((third.changed, third.removed), (2, 1));
    assert_same_tree(&tree(&bot.root()), &tree(&bot.restore(&third.backup)));
}
