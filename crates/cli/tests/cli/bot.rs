//! A small bot in a folder of its own, and `lifeboat` run on it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use assert_cmd::Command;
use assert_cmd::cargo::cargo_bin;
use rusqlite::Connection;
use serde_json::Value;
use tempfile::TempDir;

pub struct Bot {
    folder: TempDir,
}

impl Bot {
    /// Two databases, settings, a session of 20 files and a photo; and a key file beside the root, so that a test need
    /// not wait for scrypt.
    pub fn new() -> Bot {
        let bot = Bot { folder: tempfile::tempdir().unwrap() };
        for folder in ["database", "sessions/main", "uploads/reports/2026"] {
            fs::create_dir_all(bot.root().join(folder)).unwrap();
        }
        for database in ["database.sqlite", "database/saldo.sqlite"] {
            let db = Connection::open(bot.root().join(database)).unwrap();
            db.execute_batch(
                "CREATE TABLE saldo (id INTEGER PRIMARY KEY, amount INTEGER);
                 INSERT INTO saldo WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
                 SELECT i, 1000 FROM n;",
            )
            .unwrap();
        }
        bot.write("config.json", r#"{"ownerNumber":["628123@s.whatsapp.net"]}"#);
        bot.write("database/accounts.json", r#"[{"name":"ops"}]"#);
        for number in 0..20 {
            bot.write(&format!("sessions/main/pre-key-{number}.json"), &format!("{{\"keyId\":{number}}}"));
        }
        fs::write(bot.root().join("uploads/reports/2026/roof.jpg"), noise(300_000)).unwrap();
        fs::write(bot.key_file(), noise(32)).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(bot.key_file(), fs::Permissions::from_mode(0o600)).unwrap();
        }
        bot
    }

    pub fn root(&self) -> PathBuf {
        self.folder.path().join("bot")
    }

    pub fn vault(&self) -> PathBuf {
        self.root().join("backups")
    }

    pub fn key_file(&self) -> PathBuf {
        self.folder.path().join("bot.key")
    }

    /// A path beside the root.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, path: &str, text: &str) {
        fs::write(self.root().join(path), text).unwrap();
    }

    /// `lifeboat`, standing in the root, with the key file.
    pub fn lifeboat<const N: usize>(&self, arguments: [&str; N]) -> Command {
        let mut command = self.locked_out(arguments);
        command.env("BACKUP_KEY_FILE", self.key_file());
        command
    }

    /// The same, with nothing that opens the vault.
    pub fn locked_out<const N: usize>(&self, arguments: [&str; N]) -> Command {
        Command::from_std(self.process(arguments, false))
    }

    /// For tests that talk to the process while it runs.
    pub fn process<const N: usize>(&self, arguments: [&str; N], with_key: bool) -> std::process::Command {
        let mut command = std::process::Command::new(cargo_bin!("lifeboat"));
        command.args(arguments).current_dir(self.root()).env_remove("BACKUP_PASSPHRASE").env_remove("BACKUP_KEY_FILE");
        command.env("TZ", "Asia/Jakarta").env_remove("NO_COLOR").stdin(Stdio::null());
        if with_key {
            command.env("BACKUP_KEY_FILE", self.key_file());
        }
        command
    }

    /// Takes a backup and returns its name.
    pub fn backup(&self) -> String {
        let result = document(&mut self.lifeboat(["backup", "--json"]), 0);
        result["backup"].as_str().unwrap().to_string()
    }

    /// Nobody can read this database until the returned connection is dropped: a backup has to wait for it.
    pub fn hold_database(&self) -> Connection {
        let db = Connection::open(self.root().join("database.sqlite")).unwrap();
        db.execute_batch("BEGIN EXCLUSIVE").unwrap();
        db
    }

    /// The files of the vault below one folder.
    pub fn objects(&self, folder: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        walk(&self.vault().join(folder), &mut found);
        found.sort();
        found
    }
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { walk(&path, found) } else { found.push(path) }
    }
}

/// Bytes that do not compress.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    })
    .take(length)
    .collect()
}

/// Runs to the expected exit code; stdout has to be exactly one JSON document.
pub fn document(command: &mut Command, code: i32) -> Value {
    let output = command.assert().code(code).get_output().clone();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.trim_end().lines().count(), 1, "one document on one line: {text:?}");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text:?}"))
}

/// Runs to the expected exit code, and returns stdout and stderr.
pub fn texts(command: &mut Command, code: i32) -> (String, String) {
    let output = command.assert().code(code).get_output().clone();
    (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
}
