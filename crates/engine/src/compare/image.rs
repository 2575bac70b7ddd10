//! A database as a temporary file, for SQLite to read.
//!
//! An image is a plain copy of what a vault may hold encrypted. It lies in a folder of its own in the system's temporary
//! folder, which only its owner may enter. On Unix its name is gone before the first byte is written: nobody finds it,
//! and a process that is killed leaves nothing behind.

use std::fs::File;

use rusqlite::Connection;
use tempfile::TempDir;

use crate::Result;
use crate::capture::sqlite::{self, BLOCK, BlockSink};
use crate::error::IoContext;
use crate::vault::durable;

/// A database in a temporary file, and a connection to it.
pub struct Image {
    pub connection: Connection,
    file: File,
    pub size: u64,
    /// What the header said of the journal, before it was made to say that there is no write-ahead log.
    versions: [u8; 2],
    // After the connection and the file: they must be closed first.
    #[cfg(not(unix))]
    _folder: tempfile::TempDir,
}

/// Where a header says how to read and write the file: 1 for a rollback journal, 2 for a write-ahead log.
const VERSIONS: std::ops::Range<usize> = 18..20;

impl Image {
    /// An empty one, to be filled before SQLite is asked anything.
    pub fn new() -> Result<Image, String> {
        let folder = private_folder().map_err(|error| format!("a temporary file cannot be made: {error}"))?;
        let path = folder.path().join("database");
        let file = durable::create_new(&path).map_err(|error| error.to_string())?;
        let connection = sqlite::open_copy(&path)?;
        #[cfg(unix)]
        folder.close().map_err(|error| format!("a temporary file cannot be hidden: {error}"))?;
        Ok(Image {
            connection,
            file,
            size: 0,
            versions: [0; 2],
            #[cfg(not(unix))]
            _folder: folder,
        })
    }

    fn write(&mut self, bytes: &[u8], offset: u64) -> Result<()> {
        let place = std::env::temp_dir();
        durable::write_at(&self.file, bytes, offset).at("writing a temporary file in", &place)?;
        if offset == 0
            && let Some(versions) = bytes.get(VERSIONS)
        {
            self.versions.copy_from_slice(versions);
            durable::write_at(&self.file, &[1, 1], VERSIONS.start as u64).at("writing a temporary file in", &place)?;
        }
        Ok(())
    }

    pub fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.write(bytes, self.size)?;
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// What was written at `offset`.
    pub fn read(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        durable::read_at(&self.file, buffer, offset).at("reading a temporary file in", std::env::temp_dir())?;
        if offset == 0
            && let Some(versions) = buffer.get_mut(VERSIONS)
        {
            versions.copy_from_slice(&self.versions);
        }
        Ok(())
    }
}

/// In the system's temporary folder; gone when it is dropped.
pub fn private_folder() -> std::io::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    builder.prefix("lifeboat-").tempdir()
}

impl BlockSink for Image {
    fn put(&mut self, index: u64, block: Vec<u8>) -> Result<()> {
        self.write(&block, index * BLOCK as u64)
    }

    fn finish(&mut self, size: u64) -> Result<()> {
        self.size = size;
        self.file.set_len(size).at("writing a temporary file in", std::env::temp_dir())
    }

    /// What an attempt left is written over, or cut off at the end.
    fn restart(&mut self) {}
}
