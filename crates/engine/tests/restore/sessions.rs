//! A WhatsApp session that works is not rolled back, unless somebody asks for that.

use std::fs;

use lifeboat_engine::report::*;

use crate::in_place::restore;
use crate::support::Bot;

fn creds(id: &str) -> String {
    format!(r#"{{"registered":false,"me":{{"id":"{id}","name":"RAF"}},"noiseKey":{{}}}}"#)
}

/// A bot with two sessions in a backup, whose keys have been turned on since.
fn with_sessions() -> (Bot, String) {
    let bot = Bot::empty();
    for (folder, id) in [("sessions/raf", "62811:1@s.whatsapp.net"), ("session", "62822@s.whatsapp.net")] {
        bot.write(&format!("{folder}/creds.json"), creds(id).as_bytes());
        bot.write(&format!("{folder}/session-1.json"), br#"{"step":1}"#);
    }
    bot.write("config.json", b"{}");
    let backup = bot.backup(BackupType::Manual).backup;
    for (folder, id) in [("sessions/raf", "62811:7@s.whatsapp.net"), ("session", "62822:2@s.whatsapp.net")] {
        bot.write(&format!("{folder}/creds.json"), creds(id).as_bytes());
        bot.write(&format!("{folder}/session-1.json"), br#"{"step":20}"#);
        bot.write(&format!("{folder}/pre-key-9.json"), br#"{"new":true}"#);
    }
    bot.write("config.json", b"{\"changed\":1}");
    (bot, backup)
}

fn step(bot: &Bot, folder: &str) -> String {
    fs::read_to_string(bot.path(&format!("{folder}/session-1.json"))).unwrap()
}

fn of(items: &[&str]) -> RestoreOptions {
    RestoreOptions { items: items.iter().map(|item| item.to_string()).collect(), ..RestoreOptions::default() }
}

const NOW: &str = r#"{"step":20}"#;
const THEN: &str = r#"{"step":1}"#;

#[test]
fn a_restore_of_everything_leaves_a_session_that_works_alone_and_says_so() {
    let (bot, backup) = with_sessions();
    let dry = restore(&bot, &backup, RestoreOptions { dry_run: true, ..of(&[]) }).unwrap();
    let result = restore(&bot, &backup, of(&[])).unwrap();
    assert_eq!((&dry.kept, &dry.plan), (&result.kept, &result.plan));
    assert_eq!(fs::read(bot.path("config.json")).unwrap(), b"{}", "all the rest is restored");
    for folder in ["sessions/raf", "session"] {
        assert_eq!(step(&bot, folder), NOW);
        assert!(bot.path(&format!("{folder}/pre-key-9.json")).exists(), "nothing of it is removed");
        let kept = result.kept.iter().find(|kept| kept.path == folder).unwrap();
        assert!(kept.message.ends_with(&format!("lifeboat restore {backup} ./{folder}")), "{kept:?}");
    }
}

#[test]
fn the_command_that_is_told_brings_it_back() {
    for items in [&["session"][..], &["sessions/raf", "session"], &["sessions/*", "session/creds.json", "session"]] {
        let (bot, backup) = with_sessions();
        let result = restore(&bot, &backup, of(items)).unwrap();
        assert_eq!(step(&bot, "sessions/raf"), THEN, "{items:?}");
        assert!(result.kept.is_empty());
        assert!(!bot.path("sessions/raf/pre-key-9.json").exists(), "as one: {items:?}");
    }
    let (bot, backup) = with_sessions();
    restore(&bot, &backup, of(&["sessions/raf"])).unwrap();
    assert_eq!((step(&bot, "sessions/raf"), step(&bot, "session")), (THEN.into(), NOW.into()), "each for itself");
    let (bot, backup) = with_sessions();
    restore(&bot, &backup, of(&["**"])).unwrap();
    assert_eq!(step(&bot, "sessions/raf"), NOW, "a pattern names nothing in particular");
}

#[test]
fn a_session_that_is_missing_damaged_or_somebody_elses_is_restored() {
    let cases: [(&str, Option<&str>); 6] = [
        ("missing", None),
        ("torn", Some(r#"{"registered":false,"me":{"id":"628"#)),
        ("empty", Some("")),
        ("nobody's", Some(r#"{"registered":false}"#)),
        ("no creds", Some("[1]")),
        ("of another account", Some(r#"{"registered":true,"me":{"id":"62999:1@s.whatsapp.net"}}"#)),
    ];
    for (what, text) in cases {
        let (bot, backup) = with_sessions();
        match text {
            Some(text) => bot.write("sessions/raf/creds.json", text.as_bytes()),
            None => fs::remove_file(bot.path("sessions/raf/creds.json")).unwrap(),
        }
        let result = restore(&bot, &backup, of(&[])).unwrap();
        assert_eq!(step(&bot, "sessions/raf"), THEN, "{what}");
        assert_eq!(fs::read_to_string(bot.path("sessions/raf/creds.json")).unwrap(), creds("62811:1@s.whatsapp.net"));
        assert!(!bot.path("sessions/raf/pre-key-9.json").exists(), "{what}: it is restored as one");
        assert_eq!(step(&bot, "session"), NOW, "the other one works");
        assert_eq!(result.kept.len(), 1, "{what}");
    }
}

#[test]
fn a_session_that_the_backup_does_not_know_is_removed_only_where_nobody_has_logged_in() {
    let (bot, backup) = with_sessions();
    bot.write("sessions/new/creds.json", creds("62833@s.whatsapp.net").as_bytes());
    bot.write("sessions/new/session-1.json", NOW.as_bytes());
    bot.write("sessions/dead/creds.json", br#"{"registered":false}"#);
    let result = restore(&bot, &backup, of(&[])).unwrap();
    assert_eq!(step(&bot, "sessions/new"), NOW);
    assert!(result.kept.iter().any(|kept| kept.path == "sessions/new"));
    assert!(!bot.path("sessions/dead").exists());
}

#[test]
fn files_that_a_session_has_lost_are_told_but_for_keys_that_are_used_up() {
    let (bot, backup) = with_sessions();
    let told = |bot: &Bot, backup: &str| {
        let dry = restore(bot, backup, RestoreOptions { dry_run: true, ..of(&[]) }).unwrap();
        dry.kept.into_iter().find(|kept| kept.path == "sessions/raf").unwrap().message
    };
    assert!(!told(&bot, &backup).contains("not there"));
    bot.write("sessions/raf/pre-key-1.json", b"{}");
    bot.write("sessions/raf/sender-key-1.json", b"{}");
    let newer = bot.backup(BackupType::Manual).backup;
    fs::remove_file(bot.path("sessions/raf/pre-key-1.json")).unwrap();
    fs::remove_file(bot.path("sessions/raf/sender-key-1.json")).unwrap();
    assert!(told(&bot, &newer).contains("1 file of the backup"), "{}", told(&bot, &newer));
}

#[test]
fn into_a_folder_a_session_is_always_restored() {
    let (bot, backup) = with_sessions();
    let out = bot.restore(&backup);
    assert_eq!(fs::read_to_string(out.join("sessions/raf/session-1.json")).unwrap(), THEN);
}

#[test]
fn nothing_is_told_of_a_session_that_is_as_the_backup_has_it() {
    let bot = Bot::empty();
    bot.write("sessions/raf/creds.json", creds("62811@s.whatsapp.net").as_bytes());
    let backup = bot.backup(BackupType::Manual).backup;
    let result = restore(&bot, &backup, of(&[])).unwrap();
    assert!(result.kept.is_empty() && result.plan.replace.is_empty(), "{result:?}");
}

#[test]
fn hostile_creds_are_read_within_bounds() {
    let (bot, backup) = with_sessions();
    // As large as somebody likes, and as deep.
    fs::File::create(bot.path("sessions/raf/creds.json")).unwrap().set_len(8 << 30).unwrap();
    bot.write("session/creds.json", "[".repeat(1 << 20).as_bytes());
    let result = restore(&bot, &backup, RestoreOptions { dry_run: true, ..of(&[]) }).unwrap();
    assert!(result.kept.is_empty());
    for folder in ["sessions/raf", "session"] {
        assert!(result.plan.replace.contains(&format!("{folder}/session-1.json")));
    }
}
