//! What the tests have in common: databases of two eras, told apart by a constant sum of balances.

use std::path::{Path, PathBuf};
use std::time::Duration;

use lifeboat_engine::restore::live::{self, Replaced, Replacement};
use lifeboat_engine::{Control, Result};
use rusqlite::{Connection, params};
use tempfile::TempDir;

pub const PATIENCE: Duration = Duration::from_secs(10);

/// A folder that plays the root, and one that plays the workspace of a restore.
pub struct Stage {
    folder: TempDir,
    pub root: PathBuf,
    pub workspace: PathBuf,
}

impl Stage {
    pub fn new() -> Stage {
        let folder = tempfile::tempdir().unwrap();
        let (root, workspace) = (folder.path().join("root"), folder.path().join("workspace"));
        std::fs::create_dir(&root).unwrap();
        std::fs::create_dir(&workspace).unwrap();
        Stage { folder, root, workspace }
    }

    /// The live database of era 1, called `name`; and beside it, staged, the one of era 2.
    pub fn bank(&self, name: &str, accounts: i64, pragmas: &str) -> Replacement {
        let one = self.replacement(name);
        make_bank(&one.live, accounts, 1, pragmas);
        make_bank(&one.staged, accounts, 2, "");
        one
    }

    pub fn replacement(&self, name: &str) -> Replacement {
        replacement(self.folder.path(), name)
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The names in a folder.
    pub fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// What [`Stage::bank`] has made, for another process.
pub fn replacement(folder: &Path, name: &str) -> Replacement {
    Replacement {
        live: folder.join("root").join(name),
        staged: folder.join("workspace").join(format!("{name}.new")),
        old: folder.join("workspace").join(format!("{name}.old")),
        undone: folder.join("workspace").join(format!("{name}.undone")),
    }
}

pub fn replace(one: &Replacement) -> Result<Replaced> {
    replace_all(&[one])
}

pub fn replace_all(all: &[&Replacement]) -> Result<Replaced> {
    replace_within(all, PATIENCE)
}

pub fn replace_within(all: &[&Replacement], patience: Duration) -> Result<Replaced> {
    live::replace(all.iter().map(|one| again(one)).collect(), patience, &Control::silent())
}

pub fn again(one: &Replacement) -> Replacement {
    Replacement { live: one.live.clone(), staged: one.staged.clone(), old: one.old.clone(), undone: one.undone.clone() }
}

/// Accounts of about one kilobyte, of which none looks alike in two eras.
pub fn make_bank(path: &Path, accounts: i64, era: i64, pragmas: &str) {
    let mut db = Connection::open(path).unwrap();
    db.execute_batch("PRAGMA synchronous = off").unwrap();
    db.execute_batch(pragmas).unwrap();
    let transaction = db.transaction().unwrap();
    transaction
        .execute_batch(
            "CREATE TABLE era (number INTEGER);
             CREATE TABLE account (id INTEGER PRIMARY KEY AUTOINCREMENT, balance INTEGER NOT NULL, notes BLOB);",
        )
        .unwrap();
    transaction.execute("INSERT INTO era VALUES (?)", [era]).unwrap();
    let mut insert = transaction.prepare("INSERT INTO account (balance, notes) VALUES (?, ?)").unwrap();
    for id in 0..accounts {
        insert.execute(params![1000 * era, vec![(id * 7 + era) as u8; 950]]).unwrap();
    }
    drop(insert);
    transaction.commit().unwrap();
}

/// Era, sum and number of the accounts, read at one instant.
pub const LOOK: &str = "SELECT (SELECT number FROM era), sum(balance), count(*) FROM account";

/// The era of a bank, after a thorough check.
pub fn era(path: &Path) -> i64 {
    let db = Connection::open(path).unwrap();
    db.busy_timeout(PATIENCE).unwrap();
    let check: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok", "{}", path.display());
    let (era, sum, count): (i64, i64, i64) =
        db.query_row(LOOK, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    assert_eq!(sum, 1000 * era * count, "the sum of era {era} is wrong in {}", path.display());
    era
}
