//! One backup by root does not break the next one of the app's own user: what root makes in a vault belongs to whom the vault
//! belongs.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use lifeboat_engine::config::ScheduleConfig;
use lifeboat_engine::marriage::marker;
use lifeboat_engine::presence::{Host, Presence, new_id};
use lifeboat_engine::report::*;
use lifeboat_engine::{Control, owner};

use crate::support::*;

const NOBODY: u32 = 65534;

fn of_root(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let metadata = fs::symlink_metadata(&path).unwrap();
            if metadata.uid() != NOBODY {
                found.push(path.clone());
            }
            if metadata.is_dir() {
                folders.push(path);
            }
        }
    }
    found
}

/// Everything that makes something in a vault.
fn all_that_writes(bot: &Bot) {
    let scheduled = |kind| bot.engine().run_scheduled(kind, &[], true, &Control::silent()).unwrap();
    bot.write("uploads/new.jpg", &noise(200_000, 3));
    let result = scheduled(BackupType::Weekly);
    assert_eq!(result.warnings, []);
    assert!(bot.vault().join("archives").is_dir());
    let name = bot.engine().pin("latest", true).unwrap();
    bot.engine().inspect(&Control::silent()).unwrap();
    let options = RestoreOptions { mode: RestoreMode::Offline, ..RestoreOptions::default() };
    bot.write("uploads/new.jpg", b"other");
    bot.engine().restore(&BackupRef::Name(name), &options, &Control::silent()).unwrap();
    let host: Host = serde_json::from_value(serde_json::json!({
        "id": new_id().unwrap(), "pid": 1, "name": "app", "since": 1, "zone": "UTC", "applies": false, "reloads": false
    }))
    .unwrap();
    let _presence = Presence::enter(&bot.vault(), host).unwrap();
    assert_eq!(of_root(&bot.vault()), Vec::<std::path::PathBuf>::new());
}

#[test]
fn what_root_makes_in_a_vault_is_the_owners() {
    if !owner::may_give() {
        eprintln!("not root: nothing can be given to another user here, so this is not tested");
        return;
    }
    let mut bot = Bot::new();
    bot.config.backup_dir = bot.path("backups");
    bot.config.schedules.insert(BackupType::Weekly, ScheduleConfig { archive: Some(true), ..Default::default() });
    owner::give_all(&bot.root(), (NOBODY, NOBODY)).unwrap();
    // Root makes it, in the folder of the app's user.
    all_that_writes(&bot);
    assert_eq!(fs::metadata(bot.vault()).unwrap().uid(), NOBODY);
    assert_eq!(fs::metadata(bot.path(marker::FILE)).unwrap().uid(), NOBODY);
    // Root goes on with it.
    fs::remove_file(bot.vault().join("catalog.sqlite")).unwrap();
    fs::remove_file(bot.vault().join("lock")).unwrap();
    all_that_writes(&bot);
    // The app's user goes on, also after root was killed in the middle.
    let left = bot.vault().join("tmp/sqlite-abc");
    fs::create_dir(&left).unwrap();
    fs::write(left.join("database"), "half").unwrap();
    let backup = std::process::Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", "test", "-w"])
        .arg(bot.vault().join("logbook.sqlite"))
        .status();
    assert!(backup.unwrap().success());
}

#[test]
fn root_writes_through_no_link_that_a_lesser_user_has_put_into_the_vault() {
    if !owner::may_give() {
        eprintln!("not root: nothing can be given to another user here, so this is not tested");
        return;
    }
    let bot = Bot::new();
    bot.backup(BackupType::Manual);
    let outside = bot.dir.path().join("outside");
    for name in ["logbook.sqlite", "catalog.sqlite"] {
        let place = bot.vault().join(name);
        fs::remove_file(&place).unwrap();
        std::os::unix::fs::symlink(&outside, &place).unwrap();
        std::os::unix::fs::lchown(&place, Some(NOBODY), Some(NOBODY)).unwrap();
        assert!(bot.try_backup(BackupType::Manual).unwrap_err().to_string().contains("is a link that another user"));
        let pause = bot.engine().pause(i64::MAX >> 20, &Control::silent());
        assert!(pause.is_err() || name != "logbook.sqlite");
        bot.engine().status().unwrap();
        assert!(!outside.exists(), "{name}");
        fs::remove_file(&place).unwrap();
    }
}
