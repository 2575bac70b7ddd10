//! JSON that an app writes by truncating it: what is stored is whole, however large it is, or it is told.

use std::fs::File;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lifeboat_engine::report::*;

use crate::support::*;

/// Ends the writer also where an assertion fails: a scope waits for its threads.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_large_json_file_that_is_being_written_is_stored_whole_or_told() {
    let bot = Bot::empty();
    let text = format!("[{}0]", format!("\"{}\",", "x".repeat(200)).repeat(25_000));
    assert!(text.len() > 4 << 20);
    bot.write("store.json", text.as_bytes());
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _stop = Stop(&stop);
        scope.spawn(|| {
            let (first, second) = text.as_bytes().split_at(text.len() / 2);
            while !stop.load(Ordering::Relaxed) {
                let mut file = File::create(bot.path("store.json")).unwrap();
                file.write_all(first).unwrap();
                std::thread::sleep(Duration::from_millis(300));
                file.write_all(second).unwrap();
                std::thread::sleep(Duration::from_millis(500));
            }
        });
        for _ in 0..4 {
            let backup = bot.backup(BackupType::Manual);
            let stored = std::fs::read(bot.restore(&backup.backup).join("store.json")).unwrap();
            // A machine that has much else to do may not see it whole in time.
            let is_told = backup.warnings.iter().any(|one| one.path == "store.json");
            assert!(is_told || stored == text.as_bytes(), "{} bytes of {} were stored", stored.len(), text.len());
            std::thread::sleep(Duration::from_millis(130));
        }
    });
}

#[test]
fn a_large_json_file_that_stays_torn_is_stored_as_it_is_and_told() {
    let bot = Bot::empty();
    let torn = format!("[{}", "\"x\",".repeat(2_000_000));
    for path in ["store.json", "sessions/raf/store.json"] {
        bot.write(path, torn.as_bytes());
    }
    let backup = bot.backup(BackupType::Manual);
    let told: Vec<_> = backup.warnings.iter().map(|one| (&one.path[..], one.message.contains("for 2 s"))).collect();
    assert_eq!(told, [("sessions/raf/store.json", true), ("store.json", true)]);
    let out = bot.restore(&backup.backup);
    for path in ["store.json", "sessions/raf/store.json"] {
        assert!(std::fs::read(out.join(path)).unwrap() == torn.as_bytes(), "{path}");
    }
}
