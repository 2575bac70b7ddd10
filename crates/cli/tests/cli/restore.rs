//! `lifeboat restore`: into another folder and in place, now and at the next start, whole and damaged.

use std::fs;

use serde_json::Value;

use crate::bot::{Bot, document, texts};

#[test]
fn a_restore_brings_every_byte_back() {
    let bot = Bot::new();
    let name = bot.backup();
    let photo = fs::read(bot.root().join("uploads/reports/2026/roof.jpg")).unwrap();
    fs::remove_dir_all(bot.root().join("uploads")).unwrap();
    bot.write("config.json", "lost");

    let target = bot.beside("restored");
    let (out, _) = texts(bot.lifeboat(["restore", &name]).arg("--to").arg(&target), 0);
    assert!(out.contains(&name) && out.contains("compared"), "{out}");
    assert_eq!(fs::read(target.join("uploads/reports/2026/roof.jpg")).unwrap(), photo);
    assert!(fs::read_to_string(target.join("config.json")).unwrap().contains("ownerNumber"));
    let db = rusqlite::Connection::open(target.join("database/saldo.sqlite")).unwrap();
    assert_eq!(db.query_row("SELECT sum(amount) FROM saldo", [], |row| row.get::<_, i64>(0)).unwrap(), 500_000);
}

#[test]
fn a_dry_run_tells_what_it_would_write_and_writes_nothing() {
    let bot = Bot::new();
    bot.backup();
    let target = bot.beside("restored");
    let (out, _) = texts(bot.lifeboat(["restore", "latest", "config.json", "--dry-run", "--to"]).arg(&target), 0);
    assert!(
        out.contains("would do this: 1 created") && out.contains("config.json") && out.contains("and can:"),
        "{out}"
    );
    let result = document(bot.lifeboat(["restore", "latest", "--dry-run", "--json", "--to"]).arg(&target), 0);
    assert_eq!(result["dryRun"], true);
    assert!(!target.exists());
}

#[test]
fn with_a_time_the_first_word_is_an_item() {
    let bot = Bot::new();
    let name = bot.backup();
    let target = bot.beside("restored");
    let mut command = bot.lifeboat(["restore", "--at", "now", "config.json", "--json", "--to"]);
    let result = document(command.arg(&target), 0);
    assert_eq!(result["backup"], Value::String(name));
    assert!(target.join("config.json").is_file());
    assert!(!target.join("database.sqlite").exists());

    let mut too_early = bot.lifeboat(["restore", "--at", "2020-01-01", "--json", "--to"]);
    assert_eq!(document(too_early.arg(bot.beside("early")), 1)["error"]["code"], "E_NOT_FOUND");
}

#[test]
fn a_relative_folder_starts_from_where_one_stands() {
    let bot = Bot::new();
    bot.backup();
    let mut command = bot.lifeboat(["--root", "bot", "restore", "latest", "config.json", "--to", "here"]);
    texts(command.current_dir(bot.beside("")), 0);
    assert!(bot.beside("here").join("config.json").is_file());
}

#[test]
fn in_place_everything_goes_back_and_the_end_tells_how_to_undo_it() {
    let bot = Bot::new();
    let name = bot.backup();
    bot.write("config.json", "lost");
    fs::remove_dir_all(bot.root().join("uploads")).unwrap();
    bot.write("notes.txt", "mine");

    let (out, _) = texts(&mut bot.lifeboat(["restore", &name, "--dry-run"]), 0);
    assert!(out.contains("replace  config.json") && out.contains("create   uploads/reports/2026/roof.jpg"), "{out}");
    assert!(!bot.root().join("uploads").exists());

    let (out, _) = texts(&mut bot.lifeboat(["restore", &name]), 0);
    assert!(out.contains("in place: ") && out.contains("read back from the disk"), "{out}");
    assert!(fs::read_to_string(bot.root().join("config.json")).unwrap().contains("ownerNumber"));
    assert!(bot.root().join("uploads/reports/2026/roof.jpg").is_file());
    assert_eq!(fs::read_to_string(bot.root().join("notes.txt")).unwrap(), "mine");

    assert_eq!(undo(&out), "lifeboat undo");
    texts(&mut bot.lifeboat(["undo"]), 0);
    assert_eq!(fs::read_to_string(bot.root().join("config.json")).unwrap(), "lost");
}

/// The command that the end of a restore prints.
pub fn undo(out: &str) -> String {
    let command = out.split("To take all of it back:\n").nth(1).and_then(|rest| rest.lines().next());
    command.unwrap_or_else(|| panic!("no command in {out}")).trim().to_string()
}

/// Runs a command as it was printed, by a shell.
#[cfg(unix)]
pub fn run(bot: &Bot, line: &str) {
    let folder = assert_cmd::cargo::cargo_bin!("lifeboat").parent().unwrap().to_path_buf();
    let path =
        std::env::join_paths([folder].into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())));
    let mut command = assert_cmd::Command::new("bash");
    command.args(["-c", line]).current_dir(bot.root()).env("PATH", path.unwrap());
    command.env("BACKUP_KEY_FILE", bot.key_file()).env_remove("BACKUP_PASSPHRASE").assert().code(0);
}

#[test]
fn a_category_alone_and_what_is_mirrored() {
    let bot = Bot::new();
    bot.backup();
    bot.write("config.json", "later");
    bot.write("sessions/main/pre-key-99.json", "{}");
    let result = document(&mut bot.lifeboat(["restore", "latest", "session", "--mirror", "none", "--json"]), 0);
    assert_eq!(result["plan"]["remove"], Value::Array(vec![]));
    let result = document(&mut bot.lifeboat(["restore", "latest", "session", "--no-safety", "--json"]), 0);
    assert_eq!(result["plan"]["remove"][0], "sessions/main/pre-key-99.json");
    assert_eq!(result["safetyBackup"], Value::Null);
    assert_eq!(fs::read_to_string(bot.root().join("config.json")).unwrap(), "later");
    let error = document(&mut bot.lifeboat(["restore", "latest", "confg.json", "--json"]), 1);
    assert_eq!(error["error"]["code"], "E_NOT_FOUND");
    assert!(error["error"]["message"].as_str().unwrap().contains("config.json"), "{error}");
}

#[test]
fn what_waits_for_the_next_start_can_be_applied_or_forgotten() {
    let bot = Bot::new();
    bot.backup();
    bot.write("config.json", "later");
    let (out, _) = texts(&mut bot.lifeboat(["restore", "latest", "--mode", "on-restart"]), 0);
    assert!(out.contains("--apply-pending") && out.contains("--discard-pending"), "{out}");
    let (out, _) = texts(&mut bot.lifeboat(["restore", "--discard-pending"]), 0);
    assert!(out.contains("forgotten"), "{out}");
    assert_eq!(document(&mut bot.lifeboat(["restore", "--apply-pending", "--json"]), 0), Value::Null);
    assert_eq!(fs::read_to_string(bot.root().join("config.json")).unwrap(), "later");

    texts(&mut bot.lifeboat(["restore", "latest", "--mode", "on-restart"]), 0);
    let result = document(&mut bot.lifeboat(["restore", "--apply-pending", "--json"]), 0);
    assert_eq!(result["restored"][0], "config.json");
    assert!(fs::read_to_string(bot.root().join("config.json")).unwrap().contains("ownerNumber"));
}

#[test]
fn a_database_that_somebody_has_open_is_not_swapped_under_them() {
    let bot = Bot::new();
    bot.backup();
    let db = rusqlite::Connection::open(bot.root().join("database.sqlite")).unwrap();
    db.execute_batch("UPDATE saldo SET amount = 0").unwrap();
    let error = document(&mut bot.lifeboat(["restore", "latest", "--mode", "offline", "--json"]), 1);
    assert_eq!(error["error"]["code"], "E_RESTORE");
    let message = error["error"]["message"].as_str().unwrap();
    assert!(message.contains(&format!("process {}", std::process::id())), "{message}");
    let result = document(&mut bot.lifeboat(["restore", "latest", "--json"]), 0);
    assert_eq!(result["mode"], "live");
    assert_eq!(db.query_row("SELECT sum(amount) FROM saldo", [], |row| row.get::<_, i64>(0)).unwrap(), 500_000);
}

#[test]
fn a_salvage_writes_what_is_whole_and_is_4() {
    let bot = Bot::new();
    bot.backup();
    // The first bytes of the pack are of its first chunks: something is lost, and not all.
    let pack = bot.objects("packs").remove(0);
    let mut bytes = fs::read(&pack).unwrap();
    bytes[100] ^= 1;
    fs::write(&pack, bytes).unwrap();
    texts(bot.lifeboat(["restore", "latest", "--to"]).arg(bot.beside("refused")), 4);
    assert!(!bot.beside("refused").exists());
    let target = bot.beside("rescued");
    let (out, _) = texts(bot.lifeboat(["restore", "latest", "--salvage", "--to"]).arg(&target), 4);
    assert!(out.contains("damaged, and could not be restored"), "{out}");
    assert!(target.read_dir().unwrap().count() > 0);
    let result = document(bot.lifeboat(["restore", "latest", "--salvage", "--json", "--to"]).arg(bot.beside("2")), 4);
    assert!(!result["failed"].as_array().unwrap().is_empty() && !result["restored"].as_array().unwrap().is_empty());
}

#[test]
fn a_restore_that_waits_can_be_forgotten_also_where_the_configuration_is_wrong() {
    let bot = Bot::new();
    bot.backup();
    bot.write("config.json", "lost");
    texts(&mut bot.lifeboat(["restore", "latest", "config.json", "--mode", "on-restart"]), 0);
    let (out, _) = texts(&mut bot.lifeboat(["status"]), 0);
    assert!(out.contains("--discard-pending"), "{out}");
    fs::create_dir(bot.root().join("config")).unwrap();
    bot.write("config/backup-config.json", "{ typo");
    let (out, _) = texts(&mut bot.lifeboat(["restore", "--discard-pending"]), 0);
    assert!(out.contains("is forgotten"), "{out}");
}

#[test]
fn a_dry_run_says_what_an_app_has_open_of_a_database_that_was_deleted() {
    let bot = Bot::new();
    bot.backup();
    let app = rusqlite::Connection::open(bot.root().join("database.sqlite")).unwrap();
    app.execute_batch("UPDATE saldo SET amount = 7").unwrap();
    std::fs::remove_file(bot.root().join("database.sqlite")).unwrap();
    let (out, _) = texts(&mut bot.lifeboat(["restore", "latest", "--dry-run", "database.sqlite"]), 0);
    assert!(out.contains("deleted, moved or replaced: database.sqlite"), "{out}");
    assert!(out.contains("start the app again afterwards"), "{out}");
    assert!(!out.contains("No running app is known") && !out.contains("No other process"), "{out}");
    // And each safety backup says which one it is.
    texts(&mut bot.lifeboat(["restore", "latest", "database.sqlite", "--yes"]), 0);
    let (out, _) = texts(&mut bot.lifeboat(["list", "--type", "safety"]), 0);
    assert_eq!(out.matches("with what an app had in database.sqlite").count(), 1, "{out}");
}

#[test]
fn a_journal_that_cannot_be_used_is_told_once_and_nobody_is_sent_in_a_circle() {
    let bot = Bot::new();
    bot.backup();
    let workspace = bot.root().join(".lifeboat-restore");
    std::fs::create_dir(&workspace).unwrap();
    std::fs::set_permissions(&workspace, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    std::fs::write(workspace.join("journal"), "torn").unwrap();
    texts(&mut bot.lifeboat(["backup"]), 5);
    let (out, _) = texts(&mut bot.lifeboat(["status"]), 0);
    assert_eq!(out.matches("A restore was cut off").count(), 1, "{out}");
    let (out, _) = texts(&mut bot.lifeboat(["doctor"]), 1);
    assert!(out.contains("out of the root") && !out.contains("`lifeboat status` finishes"), "{out}");
    std::fs::rename(&workspace, bot.beside("aside")).unwrap();
    texts(&mut bot.lifeboat(["restore", "latest", "--yes"]), 0);
}

#[test]
fn a_root_that_is_none_is_refused_before_anything_is_made() {
    let bot = Bot::new();
    let missing = bot.beside("missing");
    let (_, err) = texts(bot.lifeboat(["init", "--root"]).arg(&missing), 1);
    assert!(err.contains("or make it first") && !missing.exists(), "{err}");
    bot.write("file", "");
    let (_, err) = texts(&mut bot.lifeboat(["undo", "--root", "file"]), 1);
    assert!(err.contains("is not a folder"), "{err}");
    let empty = bot.beside("empty");
    std::fs::create_dir(&empty).unwrap();
    let (_, err) = texts(bot.lifeboat(["restore", "latest", "--root"]).arg(&empty), 1);
    assert!(err.contains("migrate --from COPY"), "{err}");
}
