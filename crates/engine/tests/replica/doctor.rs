//! What the doctor says of targets that are late, of the clock, and of a library that lets others forge messages.

use lifeboat_engine::config::cloud::{Folder, Target};
use lifeboat_engine::report::{BackupType, Check};
use lifeboat_engine::{Config, Control, Engine};

use crate::support::Bot;

fn with_disk(bot: &Bot) -> Engine {
    let path = bot.dir.path().join("disk");
    std::fs::create_dir_all(&path).unwrap();
    let cloud = vec![Target::Folder(Folder { path, ..Folder::default() })];
    Engine::new(Config { cloud, ..bot.config.clone() })
}

fn check(engine: &Engine, name: &str, hours: i64) -> Option<Check> {
    let now = jiff::Timestamp::now().as_millisecond() + hours * 3_600_000;
    let checks = engine.doctor(None, &Control::silent().with_clock(move || now)).unwrap().checks;
    checks.into_iter().find(|check| check.name == name)
}

#[test]
fn a_target_where_something_waits_for_too_long_is_late_and_one_that_has_all_says_since_when() {
    let bot = Bot::new();
    let engine = with_disk(&bot);
    bot.backup(BackupType::Manual);
    let new = check(&engine, "target folder", 0).unwrap();
    assert!(new.ok && new.message.contains("Nothing was brought there yet."), "{new:?}");
    engine.sync(None, &Control::silent()).unwrap();
    let synced = check(&engine, "target folder", 200).unwrap();
    assert!(synced.ok && synced.message.contains("Everything was there 200.0 hours ago."), "{synced:?}");
    bot.backup(BackupType::Manual);
    let waits = check(&engine, "target folder", 0).unwrap();
    assert!(waits.ok && waits.message.contains("wait"), "{waits:?}");
    let late = check(&engine, "target folder", 200).unwrap();
    assert!(!late.ok && late.message.contains("late") && late.mend.unwrap().contains("lifeboat sync"));
}

#[test]
fn a_clock_before_the_newest_backup_is_told() {
    let bot = Bot::new();
    bot.backup(BackupType::Manual);
    assert!(check(&bot.engine(), "clock", 0).unwrap().ok);
    let wrong = check(&bot.engine(), "clock", -5).unwrap();
    assert!(!wrong.ok && wrong.message.contains("5.0 hours from now"), "{wrong:?}");
}

#[test]
fn a_baileys_that_lets_others_forge_messages_is_told_and_none_is_no_matter() {
    let bot = Bot::new();
    assert_eq!(check(&bot.engine(), "baileys", 0), None);
    let package = "node_modules/@whiskeysockets/baileys/package.json";
    bot.write(package, br#"{"name": "@whiskeysockets/baileys", "version": "6.7.18"}"#);
    let bad = check(&bot.engine(), "baileys", 0).unwrap();
    assert!(!bad.ok && bad.message.contains("CVE-2026-48063") && bad.mend.unwrap().contains("npm install"));
    bot.write(package, br#"{"version": "7.0.0-rc.13"}"#);
    assert!(check(&bot.engine(), "baileys", 0).unwrap().ok);
    bot.write(package, br#"{"version": "\u001b[31m"}"#);
    let odd = check(&bot.engine(), "baileys", 0).unwrap();
    assert!(odd.ok && !odd.message.contains('\u{1b}'), "{odd:?}");
}
