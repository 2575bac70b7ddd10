//! Who gets in: passphrases and key files, from the environment and the configuration; and that none is ever shown.

use std::fs;

use crate::bot::{Bot, document, texts};

const PASSPHRASE: &str = "perahu sekoci merah jambu";

#[test]
fn a_passphrase_from_the_environment_opens_what_it_closed() {
    let bot = Bot::new();
    texts(bot.locked_out(["backup"]).env("BACKUP_PASSPHRASE", PASSPHRASE), 0);
    let items = document(bot.locked_out(["items", "latest", "--json"]).env("BACKUP_PASSPHRASE", PASSPHRASE), 0);
    assert!(items.as_array().unwrap().len() > 20);
}

#[test]
fn a_wrong_passphrase_gets_nothing_and_is_not_repeated() {
    let bot = Bot::new();
    texts(bot.locked_out(["backup"]).env("BACKUP_PASSPHRASE", PASSPHRASE), 0);
    let objects = bot.objects("packs").len() + bot.objects("snapshots").len();
    let wrong = "not the right words";
    let mut command = bot.locked_out(["backup", "--json"]);
    let output = command.env("BACKUP_PASSPHRASE", wrong).assert().code(1).get_output().clone();
    let said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("E_PASSPHRASE"), "{said}");
    assert!(!said.contains(wrong) && !said.contains(PASSPHRASE), "{said}");
    assert_eq!(bot.objects("packs").len() + bot.objects("snapshots").len(), objects);
}

#[test]
fn without_credentials_and_without_a_terminal_it_says_how_to_give_them() {
    let bot = Bot::new();
    let (out, err) = texts(&mut bot.locked_out(["backup"]), 1);
    assert_eq!(out, "");
    assert!(err.contains("E_PASSPHRASE") || err.contains("E_CONFIG"), "{err}");
    assert!(err.contains("BACKUP_PASSPHRASE"), "{err}");
    assert!(!bot.vault().join("vault.json").exists());
}

#[test]
fn the_environment_goes_over_the_configuration() {
    let bot = Bot::new();
    texts(bot.locked_out(["backup"]).env("BACKUP_PASSPHRASE", PASSPHRASE), 0);
    fs::create_dir_all(bot.root().join("config")).unwrap();
    bot.write("config/backup-config.json", r#"{"passphrase":"an old one"}"#);
    texts(&mut bot.locked_out(["verify"]), 1);
    texts(bot.locked_out(["verify"]).env("BACKUP_PASSPHRASE", PASSPHRASE), 0);
    texts(bot.locked_out(["verify"]).env("BACKUP_PASSPHRASE", ""), 1);
}

#[test]
fn init_makes_a_key_file_that_opens_the_vault() {
    let bot = Bot::new();
    let key = bot.beside("made.key");
    let report = document(bot.locked_out(["init", "--json", "--key-file"]).arg(&key), 0);
    assert_eq!(report["created"], true);
    assert_eq!(report["encrypted"], true);
    assert_eq!(fs::read(&key).unwrap().len(), 32);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    }
    texts(bot.locked_out(["backup"]).env("BACKUP_KEY_FILE", &key), 0);
    texts(&mut bot.locked_out(["verify"]), 1);
    texts(bot.locked_out(["verify"]).env("BACKUP_KEY_FILE", "../made.key"), 0);
}

#[test]
fn init_adds_a_key_file_to_a_vault_that_a_passphrase_opens() {
    let bot = Bot::new();
    texts(bot.locked_out(["backup"]).env("BACKUP_PASSPHRASE", PASSPHRASE), 0);
    let key = bot.beside("made.key");
    let mut command = bot.locked_out(["init", "--key-file"]);
    let (out, _) = texts(command.arg(&key).env("BACKUP_PASSPHRASE", PASSPHRASE), 0);
    assert!(out.contains("made.key") && out.contains("BACKUP_KEY_FILE"), "{out}");
    texts(bot.locked_out(["verify"]).env("BACKUP_KEY_FILE", &key), 0);
    texts(bot.locked_out(["verify"]).env("BACKUP_PASSPHRASE", PASSPHRASE), 0);
}

#[test]
fn init_adds_a_passphrase_or_a_second_key_file_to_a_vault_that_a_key_file_opens() {
    let bot = Bot::new();
    bot.backup();
    let report = document(bot.lifeboat(["init", "--json"]).env("BACKUP_PASSPHRASE", PASSPHRASE), 0);
    assert_eq!(report["created"], false);
    texts(bot.locked_out(["verify"]).env("BACKUP_PASSPHRASE", PASSPHRASE), 0);
    let keys = bot.objects("keys").len();
    texts(bot.lifeboat(["init"]).env("BACKUP_PASSPHRASE", PASSPHRASE), 0);
    assert_eq!(bot.objects("keys").len(), keys, "what opens it already is not added again");

    let second = bot.beside("second.key");
    fs::write(&second, [7; 32]).unwrap();
    texts(bot.lifeboat(["init", "--key-file"]).arg(&second), 0);
    texts(bot.locked_out(["verify"]).env("BACKUP_KEY_FILE", &second), 0);
}

#[test]
fn init_by_somebody_who_cannot_open_the_vault_leaves_no_key_file() {
    let bot = Bot::new();
    bot.backup();
    let key = bot.beside("made.key");
    let error = document(bot.locked_out(["init", "--json", "--key-file"]).arg(&key), 1);
    assert_eq!(error["error"]["code"], "E_PASSPHRASE");
    assert!(!key.exists());
}
