//! Rows, counted in every shape of table that SQLite knows.

use rusqlite::Connection;

use crate::support::Bot;
use crate::{backup, diff, rows};

/// What is told of a database that was made by `before` and then changed by `change`; and the note.
fn compare(before: &str, change: &str) -> (Vec<String>, Option<String>) {
    let bot = Bot::empty();
    let db = Connection::open(bot.path("x.sqlite")).unwrap();
    db.execute_batch(before).unwrap();
    let first = backup(&bot);
    db.execute_batch(change).unwrap();
    let second = backup(&bot);
    let stored = diff(&bot, &first, Some(&second));
    let live = diff(&bot, &first, None);
    let change = stored.changed.iter().find(|change| change.path == "x.sqlite").unwrap();
    let live = live.changed.iter().find(|change| change.path == "x.sqlite").unwrap();
    assert_eq!((rows(change), &change.note), (rows(live), &live.note));
    (rows(change), change.note.clone())
}

/// The same, where there is nothing to remark.
fn changed(before: &str, change: &str) -> Vec<String> {
    let (rows, note) = compare(before, change);
    assert_eq!(note, None);
    rows
}

const NUMBERS: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)";

#[test]
fn a_table_without_a_key_of_its_own_is_compared_by_rowid() {
    let before = format!("CREATE TABLE t (a, b); INSERT INTO t {NUMBERS} SELECT i, i % 7 FROM n");
    let change = "DELETE FROM t WHERE rowid IN (1, 500, 1000); UPDATE t SET b = NULL WHERE a % 100 = 1; INSERT INTO t VALUES (1, 1)";
    // The last row's id is used again, with other content.
    assert_eq!(changed(&before, change), ["t +0 -2 ~10"]);
}

#[test]
fn a_table_whose_columns_hide_the_rowid() {
    let before = "CREATE TABLE t (rowid, oid); INSERT INTO t VALUES (9, 9), (8, 8), (7, 7)";
    assert_eq!(changed(before, "UPDATE t SET oid = 1 WHERE rowid = 8"), ["t +0 -0 ~1"]);
    let before = "CREATE TABLE t (rowid, oid, _rowid_ PRIMARY KEY); INSERT INTO t VALUES (9, 9, 'b'), (8, 8, 'a')";
    assert_eq!(changed(before, "UPDATE t SET oid = 1 WHERE rowid = 8"), ["t +0 -0 ~1"]);
    let before = "CREATE TABLE t (rowid, oid, _rowid_); INSERT INTO t VALUES (9, 9, 'b'), (8, 8, 'a')";
    let (rows, note) = compare(before, "UPDATE t SET oid = 1 WHERE rowid = 8");
    assert_eq!(rows, [""; 0]);
    assert_eq!(note.unwrap(), "t: its rows have no key that can be read");
}

#[test]
fn a_table_without_rowid_is_compared_by_its_primary_key_in_every_order_of_it() {
    for key in ["k, l", "k DESC, l", "l, k DESC", "k COLLATE NOCASE, l COLLATE RTRIM"] {
        for encoding in ["UTF-8", "UTF-16le", "UTF-16be"] {
            let before = format!(
                "PRAGMA encoding = '{encoding}';
                 CREATE TABLE t (k TEXT, l, v, PRIMARY KEY ({key})) WITHOUT ROWID;
                 INSERT INTO t {NUMBERS} SELECT
                   CASE i % 4 WHEN 0 THEN char(65 + i) WHEN 1 THEN char(97 + i, 233) WHEN 2 THEN char(65000 + i / 4) ELSE char(66000 + i) END || i,
                   CASE i % 5 WHEN 0 THEN -i WHEN 1 THEN i * 1.5 WHEN 2 THEN 'x' || i WHEN 3 THEN zeroblob(i % 9) ELSE i END,
                   i FROM n"
            );
            let change = "DELETE FROM t WHERE v % 100 = 3; UPDATE t SET v = -v WHERE v % 50 = 1;
                          INSERT INTO t VALUES ('Zz', 1, 1), ('zz', 2, 2)";
            assert_eq!(changed(&before, change), ["t +2 -10 ~20"], "{key} {encoding}");
        }
    }
}

#[test]
fn a_change_of_case_alone_is_a_change() {
    let before = "CREATE TABLE t (k TEXT COLLATE NOCASE PRIMARY KEY, v TEXT COLLATE NOCASE); INSERT INTO t VALUES ('a', 'b'), ('c', 'd')";
    assert_eq!(changed(before, "UPDATE t SET v = 'B' WHERE k = 'a'"), ["t +0 -0 ~1"]);
    let before = format!("{} WITHOUT ROWID; INSERT INTO t VALUES ('a', 'b')", before.split(';').next().unwrap());
    assert_eq!(changed(&before, "UPDATE t SET k = 'A'"), ["t +1 -1 ~0"]);
}

#[test]
fn a_new_column_changes_the_definition_and_no_row() {
    let before = format!("CREATE TABLE t (a, b); INSERT INTO t {NUMBERS} SELECT i, i FROM n");
    assert_eq!(changed(&before, "ALTER TABLE t ADD COLUMN c DEFAULT 5"), ["t* +0 -0 ~0"]);
    assert_eq!(changed(&before, "ALTER TABLE t DROP COLUMN b; UPDATE t SET a = 0 WHERE a < 4"), ["t* +0 -0 ~3"]);
}

#[test]
fn another_key_makes_other_rows_of_all() {
    let before = "CREATE TABLE t (a PRIMARY KEY, b); INSERT INTO t VALUES (1, 1), (2, 2)";
    let change = "DROP TABLE t; CREATE TABLE t (a PRIMARY KEY, b) WITHOUT ROWID; INSERT INTO t VALUES (1, 1)";
    assert_eq!(changed(before, change), ["t* +1 -2 ~0"]);
}

#[test]
fn generated_columns_and_functions_of_the_app_are_never_evaluated() {
    let bot = Bot::empty();
    // SQLite's own function takes the place of the app's while the rows are written.
    let rename = |from: &str, to: &str| {
        let db = Connection::open(bot.path("x.sqlite")).unwrap();
        db.execute_batch("PRAGMA writable_schema = ON").unwrap();
        db.execute("UPDATE sqlite_schema SET sql = replace(sql, ?1, ?2)", [from, to]).unwrap();
    };
    let run = |sql: &str| Connection::open(bot.path("x.sqlite")).unwrap().execute_batch(sql).unwrap();
    run("CREATE TABLE t (a CHECK (abs(a) > 0), g AS (abs(a)) VIRTUAL, s AS (abs(a)) STORED);
         CREATE INDEX i ON t (abs(a)); CREATE VIEW v AS SELECT abs(a) FROM t;
         INSERT INTO t (a) VALUES (1), (2), (3)");
    rename("abs(", "app(");
    let first = backup(&bot);
    rename("app(", "abs(");
    run("UPDATE t SET a = 5 WHERE a = 2");
    rename("abs(", "app(");
    let report = diff(&bot, &first, None);
    assert_eq!(report.changed[0].note, None);
    assert_eq!(rows(&report.changed[0]), ["t +0 -0 ~1"]);
}

#[test]
fn full_text_search_is_told_by_its_own_tables() {
    let before = "CREATE VIRTUAL TABLE pesan USING fts5(teks); INSERT INTO pesan VALUES ('satu'), ('dua')";
    let found = changed(before, "INSERT INTO pesan VALUES ('tiga')");
    assert!(found.contains(&"pesan_content +1 -0 ~0".into()), "{found:?}");
    assert!(found.iter().all(|line| !line.starts_with("pesan ")), "{found:?}");
    let found = changed("CREATE TABLE t (a)", before);
    assert!(
        found.contains(&"pesan* +0 -0 ~0".into()) && found.contains(&"pesan_content* +2 -0 ~0".into()),
        "{found:?}"
    );
}

#[test]
fn a_database_whose_rows_are_all_the_same_says_what_differs_then() {
    let before = format!("CREATE TABLE t (a, b); INSERT INTO t {NUMBERS} SELECT i, i FROM n");
    let (rows, note) = compare(&before, "CREATE INDEX i ON t (b)");
    assert_eq!((rows.len(), note.as_deref()), (0, Some("no row differs: an index, a view or a trigger does")));
    let scattered = format!("{before}; CREATE TABLE u (a); INSERT INTO u SELECT a FROM t; DROP TABLE u");
    let (rows, note) = compare(&scattered, "VACUUM");
    assert_eq!((rows.len(), note.as_deref()), (0, Some("no row differs: only its pages lie otherwise")));
}

#[test]
fn names_and_values_of_every_kind() {
    let before = "CREATE TABLE \"a\"\"b; DROP\" (\"c\"\"d\", \"select\", \"\"); INSERT INTO \"a\"\"b; DROP\" VALUES (1, x'00', 'é'), (2, 1e308, '')";
    assert_eq!(
        changed(before, "UPDATE \"a\"\"b; DROP\" SET \"select\" = '' WHERE \"c\"\"d\" = 2"),
        ["a\"b; DROP +0 -0 ~1"]
    );
    // Text is not a blob, and 1 is not '1'.
    let before = "CREATE TABLE t (a); INSERT INTO t VALUES ('a'), (1), (NULL)";
    assert_eq!(
        changed(before, "UPDATE t SET a = CAST(a AS BLOB) WHERE a = 'a'; UPDATE t SET a = '1' WHERE a = 1"),
        ["t +0 -0 ~2"]
    );
}

#[test]
fn an_empty_database_on_one_side() {
    assert_eq!(changed("CREATE TABLE t (a); INSERT INTO t VALUES (1)", "DROP TABLE t; VACUUM"), ["t* +0 -1 ~0"]);
}
