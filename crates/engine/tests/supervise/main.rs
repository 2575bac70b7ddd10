//! The processes that work for a host, from the host's end: whatever they do, there is an answer in time. Small shell scripts
//! stand for a worker and a clerk that hang, babble or die.
#![cfg(unix)]

mod clerk;
mod worker;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use lifeboat_engine::Config;
use lifeboat_engine::supervise::WorkerPatience;
use tempfile::TempDir;

/// A root, and an executable that does what a test says.
struct Place {
    dir: TempDir,
    executable: PathBuf,
    config: Config,
}

impl Place {
    /// `script`: what it does once it runs; `$DIR` is a folder for it.
    fn new(script: &str) -> Place {
        let dir = tempfile::tempdir().unwrap();
        let executable = dir.path().join("lifeboat");
        let text = format!("#!/bin/sh\nDIR='{}'\necho $$ >> \"$DIR/pids\"\n{script}\n", dir.path().display());
        fs::write(&executable, text).unwrap();
        fs::set_permissions(&executable, fs::Permissions::from_mode(0o755)).unwrap();
        let config = Config::from_json("{}", dir.path()).unwrap();
        Place { dir, executable, config }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Of all processes that were started, one after the other.
    fn pids(&self) -> Vec<u32> {
        let text = fs::read_to_string(self.file("pids")).unwrap_or_default();
        text.lines().map(|line| line.parse().unwrap()).collect()
    }
}

fn is_alive(pid: u32) -> bool {
    Path::new("/proc").join(pid.to_string()).exists()
}

/// Waits, but not for ever.
fn until(what: &str, condition: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < end, "{what}: not within 20 s");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Little, so that a test is soon over; much for everything that is not waited for in it.
fn patience() -> WorkerPatience {
    let long = Duration::from_secs(60);
    WorkerPatience { silent: long, cancelled: long, question: long, idle: long }
}
