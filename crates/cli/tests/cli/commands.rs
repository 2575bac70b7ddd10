//! Each command, on a real vault: what it says to people, and the JSON that it gives to scripts.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::Value;

use crate::bot::{Bot, document, texts};

#[test]
fn a_backup_says_what_it_was_and_what_it_cost() {
    let bot = Bot::new();
    let (first, err) = texts(&mut bot.lifeboat(["backup"]), 0);
    assert!(first.contains("backup_MANUAL_") && first.contains("added to the vault"), "{first}");
    assert_eq!(err, "", "no progress bar where nobody watches");

    bot.write("config.json", "{}");
    let (second, _) = texts(&mut bot.lifeboat(["backup", "hourly"]), 0);
    assert!(
        second.contains("backup_HOURLY_") && second.contains("  1 of ") && second.contains(" items new or changed"),
        "{second}"
    );
}

#[test]
fn a_backup_s_json_is_the_api_s_result() {
    let bot = Bot::new();
    let result = document(&mut bot.lifeboat(["backup", "DAILY", "--json", "--note", "before the upgrade"]), 0);
    assert_eq!(result["success"], true);
    assert_eq!(result["type"], "DAILY");
    assert_eq!(result["degraded"], false);
    assert_eq!(result["cloud"], "off");
    for field in ["size", "totalSize", "items", "changed", "durationMs"] {
        assert!(result[field].is_u64(), "{field}: {result}");
    }
    let list = document(&mut bot.lifeboat(["list", "--json"]), 0);
    assert_eq!(list[0]["backup"], result["backup"]);
    assert_eq!(list[0]["note"], "before the upgrade");
    assert_eq!(list[0]["full"], true);
}

#[test]
fn of_many_backups_the_newest_are_shown_if_one_asks_for_so_many() {
    let bot = Bot::new();
    let made: Vec<String> = (0..5).map(|_| bot.backup()).collect();
    let names = |json: Value| -> Vec<String> {
        json.as_array().unwrap().iter().map(|one| one["backup"].as_str().unwrap().to_owned()).collect()
    };
    let newest = names(document(&mut bot.lifeboat(["list", "--limit", "2", "--json"]), 0));
    assert_eq!(newest, [made[4].clone(), made[3].clone()]);
    assert_eq!(names(document(&mut bot.lifeboat(["list", "--json"]), 0)).len(), 5);
    let (out, err) = texts(&mut bot.lifeboat(["list", "--limit", "4", "--type", "manual"]), 0);
    assert_eq!(out.lines().count(), 1 + 4);
    assert!(err.contains("1 older backup is not shown"), "{err}");
    let (out, err) = texts(&mut bot.lifeboat(["list", "--all"]), 0);
    assert_eq!((out.lines().count(), err.as_str()), (1 + 5, ""));
    for line in [["list", "--limit", "0"], ["history", "--limit", "0"]] {
        texts(&mut bot.lifeboat(line), 2);
    }
}

#[test]
fn with_json_progress_is_json_lines_on_stderr_and_quiet_silences_it() {
    let bot = Bot::new();
    // A backup of so small a bot is over before there is progress to tell of: hold it up.
    let held = bot.hold_database();
    let mut command = bot.process(["backup", "--json"], true);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(|line| line.unwrap());
    let first = lines.next().unwrap();
    drop(held);
    for line in std::iter::once(first).chain(lines) {
        let progress: Value = serde_json::from_str(&line).unwrap();
        assert!(progress["phase"].is_string(), "{line}");
    }
    assert!(child.wait().unwrap().success());

    let (out, err) = texts(&mut bot.lifeboat(["backup", "--json", "--quiet"]), 0);
    assert!(out.starts_with('{'));
    assert_eq!(err, "");
    let (out, err) = texts(&mut bot.lifeboat(["backup", "-q"]), 0);
    assert_eq!((out.as_str(), err.as_str()), ("", ""));
}

#[test]
fn list_shows_the_newest_first_and_filters() {
    let bot = Bot::new();
    let (none, _) = texts(&mut bot.lifeboat(["backup"]), 0);
    let first = none.split_whitespace().find(|word| word.starts_with("backup_")).unwrap().to_string();
    let second = document(&mut bot.lifeboat(["backup", "hourly", "--json"]), 0)["backup"].to_string();

    let (table, _) = texts(&mut bot.lifeboat(["list"]), 0);
    let names: Vec<&str> = table.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(names, [second.trim_matches('"'), &first]);
    assert!(table.starts_with("NAME"), "{table}");

    let hourly = document(&mut bot.lifeboat(["list", "--type", "hourly", "--json"]), 0);
    assert_eq!(hourly.as_array().unwrap().len(), 1);
    assert_eq!(document(&mut bot.lifeboat(["list", "--since", "1h", "--json"]), 0).as_array().unwrap().len(), 2);
    assert_eq!(document(&mut bot.lifeboat(["list", "--since", "2099-01-01", "--json"]), 0), serde_json::json!([]));
}

#[test]
fn items_are_chosen_by_path_glob_and_category() {
    let bot = Bot::new();
    bot.backup();
    let paths = |choice: &str| -> Vec<String> {
        let items = document(&mut bot.lifeboat(["items", "latest", choice, "--json"]), 0);
        items.as_array().unwrap().iter().map(|item| item["path"].as_str().unwrap().to_string()).collect()
    };
    assert_eq!(paths("category:database"), ["database/saldo.sqlite", "database.sqlite"]);
    assert_eq!(paths("./database"), ["database", "database/accounts.json", "database/saldo.sqlite"]);
    assert_eq!(paths("config.json"), ["config.json"]);
    assert_eq!(paths("uploads/**/*.jpg"), ["uploads/reports/2026/roof.jpg"]);

    let (table, _) = texts(&mut bot.lifeboat(["items", "latest", "media"]), 0);
    assert!(table.contains("300 kB") && table.contains("uploads/reports/2026/roof.jpg"), "{table}");
}

#[cfg(unix)]
#[test]
fn a_name_with_a_newline_stays_on_its_line() {
    let bot = Bot::new();
    bot.write("two\nlines\u{1b}[31m.json", "{}");
    bot.backup();
    let (table, _) = texts(&mut bot.lifeboat(["items", "latest", "*lines*"]), 0);
    assert_eq!(table.lines().count(), 1, "{table:?}");
    assert!(table.contains(r"$'two\nlines\033[31m.json'"), "{table:?}");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_accident() {
    let bot = Bot::new();
    for number in 0..3_000 {
        bot.write(&format!("sessions/main/session-with-a-long-name-so-that-the-pipe-fills-{number:06}.json"), "{}");
    }
    bot.backup();
    for arguments in [["items", "latest", "**"], ["items", "latest", "--json"]] {
        let mut command = bot.process(arguments, true);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut start = [0; 100];
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut start).unwrap();
        drop(child.stdout.take());
        let mut complaints = String::new();
        std::io::Read::read_to_string(child.stderr.as_mut().unwrap(), &mut complaints).unwrap();
        assert_eq!((child.wait().unwrap().code(), complaints.as_str()), (Some(0), ""), "{arguments:?}");
    }
}

#[test]
fn verify_and_status_of_a_whole_vault() {
    let bot = Bot::new();
    bot.backup();
    let report = document(&mut bot.lifeboat(["verify", "--deep", "--json"]), 0);
    assert_eq!(report["ok"], true);
    assert_eq!(report["backups"], 1);
    let (out, _) = texts(&mut bot.lifeboat(["verify"]), 0);
    assert!(out.contains("Everything is whole"), "{out}");

    let (out, _) = texts(&mut bot.locked_out(["status"]), 0);
    assert!(out.contains("Healthy") && out.contains("1 backup"), "needs no key:\n{out}");
    let status = document(&mut bot.locked_out(["status", "--json"]), 0);
    assert_eq!(status["healthy"], true);
    assert_eq!(status["storage"]["backups"], 1);
}

#[test]
fn status_without_a_backup_is_not_healthy_and_says_what_to_do() {
    let bot = Bot::new();
    let status = document(&mut bot.locked_out(["status", "--json"]), 0);
    assert_eq!(status["healthy"], false);
    let (out, _) = texts(&mut bot.locked_out(["status"]), 0);
    assert!(out.contains("Not healthy") && out.contains("lifeboat backup"), "{out}");
}

#[test]
fn options_go_over_the_configuration_and_take_its_vault_along() {
    let bot = Bot::new();
    let other = bot.beside("other");
    fs::create_dir_all(&other).unwrap();
    fs::write(other.join("only.json"), "{}").unwrap();
    let config = bot.beside("lifeboat.json");
    fs::write(&config, format!(r#"{{"root":{:?},"backupDir":"vault"}}"#, bot.root())).unwrap();

    texts(bot.lifeboat(["backup", "--config"]).arg(&config), 0);
    assert!(bot.root().join("vault/vault.json").is_file());
    texts(bot.lifeboat(["backup", "--config"]).arg(&config).arg("--root").arg(&other), 0);
    assert!(
        other.join("vault/vault.json").is_file(),
        "the vault of the root that was typed, not of the configured one"
    );
    texts(bot.lifeboat(["backup", "--config"]).arg(&config).arg("--vault").arg(bot.beside("elsewhere")), 0);
    assert!(bot.beside("elsewhere").join("vault.json").is_file());
}

#[cfg(unix)]
#[test]
fn a_signal_stops_a_backup_at_the_next_safe_place() {
    let bot = Bot::new();
    let before = bot.backup();
    let held = bot.hold_database();
    bot.write("config.json", "changed");
    let mut command = bot.process(["backup", "--json", "--full"], true);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut progress = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut progress).unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::TERM).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(error["error"]["code"], "E_ABORTED");
    drop(held);

    let list = document(&mut bot.lifeboat(["list", "--json"]), 0);
    assert_eq!(list.as_array().unwrap().len(), 1);
    assert_eq!(list[0]["backup"], Value::String(before));
    assert_eq!(document(&mut bot.lifeboat(["verify", "--json"]), 0)["ok"], true);
}
