//! What changed between two backups.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};

use lifeboat_engine::Control;
use lifeboat_engine::report::*;

use crate::support::{Bot, noise};
use crate::{backup, diff, rows, told, try_diff};

#[test]
fn what_was_added_removed_changed_and_touched() {
    let bot = Bot::new();
    let first = backup(&bot);
    bot.write("config.json", b"{}");
    bot.write("uploads/new.jpg", &noise(200_000, 9));
    fs::remove_file(bot.path("sessions/raf/pre-key-17.json")).unwrap();
    fs::remove_file(bot.path("config-link")).unwrap();
    std::os::unix::fs::symlink(".env", bot.path("config-link")).unwrap();
    fs::set_permissions(bot.path(".env"), fs::Permissions::from_mode(0o644)).unwrap();
    let second = backup(&bot);

    let report = diff(&bot, &first, Some(&second));
    assert_eq!((&report.from, report.to.as_ref()), (&first, Some(&second)));
    assert_eq!(
        told(&report),
        [
            "added uploads/new.jpg",
            "removed sessions/raf/pre-key-17.json",
            "touched .env",
            "changed config-link",
            "changed config.json"
        ]
    );
    let config = report.changed.iter().find(|change| change.path == "config.json").unwrap();
    assert_eq!((config.before.size, config.after.size, config.category), (40, 2, Category::Config));
    let items = bot.engine().list_items(&second, &[]).unwrap().len() as u64;
    assert_eq!(report.unchanged + (report.added.len() + report.changed.len()) as u64, items);

    // The other way round it is the other way round.
    let back = diff(&bot, &second, Some(&first));
    assert_eq!(back.added[0].path, "sessions/raf/pre-key-17.json");
    assert_eq!(back.removed[0].path, "uploads/new.jpg");
    assert_eq!(back.changed.len(), report.changed.len());
}

#[test]
fn a_backup_does_not_differ_from_itself_nor_from_a_full_one_of_the_same_root() {
    let bot = Bot::new();
    let first = backup(&bot);
    let full = bot.backup(BackupType::Daily).backup;
    for (from, to) in [(&first, &first), (&first, &full)] {
        let report = diff(&bot, from, Some(to));
        assert_eq!(told(&report), [""; 0]);
        assert!(report.unchanged > 300);
    }
}

#[test]
fn a_file_that_became_a_folder_has_changed() {
    let bot = Bot::empty();
    bot.write("x", b"file");
    bot.write("y", b"file");
    let first = backup(&bot);
    fs::remove_file(bot.path("x")).unwrap();
    bot.write("x/inner", b"1");
    let second = backup(&bot);
    let report = diff(&bot, &first, Some(&second));
    assert_eq!(told(&report), ["added x/inner", "changed x"]);
    assert_eq!((report.changed[0].before.kind, report.changed[0].after.kind), (ItemType::File, ItemType::Dir));
}

#[test]
fn lists_of_many_chunks_are_merged_whatever_changed_where() {
    let bot = Bot::empty();
    for n in 0..4000 {
        bot.write(&format!("uploads/{}/{n}.jpg", n % 50), n.to_string().as_bytes());
    }
    let first = backup(&bot);
    let (mut expected, mut removed) = (Vec::new(), Vec::new());
    for n in (0..4000).step_by(97) {
        let path = format!("uploads/{}/{n}.jpg", n % 50);
        match n % 3 {
            0 => {
                bot.write(&path, b"other");
                expected.push(format!("changed {path}"));
            }
            1 => {
                fs::remove_file(bot.path(&path)).unwrap();
                removed.push(format!("removed {path}"));
            }
            _ => {
                bot.write(&format!("{path}.new"), b"");
                expected.push(format!("added {path}.new"));
            }
        }
    }
    let second = backup(&bot);
    expected.extend(removed);
    expected.sort();
    let mut found = told(&diff(&bot, &first, Some(&second)));
    found.sort();
    assert_eq!(found, expected);
}

#[test]
fn a_database_tells_which_tables_changed_by_how_many_rows() {
    let bot = Bot::new();
    let first = backup(&bot);
    let db = rusqlite::Connection::open(bot.path("database.sqlite")).unwrap();
    db.execute_batch(
        "UPDATE saldo SET jumlah = jumlah + 1 WHERE id % 1000 = 0;
         DELETE FROM saldo WHERE id IN (5, 6, 7);
         INSERT INTO saldo (nama, jumlah) VALUES ('baru', 1), ('baru', 2);
         CREATE TABLE voucher (kode TEXT PRIMARY KEY); INSERT INTO voucher VALUES ('a'), ('b');",
    )
    .unwrap();
    let second = backup(&bot);
    let report = diff(&bot, &first, Some(&second));
    assert_eq!(told(&report), ["changed database.sqlite"]);
    assert_eq!(rows(&report.changed[0]), ["saldo +2 -3 ~20", "voucher* +2 -0 ~0"]);
    assert_eq!(report.changed[0].note, None);
}

#[test]
fn a_name_that_is_no_backup_s_is_not_found() {
    let bot = Bot::empty();
    bot.write("a", b"");
    let name = backup(&bot);
    assert_eq!(try_diff(&bot, "backup_DAILY_2020-01-01T00-00-00-000Z", None).unwrap_err().code(), "E_NOT_FOUND");
    assert_eq!(try_diff(&bot, &name, Some("yesterday")).unwrap_err().code(), "E_NOT_FOUND");
    assert_eq!(diff(&bot, "latest", Some("latest")).from, name);
}

#[test]
fn it_tells_its_progress_and_stops_when_asked() {
    let bot = Bot::new();
    bot.database("large.sqlite", 400_000);
    let first = backup(&bot);
    let db = rusqlite::Connection::open(bot.path("large.sqlite")).unwrap();
    db.execute_batch("UPDATE saldo SET nama = nama || '!'").unwrap();
    drop(db);
    let seen: Arc<Mutex<Vec<Progress>>> = Arc::default();
    let control = {
        let seen = seen.clone();
        Control::new(move |progress| seen.lock().unwrap().push(progress.clone()))
    };
    let from = BackupRef::Name(first);
    bot.engine().diff(&from, None, &control).unwrap();
    let seen = seen.lock().unwrap();
    assert!(seen.iter().any(|one| one.phase == "comparing" && one.path.as_deref() == Some("large.sqlite")), "{seen:?}");

    // In the middle of the rows.
    let once: Arc<Mutex<Option<Control>>> = Arc::default();
    let stopping = {
        let once = once.clone();
        Control::new(move |_| once.lock().unwrap().as_ref().unwrap().cancel())
    };
    *once.lock().unwrap() = Some(stopping.clone());
    assert_eq!(bot.engine().diff(&from, None, &stopping).unwrap_err().code(), "E_ABORTED");
}
