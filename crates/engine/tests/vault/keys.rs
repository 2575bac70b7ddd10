//! What opens a vault, and what does not.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use lifeboat_engine::report::*;
use lifeboat_engine::secret::Secret;
use lifeboat_engine::{Control, Engine};

use crate::support::*;

fn encrypted() -> Bot {
    let mut bot = Bot::new();
    bot.config.encryption = true;
    bot
}

#[test]
fn a_vault_needs_a_passphrase_or_a_key_file_unless_told_otherwise() {
    let bot = encrypted();
    let error = bot.try_backup(BackupType::Manual).unwrap_err();
    assert_eq!(error.code(), "E_PASSPHRASE");
    assert!(!bot.vault().join("vault.json").exists(), "nothing was made");
}

#[test]
fn a_wrong_passphrase_and_a_wrong_key_file_get_the_same_answer_and_write_nothing() {
    let mut bot = encrypted();
    bot.config.passphrase = Some(Secret::new("kapal penyelamat"));
    bot.config.key_file = Some(bot.dir.path().join("key"));
    bot.engine().init(bot.config.key_file.clone().as_deref()).unwrap();
    let backup = bot.backup(BackupType::Manual).backup;
    let before = stored(&bot.vault());

    let mut answers = Vec::new();
    let other = bot.dir.path().join("other-key");
    fs::write(&other, [9; 32]).unwrap();
    for (passphrase, key_file) in [(Some("kapal penyelamaT"), None), (Some(" "), None), (None, Some(other.clone()))] {
        let mut wrong = bot.config.clone();
        (wrong.passphrase, wrong.key_file) = (passphrase.map(Secret::new), key_file);
        let engine = Engine::new(wrong);
        let target = RestoreOptions { target: Some(bot.dir.path().join("never")), ..RestoreOptions::default() };
        let control = Control::silent();
        answers.push(engine.create_backup(BackupType::Manual, &BackupOptions::default(), &control).unwrap_err());
        answers.push(engine.list_backups(&ListFilter::default()).unwrap_err());
        answers.push(engine.verify(None, false, &control).unwrap_err());
        answers.push(engine.restore(&BackupRef::Name(backup.clone()), &target, &control).unwrap_err());
    }
    // What follows tells where they were looked for, which whoever gave them knows.
    let first_sentence = |error: &lifeboat_engine::Error| error.to_string().split(". ").next().map(str::to_owned);
    let texts: std::collections::BTreeSet<_> = answers.iter().map(first_sentence).collect();
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert!(answers.iter().all(|error| error.code() == "E_PASSPHRASE"));
    assert_same_tree(&before, &stored(&bot.vault()));
}

#[test]
fn each_form_of_the_same_words_opens_it_and_is_added_once() {
    let mut bot = encrypted();
    bot.config.passphrase = Some(Secret::new("\u{feff}cafe\u{301}\n"));
    bot.backup(BackupType::Manual);
    for form in ["caf\u{e9}", "cafe\u{301}", "caf\u{e9}\r\n"] {
        bot.config.passphrase = Some(Secret::new(form));
        assert_eq!(bot.engine().list_backups(&ListFilter::default()).unwrap().len(), 1, "{form:?}");
    }
    bot.engine().init(None).unwrap();
    assert_eq!(fs::read_dir(bot.vault().join("keys")).unwrap().count(), 1);
}

#[test]
fn blanks_neither_make_a_vault_nor_open_one_from_now_on() {
    let mut bot = encrypted();
    bot.config.passphrase = Some(Secret::new(" \u{a0}\t"));
    assert_eq!(bot.try_backup(BackupType::Manual).unwrap_err().code(), "E_CONFIG");
    assert!(!bot.vault().exists(), "nothing was made");
    // Nor are they added to a vault that something else opens; and no key file is made on the way.
    bot.config.key_file = Some(bot.dir.path().join("key"));
    bot.config.passphrase = None;
    bot.engine().init(bot.config.key_file.clone().as_deref()).unwrap();
    bot.config.passphrase = Some(Secret::new("   "));
    let second = bot.dir.path().join("second");
    assert_eq!(bot.engine().init(Some(&second)).unwrap_err().code(), "E_CONFIG");
    assert!(!second.exists());
}

#[test]
fn the_configuration_names_every_file_that_opens_the_vault() {
    let root = tempfile::tempdir().unwrap();
    let text = r#"{"passphraseFile":"words","keyFile":"/etc/bot.key"}"#;
    let mut config = lifeboat_engine::Config::from_json(text, root.path()).unwrap();
    config.environment.key_file = Some("/run/other.key".into());
    let expected = [
        root.path().join("words"),
        "/etc/bot.key".into(),
        "/run/other.key".into(),
        root.path().join("config/backup.pass"),
    ];
    assert_eq!(config.secret_files(), expected);
}

#[test]
fn each_of_several_passphrases_and_key_files_opens_it() {
    let mut bot = encrypted();
    bot.config.passphrase = Some(Secret::new("satu"));
    let backup = bot.backup(BackupType::Manual).backup;
    for name in ["key-a", "key-b"] {
        bot.engine().init(Some(&bot.dir.path().join(name))).unwrap();
    }
    let expected = tree(&bot.root());
    for name in ["key-a", "key-b"] {
        let key = bot.dir.path().join(name);
        assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(&key).unwrap().len(), 32);
        let mut config = bot.config.clone();
        (config.passphrase, config.key_file) = (None, Some(key));
        let by_key = Bot { config, dir: tempfile::tempdir().unwrap() };
        assert_same_tree(&expected, &tree(&by_key.restore(&backup)));
    }
    assert_eq!(fs::read_dir(bot.vault().join("keys")).unwrap().count(), 3);
}

#[test]
fn a_master_key_of_another_vault_is_never_used() {
    let mut bot = encrypted();
    bot.config.passphrase = Some(Secret::new("satu"));
    let engine = bot.engine();
    engine.create_backup(BackupType::Manual, &BackupOptions::default(), &Control::silent()).unwrap();
    let key = engine.unlocked_key().unwrap();
    // The vault is thrown away and made anew while a host still holds the old key.
    fs::remove_dir_all(bot.vault()).unwrap();
    bot.engine().init(None).unwrap();
    bot.backup(BackupType::Manual);
    let stale = bot.engine().with_key(key.clone());
    let backup = stale.create_backup(BackupType::Manual, &BackupOptions::default(), &Control::silent()).unwrap().backup;
    assert_same_tree(&tree(&bot.root()), &tree(&bot.restore(&backup)));
    bot.config.passphrase = None;
    let error = bot.engine().with_key(key).list_backups(&ListFilter::default()).unwrap_err();
    assert_eq!(error.code(), "E_PASSPHRASE");
}

#[test]
fn a_key_in_the_clear_that_somebody_planted_is_not_used() {
    let mut bot = encrypted();
    bot.config.passphrase = Some(Secret::new("satu"));
    bot.backup(BackupType::Manual);
    let open = Bot::new();
    open.backup(BackupType::Manual);
    let planted = fs::read_dir(open.vault().join("keys")).unwrap().next().unwrap().unwrap().path();
    fs::copy(&planted, bot.vault().join("keys").join(planted.file_name().unwrap())).unwrap();
    let backup = bot.backup(BackupType::Manual).backup;
    assert_same_tree(&tree(&bot.root()), &tree(&bot.restore(&backup)));
    // A whole vault in the clear in the place of an encrypted one.
    bot.config.backup_dir = open.vault();
    assert_eq!(bot.try_backup(BackupType::Manual).unwrap_err().code(), "E_CONFIG");
}

#[test]
fn of_two_first_backups_at_once_one_makes_the_vault() {
    let mut bot = encrypted();
    bot.config.passphrase = Some(Secret::new("satu"));
    let options = BackupOptions { wait: true, ..BackupOptions::default() };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| bot.engine().create_backup(BackupType::Manual, &options, &Control::silent()).unwrap());
        }
    });
    assert_eq!(bot.engine().list_backups(&ListFilter::default()).unwrap().len(), 4);
    assert_eq!(fs::read_dir(bot.vault().join("keys")).unwrap().count(), 1);
    assert!(bot.verify(true).ok);
}

#[test]
fn neither_names_nor_content_lie_in_the_vault_in_the_clear() {
    let mut bot = encrypted();
    bot.config.passphrase = Some(Secret::new("rahasia sekali"));
    let marker = "PELANGGAN-RAHASIA-12345";
    bot.write(&format!("{marker}.txt"), marker.repeat(10).as_bytes());
    bot.write("uploads/big.jpg", &[noise(200_000, 3), marker.as_bytes().to_vec(), noise(200_000, 4)].concat());
    bot.backup(BackupType::Manual);
    for (path, _) in tree(&bot.vault()) {
        let path = bot.vault().join(path);
        if path.is_file() {
            let bytes = fs::read(&path).unwrap();
            for secret in [marker.as_bytes(), b"rahasia sekali"] {
                assert!(!bytes.windows(secret.len()).any(|window| window == secret), "{path:?}");
            }
        }
    }
}

#[test]
fn secrets_are_never_printed() {
    let mut bot = encrypted();
    bot.config.passphrase = Some(Secret::new("jangan dicetak"));
    let request = lifeboat_engine::supervise::protocol::Request {
        config: bot.config.clone(),
        environment: Default::default(),
        key: Some(lifeboat_engine::secret::MasterKey::new([0xab; 32])),
        operation: lifeboat_engine::operations::AnyOperation::ReadStatus(lifeboat_engine::operations::ReadStatus {}),
    };
    let printed = format!("{request:?} {:?}", bot.config);
    assert!(!printed.contains("jangan") && !printed.contains("abab") && !printed.contains("171, 171"), "{printed}");
}

#[test]
fn a_key_file_inside_the_vault_is_refused() {
    let bot = encrypted();
    let error = bot.engine().init(Some(&bot.vault().join("key"))).unwrap_err();
    assert_eq!(error.code(), "E_CONFIG");
}
