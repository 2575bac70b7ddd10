//! Databases and vaults that are damaged, or were made to hurt: a note or the right error, and always an end.

use std::fs;
use std::os::unix::fs::FileExt;

use rusqlite::Connection;

use crate::support::{Bot, noise};
use crate::{backup, diff, rows, told, try_diff};

const PAGE: u64 = 4096;

fn bot_with(rows: u32) -> (Bot, String) {
    let bot = Bot::empty();
    bot.database("x.sqlite", rows);
    let first = backup(&bot);
    (bot, first)
}

fn patch(bot: &Bot, offset: u64, bytes: &[u8]) {
    let file = fs::File::options().write(true).open(bot.path("x.sqlite")).unwrap();
    file.write_all_at(bytes, offset).unwrap();
}

#[test]
fn damaged_pages_become_a_note_and_the_other_tables_are_compared() {
    let (bot, _) = bot_with(20_000);
    let db = Connection::open(bot.path("x.sqlite")).unwrap();
    db.execute_batch("CREATE TABLE voucher (kode TEXT); INSERT INTO voucher VALUES ('a')").unwrap();
    let first = backup(&bot);
    db.execute_batch("INSERT INTO voucher VALUES ('b')").unwrap();
    drop(db);
    for page in 20..60 {
        patch(&bot, page * PAGE, &noise(PAGE as usize, page));
    }
    let second = backup(&bot);
    for to in [Some(second.as_str()), None] {
        let report = diff(&bot, &first, to);
        assert_eq!(rows(&report.changed[0]), ["voucher +1 -0 ~0"]);
        assert!(report.changed[0].note.as_ref().unwrap().starts_with("saldo: "), "{:?}", report.changed[0].note);
    }
}

#[test]
fn a_schema_that_is_nonsense_becomes_a_note() {
    for (sql, words) in [
        ("CREATE TABLE saldo (", "malformed"),
        ("CREATE VIEW saldo AS SELECT 1", ""),
        ("CREATE TABLE saldo (id INTEGER PRIMARY KEY, nama TEXT, jumlah AS (load_extension('x')))", ""),
    ] {
        let (bot, first) = bot_with(100);
        let db = Connection::open(bot.path("x.sqlite")).unwrap();
        db.execute_batch("PRAGMA writable_schema = ON").unwrap();
        db.execute("UPDATE sqlite_schema SET sql = ?1", [sql]).unwrap();
        drop(db);
        let report = diff(&bot, &first, None);
        let change = &report.changed[0];
        assert!(change.note.is_some() || !change.tables.is_empty(), "{sql}: {change:?}");
        assert!(change.note.clone().unwrap_or_default().contains(words), "{sql}: {change:?}");
    }
}

/// An interior page whose children are itself and one leaf, again and again: 2^20 ways through a few pages.
#[test]
fn a_tree_that_leads_in_circles_comes_to_an_end() {
    let (bot, first) = bot_with(20_000);
    let mut bytes = fs::read(bot.path("x.sqlite")).unwrap();
    // The root of `saldo` is page 2, an interior page: all of its cells lead to its first child.
    let root = PAGE as usize;
    assert_eq!(bytes[root], 5);
    let cells = u16::from_be_bytes([bytes[root + 3], bytes[root + 4]]) as usize;
    let cell = |bytes: &[u8], n: usize| {
        root + u16::from_be_bytes([bytes[root + 12 + 2 * n], bytes[root + 13 + 2 * n]]) as usize
    };
    let child: [u8; 4] = bytes[cell(&bytes, 0)..][..4].try_into().unwrap();
    for n in 0..cells {
        let at = cell(&bytes, n);
        bytes[at..at + 4].copy_from_slice(&child);
    }
    bytes[root + 8..root + 12].copy_from_slice(&child);
    fs::write(bot.path("x.sqlite"), bytes).unwrap();
    let report = diff(&bot, &first, None);
    assert_eq!(
        report.changed[0].note.as_deref(),
        Some("saldo: its rows are not in the order of their keys: it is damaged")
    );
}

/// Five pages, all of whose cells lead to the next: 300^5 rows in 32 KB. The order of the key is not that of the table, so
/// SQLite would sort them all before it gives out the first.
#[test]
fn a_tree_with_more_rows_than_bytes_comes_to_an_end() {
    let bot = Bot::empty();
    let db = Connection::open(bot.path("x.sqlite")).unwrap();
    let schema = "PRAGMA page_size = 4096; CREATE TABLE t (k TEXT COLLATE NOCASE PRIMARY KEY) WITHOUT ROWID";
    db.execute_batch(schema).unwrap();
    db.execute_batch("CREATE TABLE pad (x); INSERT INTO pad VALUES (zeroblob(20000))").unwrap();
    db.execute_batch("INSERT INTO t VALUES ('a')").unwrap();
    drop(db);
    let first = backup(&bot);
    for page in 2..8_u32 {
        let leaf = page == 7;
        // https://www.sqlite.org/fileformat2.html#b_tree_pages: each cell is a record of the one text "a".
        let (header, cells): (usize, u16) = if leaf { (8, 300) } else { (12, 300) };
        let mut bytes = vec![0; PAGE as usize];
        bytes[0] = if leaf { 10 } else { 2 };
        bytes[3..5].copy_from_slice(&cells.to_be_bytes());
        bytes[8..12].copy_from_slice(&(page + 1).to_be_bytes());
        let mut end = PAGE as usize;
        for n in 0..cells as usize {
            let mut cell = if leaf { Vec::new() } else { (page + 1).to_be_bytes().to_vec() };
            cell.extend([3, 2, 15, b'a']);
            end -= cell.len();
            bytes[end..end + cell.len()].copy_from_slice(&cell);
            bytes[header + 2 * n..header + 2 * n + 2].copy_from_slice(&(end as u16).to_be_bytes());
        }
        bytes[5..7].copy_from_slice(&(end as u16).to_be_bytes());
        // The root of `t` is page 2; `pad` lies on what follows, and is lost.
        patch(&bot, u64::from(page - 1) * PAGE, &bytes);
    }
    let started = std::time::Instant::now();
    let report = diff(&bot, &first, None);
    let note = report.changed[0].note.as_ref().unwrap();
    assert!(note.contains("t: it takes far more work than its size explains"), "{note}");
    assert!(started.elapsed().as_secs() < 30);
}

#[test]
fn a_value_beyond_all_measure_becomes_a_note() {
    let bot = Bot::empty();
    let db = Connection::open(bot.path("x.sqlite")).unwrap();
    db.execute_batch("CREATE TABLE t (a); INSERT INTO t VALUES (zeroblob(70000000))").unwrap();
    let first = backup(&bot);
    db.execute_batch("UPDATE t SET a = zeroblob(70000001)").unwrap();
    let report = diff(&bot, &first, None);
    assert_eq!(report.changed[0].note.as_deref(), Some("t: it has a value of more than 64 MB"));
}

/// Whatever is flipped wherever: the comparison ends, and ends well.
#[test]
fn no_damage_to_a_database_fails_a_comparison() {
    let rounds = std::env::var("LIFEBOAT_ROUNDS").map_or(40, |rounds| rounds.parse().unwrap());
    let bot = Bot::empty();
    let db = Connection::open(bot.path("x.sqlite")).unwrap();
    db.execute_batch(
        "CREATE TABLE a (x, y); CREATE INDEX i ON a (y); CREATE TABLE b (k TEXT COLLATE NOCASE PRIMARY KEY) WITHOUT ROWID;
         CREATE VIRTUAL TABLE c USING fts5(teks);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
         INSERT INTO a SELECT i, hex(randomblob(40)) FROM n;
         INSERT INTO b SELECT y FROM a; INSERT INTO c SELECT y FROM a",
    )
    .unwrap();
    drop(db);
    let first = backup(&bot);
    let sound = fs::read(bot.path("x.sqlite")).unwrap();
    for round in 0..rounds {
        let mut bytes = sound.clone();
        let random = noise(400, 1000 + round);
        for (n, place) in random.chunks_exact(5).enumerate().take(1 + round as usize % 80) {
            // Every other one into the schema or the head of a page, where it hurts.
            let at = u32::from_le_bytes(place[..4].try_into().unwrap()) as usize % bytes.len();
            let at = if n % 2 == 0 { at } else { (at & !0xfff) + (at & 0x3f) };
            bytes[at.max(100)] = place[4];
        }
        bot.write("x.sqlite", &bytes);
        let second = backup(&bot);
        let report = diff(&bot, &first, Some(&second));
        assert_eq!(report.changed.len(), 1);
    }
}

#[test]
fn a_database_that_was_stored_raw_says_so() {
    let bot = Bot::empty();
    let mut raw = noise(70_000, 3);
    raw[..16].copy_from_slice(b"SQLite format 3\0");
    bot.write("x.sqlite", &raw);
    bot.write("x.sqlite-journal", b"half of a journal");
    let first = backup(&bot);
    assert_eq!(told(&diff(&bot, &first, None)), [""; 0]);
    bot.write("x.sqlite-journal", b"Half of a journal");
    assert_eq!(told(&diff(&bot, &first, None)), ["changed x.sqlite"]);
    raw[5000] ^= 1;
    bot.write("x.sqlite", &raw);
    let second = backup(&bot);
    let report = diff(&bot, &first, Some(&second));
    assert_eq!(told(&report), ["changed x.sqlite"]);
    assert!(report.changed[0].note.as_ref().unwrap().contains("could not read it when it was backed up"));
}

#[test]
fn content_that_is_lost_is_a_note_and_a_list_that_is_lost_an_error() {
    let (bot, first) = bot_with(20_000);
    let packs = bot.packs();
    let db = Connection::open(bot.path("x.sqlite")).unwrap();
    db.execute_batch("UPDATE saldo SET jumlah = 0").unwrap();
    drop(db);
    let second = backup(&bot);
    assert_eq!(rows(&diff(&bot, &first, Some(&second)).changed[0]), ["saldo +0 -0 ~20000"]);
    // The database lies at the beginning of the first backup's pack, the item list at its end.
    let mut bytes = fs::read(&packs[0]).unwrap();
    bytes[100] ^= 1;
    fs::write(&packs[0], &bytes).unwrap();
    let report = diff(&bot, &first, Some(&second));
    assert!(report.changed[0].note.as_ref().unwrap().contains("is damaged"), "{:?}", report.changed[0].note);
    fs::remove_file(&packs[0]).unwrap();
    let error = try_diff(&bot, &first, Some(&second)).unwrap_err();
    assert_eq!(error.code(), "E_CORRUPT");
    assert!(error.to_string().contains(&first), "{error}");
}
