//! Another process that has files of the root open: this test binary, started again.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use rusqlite::Connection;

pub struct Other {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Other {
    /// Has a database open, and runs a statement a line.
    pub fn database(path: &Path) -> Other {
        Other::start("database", path)
    }

    /// Has a file open, to which it appends.
    pub fn appending(path: &Path) -> Other {
        Other::start("append", path)
    }

    /// Has a file open, and only reads it.
    pub fn reading(path: &Path) -> Other {
        Other::start("read", path)
    }

    fn start(role: &str, path: &Path) -> Other {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["other::role", "--exact", "--ignored", "--nocapture"])
            .env("LIFEBOAT_OTHER_ROLE", role)
            .env("LIFEBOAT_OTHER_PATH", path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut other = Other { child, input, output };
        assert_eq!(other.line(), "ready");
        other
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            assert!(self.output.read_line(&mut line).unwrap() > 0, "the other process ended early");
            if let Some(at) = line.find('@') {
                return line[at + 1..].trim().to_owned();
            }
        }
    }

    /// Says a line to it; the answer is what it says.
    pub fn say(&mut self, line: &str) -> String {
        writeln!(self.input, "{line}").unwrap();
        self.line()
    }

    /// `process 4711 (name)`, as it is told.
    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Not a test: what the other process runs.
#[test]
#[ignore = "run by the tests themselves, in other processes"]
fn role() {
    let Ok(role) = std::env::var("LIFEBOAT_OTHER_ROLE") else { return };
    let path = std::env::var_os("LIFEBOAT_OTHER_PATH").unwrap();
    match role.as_str() {
        "database" => {
            let db = Connection::open(path).unwrap();
            let run = |sql: &str| -> rusqlite::Result<String> {
                let mut statement = db.prepare(sql)?;
                let mut rows = statement.query([])?;
                Ok(rows.next()?.map_or(String::new(), |row| {
                    row.get::<_, rusqlite::types::Value>(0).map(|value| format!("{value:?}")).unwrap()
                }))
            };
            run("SELECT count(*) FROM sqlite_schema").unwrap();
            answer(|line| run(line).unwrap_or_else(|error| error.to_string()));
        }
        "append" => {
            let mut file = std::fs::File::options().append(true).open(path).unwrap();
            answer(|line| writeln!(file, "{line}").map_or_else(|error| error.to_string(), |()| "written".into()));
        }
        _ => {
            let _file = std::fs::File::open(path).unwrap();
            answer(|_| String::new());
        }
    }
    std::process::exit(0);
}

fn answer(mut to: impl FnMut(&str) -> String) {
    println!("\n@ready");
    for line in std::io::stdin().lines() {
        println!("\n@{}", to(&line.unwrap()));
    }
}
