//! `lifeboat undo`: the last restore in place is taken back by one word, as it is printed.

use std::fs;

use crate::bot::{Bot, document, texts};
use crate::restore::{run, undo};

#[test]
fn the_end_of_a_restore_names_one_command_that_takes_back_all_of_it() {
    let bot = Bot::new();
    let name = bot.backup();
    bot.write("config.json", "mine");
    fs::remove_dir_all(bot.root().join("uploads")).unwrap();
    let (out, _) = texts(&mut bot.lifeboat(["restore", &name]), 0);
    assert!(out.contains("Restored:") && out.contains("every byte of it read back"), "{out}");
    assert!(out.contains("The app can be started now."), "{out}");
    assert_eq!(undo(&out), "lifeboat undo");
    assert_eq!(out.trim_end().lines().last().unwrap().trim(), "lifeboat undo", "it is the last line");
    // The app goes on, and only what was restored is taken back.
    bot.write("database/accounts.json", "later");
    let (out, _) = texts(&mut bot.lifeboat(["undo", "--dry-run"]), 0);
    assert!(out.contains(&format!("Taking back the restore of {name}")), "{out}");
    assert!(out.contains("replace  config.json") && out.contains("remove   uploads/reports/2026/roof.jpg"), "{out}");
    assert!(bot.root().join("uploads").exists());

    run(&bot, "lifeboat undo");
    assert_eq!(fs::read_to_string(bot.root().join("config.json")).unwrap(), "mine");
    assert_eq!(fs::read_to_string(bot.root().join("database/accounts.json")).unwrap(), "later");
    assert!(!bot.root().join("uploads").exists());

    let again = document(&mut bot.lifeboat(["undo", "--json"]), 0);
    assert_eq!(again["takesBack"]["undo"], true);
    assert!(bot.root().join("uploads/reports/2026/roof.jpg").is_file());
}

#[test]
fn the_command_names_the_folders_that_were_named() {
    let bot = Bot::new();
    bot.backup();
    bot.write("config.json", "mine");
    let root = bot.root();
    let (out, _) = texts(&mut bot.lifeboat(["--root", root.to_str().unwrap(), "restore", "latest", "config.json"]), 0);
    let command = undo(&out);
    assert_eq!(command, format!("lifeboat undo --root {}", root.display()));
    run(&bot, &command);
    assert_eq!(fs::read_to_string(root.join("config.json")).unwrap(), "mine");
}

#[test]
fn without_a_restore_there_is_nothing_to_take_back() {
    let bot = Bot::new();
    bot.backup();
    let (_, err) = texts(&mut bot.lifeboat(["undo"]), 1);
    assert!(err.contains("There is no restore to take back") && err.contains("E_NOT_FOUND"), "{err}");
}
