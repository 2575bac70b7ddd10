//! What files are besides their content, in place: put right without touching the content, and taken back.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;

use lifeboat_engine::report::*;
use proptest::prelude::*;

use crate::in_place::restore;
use crate::look::*;
use crate::support::*;

fn offline() -> RestoreOptions {
    RestoreOptions { mode: RestoreMode::Offline, ..RestoreOptions::default() }
}

#[test]
fn an_attribute_an_acl_and_a_mode_are_put_right_in_the_file_that_is_there() {
    let bot = Bot::new();
    set(&bot.path("config.json"), "user.note", b"important");
    set(&bot.path("logs/out.log"), ACL, &acl(7, 0));
    set(&bot.path("sessions"), DEFAULT_ACL, &acl(7, 5));
    let expected = besides(&bot.root());
    let backup = bot.backup(BackupType::Manual).backup;
    let inodes = ["config.json", "logs/out.log", ".env"].map(|path| inode(&bot.path(path)));

    set(&bot.path("config.json"), "user.note", b"other");
    set(&bot.path("config.json"), "user.more", b"x");
    remove(&bot.path("logs/out.log"), ACL);
    set(&bot.path("logs/out.log"), ACL, &acl(4, 7));
    remove(&bot.path("sessions"), DEFAULT_ACL);
    set(&bot.path(".env"), ACL, &acl(6, 6));
    let changed = besides(&bot.root());
    let result = restore(&bot, &backup, offline()).unwrap();
    assert_eq!(result.restored, [".env", "config.json", "logs/out.log", "sessions"]);
    assert!(result.warnings.is_empty(), "{:?}", result.warnings);
    assert_same_besides(&expected, &besides(&bot.root()));
    assert_eq!(["config.json", "logs/out.log", ".env"].map(|path| inode(&bot.path(path))), inodes);
    // There is nothing left to do, and it can be taken back.
    assert_eq!(restore(&bot, &backup, offline()).unwrap().restored, [""; 0]);
    restore(&bot, &result.safety_backup.unwrap(), offline()).unwrap();
    assert_same_besides(&changed, &besides(&bot.root()));
}

#[test]
fn names_of_one_file_are_put_in_place_together_or_not_at_all() {
    let bot = Bot::new();
    bot.write("a.txt", b"first");
    fs::hard_link(bot.path("a.txt"), bot.path("b.txt")).unwrap();
    bot.write("c.txt", b"stays");
    fs::hard_link(bot.path("c.txt"), bot.path("uploads/c.txt")).unwrap();
    let backup = bot.backup(BackupType::Manual).backup;
    let (before, c) = (besides(&bot.root()), inode(&bot.path("c.txt")));

    // Through both names, through one name alone, and as two files with the same content.
    for accident in [
        |bot: &Bot| bot.write("a.txt", b"new through both"),
        |bot: &Bot| {
            fs::remove_file(bot.path("b.txt")).unwrap();
            bot.write("b.txt", b"another file");
        },
        |bot: &Bot| {
            fs::remove_file(bot.path("b.txt")).unwrap();
            fs::copy(bot.path("a.txt"), bot.path("b.txt")).unwrap();
            let time = bot.path("a.txt").metadata().unwrap().modified().unwrap();
            fs::File::options().write(true).open(bot.path("b.txt")).unwrap().set_modified(time).unwrap();
        },
        |bot: &Bot| fs::remove_file(bot.path("a.txt")).unwrap(),
    ] {
        accident(&bot);
        let damaged = besides(&bot.root());
        // Whoever has the file open keeps it as it is: nothing is written through it.
        let held = fs::File::open(bot.path("b.txt")).unwrap();
        let content = std::io::read_to_string(&held).unwrap();
        let result = restore(&bot, &backup, offline()).unwrap();
        assert_same_besides(&before, &besides(&bot.root()));
        assert_eq!(fs::read(bot.path("a.txt")).unwrap(), b"first");
        assert_eq!(inode(&bot.path("c.txt")), c, "nothing of it had changed");
        let mut again = vec![0; content.len()];
        std::os::unix::fs::FileExt::read_exact_at(&held, &mut again, 0).unwrap();
        assert_eq!(again, content.as_bytes());
        restore(&bot, &result.safety_backup.unwrap(), offline()).unwrap();
        let back = besides(&bot.root());
        // A restore leaves alone what the backup does not know.
        if back.len() == damaged.len() {
            assert_same_besides(&damaged, &back);
        }
        restore(&bot, &backup, offline()).unwrap();
    }
}

#[test]
fn a_restore_of_everything_gives_the_root_its_owner_and_mode_and_a_part_does_not() {
    let bot = Bot::new();
    chown(bot.root(), Some(1234), Some(4321)).unwrap();
    fs::set_permissions(bot.root(), fs::Permissions::from_mode(0o2750)).unwrap();
    let backup = bot.backup(BackupType::Manual).backup;
    let of_root = || {
        let root = bot.root().metadata().unwrap();
        (root.mode() & 0o7777, root.uid(), root.gid())
    };
    chown(bot.root(), Some(0), Some(0)).unwrap();
    fs::set_permissions(bot.root(), fs::Permissions::from_mode(0o755)).unwrap();
    bot.write("config.json", b"{}");
    let part = RestoreOptions { items: vec!["config.json".into()], ..offline() };
    restore(&bot, &backup, part).unwrap();
    assert_eq!(of_root(), (0o755, 0, 0));
    restore(&bot, &backup, offline()).unwrap();
    assert_eq!(of_root(), (0o2750, 1234, 4321));
}

#[test]
fn one_file_of_a_folder_that_is_gone_brings_the_folder_as_it_was() {
    let bot = Bot::new();
    let folder = bot.path("uploads/reports");
    chown(&folder, Some(1234), Some(4321)).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
    set(&folder, "user.folder", b"x");
    set(&bot.path("uploads/reports/2026"), ACL, &acl(7, 5));
    let expected = besides(&folder);
    let backup = bot.backup(BackupType::Manual).backup;
    fs::remove_dir_all(&folder).unwrap();
    let items = vec!["uploads/reports/2026/11/T1/a.jpg".into()];
    restore(&bot, &backup, RestoreOptions { items, ..offline() }).unwrap();
    let found = besides(&folder);
    for path in ["", "2026", "2026/11", "2026/11/T1", "2026/11/T1/a.jpg"] {
        assert_eq!(found[Path::new(path)], expected[Path::new(path)], "{path:?}");
    }
}

/// `(where, content, attributes)`: a file, or another name of the file before it.
type File = (u8, Option<u8>, Vec<u8>);

fn grow(bot: &Bot, files: &[File], round: &str) {
    let mut last = None;
    for (at, (folder, content, attributes)) in files.iter().enumerate() {
        let path = bot.path(&format!("{}/{round}{at}", ["a", "b/c", "uploads"][*folder as usize % 3]));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        match (content, &last) {
            (None, Some(last)) => fs::hard_link(last, &path).unwrap(),
            (content, _) => {
                let seed = content.unwrap_or_default();
                let size = u64::from(seed) * 40_000;
                let file = fs::File::create_new(&path).unwrap();
                file.set_len(size).unwrap();
                // A hole before, and another one behind.
                let data = noise((u64::from(seed) * 5_000) as usize, seed.into());
                std::os::unix::fs::FileExt::write_all_at(&file, &data, size / 2).unwrap();
                file.set_len(size.max(size / 2 + data.len() as u64)).unwrap();
            }
        }
        for attribute in attributes {
            match attribute % 5 {
                0 => set(&path, ACL, &acl(attribute % 8, 7 - attribute % 8)),
                1 => set(path.parent().unwrap(), DEFAULT_ACL, &acl(attribute % 8, 5)),
                number => set(&path, &format!("user.n{number}"), &vec![*attribute; usize::from(*attribute)]),
            }
        }
        last = Some(path);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn a_tree_with_links_holes_and_attributes_comes_back_the_same(
        files in prop::collection::vec((any::<u8>(), prop::option::of(any::<u8>()), prop::collection::vec(any::<u8>(), 0..3)), 1..12),
        gone in prop::collection::vec(any::<bool>(), 12),
        stays in 0usize..12,
    ) {
        let bot = Bot::empty();
        grow(&bot, &files, "x");
        let (expected, content) = (besides(&bot.root()), tree(&bot.root()));
        let backup = bot.backup(BackupType::Manual).backup;
        let target = bot.dir.path().join("target");
        restore(&bot, &backup, RestoreOptions { target: Some(target.clone()), ..offline() }).unwrap();
        assert_same_besides(&expected, &besides(&target));
        assert_same_tree(&content, &tree(&target));
        for (path, _) in content.iter().filter(|(path, seen)| seen.content.is_some() && bot.root().join(path).exists()) {
            let at = path.file_name().unwrap().to_str().unwrap()[1..].parse::<usize>().unwrap();
            match (gone[at % 12], at == stays) {
                (_, true) => set(&bot.root().join(path), "user.new", b"x"),
                (true, _) => fs::remove_file(bot.root().join(path)).unwrap(),
                (false, _) if at % 2 == 0 => fs::write(bot.root().join(path), b"written").unwrap(),
                _ => {}
            }
        }
        restore(&bot, &backup, offline()).unwrap();
        assert_same_besides(&expected, &besides(&bot.root()));
        assert_same_tree(&content, &tree(&bot.root()));
    }
}
