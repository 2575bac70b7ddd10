//! Another server: a folder of its own, and a migration into it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use lifeboat_engine::report::*;
use lifeboat_engine::{Config, Control, Engine, Result};
use tempfile::TempDir;

use crate::support::*;

pub struct Server {
    pub dir: TempDir,
}

impl Server {
    pub fn new() -> Server {
        Server { dir: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    /// The new root.
    pub fn root(&self) -> PathBuf {
        self.path("srv/bot")
    }

    pub fn engine(&self) -> Engine {
        let config = Config { encryption: false, ..Config::default() };
        Engine::new(config.resolved(&self.root()).unwrap())
    }

    pub fn migrate(&self, from: &Path) -> Result<MigrateReport> {
        self.migrate_with(from, MigrateOptions::default())
    }

    pub fn migrate_with(&self, from: &Path, options: MigrateOptions) -> Result<MigrateReport> {
        self.engine().migrate(from, &options, &Control::silent())
    }

    /// Cancels when this phase begins.
    pub fn migrate_until(&self, phase: &'static str, from: &Path) -> Result<MigrateReport> {
        let cell = std::sync::Arc::new(std::sync::OnceLock::<Control>::new());
        let to_cancel = cell.clone();
        let control = Control::new(move |progress| {
            if progress.phase == phase
                && let Some(control) = to_cancel.get()
            {
                control.cancel();
            }
        });
        let _ = cell.set(control.clone());
        self.engine().migrate(from, &MigrateOptions::default(), &control)
    }

    /// What the new root holds, without its vault.
    pub fn restored(&self) -> BTreeMap<PathBuf, Seen> {
        without(tree(&self.root()), "backups")
    }
}

pub fn without(mut tree: BTreeMap<PathBuf, Seen>, folder: &str) -> BTreeMap<PathBuf, Seen> {
    tree.retain(|path, _| !path.starts_with(folder));
    tree
}

/// A copy of a folder, as `cp -r` makes it.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let place = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &place),
            false => assert!(fs::copy(entry.path(), place).is_ok()),
        }
    }
}
