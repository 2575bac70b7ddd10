//! Files that are not, or not quite, databases.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;

use lifeboat_engine::capture::sqlite::{Outcome, capture, is_database, quick_check};
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
                Outcome::Raw { reason } => assert!(!reason.is_empty()),
                // What only the content shows is not seen by a capture, but by a check.
                Outcome::Consistent(captured) => {
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
