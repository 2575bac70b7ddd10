//! Other processes that use a database: this test binary, started again in a role.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use lifeboat_engine::Control;
use lifeboat_engine::restore::live;
use rusqlite::{Connection, ErrorCode, params};

use crate::bank::{LOOK, PATIENCE, replacement};

/// As long as node-sqlite3 waits by default.
const TIMEOUT: Duration = Duration::from_millis(1000);
const CONNECTIONS: u32 = 5;

pub struct Process {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Process {
    /// Starts a process in a role, see [`role`], and waits until it says that it is ready.
    pub fn start(role: &str, path: &Path) -> Process {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["process::role", "--exact", "--ignored", "--nocapture"])
            .env("LIVE_RESTORE_ROLE", role)
            .env("LIVE_RESTORE_PATH", path)
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

    /// Asks for one more of whatever the role does.
    pub fn next(&mut self) -> String {
        self.begin();
        self.line()
    }

    /// Asks, and does not wait for the answer.
    pub fn begin(&mut self) {
        self.input.as_mut().unwrap().write_all(b"\n").unwrap();
    }

    /// Asks it to end, and gives its last words.
    pub fn stop(mut self) -> String {
        drop(self.input.take());
        let words = self.line();
        assert!(self.child.wait().unwrap().success());
        words
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// As `kill -9`: no destructor, no rollback.
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

/// True: one more line.
fn hear() -> bool {
    std::io::stdin().read_line(&mut String::new()).unwrap() > 0
}

/// Not a test: what a process of [`Process::start`] runs.
#[test]
#[ignore = "run by the tests themselves, in other processes"]
fn role() {
    let Ok(role) = std::env::var("LIVE_RESTORE_ROLE") else { return };
    let path = PathBuf::from(std::env::var_os("LIVE_RESTORE_PATH").unwrap());
    let (role, sql) = role.split_once(':').unwrap_or((&role, ""));
    match role {
        "bot" => bot(&path),
        "hold" => hold(&path, sql),
        "ask" => ask(&path, sql),
        "restore" => restore(&path, sql),
        other => panic!("no such role: {other}"),
    }
    std::process::exit(0);
}

/// Has a transaction open until its input ends.
fn hold(path: &Path, sql: &str) {
    let db = Connection::open(path).unwrap();
    db.busy_timeout(TIMEOUT).unwrap();
    db.execute_batch(sql).unwrap();
    say("ready");
    while hear() {}
    db.execute_batch("COMMIT").unwrap();
    say("held");
}

/// Runs one statement, prepared once and for all, each time that it is asked; a value or an error is the answer.
fn ask(path: &Path, sql: &str) {
    let db = Connection::open(path).unwrap();
    db.busy_timeout(TIMEOUT).unwrap();
    let (first, sql) = sql.split_once(';').unwrap_or(("", sql));
    db.execute_batch(first).unwrap();
    let mut statement = db.prepare(sql).unwrap();
    let mut run = || statement.query_row([], |row| row.get::<_, i64>(0));
    run().unwrap();
    say("ready");
    while hear() {
        match run() {
            Ok(value) => say(&value.to_string()),
            Err(error) => say(&error.to_string()),
        }
    }
    say("asked");
}

/// Restores the banks of a stage, so that it can be killed, or finds the disk full: files may have so many bytes.
fn restore(folder: &Path, arguments: &str) {
    let (names, limit) = arguments.split_once('/').unwrap_or((arguments, ""));
    say("ready");
    hear();
    #[cfg(unix)]
    if let Ok(limit) = limit.parse::<u64>() {
        // SAFETY: plain system calls; a file that would become too large is then an error, and not the end.
        unsafe {
            libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
            libc::setrlimit(libc::RLIMIT_FSIZE, &libc::rlimit { rlim_cur: limit, rlim_max: limit });
        }
    }
    let _ = limit;
    let all = names.split(',').map(|name| replacement(folder, name)).collect();
    match live::replace(all, PATIENCE, &Control::silent()) {
        Ok(_) => say("restored"),
        Err(error) => say(&format!("{} {error}", error.code()).replace('\n', " ")),
    }
}

/// Five connections that read and write without a pause, until the input ends. Each says at the end what it sees.
fn bot(path: &Path) {
    static ROUNDS: AtomicU32 = AtomicU32::new(0);
    static ENDED: AtomicBool = AtomicBool::new(false);
    let threads: Vec<_> = (0..CONNECTIONS)
        .map(|number| {
            let path = path.to_owned();
            std::thread::spawn(move || connection(&path, number, &ROUNDS, &ENDED))
        })
        .collect();
    while ROUNDS.load(Ordering::Relaxed) < CONNECTIONS {
        std::thread::sleep(Duration::from_millis(1));
    }
    say("ready");
    while hear() {}
    ENDED.store(true, Ordering::Relaxed);
    let words: Vec<String> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    say(&words.join(" "));
}

/// Says: era at the end, looks, transfers, times it was busy, slowest look, slowest transfer (both in ms).
fn connection(path: &Path, number: u32, rounds: &AtomicU32, ended: &AtomicBool) -> String {
    let db = Connection::open(path).unwrap();
    db.busy_timeout(TIMEOUT).unwrap();
    let mut look = db.prepare(LOOK).unwrap();
    let mut take = db.prepare("UPDATE account SET balance = balance - ?2 WHERE id = ?1").unwrap();
    let mut give = db.prepare("UPDATE account SET balance = balance + ?2 WHERE id = ?1").unwrap();
    let (mut now, mut looks, mut transfers, mut busy) = (0, 0, 0, 0);
    let (mut slowest_look, mut slowest_transfer) = (Duration::ZERO, Duration::ZERO);
    let mut id = i64::from(number);
    let mut last = false;
    while !last {
        // What it sees after the end was asked for counts.
        last = ended.load(Ordering::Relaxed);
        let begun = Instant::now();
        match look.query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))) {
            Ok((era, sum, count)) => {
                let (era, sum, count): (i64, i64, i64) = (era, sum, count);
                assert_eq!(sum, 1000 * era * count, "connection {number} sees a mixture in era {era}");
                assert!(era >= now, "connection {number} sees the past again");
                (now, looks) = (era, looks + 1);
            }
            Err(error) if is_busy(&error) => {
                busy += 1;
                // Whoever has seen nothing goes on looking.
                last = false;
            }
            Err(error) => panic!("connection {number} cannot read: {error}"),
        }
        slowest_look = slowest_look.max(begun.elapsed());
        rounds.fetch_add(1, Ordering::Relaxed);
        id = (id * 31 + 17) % 3000;
        let begun = Instant::now();
        let mut transfer = || {
            db.execute_batch("BEGIN IMMEDIATE")?;
            take.execute(params![id + 1, number])?;
            give.execute(params![id + 2, number])?;
            db.execute_batch("COMMIT")
        };
        match transfer() {
            Ok(()) => transfers += 1,
            Err(error) if is_busy(&error) => {
                busy += 1;
                let _ = db.execute_batch("ROLLBACK");
            }
            Err(error) => panic!("connection {number} cannot write: {error}"),
        }
        slowest_transfer = slowest_transfer.max(begun.elapsed());
        std::thread::sleep(Duration::from_millis(5));
    }
    format!("{now} {looks} {transfers} {busy} {} {}", slowest_look.as_millis(), slowest_transfer.as_millis())
}

fn is_busy(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
}
