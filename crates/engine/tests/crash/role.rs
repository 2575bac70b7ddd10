//! What a process under trace does: this test binary, started again.

use std::path::{Path, PathBuf};
use std::process::Command;

use lifeboat_engine::report::*;
use lifeboat_engine::{Config, Control, Engine};
use rusqlite::Connection;

use crate::scene::{DATABASES, content};

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Role {
    Restore(RestoreMode),
    /// What every operation of Lifeboat does first.
    Recover,
    /// The first line of an app.
    Apply,
    /// An app that keeps the databases open; each line of its input asks what it sees.
    App,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Role::Restore(mode) => mode.as_str(),
            Role::Recover => "recover",
            Role::Apply => "apply",
            Role::App => "app",
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
    let config = Config { backup_dir: folder.join("vault"), encryption: false, ..Config::default() };
    // One thread: the same calls in the same order, each time.
    let worker = lifeboat_engine::config::Worker { threads: 1, ..config.worker };
    Config { worker, ..config }.resolved(&folder.join("root")).unwrap()
}

/// Not a test: what a process of [`Role::command`] runs. It ends with 0 where the operation said that it has succeeded.
#[test]
#[ignore = "run by the tests themselves, in other processes"]
fn role() {
    let Ok(role) = std::env::var("CRASH_ROLE") else { return };
    let folder = PathBuf::from(std::env::var_os("CRASH_FOLDER").unwrap());
    if role == "app" {
        return app(&folder);
    }
    let backup = BackupRef::Name(std::env::var("CRASH_BACKUP").unwrap());
    let engine = Engine::new(config(&folder));
    let control = Control::silent();
    let mode = [RestoreMode::Live, RestoreMode::Offline, RestoreMode::OnRestart];
    let done = match mode.into_iter().find(|mode| mode.as_str() == role) {
        Some(mode) => {
            let options = RestoreOptions { mode, ..RestoreOptions::default() };
            engine.restore(&backup, &options, &control).map(drop)
        }
        None if role == "apply" => engine.apply_pending_restore(&control).map(drop),
        None => engine.recover(&control).map(drop),
    };
    std::process::exit(match done {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("{error}");
            10
        }
    });
}

fn app(folder: &Path) {
    let connections = DATABASES.map(|name| Connection::open(folder.join("root").join(name)).unwrap());
    while std::io::stdin().read_line(&mut String::new()).unwrap() > 0 {
        for db in &connections {
            println!("\n@{}", content(db));
        }
    }
}
