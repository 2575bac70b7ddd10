//! Backups at a target, from the shell: where each is, taken from there, read back there, and a new server from nothing else.

use std::fs;
use std::path::{Path, PathBuf};

use crate::bot::{Bot, document, texts};

/// A bot with a folder as its target, and a backup that is there and here.
fn synced() -> (Bot, String, PathBuf) {
    let bot = Bot::new();
    let office = bot.beside("office");
    fs::create_dir(&office).unwrap();
    let cloud = format!(r#"{{"cloud":[{{"provider":"folder","name":"office","path":{:?}}}]}}"#, office);
    fs::create_dir_all(bot.root().join("config")).unwrap();
    bot.write("config/backup-config.json", &cloud);
    fs::write(bot.beside("target.json"), &cloud).unwrap();
    let name = bot.backup();
    let description: serde_json::Value =
        serde_json::from_slice(&fs::read(bot.vault().join("vault.json")).unwrap()).unwrap();
    let there = office.join(description["id"].as_str().unwrap());
    for part in ["keys", "packs", "snapshots"] {
        for object in bot.objects(part) {
            put(&object, &there.join(object.strip_prefix(bot.vault()).unwrap()));
        }
    }
    put(&bot.vault().join("vault.json"), &there.join("vault.json"));
    (bot, name, there)
}

fn put(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::copy(from, to).unwrap();
}

#[test]
fn a_backup_that_is_only_at_a_target_is_listed_restored_and_deleted() {
    let (bot, name, there) = synced();
    bot.objects("packs").iter().for_each(|pack| fs::remove_file(pack).unwrap());
    fs::remove_file(bot.vault().join("snapshots").join(&name)).unwrap();
    let to = bot.beside("out");
    let to = to.to_str().unwrap();
    let (_, err) = texts(&mut bot.lifeboat(["restore", &name, "--to", to, "--from", "attic"]), 1);
    assert!(err.contains("There is no target \"attic\"") && err.contains("office"), "{err}");
    texts(&mut bot.lifeboat(["restore", &name, "--to", to, "--from", "office"]), 0);
    assert_eq!(fs::read(Path::new(to).join("config.json")).unwrap(), fs::read(bot.root().join("config.json")).unwrap());
    let (out, _) = texts(&mut bot.lifeboat(["list"]), 0);
    assert!(out.contains("only at office"), "{out}");
    assert_eq!(document(&mut bot.lifeboat(["list", "--json"]), 0)[0]["location"], serde_json::json!(["office"]));
    texts(&mut bot.lifeboat(["delete", &name]), 0);
    assert!(!there.join("snapshots").join(&name).exists());
}

#[test]
fn a_target_is_read_back_and_mended_and_so_is_the_vault() {
    let (bot, _, there) = synced();
    let (out, _) = texts(&mut bot.lifeboat(["verify", "--target", "office", "--deep"]), 0);
    assert!(out.contains("All is whole"), "{out}");
    let pack = bot.objects("packs")[0].clone();
    let theirs = there.join(pack.strip_prefix(bot.vault()).unwrap());
    let whole = fs::read(&pack).unwrap();
    fs::write(&theirs, &whole[..whole.len() / 2]).unwrap();
    let (out, _) = texts(&mut bot.lifeboat(["verify", "--target", "office", "--deep"]), 4);
    assert!(out.contains("healed") && out.contains("All of it is whole again"), "{out}");
    assert!(fs::read(&theirs).unwrap() == whole);
    fs::remove_file(&pack).unwrap();
    fs::write(&pack, &whole[..whole.len() / 2]).unwrap();
    let (out, _) = texts(&mut bot.lifeboat(["verify"]), 4);
    assert!(out.contains("fetched whole from office"), "{out}");
    texts(&mut bot.lifeboat(["verify"]), 0);
}

#[test]
fn a_new_server_needs_the_target_and_what_opens_the_vault() {
    let (bot, name, _) = synced();
    let target = bot.beside("target.json");
    let new = bot.beside("new");
    let mut command = bot.lifeboat([
        "migrate",
        "--from",
        "office",
        "--config",
        target.to_str().unwrap(),
        "--root",
        new.to_str().unwrap(),
    ]);
    let (out, _) = texts(command.current_dir(bot.beside("")), 0);
    assert!(out.contains(&name) && out.contains("1 backup"), "{out}");
    assert_eq!(fs::read(new.join("config.json")).unwrap(), fs::read(bot.root().join("config.json")).unwrap());
    let (_, err) = texts(&mut bot.lifeboat(["migrate", "--from", "attic", "--root", "/tmp/no-such-lifeboat"]), 1);
    assert!(err.contains("There is nothing at"), "{err}");
    let (_, err) = texts(&mut bot.lifeboat(["migrate", "--from", "s4", "--bucket", "b"]), 1);
    assert!(err.contains("--from s3"), "{err}");
}
