//! Other processes that use a database: this test binary, started again in a role.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};

/// As long as node-sqlite3 waits by default.
const PATIENCE: Duration = Duration::from_millis(1000);

pub struct Process {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Process {
    /// Starts a process in a role, see [`role`], and waits until it says that it is ready.
    pub fn start(role: &str, database: &Path) -> Process {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["process::role", "--exact", "--ignored", "--nocapture"])
            .env("SQLITE_CAPTURE_ROLE", role)
            .env("SQLITE_CAPTURE_DATABASE", database)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut process = Process { child, input, output };
        assert_eq!(process.line(), "ready");
        process
    }

    /// The next line that the process says to us.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            assert!(self.output.read_line(&mut line).unwrap() > 0, "the other process ended early");
            if let Some(at) = line.find('@') {
                return line[at + 1..].trim().to_owned();
            }
        }
    }

    /// Asks it to end, and gives its last words.
    pub fn stop(mut self) -> String {
        drop(self.input.take());
        let words = self.line();
        assert!(self.child.wait().unwrap().success());
        words
    }

    /// As a power cut or `kill -9`: no destructor, no checkpoint, no rollback.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn say(words: &str) {
    println!("\n@{words}");
    std::io::stdout().flush().unwrap();
}

fn wait_for_end_of_input() {
    let mut line = String::new();
    while std::io::stdin().read_line(&mut line).unwrap() > 0 {}
}

/// Not a test: what a process of [`Process::start`] runs.
#[test]
#[ignore = "run by the tests themselves, in other processes"]
fn role() {
    let Ok(role) = std::env::var("SQLITE_CAPTURE_ROLE") else { return };
    let database = std::env::var_os("SQLITE_CAPTURE_DATABASE").unwrap();
    let db = Connection::open(database).unwrap();
    db.busy_timeout(PATIENCE).unwrap();
    let (role, pragmas) = role.split_once(':').unwrap_or((&role, ""));
    db.execute_batch(pragmas).unwrap();
    match role {
        "transfer" => transfer(&db),
        "hold" => hold(&db),
        "spill" => spill(&db),
        "wal" => leave_in_wal(&db),
        "write once" => write_once(&db),
        "grow" => grow(&db),
        "wild" => wild(&db, false),
        "wild with wal" => wild(&db, true),
        other => panic!("no such role: {other}"),
    }
    std::process::exit(0);
}

/// Xorshift, always from the same seed.
fn random() -> impl FnMut() -> u64 {
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    }
}

/// 200 transfers a second between random accounts, until its input ends. Says: commits, slowest in ms, busy errors.
fn transfer(db: &Connection) {
    use std::sync::atomic::{AtomicBool, Ordering};
    static ENDED: AtomicBool = AtomicBool::new(false);
    std::thread::spawn(|| {
        wait_for_end_of_input();
        ENDED.store(true, Ordering::Relaxed);
    });
    say("ready");
    let accounts: i64 = db.query_row("SELECT max(id) FROM account", [], |row| row.get(0)).unwrap();
    let (mut commits, mut busy, mut slowest) = (0u32, 0u32, Duration::ZERO);
    let mut random = random();
    let mut next = || (random() % accounts as u64) as i64 + 1;
    let started = Instant::now();
    while !ENDED.load(Ordering::Relaxed) {
        let (from, to) = (next(), next());
        let begun = Instant::now();
        let sql = format!(
            "BEGIN IMMEDIATE; UPDATE account SET balance = balance - 1 WHERE id = {from};
             UPDATE account SET balance = balance + 1 WHERE id = {to}; COMMIT;"
        );
        if db.execute_batch(&sql).is_err() {
            busy += 1;
            let _ = db.execute_batch("ROLLBACK");
        }
        slowest = slowest.max(begun.elapsed());
        commits += 1;
        let due = started + Duration::from_millis(5) * commits;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    say(&format!("{commits} {} {busy}", slowest.as_millis()));
}

/// Has a write transaction open until its input ends.
fn hold(db: &Connection) {
    db.execute_batch("BEGIN IMMEDIATE; UPDATE account SET balance = balance + 1000 WHERE id = 1").unwrap();
    say("ready");
    wait_for_end_of_input();
    db.execute_batch("ROLLBACK").unwrap();
    say("held");
}

/// Has uncommitted pages written to the database file already, because its cache is small.
fn spill(db: &Connection) {
    db.execute_batch("PRAGMA cache_size = 5; BEGIN IMMEDIATE; UPDATE account SET balance = balance + 1000").unwrap();
    say("ready");
    wait_for_end_of_input();
    db.execute_batch("ROLLBACK").unwrap();
    say("rolled back");
}

/// Has committed to the WAL and checkpointed nothing.
fn leave_in_wal(db: &Connection) {
    db.execute_batch("PRAGMA wal_autocheckpoint = 0; UPDATE account SET balance = balance + 1 WHERE id % 2 = 1;")
        .unwrap();
    db.execute_batch("UPDATE account SET balance = balance - 1 WHERE id % 2 = 0").unwrap();
    say("ready");
    wait_for_end_of_input();
    say("left");
}

fn write_once(db: &Connection) {
    say("ready");
    let outcome = db.execute("UPDATE account SET balance = balance WHERE id = 1", []);
    say(if outcome.is_ok() { "written" } else { "busy" });
}

/// Lets the WAL grow as fast as it can.
fn grow(db: &Connection) {
    std::thread::spawn(|| {
        wait_for_end_of_input();
        say("grown");
        std::process::exit(0);
    });
    db.execute("CREATE TABLE IF NOT EXISTS heap (bytes)", []).unwrap();
    say("ready");
    loop {
        db.execute("INSERT INTO heap VALUES (zeroblob(?))", params![256 << 10]).unwrap();
        db.execute("DELETE FROM heap", []).unwrap();
    }
}

/// All that a database can go through, at random, without a pause. The accounts and their sum stay.
fn wild(db: &Connection, wal: bool) {
    std::thread::spawn(|| {
        wait_for_end_of_input();
        say("tamed");
        std::process::exit(0);
    });
    db.execute_batch("PRAGMA synchronous = off; PRAGMA cache_size = 50; CREATE TABLE IF NOT EXISTS heap (bytes)")
        .unwrap();
    let mut random = random();
    say("ready");
    loop {
        let number = random() >> 20;
        let deed = match number % 100 {
            0..50 => {
                "BEGIN; UPDATE account SET balance = balance - 1 WHERE id = 1;
                      UPDATE account SET balance = balance + 1 WHERE id = (SELECT max(id) FROM account); COMMIT"
            }
            // Spills its cache, and takes it back.
            50..65 => "BEGIN; UPDATE account SET balance = balance + 1 WHERE id % 7 = 0; ROLLBACK",
            65..80 => "INSERT INTO heap VALUES (zeroblob(3000000))",
            80..93 => "DELETE FROM heap",
            93..95 => "VACUUM",
            95..97 if wal => "PRAGMA journal_mode = wal",
            95..98 => "PRAGMA journal_mode = delete",
            98 => "PRAGMA journal_mode = persist",
            _ => "PRAGMA journal_mode = truncate",
        };
        // Some find the database busy. So be it.
        if db.execute_batch(deed).is_err() {
            let _ = db.execute_batch("ROLLBACK");
        }
    }
}
