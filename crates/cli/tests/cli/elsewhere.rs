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

#[test]
fn a_vault_that_is_gone_comes_back_into_its_place_and_errors_name_the_way() {
    let (bot, name, _) = synced();
    let config = fs::read(bot.root().join("config.json")).unwrap();
    let out = bot.beside("out");
    let way = "lifeboat migrate --from office --no-restore";
    // Each time more of it is gone. One of these two alone comes back by itself.
    for part in ["vault.json", ""] {
        let lost = bot.vault().join(part);
        if lost.is_dir() {
            fs::remove_dir_all(&lost).unwrap()
        } else {
            fs::remove_file(&lost).unwrap()
        }
        if part == "vault.json" {
            fs::remove_dir_all(bot.vault().join("keys")).unwrap();
            fs::remove_dir_all(bot.vault().join("packs")).unwrap();
        }
        for command in [vec!["restore", "latest", "--to", out.to_str().unwrap()], vec!["verify"]] {
            let output = bot.lifeboat([command[0]]).args(&command[1..]).output().unwrap();
            let err = String::from_utf8_lossy(&output.stderr).split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(!output.status.success() && err.contains(way), "{part}, {command:?}: {err}");
        }
        let (_, err) = texts(
            &mut bot.lifeboat(["migrate", "--from", "office", "--config", bot.beside("target.json").to_str().unwrap()]),
            1,
        );
        assert!(err.contains("--no-restore"), "{err}");
        let (said, _) = texts(&mut bot.lifeboat(["migrate", "--from", "office", "--no-restore"]), 0);
        assert!(said.contains("is back with 1 backup"), "{said}");
        assert_eq!(fs::read(bot.root().join("config.json")).unwrap(), config, "the root is not touched");
        texts(&mut bot.lifeboat(["verify"]), 0);
        assert_eq!(document(&mut bot.lifeboat(["list", "--json"]), 0)[0]["backup"], name.as_str());
        bot.lifeboat(["backup"]).output().map(|output| assert!(output.status.success())).unwrap();
        for record in bot.objects("snapshots").into_iter().filter(|record| !record.ends_with(&name)) {
            fs::remove_file(record).unwrap();
        }
    }
    // Whatever else is in the place stays.
    fs::remove_dir_all(bot.vault()).unwrap();
    fs::create_dir(bot.vault()).unwrap();
    fs::write(bot.vault().join("photo.jpg"), b"x").unwrap();
    bot.lifeboat(["migrate", "--from", "office", "--no-restore"]).output().unwrap();
    assert_eq!(fs::read(bot.vault().join("photo.jpg")).unwrap(), b"x");
}

#[test]
fn a_target_comes_before_a_folder_of_its_name_and_what_a_kind_of_target_lacks_is_named() {
    let (bot, name, there) = synced();
    let at = bot.beside("");
    let run = |from: &[&str], code| {
        let mut command = bot.lifeboat(["migrate", "--config", "target.json", "--root", "new"]);
        texts(command.args(from).current_dir(&at), code)
    };
    // A folder `office` lies here, too, in which there is nothing.
    let elsewhere = at.join("else");
    fs::rename(bot.beside("office"), &elsewhere).unwrap();
    fs::create_dir(bot.beside("office")).unwrap();
    let cloud = format!(r#"{{"cloud":[{{"provider":"folder","name":"office","path":{:?}}}]}}"#, elsewhere);
    fs::write(bot.beside("target.json"), &cloud).unwrap();
    let (_, err) = run(&["--from", "./office"], 1);
    assert!(err.contains("There is no vault in"), "{err}");
    let (_, err) = run(&["--from", "s3"], 1);
    assert!(err.contains("--bucket"), "{err}");
    let (_, err) = run(&["--from", "gdrive"], 1);
    assert!(err.contains("auth gdrive` makes") && err.contains("--service-key"), "{err}");
    // Two vaults: one line for each would show as one line with marks in it.
    let other = Bot::new();
    other.backup();
    let description: serde_json::Value =
        serde_json::from_slice(&fs::read(other.vault().join("vault.json")).unwrap()).unwrap();
    let beside = elsewhere.join(description["id"].as_str().unwrap());
    put(&other.vault().join("vault.json"), &beside.join("vault.json"));
    let (_, err) = run(&["--from", "office"], 1);
    assert!(err.contains("2 vaults") && err.contains("--vault-id") && !err.contains("\\n"), "{err}");
    let id = there.file_name().unwrap().to_str().unwrap();
    let (out, _) = run(&["--from", "office", "--vault-id", id], 0);
    assert!(out.contains(&name), "{out}");
}

#[test]
fn damage_at_a_target_that_cannot_be_mended_is_told_with_the_backups_that_it_hurts() {
    let (bot, name, there) = synced();
    for pack in bot.objects("packs") {
        let theirs = there.join(pack.strip_prefix(bot.vault()).unwrap());
        fs::write(&theirs, b"half").unwrap();
        fs::write(&pack, &fs::read(&pack).unwrap()[..60]).unwrap();
    }
    let (out, _) = texts(&mut bot.lifeboat(["verify", "--target", "office", "--deep"]), 4);
    assert!(out.contains(&format!("hurts {name}")) && !out.contains("can be restored"), "{out}");
}

#[test]
fn whoever_deletes_a_backup_that_is_at_a_target_reads_that_it_stays_there() {
    let (bot, name, _) = synced();
    texts(&mut bot.lifeboat(["sync"]), 0);
    let (out, _) = texts(&mut bot.lifeboat(["delete", &name]), 0);
    assert!(out.contains("It stays at office") && out.contains(&format!("lifeboat delete {name}")), "{out}");
}
