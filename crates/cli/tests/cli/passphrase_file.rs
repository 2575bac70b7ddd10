//! `config/backup.pass`: made by `lifeboat init`, found by everything, and told of where a vault does not open.

use std::fs;
use std::path::PathBuf;

use crate::bot::{Bot, document, texts};

const PASSPHRASE: &str = "perahu sekoci merah jambu";

fn file(bot: &Bot) -> PathBuf {
    bot.root().join("config/backup.pass")
}

fn put(bot: &Bot, text: &str, mode: u32) {
    fs::create_dir_all(bot.root().join("config")).unwrap();
    fs::write(file(bot), text).unwrap();
    set_mode(bot, mode);
}

fn set_mode(bot: &Bot, mode: u32) {
    #[cfg(unix)]
    fs::set_permissions(file(bot), std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    #[cfg(not(unix))]
    let _ = (bot, mode);
}

fn message(error: &serde_json::Value) -> String {
    assert_eq!(error["error"]["code"], "E_PASSPHRASE", "{error}");
    error["error"]["message"].as_str().unwrap().to_owned()
}

#[test]
fn init_makes_a_strong_passphrase_that_every_later_command_finds() {
    let bot = Bot::new();
    let (out, err) = texts(&mut bot.locked_out(["init"]), 0);
    let passphrase = fs::read_to_string(file(&bot)).unwrap();
    assert!(passphrase.trim_end().len() >= 30, "strong");
    assert!(!out.contains(passphrase.trim_end()) && !err.contains(passphrase.trim_end()), "never printed");
    assert!(out.contains("config/backup.pass") && out.contains("cat ") && out.contains("in no backup"), "{out}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(file(&bot)).unwrap().permissions().mode() & 0o777, 0o600);
    }
    texts(&mut bot.locked_out(["backup"]), 0);
    texts(&mut bot.locked_out(["verify"]), 0);
    // By anything that reads the file.
    texts(bot.locked_out(["verify"]).env("BACKUP_PASSPHRASE", &passphrase), 0);
    // And again: it is left as it is.
    let report = document(&mut bot.locked_out(["init", "--json"]), 0);
    assert_eq!((&report["created"], report["passphraseFile"].is_string()), (&false.into(), true), "{report}");
    assert_eq!(fs::read_to_string(file(&bot)).unwrap(), passphrase);
    assert_eq!(bot.objects("keys").len(), 1);
}

#[test]
fn where_something_is_given_init_makes_no_file() {
    for (name, value) in [("BACKUP_PASSPHRASE", PASSPHRASE.to_owned()), ("BACKUP_KEY_FILE", String::new())] {
        let bot = Bot::new();
        let value = if value.is_empty() { bot.key_file().display().to_string() } else { value };
        texts(bot.locked_out(["init"]).env(name, value), 0);
        assert!(!file(&bot).exists(), "{name}");
    }
    let bot = Bot::new();
    texts(bot.locked_out(["init", "--key-file"]).arg(bot.beside("made.key")), 0);
    fs::create_dir_all(bot.root().join("config")).unwrap();
    assert!(!file(&bot).exists());
    bot.write("config/backup-config.json", r#"{"encryption":false}"#);
    let open = bot.beside("open");
    texts(bot.locked_out(["init", "--vault"]).arg(open), 0);
    assert!(!file(&bot).exists(), "what is not encrypted needs none");
}

#[test]
fn a_file_that_a_kill_left_without_a_vault_opens_the_vault_that_is_made_then() {
    let bot = Bot::new();
    put(&bot, "lima kapal\n", 0o600);
    let report = document(&mut bot.locked_out(["init", "--json"]), 0);
    assert_eq!(report["created"], true);
    assert_eq!(fs::read_to_string(file(&bot)).unwrap(), "lima kapal\n");
    texts(bot.locked_out(["verify"]).env("BACKUP_PASSPHRASE", "lima kapal"), 0);
}

#[test]
fn it_counts_only_where_nothing_else_is_given() {
    let bot = Bot::new();
    texts(&mut bot.locked_out(["init"]), 0);
    texts(&mut bot.locked_out(["backup"]), 0);
    let told = message(&document(bot.locked_out(["verify", "--json"]).env("BACKUP_PASSPHRASE", "another"), 1));
    assert!(told.contains("BACKUP_PASSPHRASE is set in the environment of this command."), "{told}");
    assert!(told.contains("config/backup.pass is there, but counts only where nothing else is given."), "{told}");
    // An empty variable says nothing.
    texts(bot.locked_out(["verify"]).env("BACKUP_PASSPHRASE", "").env("BACKUP_KEY_FILE", ""), 0);
}

#[test]
fn where_nothing_opens_the_vault_each_place_is_told_and_no_value() {
    let bot = Bot::new();
    texts(bot.locked_out(["backup"]).env("BACKUP_PASSPHRASE", PASSPHRASE), 0);
    bot.write(".env", &format!("TZ=UTC\n# BACKUP_KEY_FILE=x\nexport BACKUP_PASSPHRASE = '{PASSPHRASE}'\n"));
    let told = message(&document(bot.locked_out(["verify", "--json"]).env("BACKUP_KEY_FILE", ""), 1));
    for part in [
        "BACKUP_PASSPHRASE is not set in the environment of this command.",
        "BACKUP_KEY_FILE is empty in the environment of this command",
        "neither `passphrase`, `passphraseFile` nor `keyFile`",
        "There is no ",
        "has a line BACKUP_PASSPHRASE=…, but Lifeboat does not read this file, and this command does not have it.",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(!told.contains(PASSPHRASE), "{told}");
    // What is in the configuration is told of, too, and what it covers.
    fs::create_dir_all(bot.root().join("config")).unwrap();
    bot.write("config/backup-config.json", r#"{"passphrase":"rahasia","passphraseFile":"words"}"#);
    bot.write("words", "other words");
    let told = message(&document(&mut bot.locked_out(["verify", "--json"]), 1));
    assert!(told.contains("has a `passphrase`.") && told.contains("words, but the passphrase above"), "{told}");
    assert!(!told.contains("rahasia") && !told.contains("other words"), "{told}");
    // And a vault that is to be made.
    let bot = Bot::new();
    bot.write(".env", "BACKUP_PASSPHRASE=x");
    let told = message(&document(&mut bot.locked_out(["backup", "--json"]), 1));
    assert!(told.contains("`lifeboat init` makes") && told.contains(".env has a line"), "{told}");
}

#[cfg(unix)]
#[test]
fn a_file_that_others_can_read_is_warned_of() {
    let bot = Bot::new();
    put(&bot, PASSPHRASE, 0o644);
    let (out, _) = texts(&mut bot.locked_out(["init"]), 0);
    assert!(out.contains("Anybody on this machine can read") && out.contains("chmod 600"), "{out}");
    set_mode(&bot, 0o640);
    let (out, _) = texts(&mut bot.locked_out(["init"]), 0);
    assert!(out.contains("Its whole group can read"), "{out}");
    set_mode(&bot, 0o600);
    let (out, _) = texts(&mut bot.locked_out(["init"]), 0);
    assert!(!out.contains("chmod"), "{out}");
}

#[test]
fn a_file_that_holds_nothing_or_no_text_is_refused_by_its_name() {
    let bot = Bot::new();
    for text in ["", "\n", "\u{feff}\r\n"] {
        put(&bot, text, 0o600);
        let error = document(&mut bot.locked_out(["backup", "--json"]), 1);
        assert_eq!(error["error"]["code"], "E_CONFIG", "{error}");
        assert!(error["error"]["message"].as_str().unwrap().contains("backup.pass is empty"), "{error}");
    }
    fs::write(file(&bot), b"\xff\xfea\0b\0").unwrap();
    let error = document(&mut bot.locked_out(["backup", "--json"]), 1);
    assert!(error["error"]["message"].as_str().unwrap().contains("not text in UTF-8"), "{error}");
}

/// Root runs `sudo lifeboat init` in the folder of the bot's user.
#[cfg(unix)]
#[test]
fn a_file_that_root_makes_belongs_to_the_owner_of_the_root() {
    use std::os::unix::fs::{MetadataExt, chown, symlink};
    let bot = Bot::new();
    if chown(bot.root(), Some(12345), Some(54321)).is_err() {
        return; // Only root can make this scene.
    }
    texts(&mut bot.locked_out(["init"]), 0);
    let vault = ["", "vault.json", "keys", "packs", "lock"].map(|name| bot.vault().join(name));
    for path in vault.into_iter().chain([file(&bot), bot.root().join("config")]) {
        let metadata = fs::metadata(&path).unwrap();
        assert_eq!((metadata.uid(), metadata.gid()), (12345, 54321), "{}", path.display());
    }
    // A link would lead root's hand elsewhere.
    let bot = Bot::new();
    chown(bot.root(), Some(12345), Some(54321)).unwrap();
    let elsewhere = bot.beside("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    symlink(&elsewhere, bot.root().join("config")).unwrap();
    let error = document(&mut bot.locked_out(["init", "--json"]), 1);
    assert_eq!(error["error"]["code"], "E_CONFIG", "{error}");
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
}
