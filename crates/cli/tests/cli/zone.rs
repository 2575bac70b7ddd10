//! One zone: what "08:30" means to whoever types it, and in what zone every time is printed.

use std::fs;

use assert_cmd::Command;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::bot::{Bot, document, texts};

/// A bot that is configured for Jakarta.
fn jakartan() -> Bot {
    let bot = Bot::new();
    fs::create_dir_all(bot.root().join("config")).unwrap();
    bot.write("config/backup-config.json", r#"{"timezone":"Asia/Jakarta"}"#);
    bot
}

fn in_utc<const N: usize>(bot: &Bot, arguments: [&str; N]) -> Command {
    let mut command = bot.lifeboat(arguments);
    command.env("TZ", "UTC");
    command
}

/// Now, and so many seconds before or after, as somebody in `zone` would type it.
fn typed(zone: &str, seconds: i64) -> String {
    let instant = Timestamp::now() + seconds.seconds();
    instant.to_zoned_datetime(TimeZone::get(zone).unwrap()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

#[test]
fn every_time_that_is_printed_names_the_configured_zone_whatever_that_of_the_shell() {
    let bot = jakartan();
    let backup = bot.backup();
    for command in [
        &["list"][..],
        &["history"],
        &["schedule"],
        &["status"],
        &["items", "latest", "config.json"],
        &["versions", "config.json"],
        &["restore", "latest", "--dry-run"],
        &["restore", &backup, "--to", "look"],
    ] {
        let (out, _) = texts(in_utc(&bot, []).args(command), 0);
        assert!(out.contains("Asia/Jakarta"), "{command:?}: {out}");
        let now = typed("Asia/Jakarta", 0);
        let is_listed = matches!(command[0], "list" | "history");
        assert!(!is_listed || out.contains(&now[..13]), "{command:?}: {now} {out}");
    }
    // A migrated root has the zone of its own configuration.
    let (source, root) = (bot.vault(), bot.beside("new"));
    let mut migrate = in_utc(&bot, ["migrate", "--from", source.to_str().unwrap(), "--root", root.to_str().unwrap()]);
    assert!(texts(&mut migrate, 0).0.contains("Asia/Jakarta"));
}

#[test]
fn a_time_of_day_is_one_of_the_configured_zone_and_not_of_the_shell() {
    let bot = jakartan();
    let first = bot.backup();
    // The accident is in three seconds from then; the shell in UTC must not take a backup from after it.
    std::thread::sleep(std::time::Duration::from_secs(2));
    let before = typed("Asia/Jakarta", 0);
    std::thread::sleep(std::time::Duration::from_secs(1));
    bot.write("config.json", "{}");
    bot.backup();
    let mut restore = in_utc(&bot, ["restore", "--dry-run", "--json", "--at", &before]);
    assert_eq!(document(&mut restore, 0)["backup"], first.as_str());
}

#[test]
fn a_time_that_is_still_to_come_is_refused_as_it_was_understood() {
    let bot = jakartan();
    bot.backup();
    let coming = typed("Asia/Jakarta", 3600);
    let error = document(&mut in_utc(&bot, ["restore", "--dry-run", "--json", "--at", &coming]), 1);
    assert_eq!(error["error"]["code"], "E_CONFIG");
    let message = error["error"]["message"].as_str().unwrap();
    assert!(message.contains(&format!("{coming} Asia/Jakarta is in the future")), "{message}");
    assert!(message.contains("of the configuration"), "{message}");
    // Where nothing says otherwise, it is the machine's: also one without a name.
    let bot = Bot::new();
    bot.backup();
    for (zone, name, shown) in [("WIB-7", "Asia/Jakarta", "UTC+07:00"), ("UTC", "UTC", "UTC")] {
        let coming = typed(name, 3600);
        let mut restore = bot.lifeboat(["restore", "--dry-run", "--json", "--at", &coming]);
        let error = document(restore.env("TZ", zone), 1);
        let message = error["error"]["message"].as_str().unwrap();
        assert!(message.contains(&format!("{coming} {shown} is")) && message.contains("of this machine"), "{message}");
        let (out, _) = texts(bot.lifeboat(["history"]).env("TZ", zone), 0);
        assert!(out.contains(&format!("WHEN ({shown})")) && out.contains(&typed(name, 0)[..13]), "{out}");
    }
}

#[test]
fn no_backup_is_that_old_says_how_old_the_oldest_is() {
    let bot = jakartan();
    bot.backup();
    let error = document(&mut in_utc(&bot, ["restore", "--dry-run", "--json", "--at", "2020-01-01 08:30"]), 1);
    assert_eq!(error["error"]["code"], "E_NOT_FOUND");
    let message = error["error"]["message"].as_str().unwrap();
    assert!(message.contains("there is none of 2020-01-01 08:30:59 Asia/Jakarta"), "{message}");
    let today = &typed("Asia/Jakarta", 0)[..13];
    assert!(message.contains(&format!("the oldest was made {today}")), "{message}");
}

#[test]
fn yesterday_is_as_it_was_at_its_end_and_since_its_beginning() {
    let bot = jakartan();
    bot.backup();
    // Everything was made today, in any zone that matters here.
    let error = document(&mut in_utc(&bot, ["restore", "--dry-run", "--json", "--at", "yesterday"]), 1);
    let message = error["error"]["message"].as_str().unwrap();
    assert!(message.contains("23:59:59 Asia/Jakarta"), "{message}");
    let listed = document(&mut in_utc(&bot, ["list", "--json", "--since", "yesterday"]), 0);
    assert_eq!(listed.as_array().unwrap().len(), 1);
    let error = document(&mut in_utc(&bot, ["restore", "--dry-run", "--json", "--at", "yesterday 14:00"]), 1);
    assert!(error["error"]["message"].as_str().unwrap().contains(" 14:00:59 Asia/Jakarta"), "{error}");
    // What is no time in any zone is a usage error that teaches, before anything is read.
    for text in ["yesterday 25:00", "today soon", "08:3O"] {
        let (_, err) = texts(&mut in_utc(&bot, ["restore", "--dry-run", "--at", text]), 2);
        assert!(err.contains("'yesterday 14:00'"), "{err}");
    }
}

#[test]
fn the_time_that_list_shows_finds_that_backup() {
    let bot = jakartan();
    let name = bot.backup();
    let (out, _) = texts(&mut in_utc(&bot, ["list"]), 0);
    let row: Vec<&str> = out.lines().find(|line| line.starts_with(&name)).unwrap().split_whitespace().collect();
    let shown = format!("{} {}", row[2], row[3]);
    assert_eq!(shown.len(), "2026-11-23 14:00".len(), "{out}");
    let found = document(&mut in_utc(&bot, ["restore", "--dry-run", "--json", "--at", &shown]), 0);
    assert_eq!(found["backup"], name);
}

#[test]
fn the_schedule_is_that_of_the_configured_zone() {
    let bot = jakartan();
    let coming = document(&mut in_utc(&bot, ["schedule", "--json", "--next", "40"]), 0);
    let daily = coming.as_array().unwrap().iter().find(|run| run["type"] == "DAILY").unwrap();
    // Two in the morning in Jakarta.
    assert_eq!(daily["at"].as_i64().unwrap() % 86_400_000, 19 * 3_600_000);
    let shown = typed("Asia/Jakarta", 0);
    let (out, _) = texts(&mut in_utc(&bot, ["schedule", "--next", "40"]), 0);
    assert!(out.contains("WHEN (Asia/Jakarta)") && out.contains(" 02:00 "), "{shown}: {out}");
}
