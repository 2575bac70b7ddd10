//! Files that are not, or not quite, databases.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use lifeboat_engine::capture::sqlite::{CaptureOutcome, capture, is_database, quick_check};
use lifeboat_engine::{Control, Error};

use crate::image::{Image, Stage};

#[test]
fn what_sqlite_cannot_read_is_left_to_be_stored_raw() {
    type Damage = fn(&mut Vec<u8>);
    let broken: [(&str, Damage); 7] = [
        ("magic", |bytes| bytes[0] = b'X'),
        ("page size", |bytes| bytes[16] = 0x33),
        ("version", |bytes| bytes[19] = 77),
        ("first page", |bytes| bytes[100..4096].fill(0x55)),
        ("half a page", |bytes| bytes.truncate(bytes.len() - 100)),
        ("missing pages", |bytes| bytes.truncate(5 * 4096)),
        ("ten bytes", |bytes| bytes.truncate(10)),
    ];
    for (what, damage) in broken {
        for pragmas in ["", "PRAGMA journal_mode = wal"] {
            let stage = Stage::new();
            let bank = stage.bank(300, pragmas);
            let mut bytes = fs::read(&bank).unwrap();
            damage(&mut bytes);
            fs::write(&bank, bytes).unwrap();
            let before = stage.listing();
            let mut image = Image::default();
            let outcome = capture(&bank, &stage.options(), &mut image, &Control::silent()).unwrap();
            match outcome {
                CaptureOutcome::Raw { reason } => assert!(!reason.is_empty()),
                // What only the content shows is not seen by a capture, but by a check.
                CaptureOutcome::Consistent(captured) => {
                    assert!(
                        matches!((what, pragmas), ("first page", _) | ("missing pages", "PRAGMA journal_mode = wal")),
                        "{what} {pragmas}: {captured:?}"
                    );
                    assert_eq!(captured.problems.is_empty(), what == "first page");
                    let path = stage.scratch.join("image");
                    fs::write(&path, image.bytes()).unwrap();
                    assert_ne!(quick_check(&path).unwrap(), Vec::<String>::new(), "{what}");
                }
            }
            assert_eq!(stage.listing(), before, "{what}");
        }
    }
}

#[test]
fn a_damaged_page_is_found_by_the_check_of_the_image() {
    let stage = Stage::new();
    let bank = stage.bank(300, "");
    OpenOptions::new().write(true).open(&bank).unwrap().write_all_at(&[0x55; 3000], 20 * 4096).unwrap();
    let (_, image) = stage.capture(&bank);
    let path = stage.scratch.join("image");
    fs::write(&path, image.bytes()).unwrap();
    assert_ne!(quick_check(&path).unwrap(), Vec::<String>::new());
}

/// A database whose schema names what only its app has: `set_up` runs in the app.
fn of_an_app(stage: &Stage, name: &str, set_up: &str) -> PathBuf {
    let path = stage.root.join(name);
    let app = rusqlite::Connection::open(&path).unwrap();
    app.create_collation("by_name", |a: &str, b: &str| b.cmp(a)).unwrap();
    let flags = rusqlite::functions::FunctionFlags::SQLITE_DETERMINISTIC;
    app.create_scalar_function("slug", 1, flags, |_| Ok("slug".to_string())).unwrap();
    app.execute_batch(set_up).unwrap();
    app.execute_batch(
        "CREATE TABLE plain (x);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
         INSERT INTO plain SELECT hex(zeroblob(200)) FROM n",
    )
    .unwrap();
    path
}

/// A table, its values, and what only the app can run. What a schema of an app of today has.
const OF_APPS: [&str; 5] = [
    "CREATE TABLE t (x TEXT COLLATE by_name PRIMARY KEY, y); INSERT INTO t VALUES ('a', 1), ('b', 2), ('c', 3)",
    "CREATE TABLE t (x TEXT COLLATE by_name PRIMARY KEY, y) WITHOUT ROWID; INSERT INTO t VALUES ('a', 1), ('b', 2)",
    "CREATE TABLE t (x, g TEXT NOT NULL AS (slug(x)) VIRTUAL); CREATE INDEX i ON t (slug(x));
     CREATE INDEX k ON t (x) WHERE slug(x) = 'a'; INSERT INTO t VALUES (1), (2)",
    "CREATE VIRTUAL TABLE f USING fts5 (a); INSERT INTO f VALUES ('halo'); PRAGMA writable_schema = ON;
     UPDATE sqlite_schema SET sql = 'CREATE VIRTUAL TABLE f USING fts5 (a, tokenize = mine)' WHERE name = 'f'",
    "CREATE VIRTUAL TABLE f USING fts5 (a); PRAGMA writable_schema = ON;
     UPDATE sqlite_schema SET sql = 'CREATE VIRTUAL TABLE f USING of_the_app (a)' WHERE name = 'f'",
];

#[test]
fn what_only_the_sql_of_an_app_can_judge_is_no_damage() {
    for (number, set_up) in OF_APPS.iter().enumerate() {
        let stage = Stage::new();
        let sound = of_an_app(&stage, &format!("{number}.db"), set_up);
        assert_eq!(quick_check(&sound).unwrap(), Vec::<String>::new(), "{set_up}");
        // And a page that is damaged is found beside it.
        let pages = fs::metadata(&sound).unwrap().len() / 4096;
        let file = OpenOptions::new().write(true).open(&sound).unwrap();
        file.write_all_at(&[0xee; 4096], (pages - 4) * 4096).unwrap();
        assert_ne!(quick_check(&sound).unwrap(), Vec::<String>::new(), "{set_up}");
    }
}

#[test]
fn an_empty_file_is_an_empty_database() {
    let stage = Stage::new();
    let path = stage.root.join("new.sqlite");
    fs::write(&path, "").unwrap();
    let before = stage.listing();
    let (captured, image) = stage.capture(&path);
    assert_eq!((captured.size, captured.undisturbed, image.bytes().len()), (0, true, 0));
    assert_eq!(stage.listing(), before);
}

#[test]
fn a_file_that_is_not_there_is_an_error_that_says_so() {
    let stage = Stage::new();
    let path = stage.root.join("nowhere.sqlite");
    let error = capture(&path, &stage.options(), &mut Image::default(), &Control::silent()).unwrap_err();
    assert_eq!(error.code(), "E_SOURCE");
    let Error::Source { message, source: Some(source) } = error else { panic!("{error:?}") };
    assert_eq!(source.kind(), std::io::ErrorKind::NotFound);
    assert!(message.contains("nowhere.sqlite"));
}

#[test]
fn folders_links_and_pipes_are_refused() {
    let stage = Stage::new();
    let bank = stage.bank(10, "");
    let link = stage.root.join("link");
    std::os::unix::fs::symlink(&bank, &link).unwrap();
    for path in [&stage.root, &link] {
        let error = capture(path, &stage.options(), &mut Image::default(), &Control::silent()).unwrap_err();
        assert_eq!(error.code(), "E_SOURCE");
    }
}

#[test]
fn a_cancelled_capture_stops() {
    let stage = Stage::new();
    let bank = stage.bank(300, "");
    let control = Control::silent();
    control.cancel();
    let error = capture(&bank, &stage.options(), &mut Image::default(), &control).unwrap_err();
    assert_eq!(error.code(), "E_ABORTED");
}

#[test]
fn a_database_is_known_by_its_first_bytes() {
    assert!(is_database(b"SQLite format 3\0 and more"));
    assert!(!is_database(b"SQLite format 3"));
    assert!(!is_database(b"SQLite format 2\0"));
}
