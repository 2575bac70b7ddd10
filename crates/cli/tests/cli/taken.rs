//! What is taken and what is told: the dry run, degraded backups, and the doctor.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use crate::bot::{Bot, document, texts};

#[test]
fn a_dry_run_lists_what_is_taken_and_what_is_not_and_why_and_writes_nothing() {
    let bot = Bot::new();
    for folder in ["node_modules/x", "temp/topup_proofs", "coverage"] {
        fs::create_dir_all(bot.root().join(folder)).unwrap();
    }
    bot.write("node_modules/x/index.js", &"x".repeat(5000));
    fs::write(bot.root().join("temp/topup_proofs/1"), b"\xff\xd8\xff\xe0\0\x10JFIF\0").unwrap();
    bot.write("coverage/index.html", "<html>");
    symlink(bot.beside("volume"), bot.root().join("gone")).unwrap();
    fs::create_dir(bot.beside("disk")).unwrap();
    fs::write(bot.beside("disk/app.db"), b"x").unwrap();
    symlink(bot.beside("disk"), bot.root().join("data")).unwrap();

    let preview = document(&mut bot.locked_out(["backup", "--dry-run", "--json"]), 0);
    let rows = |list: &str| preview[list].as_array().unwrap().clone();
    let row = |list: &str, path: &str| rows(list).into_iter().find(|row| row["path"] == path).unwrap_or_default();
    assert!(rows("taken").iter().any(|row| row["path"] == "temp/topup_proofs" && row["category"] == "media"));
    assert_eq!(row("useless", "coverage")["items"], 2);
    assert_eq!(row("left", "node_modules")["reason"], "default");
    assert_eq!(row("left", "node_modules")["size"], 5000);
    assert_eq!((&row("left", "data")["lost"], &row("left", "data")["items"]), (&true.into(), &2.into()));
    assert_eq!(row("left", "gone")["lost"], false);
    assert_eq!(rows("left")[0]["path"], "data", "what is lost comes first");
    let sum: u64 = rows("taken").iter().map(|row| row["items"].as_u64().unwrap()).sum();
    assert_eq!(preview["items"], sum);

    let (out, _) = texts(&mut bot.locked_out(["backup", "--dry-run"]), 0);
    for part in ["temp/topup_proofs", "node_modules", "PROBABLY USELESS", "coverage", "NOT TAKEN", "\"followLinks\""] {
        assert!(out.contains(part), "{part}: {out}");
    }
    assert!(!bot.vault().exists());
    texts(&mut bot.locked_out(["backup", "--dry-run", "--wait"]), 2);

    // What it says is what happens.
    let made = document(&mut bot.lifeboat(["backup", "--json"]), 5);
    assert_eq!((&made["items"], &made["totalSize"]), (&preview["items"], &preview["size"]));
}

#[test]
fn a_backup_that_is_not_whole_is_5_and_speaks_also_when_it_is_quiet() {
    let bot = Bot::new();
    fs::create_dir(bot.beside("disk")).unwrap();
    symlink(bot.beside("disk"), bot.root().join("data")).unwrap();
    let (out, err) = texts(&mut bot.lifeboat(["backup", "daily", "--quiet"]), 5);
    assert_eq!(out, "");
    assert!(err.contains("data: ") && err.contains("not in this backup") && err.contains("followLinks"), "{err}");
    let (history, _) = texts(&mut bot.lifeboat(["history"]), 0);
    assert!(history.contains("degraded") && !history.contains("success"), "{history}");
    let (status, _) = texts(&mut bot.lifeboat(["status"]), 0);
    assert!(status.contains("Not healthy") && status.contains("data: "), "{status}");

    // Excluded, it is nobody's loss.
    fs::create_dir_all(bot.root().join("config")).unwrap();
    bot.write("config/backup-config.json", r#"{"exclude":["data"]}"#);
    let (_, err) = texts(&mut bot.lifeboat(["backup", "daily", "--quiet"]), 0);
    assert_eq!(err, "");
}

#[test]
fn a_file_that_cannot_be_read_is_told_with_what_to_do() {
    if !is_root() {
        return;
    }
    let bot = Bot::new();
    bot.write("secret", "s");
    fs::set_permissions(bot.root().join("secret"), fs::Permissions::from_mode(0o600)).unwrap();
    for path in [bot.root(), bot.key_file(), bot.root().parent().unwrap().to_path_buf()] {
        let status = std::process::Command::new("chown").args(["-R", "65534:65534"]).arg(path).status().unwrap();
        assert!(status.success());
    }
    std::os::unix::fs::chown(bot.root().join("secret"), Some(0), Some(0)).unwrap();
    let as_nobody = |arguments: &[&str]| {
        let mut command = std::process::Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        command.arg(assert_cmd::cargo::cargo_bin!("lifeboat")).args(arguments).current_dir(bot.root());
        command.env("BACKUP_KEY_FILE", bot.key_file());
        assert_cmd::Command::from_std(command)
    };
    let preview = document(&mut as_nobody(&["backup", "--dry-run", "--json"]), 0);
    assert_eq!(preview["left"][0]["path"], "secret");
    assert_eq!(preview["left"][0]["reason"], "unreadable");
    let (_, err) = texts(&mut as_nobody(&["backup", "daily", "--quiet"]), 5);
    assert!(err.contains("secret: ") && err.contains("chmod"), "{err}");
}

fn is_root() -> bool {
    std::os::unix::fs::MetadataExt::uid(&fs::metadata("/proc/self").unwrap()) == 0
}

#[test]
fn the_doctor_names_what_mends_each_fault_and_never_stops_at_the_first() {
    let bot = Bot::new();
    symlink(bot.beside("disk"), bot.root().join("data")).unwrap();
    fs::create_dir(bot.beside("disk")).unwrap();
    fs::create_dir_all(bot.root().join("config")).unwrap();
    bot.write("config/backup-config.json", r#"{"encrytion":true}"#);
    let diagnosis = document(&mut bot.locked_out(["doctor", "--json"]), 1);
    let checks = diagnosis["checks"].as_array().unwrap();
    let failed: Vec<&str> =
        checks.iter().filter(|check| check["ok"] == false).map(|check| check["name"].as_str().unwrap()).collect();
    assert_eq!(failed, ["configuration", "links", "key", "age", "schedule"]);
    for check in checks.iter().filter(|check| check["ok"] == false) {
        assert!(!check["mend"].as_str().unwrap().is_empty(), "{check}");
    }
    assert!(!bot.vault().exists(), "it only looks");

    bot.write("config/backup-config.json", r#"{"followLinks":["data"]}"#);
    texts(&mut bot.lifeboat(["backup", "daily", "--quiet"]), 0);
    let (out, _) = texts(&mut bot.lifeboat(["doctor"]), 0);
    assert!(out.contains("All is well"), "{out}");
    let (out, _) = texts(&mut bot.locked_out(["doctor"]), 1);
    assert!(out.contains("1 of") && out.contains("BACKUP_PASSPHRASE"), "{out}");
    let (_, err) = texts(&mut bot.locked_out(["doctor", "--quiet"]), 1);
    assert!(err.contains("key: "), "{err}");
}
