//! Databases that are written to without a pause: a backup adds to the vault about what they have, and not what they had at
//! each look.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use lifeboat_engine::report::*;
use rusqlite::Connection;

use crate::support::*;

const PATH: &str = "BUSY_DATABASE";
const ROWS: i64 = 12_000;

/// Not a test: another process, which changes rows all over the database until it is killed.
#[test]
#[ignore = "run by the tests themselves, in another process"]
fn writer() {
    let Some(path) = std::env::var_os(PATH) else { return };
    let db = Connection::open(path).unwrap();
    db.execute_batch("PRAGMA synchronous = off; PRAGMA busy_timeout = 1000").unwrap();
    let mut change = db.prepare("UPDATE t SET x = randomblob(2000) WHERE id = abs(random()) % ?1").unwrap();
    loop {
        db.execute_batch("BEGIN IMMEDIATE").unwrap();
        for _ in 0..20 {
            change.execute([ROWS]).unwrap();
        }
        // It waits for a reader no longer than node-sqlite3 does.
        db.execute_batch("COMMIT").unwrap();
    }
}

struct Writer(Child);

impl Writer {
    fn start(database: &Path) -> Writer {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["busy::writer", "--exact", "--ignored"]).env(PATH, database);
        Writer(command.stdout(Stdio::null()).spawn().unwrap())
    }

    fn works(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn version(database: &Path) -> Vec<u8> {
    std::fs::read(database).unwrap()[24..28].to_vec()
}

#[test]
fn a_backup_of_a_database_that_is_written_to_without_a_pause_adds_hardly_more_than_its_size() {
    for journal in ["delete", "wal"] {
        let bot = Bot::empty();
        let path = bot.path("database.sqlite");
        let db = Connection::open(&path).unwrap();
        db.execute_batch(&format!(
            "PRAGMA journal_mode = {journal}; CREATE TABLE t (id INTEGER PRIMARY KEY, x);
             WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})
             INSERT INTO t SELECT i, randomblob(2000) FROM n"
        ))
        .unwrap();
        drop(db);
        let before = version(&path);
        let mut writer = Writer::start(&path);
        while journal == "delete" && version(&path) == before {
            std::thread::sleep(Duration::from_millis(10));
        }
        let started = Instant::now();
        let backup = bot.backup(BackupType::Manual);
        let took = started.elapsed();
        assert!(writer.works(), "{journal}: the writer was kept from committing");
        drop(writer);
        assert!(!backup.degraded && backup.warnings.is_empty(), "{journal}: {:?}", backup.warnings);
        let times = backup.size as f64 / backup.total_size as f64;
        assert!(times < 1.2, "{journal}: {} bytes were added for {}", backup.size, backup.total_size);
        assert!(took < Duration::from_secs(30), "{journal}: {took:?}");
        let out = bot.restore(&backup.backup);
        let db = Connection::open(out.join("database.sqlite")).unwrap();
        let sound: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(sound, "ok", "{journal}");
    }
}
