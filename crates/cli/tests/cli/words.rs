//! What words mean: paths of any bytes, categories, and what is both.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use crate::bot::{Bot, document, texts};
use crate::restore::run;

const ODD: [&[u8]; 19] = [
    b"a[b.json",
    b"[a].json",
    b"x*y",
    b"b{r",
    b"back\\slash",
    b" lead",
    b"new\nline",
    b"-rf",
    b"--all",
    b"quo'te",
    b"dollar$HOME",
    b"bad\xff",
    b"data",
    b"latest",
    b"category:data",
    b"com,ma",
    b"\x1b[31mred",
    b"~tilde",
    "ünï".as_bytes(),
];

fn place(bot: &Bot, name: &[u8]) -> PathBuf {
    bot.root().join(OsStr::from_bytes(name))
}

/// A bot with a backup of files of all these names, which have another content since.
fn odd_bot() -> Bot {
    let bot = Bot::new();
    ODD.iter().for_each(|name| fs::write(place(&bot, name), "old").unwrap());
    bot.backup();
    ODD.iter().for_each(|name| fs::write(place(&bot, name), "new").unwrap());
    bot
}

fn restored(bot: &Bot) -> Vec<&'static [u8]> {
    ODD.into_iter().filter(|name| fs::read(place(bot, name)).unwrap() == b"old").collect()
}

#[test]
fn every_path_can_be_named_by_its_bytes_and_it_alone_is_taken() {
    let bot = odd_bot();
    for name in ODD {
        let mut command = bot.lifeboat(["restore", "latest", "--no-safety", "--quiet", "--"]);
        // What begins like a category is told from one by its `./`.
        let word = if name.starts_with(b"category:") { [b"./", name].concat() } else { name.to_vec() };
        texts(command.arg(OsStr::from_bytes(&word)), 0);
        assert_eq!(restored(&bot), [name], "{:?}", String::from_utf8_lossy(name));
        fs::write(place(&bot, name), "new").unwrap();
    }
}

#[test]
fn what_items_shows_can_be_pasted_and_names_that_path() {
    let bot = odd_bot();
    let (out, _) = texts(&mut bot.lifeboat(["items", "latest"]), 0);
    // Size, date, time, zone, category, path.
    let shown = |line: &str| line.split_once("data ").map(|(_, path)| path.trim_start().to_string());
    let words: Vec<String> = out.lines().filter(|line| line.contains(" B ")).filter_map(shown).collect();
    assert!(!out.contains('\x1b') && words.iter().any(|word| word == r"$'new\nline'"), "{out}");
    let mut seen = 0;
    for word in words {
        run(&bot, &format!("lifeboat restore latest --no-safety {word}"));
        let found = restored(&bot);
        if let [name] = found[..] {
            seen += 1;
            run(&bot, &format!("lifeboat versions {word}"));
            fs::write(place(&bot, name), "new").unwrap();
        }
    }
    assert_eq!(seen, ODD.len());
}

#[test]
fn json_has_the_true_bytes_and_takes_them_again() {
    let bot = odd_bot();
    let items = document(&mut bot.lifeboat(["items", "latest", "--json"]), 0);
    let bad = items.as_array().unwrap().iter().find(|item| item["raw"].is_string()).unwrap();
    assert_eq!((bad["path"].as_str().unwrap(), bad["raw"].as_str().unwrap()), ("bad\u{fffd}", "YmFk/w=="));
    for word in ["//YmFk/w==", "bad\u{fffd}"] {
        let found = document(&mut bot.lifeboat(["items", "latest", "--json", word]), 0);
        assert_eq!(found.as_array().unwrap().len(), 1, "{word}");
    }
}

#[test]
fn a_folder_and_a_category_of_one_name_are_both_taken_and_can_be_told_apart() {
    let bot = Bot::new();
    let name = bot.backup();
    let rows = || -> i64 {
        let db = rusqlite::Connection::open(bot.root().join("database.sqlite")).unwrap();
        db.query_row("SELECT count(*) FROM saldo", [], |row| row.get(0)).unwrap()
    };
    let wreck = || {
        fs::remove_dir_all(bot.root().join("database")).unwrap();
        let db = rusqlite::Connection::open(bot.root().join("database.sqlite")).unwrap();
        db.execute_batch("DELETE FROM saldo").unwrap();
    };
    let accounts = bot.root().join("database/accounts.json");
    wreck();
    let (out, _) = texts(&mut bot.lifeboat(["restore", &name, "database"]), 0);
    assert!(out.contains("./database") && out.contains("category:database"), "{out}");
    assert!(accounts.is_file());
    assert_eq!(rows(), 500);

    wreck();
    texts(&mut bot.lifeboat(["restore", &name, "./database"]), 0);
    assert!(accounts.is_file());
    assert_eq!(rows(), 0);
    fs::remove_file(&accounts).unwrap();
    texts(&mut bot.lifeboat(["restore", &name, "category:database"]), 0);
    assert_eq!(rows(), 500);
    assert!(!accounts.exists());

    let (_, err) = texts(&mut bot.lifeboat(["restore", &name, "category:photos"]), 1);
    assert!(err.contains("media"), "{err}");
}

#[test]
fn an_export_takes_the_same_words_and_a_comma_can_be_escaped() {
    let bot = odd_bot();
    let archive = bot.beside("some.tar.gz");
    let mut command = bot.lifeboat(["export", "latest", "--plain", "--items", r"com\,ma,./data,a[b.json"]);
    texts(command.arg(&archive), 0);
    let listing = std::process::Command::new("tar").arg("-tzf").arg(&archive).output().unwrap();
    let listing = String::from_utf8(listing.stdout).unwrap();
    for name in ["com,ma", "data", "a[b.json"] {
        assert!(listing.lines().any(|line| line.ends_with(name)), "{listing}");
    }
    assert!(!listing.contains("config.json"), "{listing}");
}

#[test]
fn rules_take_a_name_that_looks_like_a_pattern() {
    let bot = odd_bot();
    fs::create_dir(bot.root().join("config")).unwrap();
    bot.write("config/backup-config.json", r#"{ "exclude": ["[a].json"] }"#);
    bot.backup();
    let items = document(&mut bot.lifeboat(["items", "latest", "--json"]), 0);
    let has = |path: &str| items.as_array().unwrap().iter().any(|item| item["path"] == path);
    assert!(!has("[a].json") && has("a[b.json"));
}
