//! A vault that somebody has downloaded by a service's own web page is taken as it is.

use std::fs;
use std::path::Path;

use lifeboat_engine::report::*;
use lifeboat_engine::vault::description;
use lifeboat_engine::{Config, Control, Engine};

use crate::support::*;

fn migrate(from: &Path, bot: &Bot) -> MigrateReport {
    let new = tempfile::tempdir().unwrap();
    let config = Config { encryption: false, ..Config::default() };
    let engine = Engine::new(config.resolved(&new.path().join("bot")).unwrap());
    let report = engine.migrate(from, &MigrateOptions::default(), &Control::silent()).unwrap();
    assert_eq!((report.backups, report.damaged.len()), (1, 0), "{report:?}");
    for path in ["config.json", "uploads/reports/2026/11/T1/a.jpg", "database.sqlite"] {
        assert!(fs::read(new.path().join("bot").join(path)).unwrap() == fs::read(bot.path(path)).unwrap(), "{path}");
    }
    report
}

fn put(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::copy(from, to).unwrap();
}

#[test]
fn with_folders_around_it_and_hidden_files_beside() {
    let bot = Bot::new();
    bot.backup(BackupType::Manual);
    let download = tempfile::tempdir().unwrap();
    let inner = download.path().join("Lifeboat-20261126T1900-001/Lifeboat/0123456789abcdef0123456789abcdef");
    for object in bot.objects() {
        put(&object, &inner.join(object.strip_prefix(bot.vault()).unwrap()));
    }
    fs::write(inner.join(".DS_Store"), b"x").unwrap();
    fs::write(inner.join("packs/._ab"), b"x").unwrap();
    fs::write(download.path().join("holiday.jpg"), b"x").unwrap();
    migrate(download.path(), &bot);
}

#[test]
fn in_several_zips_unpacked_side_by_side_with_files_that_got_another_name() {
    let bot = Bot::new();
    bot.backup(BackupType::Manual);
    let download = tempfile::tempdir().unwrap();
    for (n, object) in bot.objects().iter().enumerate() {
        let inner = object.strip_prefix(bot.vault()).unwrap().to_str().unwrap();
        let named = match n % 3 {
            0 => inner.to_string(),
            1 if inner.ends_with(".json") => inner.replace(".json", "(1).json"),
            1 => format!("{inner}(1)"),
            _ if inner.ends_with(".json") => inner.replace(".json", " (2).json"),
            _ => format!("{inner} (2).bin"),
        };
        put(object, &download.path().join(format!("drive-download-{}", n % 2)).join(named));
    }
    migrate(download.path(), &bot);
}

#[test]
fn of_two_files_of_one_name_the_whole_one_is_taken() {
    let bot = Bot::new();
    bot.backup(BackupType::Manual);
    let download = tempfile::tempdir().unwrap();
    for object in bot.objects() {
        let place = download.path().join(object.strip_prefix(bot.vault()).unwrap());
        put(&object, &place);
        if object.starts_with(bot.vault().join("packs")) {
            // The first try of the browser ended in its middle.
            let bytes = fs::read(&object).unwrap();
            fs::write(&place, &bytes[..bytes.len() / 2]).unwrap();
            fs::write(format!("{}(1)", place.display()), &bytes).unwrap();
        }
    }
    migrate(download.path(), &bot);
}

/// Everything that the bot's vault has, each file called by what `named` makes of its path.
fn download(bot: &Bot, to: &Path, named: impl Fn(&str) -> String) {
    for object in bot.objects() {
        put(&object, &to.join(named(object.strip_prefix(bot.vault()).unwrap().to_str().unwrap())));
    }
}

fn try_migrate(from: &Path, options: &MigrateOptions) -> Result<MigrateReport, lifeboat_engine::Error> {
    let new = tempfile::tempdir().unwrap();
    let config = Config { encryption: false, ..Config::default() };
    Engine::new(config.resolved(&new.path().join("bot")).unwrap()).migrate(from, options, &Control::silent())
}

fn base(path: &str) -> String {
    path.rsplit('/').next().unwrap().to_owned()
}

#[test]
fn as_one_flat_folder_of_files_without_their_paths() {
    let bot = Bot::new();
    let backup = bot.backup(BackupType::Manual).backup;
    bot.engine().pin(&backup, true).unwrap();
    let flat = tempfile::tempdir().unwrap();
    download(&bot, flat.path(), base);
    // The empty file of the pin is called as the backup is: a browser found it another name.
    fs::write(flat.path().join(format!("{backup}(1)")), b"").unwrap();
    migrate(flat.path(), &bot);
}

#[test]
fn of_a_description_that_was_cut_off_the_second_try_is_taken() {
    let bot = Bot::new();
    bot.backup(BackupType::Manual);
    let folder = tempfile::tempdir().unwrap();
    download(&bot, folder.path(), str::to_owned);
    let place = folder.path().join("vault.json");
    let whole = fs::read(&place).unwrap();
    fs::write(&place, &whole[..whole.len() / 2]).unwrap();
    let error = try_migrate(folder.path(), &MigrateOptions::default()).unwrap_err();
    assert!(error.code() == "E_CORRUPT" && error.to_string().contains("vault.json"), "{error}");
    fs::write(folder.path().join("vault(1).json"), &whole).unwrap();
    migrate(folder.path(), &bot);
}

#[test]
fn what_a_system_or_a_browser_lays_beside_is_not_looked_at() {
    let bot = Bot::new();
    bot.backup(BackupType::Manual);
    let folder = tempfile::tempdir().unwrap();
    download(&bot, &folder.path().join("Lifeboat"), str::to_owned);
    download(&bot, &folder.path().join("__MACOSX/Lifeboat"), |path| {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        format!("{folder}/._{name}")
    });
    for name in
        ["desktop.ini", "packs/desktop.ini", "Thumbs.db", "vault.json.crdownload", "packs/Unconfirmed 12345.crdownload"]
    {
        fs::write(folder.path().join("Lifeboat").join(name), b"x").unwrap();
    }
    let report = migrate(folder.path(), &bot);
    // What did not end may have been a newer backup.
    assert!(report.warnings.iter().any(|warning| warning.message.contains("vault.json.crdownload")), "{report:?}");
}

#[test]
fn of_two_vaults_it_is_said_which_and_how_one_is_chosen() {
    let (one, two) = (Bot::new(), Bot::new());
    let (older, newer) = (one.backup(BackupType::Manual).backup, two.backup(BackupType::Manual).backup);
    let folder = tempfile::tempdir().unwrap();
    let id = |bot: &Bot| description::id_in(&fs::read(bot.vault().join("vault.json")).unwrap()).unwrap();
    // Drive's zips, unpacked beside each other: both have parts of both vaults.
    for bot in [&one, &two] {
        download(bot, folder.path(), |path| {
            let part = if path.starts_with("packs") { "drive-002" } else { "drive-001" };
            format!("{part}/Lifeboat/{}/{path}", id(bot))
        });
    }
    let error = try_migrate(folder.path(), &MigrateOptions::default()).unwrap_err();
    for words in [id(&one), id(&two), older, newer, "--vault-id".into()] {
        assert!(error.code() == "E_NOT_FOUND" && error.to_string().contains(&words), "{words}: {error}");
    }
    for bot in [&one, &two] {
        let options = MigrateOptions { vault_id: Some(id(bot)), ..MigrateOptions::default() };
        let report = try_migrate(folder.path(), &options).unwrap();
        assert_eq!((report.backups, report.damaged.len()), (1, 0), "{report:?}");
    }
    let options = MigrateOptions { vault_id: Some("0".repeat(32)), ..MigrateOptions::default() };
    let error = try_migrate(folder.path(), &options).unwrap_err();
    assert!(error.to_string().contains(&id(&one)) && error.code() == "E_NOT_FOUND", "{error}");
}

#[test]
fn two_vaults_whose_files_lie_together_are_refused() {
    let (one, two) = (Bot::new(), Bot::new());
    one.backup(BackupType::Manual);
    two.backup(BackupType::Manual);
    let folder = tempfile::tempdir().unwrap();
    download(&one, folder.path(), base);
    download(&two, folder.path(), |path| base(path).replace("vault.json", "vault(1).json"));
    let error = try_migrate(folder.path(), &MigrateOptions::default()).unwrap_err();
    assert!(error.code() == "E_NOT_FOUND" && error.to_string().contains("separately"), "{error}");
}

#[test]
fn of_zips_it_is_said_that_they_are_to_be_unpacked() {
    let bot = Bot::new();
    bot.backup(BackupType::Manual);
    let folder = tempfile::tempdir().unwrap();
    let zip = folder.path().join("Lifeboat-20261126T190000Z-001.zip");
    fs::write(&zip, b"PK\x03\x04").unwrap();
    for from in [zip.as_path(), folder.path()] {
        let error = try_migrate(from, &MigrateOptions::default()).unwrap_err();
        assert!(error.code() == "E_NOT_FOUND" && error.to_string().to_lowercase().contains("unpack"), "{error}");
    }
}

#[test]
fn where_packs_are_missing_it_is_said_what_is_lost_and_what_is_whole() {
    let bot = Bot::new();
    let older = bot.backup(BackupType::Manual).backup;
    let packs = bot.packs();
    bot.write("uploads/new.jpg", &noise(400_000, 9));
    let newer = bot.backup(BackupType::Manual).backup;
    let gone: Vec<_> = bot.packs().into_iter().filter(|pack| !packs.contains(pack)).collect();
    let folder = tempfile::tempdir().unwrap();
    download(&bot, &folder.path().join("drive-001/Lifeboat"), str::to_owned);
    for pack in gone {
        fs::remove_file(folder.path().join("drive-001/Lifeboat").join(pack.strip_prefix(bot.vault()).unwrap()))
            .unwrap();
    }
    fs::write(folder.path().join("drive-002.zip"), b"PK").unwrap();
    fs::write(folder.path().join("drive-003.zip.crdownload"), b"PK").unwrap();
    let error = try_migrate(folder.path(), &MigrateOptions::default()).unwrap_err();
    let older_words = format!("--backup {older}");
    for words in [
        "drive-002.zip",
        "unpack",
        "drive-003.zip.crdownload",
        &older_words,
        "recover.mjs",
        &format!("Not even the item list of {newer}"),
    ] {
        assert!(error.code() == "E_CORRUPT" && error.to_string().contains(words), "{words}: {error}");
    }
    let options = MigrateOptions { backup: Some(BackupRef::Name(older)), ..MigrateOptions::default() };
    let report = try_migrate(folder.path(), &options).unwrap();
    assert!(!report.damaged.is_empty(), "that the newer one is not whole is told: {report:?}");
}
