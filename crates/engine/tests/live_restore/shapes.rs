//! Databases of all shapes, and what a replacement leaves of them.

use std::path::Path;

use lifeboat_engine::restore::live;
use rusqlite::Connection;

use crate::bank::{PATIENCE, Stage, again, era, make_bank, replace, replace_all};

const WAL: &str = "PRAGMA journal_mode = wal";

fn run(path: &Path, sql: &str) {
    Connection::open(path).unwrap().execute_batch(sql).unwrap();
}

fn ask(path: &Path, sql: &str) -> String {
    let db = Connection::open(path).unwrap();
    db.query_row(sql, [], |row| row.get::<_, rusqlite::types::Value>(0)).map(|value| format!("{value:?}")).unwrap()
}

#[test]
fn a_database_grows_and_shrinks() {
    for pragmas in ["", WAL] {
        for (before, after) in [(10, 3000), (3000, 10), (3000, 0), (0, 1)] {
            let stage = Stage::new();
            let one = stage.replacement("bank.sqlite");
            make_bank(&one.live, before, 1, pragmas);
            make_bank(&one.staged, after, 2, "");
            let (old, new) = (one.live.metadata().unwrap().len(), one.staged.metadata().unwrap().len());
            replace(&one).unwrap();
            let count = |path: &Path| ask(path, "SELECT count(*) FROM account");
            assert_eq!(count(&one.live), format!("Integer({after})"));
            assert_eq!(ask(&one.live, "PRAGMA integrity_check"), r#"Text("ok")"#);
            assert_eq!(one.live.metadata().unwrap().len(), new, "{pragmas} {before} {after}");
            assert_eq!(one.old.metadata().unwrap().len(), old);
            assert_eq!(count(&one.old), format!("Integer({before})"));
            live::put_back(&one.live, &one.old, &one.undone, PATIENCE).unwrap();
            assert_eq!(count(&one.live), format!("Integer({before})"));
            assert_eq!(ask(&one.live, "PRAGMA integrity_check"), r#"Text("ok")"#);
            assert_eq!(one.live.metadata().unwrap().len(), old);
        }
    }
}

#[test]
fn the_live_database_keeps_its_journal_mode_whatever_the_backup_has() {
    for (live_mode, staged_mode) in [("delete", "wal"), ("wal", "delete"), ("wal", "wal"), ("delete", "delete")] {
        let stage = Stage::new();
        let one = stage.replacement("bank.sqlite");
        make_bank(&one.live, 100, 1, &format!("PRAGMA journal_mode = {live_mode}"));
        make_bank(&one.staged, 100, 2, &format!("PRAGMA journal_mode = {staged_mode}"));
        replace(&one).unwrap();
        // Nobody else has it open: nothing remains beside it.
        assert_eq!(Stage::names(&stage.root), ["bank.sqlite"]);
        assert_eq!(ask(&one.live, "PRAGMA journal_mode"), format!("Text({live_mode:?})"));
        assert_eq!(era(&one.live), 2);
    }
}

#[test]
fn what_is_there_already_is_not_written_again() {
    for pragmas in ["", WAL] {
        let stage = Stage::new();
        let one = stage.bank("bank.sqlite", 500, pragmas);
        assert!(replace(&one).unwrap().pages_written > 100);
        let old = std::fs::read(&one.old).unwrap();
        // As after a crash that came between the commit and the end of the restore. In a WAL there may be frames that the
        // crash has left: one page of ours overwrites them.
        assert_eq!(replace(&one).unwrap().pages_written, u64::from(pragmas == WAL));
        let bytes = std::fs::read(&one.live).unwrap();
        assert_eq!(std::fs::read(&one.old).unwrap(), old, "the image of what was replaced has been replaced");
        // As by another restore, of the same backup.
        std::fs::remove_file(&one.old).unwrap();
        assert_eq!(replace(&one).unwrap().pages_written, 0);
        assert_eq!(std::fs::read(&one.live).unwrap(), bytes);
        assert_eq!(Stage::names(&stage.workspace), ["bank.sqlite.new"]);
    }
}

#[test]
fn what_the_app_has_written_after_the_commit_is_kept_by_a_second_try() {
    let stage = Stage::new();
    let one = stage.bank("bank.sqlite", 500, "");
    replace(&one).unwrap();
    run(&one.live, "UPDATE account SET balance = balance + id; CREATE TABLE more (x)");
    replace(&one).unwrap();
    assert_eq!(ask(&one.live, "SELECT sum(balance - id) FROM account"), "Integer(1000000)");
    // But an undo takes it back; and the second undo finds nothing to do.
    live::put_back(&one.live, &one.old, &one.undone, PATIENCE).unwrap();
    assert_eq!(era(&one.live), 1);
    run(&one.live, "UPDATE account SET balance = balance + id");
    live::put_back(&one.live, &one.old, &one.undone, PATIENCE).unwrap();
    assert_eq!(ask(&one.live, "SELECT sum(balance - id) FROM account"), "Integer(500000)");
}

#[test]
fn what_was_never_replaced_is_not_put_back() {
    let stage = Stage::new();
    let one = stage.bank("bank.sqlite", 500, "");
    // As after a crash that came between the keeping of the old image and the commit.
    std::fs::copy(&one.live, &one.old).unwrap();
    run(&one.live, "UPDATE account SET balance = balance + id");
    live::put_back(&one.live, &one.old, &one.undone, PATIENCE).unwrap();
    assert_eq!(ask(&one.live, "SELECT sum(balance - id) FROM account"), "Integer(500000)");
    // A second try keeps what is there now.
    replace(&one).unwrap();
    assert_eq!(era(&one.live), 2);
    assert_eq!(ask(&one.old, "SELECT sum(balance - id) FROM account"), "Integer(500000)");
}

#[test]
fn auto_vacuum_of_any_kind_turns_into_any_other() {
    let kinds = ["none", "full", "incremental"];
    for (live_kind, staged_kind) in kinds.iter().flat_map(|live| kinds.iter().map(move |staged| (live, staged))) {
        for pragmas in ["", WAL] {
            let stage = Stage::new();
            let one = stage.replacement("bank.sqlite");
            make_bank(&one.live, 900, 1, &format!("PRAGMA auto_vacuum = {live_kind}; {pragmas}"));
            make_bank(&one.staged, 2000, 2, &format!("PRAGMA auto_vacuum = {staged_kind}"));
            // A free list, where the kind allows one.
            run(&one.staged, "DELETE FROM account WHERE id > 500");
            let staged = ask(&one.staged, "PRAGMA page_count");
            replace(&one).unwrap();
            let context = format!("{live_kind} becomes {staged_kind}, {pragmas}");
            assert_eq!(era(&one.live), 2, "{context}");
            assert_eq!(ask(&one.live, "PRAGMA auto_vacuum"), ask(&one.staged, "PRAGMA auto_vacuum"), "{context}");
            assert_eq!(ask(&one.live, "PRAGMA page_count"), staged, "{context}");
            run(&one.live, "DELETE FROM account WHERE id > 400; PRAGMA incremental_vacuum; VACUUM");
            assert_eq!(era(&one.live), 2, "{context}");
            assert_eq!(era(&one.old), 1, "{context}");
            live::put_back(&one.live, &one.old, &one.undone, PATIENCE).unwrap();
            assert_eq!(era(&one.live), 1, "{context}");
        }
    }
}

#[test]
fn an_empty_file_is_an_empty_database() {
    let stage = Stage::new();
    let one = stage.replacement("bank.sqlite");
    std::fs::write(&one.live, "").unwrap();
    let app = Connection::open(&one.live).unwrap();
    let tables = || app.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(tables(), 0);
    make_bank(&one.staged, 500, 2, "PRAGMA page_size = 8192");
    live::check(&one.live).unwrap();
    replace(&one).unwrap();
    assert_eq!(era(&one.live), 2);
    assert_ne!(tables(), 0);
    live::put_back(&one.live, &one.old, &one.undone, PATIENCE).unwrap();
    assert_eq!(tables(), 0);
}

#[test]
fn tables_without_row_ids_counters_and_indexes_are_pages_like_others() {
    let stage = Stage::new();
    let one = stage.replacement("bank.sqlite");
    run(&one.live, "CREATE TABLE a (id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO a VALUES (7); DELETE FROM a");
    run(
        &one.staged,
        "CREATE TABLE a (id INTEGER PRIMARY KEY AUTOINCREMENT, x); INSERT INTO a VALUES (70, 1); DELETE FROM a;
         CREATE TABLE b (k TEXT PRIMARY KEY, v) WITHOUT ROWID; INSERT INTO b VALUES ('k', 'v'); ANALYZE;
         CREATE VIEW c AS SELECT v FROM b; CREATE TRIGGER d AFTER INSERT ON a BEGIN DELETE FROM b; END",
    );
    let app = Connection::open(&one.live).unwrap();
    app.execute_batch("INSERT INTO a DEFAULT VALUES; DELETE FROM a").unwrap();
    replace(&one).unwrap();
    let value: String = app.query_row("SELECT v FROM c", [], |row| row.get(0)).unwrap();
    assert_eq!(value, "v");
    app.execute("INSERT INTO a DEFAULT VALUES", []).unwrap();
    assert_eq!(app.last_insert_rowid(), 71);
    assert_eq!(ask(&one.live, "SELECT count(*) FROM b"), "Integer(0)");
    assert_eq!(ask(&one.live, "PRAGMA integrity_check"), r#"Text("ok")"#);
}

#[test]
fn a_journal_that_the_app_keeps_stays() {
    for mode in ["persist", "truncate"] {
        let stage = Stage::new();
        let one = stage.bank("bank.sqlite", 500, "");
        let app = Connection::open(&one.live).unwrap();
        let write = "UPDATE account SET notes = randomblob(9) WHERE id = 1";
        app.execute_batch(&format!("PRAGMA journal_mode = {mode}; {write}")).unwrap();
        replace(&one).unwrap();
        assert_eq!(Stage::names(&stage.root), ["bank.sqlite", "bank.sqlite-journal"]);
        app.execute_batch(write).unwrap();
        assert_eq!(era(&one.live), 2);
    }
}

#[test]
fn what_open_connections_could_not_go_on_with_is_refused_with_the_reason() {
    for (live_pragmas, staged_pragmas, reason) in [
        ("", "PRAGMA page_size = 8192", "page size is 4096, and that of the backup is 8192"),
        ("PRAGMA page_size = 512", "PRAGMA page_size = 65536", "page size"),
        ("", "PRAGMA encoding = 'UTF-16le'", "text encoding is 1, and that of the backup is 2"),
    ] {
        let stage = Stage::new();
        let one = stage.replacement("bank.sqlite");
        make_bank(&one.live, 100, 1, live_pragmas);
        make_bank(&one.staged, 100, 2, staged_pragmas);
        live::check(&one.live).unwrap();
        let header = std::fs::read(&one.staged).unwrap();
        let why = live::check_fit(&one.live, header.first_chunk().unwrap()).unwrap_err();
        assert!(why.contains(reason), "{why}");
        let other = stage.bank("an other.sqlite", 100, "");
        let error = replace_all(&[&other, &one]).unwrap_err();
        assert_eq!(error.code(), "E_RESTORE");
        assert!(error.to_string().contains(reason), "{error}");
        assert_eq!((era(&one.live), era(&other.live)), (1, 1));
    }
}

#[test]
fn a_live_file_that_is_damaged_or_no_database_is_found_out_before() {
    let stage = Stage::new();
    let one = stage.bank("bank.sqlite", 100, "");
    let whole = std::fs::read(&one.live).unwrap();
    for (bytes, reason) in [
        (&b"{\"a\": 1}"[..], "8 bytes long"),
        (&[7; 5000], "does not begin as an SQLite database"),
        (&whole[..whole.len() / 2], "its header promises"),
    ] {
        std::fs::write(&one.live, bytes).unwrap();
        assert!(live::check(&one.live).unwrap_err().contains(reason), "{reason}");
        assert_eq!(replace(&one).unwrap_err().code(), "E_RESTORE");
        assert_eq!(std::fs::read(&one.live).unwrap(), bytes);
    }
    std::fs::remove_file(&one.live).unwrap();
    assert!(live::check(&one.live).unwrap_err().contains("cannot be opened"));
    assert_eq!(replace(&one).unwrap_err().code(), "E_RESTORE");
    assert!(!one.live.exists());
}

#[test]
fn a_staged_file_that_is_cut_off_is_refused() {
    let stage = Stage::new();
    let one = stage.bank("bank.sqlite", 100, "");
    let whole = std::fs::read(&one.staged).unwrap();
    for length in [0, 99, 4096, whole.len() - 1] {
        std::fs::write(&one.staged, &whole[..length]).unwrap();
        assert_eq!(replace(&again(&one)).unwrap_err().code(), "E_RESTORE");
        assert_eq!(era(&one.live), 1);
    }
}

#[cfg(unix)]
#[test]
fn links_are_not_followed_and_several_names_are_refused() {
    let stage = Stage::new();
    let one = stage.bank("bank.sqlite", 100, "");
    let mut other = again(&one);
    other.live = stage.root.join("link.sqlite");
    std::os::unix::fs::symlink(&one.live, &other.live).unwrap();
    assert!(live::check(&other.live).is_err());
    assert_eq!(replace(&other).unwrap_err().code(), "E_RESTORE");
    std::fs::remove_file(&other.live).unwrap();
    std::fs::hard_link(&one.live, &other.live).unwrap();
    assert!(live::check(&other.live).unwrap_err().contains("several names"));
    // A root that is reached through a link is no matter.
    std::os::unix::fs::symlink(&stage.root, stage.folder().join("way")).unwrap();
    std::fs::remove_file(&other.live).unwrap();
    other.live = stage.folder().join("way").join("bank.sqlite");
    replace(&other).unwrap();
    assert_eq!(era(&one.live), 2);
}
