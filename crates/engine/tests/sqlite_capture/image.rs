//! What the tests have in common: databases whose soundness shows in a sum, images, and a watch over the folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lifeboat_engine::capture::sqlite::{
    BLOCK, BlockSink, CaptureOutcome, CapturedDatabase, Options, capture, quick_check,
};
use lifeboat_engine::{Control, Result};
use rusqlite::{Connection, params};
use tempfile::TempDir;

pub const BALANCE: i64 = 1000;

/// A folder that plays the root, and one for the engine.
pub struct Stage {
    _folder: TempDir,
    pub root: PathBuf,
    pub scratch: PathBuf,
}

impl Stage {
    pub fn new() -> Stage {
        let folder = tempfile::tempdir().unwrap();
        let (root, scratch) = (folder.path().join("root"), folder.path().join("scratch"));
        std::fs::create_dir(&root).unwrap();
        std::fs::create_dir(&scratch).unwrap();
        Stage { _folder: folder, root, scratch }
    }

    /// Makes `bank.sqlite`: accounts of about one kilobyte, with a constant sum of balances.
    pub fn bank(&self, accounts: i64, pragmas: &str) -> PathBuf {
        let path = self.root.join("bank.sqlite");
        make_bank(&path, accounts, pragmas);
        path
    }

    pub fn options(&self) -> Options {
        Options::new(&self.scratch)
    }

    pub fn capture(&self, database: &Path) -> (CapturedDatabase, Image) {
        self.capture_with(database, &self.options(), Duration::ZERO)
    }

    pub fn capture_with(&self, database: &Path, options: &Options, pace: Duration) -> (CapturedDatabase, Image) {
        self.try_capture(database, options, pace).unwrap()
    }

    /// `Err` is the reason why the database can only be stored as it lies.
    pub fn try_capture(
        &self,
        database: &Path,
        options: &Options,
        pace: Duration,
    ) -> std::result::Result<(CapturedDatabase, Image), String> {
        let mut image = Image { pace, ..Image::default() };
        let outcome = capture(database, options, &mut image, &Control::silent()).unwrap();
        self.is_clean();
        match outcome {
            CaptureOutcome::Consistent(captured) => {
                assert_eq!(image.size, Some(captured.size));
                assert!(!captured.undisturbed || !image.crooked, "undisturbed, but not put in order");
                assert!(captured.problems.is_empty(), "{:?}", captured.problems);
                Ok((captured, image))
            }
            CaptureOutcome::Raw { reason } => {
                assert!(image.blocks.is_empty() && image.size.is_none(), "the sink was not emptied");
                Err(reason)
            }
        }
    }

    fn is_clean(&self) {
        assert_eq!(std::fs::read_dir(&self.scratch).unwrap().count(), 0, "something was left in the scratch folder");
    }

    /// All that can be seen of the root without reading it.
    pub fn listing(&self) -> Vec<String> {
        listing(&self.root)
    }
}

pub fn make_bank(path: &Path, accounts: i64, pragmas: &str) {
    let mut db = Connection::open(path).unwrap();
    db.execute_batch(pragmas).unwrap();
    db.execute_batch("CREATE TABLE account (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL, note BLOB)").unwrap();
    let transaction = db.transaction().unwrap();
    for id in 1..=accounts {
        let note = vec![id as u8; 900];
        transaction.execute("INSERT INTO account VALUES (?, ?, ?)", params![id, BALANCE, note]).unwrap();
    }
    transaction.commit().unwrap();
}

fn listing(root: &Path) -> Vec<String> {
    let mut lines: Vec<String> = std::fs::read_dir(root)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let metadata = entry.metadata().unwrap();
            let mut line = format!("{:?} {} {:?}", entry.file_name(), metadata.len(), metadata.modified().unwrap());
            #[cfg(unix)]
            {
                use std::os::unix::fs::MetadataExt;
                line += &format!(" {} {} {}", metadata.ino(), metadata.ctime(), metadata.ctime_nsec());
            }
            line
        })
        .collect();
    lines.sort();
    lines.push(format!("{:?}", std::fs::metadata(root).unwrap().modified().unwrap()));
    lines
}

/// What a capture has put.
#[derive(Default)]
pub struct Image {
    blocks: BTreeMap<u64, Vec<u8>>,
    size: Option<u64>,
    /// Not each block came once, in order.
    crooked: bool,
    pub restarts: u32,
    /// How long each block takes: as if it were compressed and encrypted.
    pub pace: Duration,
}

impl BlockSink for Image {
    fn put(&mut self, index: u64, block: Vec<u8>) -> Result<()> {
        assert!(!block.is_empty() && block.len() <= BLOCK && self.size.is_none());
        self.crooked |= index != self.blocks.len() as u64;
        self.blocks.insert(index, block);
        std::thread::sleep(self.pace);
        Ok(())
    }

    fn finish(&mut self, size: u64) -> Result<()> {
        assert!(self.size.is_none());
        self.crooked |= self.blocks.len() as u64 != size.div_ceil(BLOCK as u64);
        self.blocks.retain(|index, _| index * (BLOCK as u64) < size);
        self.size = Some(size);
        Ok(())
    }

    fn restart(&mut self) {
        *self = Image { restarts: self.restarts + 1, pace: self.pace, ..Image::default() };
    }
}

impl Image {
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (place, (index, block)) in self.blocks.iter().enumerate() {
            assert_eq!(place as u64, *index, "a block is missing");
            bytes.extend_from_slice(block);
        }
        assert_eq!(bytes.len() as u64, self.size.unwrap());
        bytes
    }

    /// Restores the image somewhere else, proves it sound, and opens it.
    pub fn restored(&self) -> (TempDir, Connection) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("restored.sqlite");
        std::fs::write(&path, self.bytes()).unwrap();
        assert_eq!(quick_check(&path).unwrap(), Vec::<String>::new());
        let db = Connection::open(&path).unwrap();
        let verdict: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(verdict, "ok");
        (folder, db)
    }

    /// The image is sound, and no money came or went.
    pub fn check_bank(&self, accounts: i64) {
        let (_folder, db) = self.restored();
        let (count, sum): (i64, i64) = db
            .query_row("SELECT count(*), sum(balance) FROM account", [], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        assert_eq!((count, sum), (accounts, accounts * BALANCE));
    }

    pub fn balance(&self, id: i64) -> i64 {
        let (_folder, db) = self.restored();
        db.query_row("SELECT balance FROM account WHERE id = ?", [id], |row| row.get(0)).unwrap()
    }
}
