//! `export` and `import`: what people read, what scripts read, and the exit codes.

use std::fs;

use crate::bot::{Bot, document, texts};

#[test]
fn a_backup_goes_out_and_into_another_vault() {
    let bot = Bot::new();
    let backup = bot.backup();
    let folder = bot.beside("usb");
    fs::create_dir(&folder).unwrap();
    let usb = folder.to_str().unwrap();
    let (out, _) = texts(&mut bot.lifeboat(["export", "latest", usb]), 0);
    let file = folder.join(format!("{backup}.tar.gz.sealed"));
    assert!(
        out.contains(file.to_str().unwrap()) && out.contains("  encrypted: only") && !out.contains("the next backup"),
        "{out}"
    );
    assert!(fs::read(&file).unwrap().starts_with(b"LBSEAL"));

    let path = file.to_str().unwrap();
    let other = bot.beside("other");
    let elsewhere = format!("--vault={}", other.display());
    let info = document(&mut bot.lifeboat(["import", path, &elsewhere, "--json"]), 0);
    assert_eq!(info["backup"], backup);
    let (out, _) = texts(&mut bot.lifeboat(["import", path, &elsewhere]), 0);
    assert!(out.contains(&backup) && out.contains("compared with their hashes"), "{out}");
    let list = document(&mut bot.lifeboat(["list", &elsewhere, "--json"]), 0);
    assert_eq!(list.as_array().unwrap().len(), 1);
    let target = bot.beside("out");
    texts(&mut bot.lifeboat(["restore", "latest", &elsewhere, "--to", target.to_str().unwrap()]), 0);
    assert_eq!(
        fs::read(target.join("database/saldo.sqlite")).unwrap(),
        fs::read(bot.root().join("database/saldo.sqlite")).unwrap()
    );
}

#[test]
fn a_place_that_cannot_be_written_to_is_refused_before_anybody_is_asked_for_a_key() {
    let bot = Bot::new();
    bot.backup();
    let missing = bot.beside("usb/");
    fs::write(bot.beside("taken"), "x").unwrap();
    for (place, what) in [
        (missing.clone(), "Is the disk mounted? Make it (mkdir -p)"),
        (missing.join("bot.tar.gz"), "Is the disk mounted? Make it (mkdir -p)"),
        (bot.beside("taken/"), "is not a folder"),
        (bot.beside("taken").join("x"), "is not a folder"),
        (bot.beside("taken"), "exists already"),
    ] {
        let (_, err) = texts(&mut bot.locked_out(["export", "latest", place.to_str().unwrap()]), 1);
        assert!(err.contains(what) && err.contains("E_CONFIG"), "{err}");
    }
    assert!(!missing.exists());
    // So is a folder that a restore could not fill.
    let (_, err) = texts(&mut bot.locked_out(["restore", "latest", "--to", bot.root().to_str().unwrap()]), 1);
    assert!(err.contains("is not empty"), "{err}");
}

#[test]
fn some_items_in_the_clear_and_never_over_another_file() {
    let bot = Bot::new();
    let backup = bot.backup();
    let result = document(
        &mut bot.lifeboat(["export", &backup, "--plain", "--items=config.json,category:database", "--json"]),
        0,
    );
    let file = bot.root().join(format!("{backup}.tar.gz"));
    assert_eq!(result["file"], file.canonicalize().unwrap().to_str().unwrap());
    assert_eq!((&result["items"], &result["encrypted"]), (&3.into(), &false.into()));
    assert_eq!(result["size"], fs::metadata(&file).unwrap().len());

    let again = ["export", &backup, "--plain", "--json"];
    let error = document(&mut bot.lifeboat(again), 1);
    assert_eq!(error["error"]["code"], "E_CONFIG");
    assert!(error["error"]["message"].as_str().unwrap().contains("--overwrite"));
    let (out, _) = texts(&mut bot.lifeboat(["export", &backup, "--plain", "--overwrite"]), 0);
    assert!(
        out.contains("everybody who has the file can read it") && out.contains("the next backup contains it"),
        "{out}"
    );

    let error = document(&mut bot.lifeboat(["export", &backup, "--items=confg.json", "--overwrite", "--json"]), 1);
    assert_eq!(error["error"]["code"], "E_NOT_FOUND");
    texts(&mut bot.lifeboat(["export", &backup, "--plain", "--sealed"]), 2);
    texts(&mut bot.lifeboat(["export"]), 2);
    texts(&mut bot.lifeboat(["import"]), 2);
}

#[test]
fn a_wrong_passphrase_damage_and_what_is_no_archive_have_their_codes() {
    let bot = Bot::new();
    bot.backup();
    let file = bot.beside("a.tar.gz.sealed");
    let path = file.to_str().unwrap();
    let mut export = bot.lifeboat(["export", "latest", path, "--json"]);
    document(export.env("BACKUP_PASSPHRASE", "of the old server"), 0);

    let import = ["import", path, "--json"];
    let error = document(&mut bot.lifeboat(import), 1);
    assert_eq!(error["error"]["code"], "E_PASSPHRASE");
    let error = document(bot.lifeboat(import).env("BACKUP_ARCHIVE_PASSPHRASE", "wrong words"), 1);
    assert_eq!(error["error"]["code"], "E_PASSPHRASE");
    assert!(!error.to_string().contains("wrong words"));
    document(bot.lifeboat(import).env("BACKUP_ARCHIVE_PASSPHRASE", "of the old server"), 0);

    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, bytes).unwrap();
    let error = document(bot.lifeboat(import).env("BACKUP_ARCHIVE_PASSPHRASE", "of the old server"), 4);
    assert_eq!(error["error"]["code"], "E_CORRUPT");
    fs::write(&file, "a shopping list").unwrap();
    let error = document(&mut bot.lifeboat(import), 1);
    assert_eq!(error["error"]["code"], "E_SOURCE");
}
