//! Without Lifeboat: GNU tar and bsdtar unpack an archive without a word, and the tree is what a restore writes.

use std::process::Command;

use lifeboat_engine::report::*;

use crate::support::*;
use crate::tools::*;

#[test]
fn gnu_tar_and_bsdtar_unpack_it_without_a_warning_in_any_locale() {
    let bot = odd_bot();
    let backup = bot.backup(BackupType::Daily).backup;
    let expected = tree(&bot.restore(&backup));
    let file = bot.export(&backup, "all.tar.gz", false);
    for program in ["tar", "bsdtar"] {
        for locale in ["C", "C.UTF-8"] {
            let out = unpack(program, locale, &file);
            assert_same_tree(&expected, &tree(out.path()));
        }
    }
    quietly(Command::new("gzip").arg("-t").arg(&file));
}

#[test]
fn the_manifest_tells_what_was_unpacked() {
    let bot = Bot::new();
    let backup = bot.backup(BackupType::Daily).backup;
    let file = bot.export(&backup, "all.tar.gz", false);
    let text = quietly(Command::new("tar").arg("-xzOf").arg(&file).arg(".lifeboat/manifest.ndjson"));
    let lines: Vec<serde_json::Value> =
        std::str::from_utf8(&text).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["format"], "lifeboat archive");
    assert_eq!(lines[0]["backup"], backup);
    assert_eq!(lines[0]["items"], lines.len() - 1);
    let config = lines.iter().find(|line| line["path"] == "config.json").unwrap();
    assert_eq!(config["category"], "config");
    let sum = quietly(Command::new("sha256sum").arg(bot.path("config.json")));
    assert_eq!(config["sha256"], std::str::from_utf8(&sum[..64]).unwrap());
    // Nothing in it is of use only in its vault.
    for place in ["chunks", "bundle", "lists", "ino", "ctime"] {
        assert!(lines.iter().all(|line| line.get(place).is_none()), "{place}");
    }
}
