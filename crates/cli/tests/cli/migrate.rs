//! A new root on another server: what is said, and a kill at any time.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::bot::{Bot, document, texts};

/// All files below a folder with their contents, without the vault.
fn files(root: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true if path != root.join("backups") => folders.push(path),
                true => {}
                // Which vault a root belongs to is the new root's own.
                false if path == root.join(".lifeboat.json") => {}
                false => found.push((path.strip_prefix(root).unwrap().to_path_buf(), fs::read(&path).unwrap())),
            }
        }
    }
    found.sort();
    found
}

/// `lifeboat` with the bot's key file, standing in another folder.
fn lifeboat_in<const N: usize>(bot: &Bot, folder: &Path, arguments: [&str; N]) -> assert_cmd::Command {
    let mut command = bot.lifeboat(arguments);
    command.current_dir(folder);
    command
}

#[test]
fn a_migration_says_what_came_and_what_is_left_to_do() {
    let bot = Bot::new();
    bot.write("package.json", "{}");
    let backup = bot.backup();
    let new = bot.beside("new");
    fs::create_dir(&new).unwrap();
    let vault = bot.vault();
    let (out, err) = texts(&mut lifeboat_in(&bot, &new, ["migrate", "--from", vault.to_str().unwrap()]), 0);
    for said in [backup.as_str(), "is set up", "1 backup", "npm install", "npm start", "lifeboat verify"] {
        assert!(out.contains(said), "{said:?} is not in {out}");
    }
    assert_eq!(err, "");
    assert_eq!(files(&bot.root()), files(&new));
    // Life goes on there.
    assert_eq!(document(&mut lifeboat_in(&bot, &new, ["list", "--json"]), 0)[0]["backup"], backup);
    let (out, _) = texts(&mut lifeboat_in(&bot, &new, ["backup"]), 0);
    assert!(out.contains("added to the vault"), "{out}");
}

#[test]
fn the_passphrase_may_be_put_into_its_file_first_or_storing_it_is_the_first_thing_to_do() {
    let bot = Bot::new();
    texts(&mut bot.locked_out(["init"]), 0);
    texts(&mut bot.locked_out(["backup"]), 0);
    let (vault, file) = (bot.vault(), "config/backup.pass");
    let from = vault.to_str().unwrap();
    let migrate = |new: &str| {
        fs::create_dir_all(bot.beside(new).join("config")).unwrap();
        let mut command = bot.locked_out(["migrate", "--json", "--from", from, "--root"]);
        command.arg(bot.beside(new));
        command
    };
    let (mut first, mut second, mut locked) = (migrate("first"), migrate("second"), migrate("locked"));
    let passphrase = fs::read_to_string(bot.root().join(file)).unwrap();
    fs::write(bot.beside("first").join(file), &passphrase).unwrap();
    assert_eq!(document(&mut first, 0)["next"][0]["command"], "npm start");
    fs::remove_dir(bot.beside("second").join("config")).unwrap();
    let report = document(second.env("BACKUP_PASSPHRASE", passphrase.trim()), 0);
    assert_eq!(report["next"][0]["command"], "env -u BACKUP_PASSPHRASE lifeboat init");
    // What it names to do instead can be done.
    let message = document(&mut locked, 1)["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains(file) && !message.contains("lifeboat init"), "{message}");
}

#[test]
fn a_migration_s_json_is_the_api_s_result() {
    let bot = Bot::new();
    let older = bot.backup();
    bot.write("config.json", "{}");
    bot.backup();
    let new = bot.beside("new");
    let line =
        ["migrate", "--json", "--from", "backups", "--root", new.to_str().unwrap(), "--backup", &older, "--no-history"];
    let report = document(&mut bot.lifeboat(line), 0);
    assert_eq!((&report["success"], &report["backup"]), (&true.into(), &older.into()));
    assert!(report.get("vault").is_none());
    assert_eq!(report["next"][0]["command"], "npm start");
}

#[test]
fn what_is_not_done_has_its_code() {
    let bot = Bot::new();
    bot.backup();
    let refused = document(&mut bot.lifeboat(["migrate", "--json", "--from", "backups"]), 1);
    assert_eq!(refused["error"]["code"], "E_RESTORE", "the old root is no new one");
    let new = bot.beside("new");
    let missing = ["migrate", "--json", "--from", "nowhere", "--root", new.to_str().unwrap()];
    assert_eq!(document(&mut bot.lifeboat(missing), 1)["error"]["code"], "E_NOT_FOUND");
    bot.lifeboat(["migrate"]).assert().code(2);
    bot.lifeboat(["migrate", "--from", "backups", "--at", "2h", "--backup", "x"]).assert().code(2);

    let pack = bot.objects("packs").remove(0);
    let mut bytes = fs::read(&pack).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&pack, bytes).unwrap();
    let line = ["migrate", "--json", "--from", "backups", "--root", new.to_str().unwrap()];
    let damaged = document(&mut bot.lifeboat(line), 4);
    assert!(damaged["error"]["message"].as_str().unwrap().contains("--salvage"), "{damaged}");
    assert!(!new.exists());
}

#[test]
fn a_damaged_history_is_exit_code_4_and_the_root_is_there() {
    let bot = Bot::new();
    let older = bot.backup();
    let packs = bot.objects("packs");
    bot.write("config.json", "{\"new\":true}");
    bot.backup();
    let pack = bot.objects("packs").into_iter().find(|pack| !packs.contains(pack)).unwrap();
    let mut bytes = fs::read(&pack).unwrap();
    bytes[50] ^= 1;
    fs::write(&pack, bytes).unwrap();
    let new = bot.beside("new");
    let line = ["migrate", "--quiet", "--from", "backups", "--root", new.to_str().unwrap(), "--backup", &older];
    let (out, err) = texts(&mut bot.lifeboat(line), 4);
    assert_eq!(out, "");
    assert!(err.contains("restored and whole"), "{err}");
    assert!(new.join("database.sqlite").exists());
}

#[test]
fn killed_at_any_time_the_same_command_finishes_it() {
    let bot = Bot::new();
    // A configuration that is wrong on the new machine: while it is being restored, nobody may follow it.
    fs::create_dir(bot.root().join("config")).unwrap();
    bot.write("config/backup-config.json", &format!("{{\"root\":{:?}}}", bot.root()));
    bot.backup();
    let expected = files(&bot.root());
    let mut kills = 0;
    for (round, in_place) in [true, false].into_iter().cycle().enumerate() {
        let new = bot.beside(&format!("new{round}"));
        let from = if in_place { new.join("backups") } else { bot.vault() };
        if in_place {
            copy(&bot.vault(), &from);
        }
        let line = ["migrate", "--from", from.to_str().unwrap(), "--root", new.to_str().unwrap()];
        let mut first = bot.process(line, true).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let end = Instant::now() + Duration::from_millis(2 * round as u64);
        let mut finished = false;
        while Instant::now() < end && !finished {
            finished = first.try_wait().unwrap().is_some();
            std::thread::sleep(Duration::from_micros(200));
        }
        first.kill().unwrap();
        let was_done = first.wait().unwrap().success();
        // Its last step is over, and only its last words were cut off.
        let is_over = new.join("backups/vault.json").exists() && !new.join(".lifeboat-migrate.json").exists();
        if was_done || (is_over && new.join("config.json").exists()) {
            assert_eq!(expected, files(&new), "round {round}");
            if round > 4 && !in_place {
                break;
            }
            continue;
        }
        kills += 1;
        let report = document(&mut bot.lifeboat(["migrate", "--json", line[1], line[2], line[3], line[4]]), 0);
        assert_eq!((&report["backups"], &report["damaged"]), (&1.into(), &serde_json::json!([])), "round {round}");
        assert_eq!(expected, files(&new), "round {round}");
        fs::remove_dir_all(new).unwrap();
    }
    assert!(kills > 5, "only {kills} were killed");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let place = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &place);
        } else {
            fs::copy(&path, &place).unwrap();
        }
    }
}
