//! Hard links: names of one file come back as names of one file, each with its content by itself.

use std::fs;
use std::os::unix::fs::MetadataExt;

use lifeboat_engine::report::*;
use serde_json::json;

use crate::forged::{forge, item};
use crate::look::*;
use crate::support::*;

/// Small, large and larger than a piece, each with several names in several folders.
fn linked() -> Bot {
    let bot = Bot::new();
    for (name, content) in [("a", vec![b'x'; 100]), ("m", noise(300_000, 5)), ("z", noise(9_000_000, 6))] {
        bot.write(&format!("{name}.bin"), &content);
        fs::create_dir_all(bot.path("other")).unwrap();
        fs::hard_link(bot.path(&format!("{name}.bin")), bot.path(&format!("other/{name}.bin"))).unwrap();
        fs::hard_link(bot.path(&format!("{name}.bin")), bot.path(&format!("sessions/raf/{name}.bin"))).unwrap();
    }
    // One whose other name is not in the root.
    bot.write("alone", b"y");
    fs::hard_link(bot.path("alone"), bot.dir.path().join("outside")).unwrap();
    bot
}

#[test]
fn names_of_one_file_come_back_as_one_file() {
    let bot = linked();
    let expected = besides(&bot.root());
    assert_eq!(bot.path("z.bin").metadata().unwrap().nlink(), 3);
    for kind in [BackupType::Manual, BackupType::Hourly, BackupType::Daily] {
        let backup = bot.backup(kind).backup;
        let out = bot.restore(&backup);
        assert_same_tree(&tree(&bot.root()), &tree(&out));
        let mut found = besides(&out);
        found.insert("".into(), expected[std::path::Path::new("")].clone());
        assert_same_besides(&expected, &found);
        assert!(bot.verify(true).ok);
    }
}

#[test]
fn any_one_name_is_restored_without_the_others() {
    let bot = linked();
    let backup = bot.backup(BackupType::Manual).backup;
    let out = bot.try_restore(&backup, &["other/z.bin"]).unwrap();
    assert_eq!(fs::read(out.join("other/z.bin")).unwrap(), fs::read(bot.path("z.bin")).unwrap());
    assert_eq!(out.join("other/z.bin").metadata().unwrap().nlink(), 1);
}

#[test]
fn a_name_that_was_added_or_taken_away_is_noticed_by_the_next_backup() {
    let bot = linked();
    bot.backup(BackupType::Manual);
    fs::remove_file(bot.path("other/m.bin")).unwrap();
    fs::write(bot.path("other/m.bin"), fs::read(bot.path("m.bin")).unwrap()).unwrap();
    fs::hard_link(bot.path("config.json"), bot.path("0.json")).unwrap();
    let expected = besides(&bot.root());
    let mut found = besides(&bot.restore(&bot.backup(BackupType::Hourly).backup));
    found.insert("".into(), expected[std::path::Path::new("")].clone());
    assert_same_besides(&expected, &found);
}

#[test]
fn files_with_different_content_are_different_files_whatever_a_list_says() {
    let bot = Bot::new();
    bot.backup(BackupType::Manual);
    let sums = ["ab", "cd"].map(|text| hex(&<sha2::Sha256 as sha2::Digest>::digest(text)));
    let backup = forge(&bot, b"abcd", |chunk| {
        let file = |path: &str, at: u64, sum: usize| {
            let more = json!({ "size": 2, "sha256": sums[sum], "bundle": [chunk, at], "hardlink": 7 });
            item(path, "file", more)
        };
        vec![file("a", 0, 0), file("b", 2, 1), file("c", 0, 0)]
    });
    let out = bot.restore(&backup);
    assert_eq!([fs::read(out.join("a")).unwrap(), fs::read(out.join("b")).unwrap()], [b"ab", b"cd"]);
    assert_eq!(inode(&out.join("a")), inode(&out.join("c")));
    assert_ne!(inode(&out.join("a")), inode(&out.join("b")));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
