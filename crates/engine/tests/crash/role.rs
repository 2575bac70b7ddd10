//! What a process under trace does: this test binary, started again.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lifeboat_engine::report::*;
use lifeboat_engine::{Config, Control, Engine};
use rusqlite::Connection;

use crate::scene::{DATABASES, content, options};
use crate::tokens::{Habit, write_without_a_pause};

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Role {
    Restore(RestoreMode),
    /// What every operation of Lifeboat does first.
    Recover,
    /// The first line of an app.
    Apply,
    /// An app that has the databases open and reads them; each line of its input asks what it sees.
    App,
    Write(Writer),
    /// An app that writes without a pause; the numbers begin with what the command is given as the backup.
    Tokens(Habit),
}

/// What writes to a vault.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Writer {
    Hourly,
    Daily,
    /// Also prunes, and writes an archive.
    Weekly,
    Prune,
    Export,
    /// Over an archive that is there already.
    Replace,
    Import,
}

impl Writer {
    pub const ALL: [Writer; 7] =
        [Writer::Hourly, Writer::Daily, Writer::Weekly, Writer::Prune, Writer::Export, Writer::Replace, Writer::Import];

    fn name(self) -> &'static str {
        match self {
            Writer::Hourly => "hourly",
            Writer::Daily => "daily",
            Writer::Weekly => "weekly",
            Writer::Prune => "prune",
            Writer::Export => "export",
            Writer::Replace => "replace",
            Writer::Import => "import",
        }
    }

    /// `backup`: what is exported.
    pub fn work(self, folder: &Path, backup: &str) -> lifeboat_engine::Result<()> {
        let engine = Engine::new(config(folder));
        let control = Control::silent();
        let backup_of = |kind| engine.create_backup(kind, &BackupOptions::default(), &control).map(drop);
        match self {
            Writer::Hourly => backup_of(BackupType::Hourly),
            Writer::Daily => backup_of(BackupType::Daily),
            Writer::Weekly => engine.run_scheduled(BackupType::Weekly, &[], false, &control).map(drop),
            Writer::Prune => {
                engine.prune(&PruneOptions { at_once: true, ..PruneOptions::default() }, &control).map(drop)
            }
            Writer::Export | Writer::Replace => {
                let file = folder.join(if self == Writer::Export { EXPORTED } else { IMPORTED });
                let options = ExportOptions { overwrite: true, ..ExportOptions::default() };
                engine.export_backup(backup, &file, &options, &control).map(drop)
            }
            Writer::Import => engine.import_backup(&folder.join(IMPORTED), None, &control).map(drop),
        }
    }
}

/// Where an export goes, and where what is imported lies.
pub const EXPORTED: &str = "out/exported.tar.gz";
pub const IMPORTED: &str = "imported.tar.gz";

impl Role {
    fn name(self) -> &'static str {
        match self {
            Role::Restore(mode) => mode.as_str(),
            Role::Recover => "recover",
            Role::Apply => "apply",
            Role::App => "app",
            Role::Write(writer) => writer.name(),
            Role::Tokens(Habit::Keeps) => "keeps",
            Role::Tokens(Habit::Opens) => "opens",
        }
    }

    /// The process that plays this role in `folder`, which holds a root and a vault.
    pub fn command(self, folder: &Path, backup: &str) -> Command {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["role::role", "--exact", "--ignored", "--nocapture"])
            .env("CRASH_ROLE", self.name())
            .env("CRASH_FOLDER", folder)
            .env("CRASH_BACKUP", backup)
            .stderr(std::process::Stdio::null());
        command
    }
}

pub fn config(folder: &Path) -> Config {
    // What nothing but its age protects goes with the next pruning.
    let config =
        Config { backup_dir: folder.join("vault"), encryption: false, local_retention_days: 0, ..Config::default() };
    // One thread: the same calls in the same order, each time.
    let worker = lifeboat_engine::config::Worker { threads: 1, ..config.worker };
    Config { worker, ..config }.resolved(&folder.join("root")).unwrap()
}

/// How a process ends whose operation has failed.
pub const FAILED: i32 = 10;
/// It has failed, and says that everything is as it was.
pub const ROLLED_BACK: i32 = 11;
/// It has failed because there is no room.
pub const NO_SPACE: i32 = 12;

/// Not a test: what a process of [`Role::command`] runs. It ends with 0 where the operation said that it has succeeded.
#[test]
#[ignore = "run by the tests themselves, in other processes"]
fn role() {
    let Ok(role) = std::env::var("CRASH_ROLE") else { return };
    let folder = PathBuf::from(std::env::var_os("CRASH_FOLDER").unwrap());
    if role == "app" {
        return app(&folder);
    }
    for habit in [Habit::Keeps, Habit::Opens] {
        if role == Role::Tokens(habit).name() {
            write_without_a_pause(&folder.join("root"), habit);
        }
    }
    let backup = std::env::var("CRASH_BACKUP").unwrap();
    if let Some(writer) = Writer::ALL.into_iter().find(|writer| writer.name() == role) {
        std::process::exit(exit(writer.work(&folder, &backup)));
    }
    let backup = BackupRef::Name(backup);
    let engine = Engine::new(config(&folder));
    let control = Control::silent();
    let mode = [RestoreMode::Live, RestoreMode::Offline, RestoreMode::OnRestart];
    let done = match mode.into_iter().find(|mode| mode.as_str() == role) {
        Some(mode) => engine.restore(&backup, &options(mode), &control).map(drop),
        None if role == "apply" => engine.apply_pending_restore(&control).map(drop),
        None => engine.recover(&control).map(drop),
    };
    std::process::exit(exit(done));
}

fn exit(done: lifeboat_engine::Result<()>) -> i32 {
    let Err(error) = done else { return 0 };
    eprintln!("{error}");
    match error.code() {
        "E_ROLLED_BACK" => ROLLED_BACK,
        "E_NO_SPACE" => NO_SPACE,
        _ => FAILED,
    }
}

/// Reads without a pause, on connections of its own, and remembers whatever it has seen. Asked, it says that, and what
/// its other connections see now.
fn app(folder: &Path) {
    let open = |name| Connection::open(folder.join("root").join(name)).unwrap();
    let seen = DATABASES.map(|_| Arc::new(Mutex::new(BTreeSet::new())));
    for (name, seen) in DATABASES.into_iter().zip(&seen) {
        let (db, seen) = (open(name), seen.clone());
        std::thread::spawn(move || {
            loop {
                let now = content(&db);
                seen.lock().unwrap().insert(now);
                std::thread::sleep(Duration::from_millis(2));
            }
        });
    }
    let connections = DATABASES.map(open);
    while std::io::stdin().read_line(&mut String::new()).unwrap() > 0 {
        for (db, seen) in connections.iter().zip(&seen) {
            for seen in &*seen.lock().unwrap() {
                println!("\n@seen {seen}");
            }
            println!("\n@now {}", content(db));
        }
    }
    std::process::exit(0);
}
