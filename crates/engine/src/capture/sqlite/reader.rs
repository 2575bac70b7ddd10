//! Our connections to databases: read-only, unable to write, patient on our own terms, and closed to what a hostile
//! database might try.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, ffi};

use super::source::DatabaseFile;
use super::{Attempt, Options, Trouble, guard};
use crate::{Control, Error};

/// A connection to a database of the root. Make it after the [`DatabaseFile`], drop it before.
pub(super) struct DatabaseReader<'a> {
    source: &'a DatabaseFile,
    pub connection: Connection,
}

/// A read transaction: SHARED on a rollback database, a pinned snapshot on a WAL database. Ends when dropped.
pub(super) struct Pinned<'a> {
    connection: &'a Connection,
    since: Instant,
}

impl DatabaseReader<'_> {
    pub fn open(source: &DatabaseFile) -> Attempt<DatabaseReader<'_>> {
        let uri = uri(&source.path, "readonly_shm=1").map_err(Trouble::Recover)?;
        match connect(&uri, OpenFlags::SQLITE_OPEN_READ_ONLY) {
            Ok(connection) => Ok(DatabaseReader { source, connection }),
            Err(error) => {
                source.check_place()?;
                Err(error)
            }
        }
    }

    /// Begins a read transaction, waiting for a writer that is committing. `Recover` after `options.lock_timeout`.
    pub fn begin(&self, options: &Options, control: &Control) -> Attempt<Pinned<'_>> {
        let started = Instant::now();
        let mut pause = Duration::from_micros(500);
        let mut refusals = 0;
        loop {
            control.check()?;
            let reason = match self.try_begin() {
                Ok(pinned) => {
                    self.source.check_place()?;
                    return Ok(pinned);
                }
                Err(Trouble::Busy(_)) if started.elapsed() < options.lock_timeout => None,
                Err(Trouble::Busy(_)) => {
                    Some(format!("another process has kept it locked for {:.1?}", options.lock_timeout))
                }
                // A journal that a writer deleted while SQLite looked at it, or a `-shm` that is just being set up,
                // passes for the remains of a crash. A real crash is still there some moments later.
                Err(Trouble::Recover(_)) if refusals < 5 => {
                    refusals += 1;
                    None
                }
                Err(Trouble::Recover(reason)) => Some(reason),
                Err(other) => {
                    self.source.check_place()?;
                    return Err(other);
                }
            };
            if let Some(reason) = reason {
                self.source.check_place()?;
                return Err(Trouble::Recover(reason));
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(20));
        }
    }

    fn try_begin(&self) -> Attempt<Pinned<'_>> {
        let since = Instant::now();
        self.connection.execute_batch("BEGIN").map_err(trouble)?;
        let pinned = Pinned { connection: &self.connection, since };
        // The cheapest statement that reads page 1, and so takes the lock. It does not parse the schema.
        self.connection.query_row("PRAGMA schema_version", [], |_| Ok(())).map_err(trouble)?;
        Ok(pinned)
    }
}

impl Pinned<'_> {
    /// Ends the transaction; for how long it lasted.
    pub fn end(self) -> Duration {
        let since = self.since;
        drop(self);
        since.elapsed()
    }

    pub fn age(&self) -> Duration {
        self.since.elapsed()
    }
}

impl Drop for Pinned<'_> {
    fn drop(&mut self) {
        // Fails only where SQLite has ended the transaction by itself, after an error.
        let _ = self.connection.execute_batch("ROLLBACK");
    }
}

/// Opens through the guard, with everything off that a capture does not need.
pub(super) fn connect(uri: &str, flags: OpenFlags) -> Attempt<Connection> {
    let flags = flags | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags_and_vfs(uri, flags, guard::name()?).map_err(trouble)?;
    let set_up = || {
        // SQLite's own waiting would hide from us that a writer is waiting too; and it cannot be cancelled.
        connection.busy_timeout(Duration::ZERO)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
        // A mapped file that somebody cuts short is a SIGBUS.
        connection.execute_batch("PRAGMA mmap_size = 0")
    };
    set_up().map_err(trouble)?;
    Ok(connection)
}

/// The URI of a path. Every byte but the plainest is escaped, so that `?`, `#`, `%`, a newline and bytes that are not
/// UTF-8 reach SQLite as they are.
pub fn uri(path: &Path, query: &str) -> Result<String, String> {
    #[cfg(unix)]
    let (prefix, bytes) = ("file:", std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str()).to_vec());
    #[cfg(not(unix))]
    let (prefix, bytes) = {
        let path = path.to_str().ok_or("its path is not valid Unicode, which SQLite needs")?;
        let path = path.strip_prefix(r"\\?\").unwrap_or(path);
        ("file:///", path.replace('\\', "/").trim_start_matches('/').as_bytes().to_vec())
    };
    let mut uri = String::from(prefix);
    for byte in bytes {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => uri.push(byte as char),
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    Ok(format!("{uri}?{query}"))
}

/// What an error of SQLite means for a capture.
pub(super) fn trouble(error: rusqlite::Error) -> Trouble {
    let rusqlite::Error::SqliteFailure(code, message) = &error else {
        return Error::internal(format!("SQLite was asked wrongly: {error}")).into();
    };
    let reason = match message {
        Some(message) => format!("SQLite says: {message}"),
        None => format!("SQLite says: {error}"),
    };
    match (code.code, code.extended_code) {
        (ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked, _) => Trouble::Busy(reason),
        (_, ffi::SQLITE_READONLY_ROLLBACK) => {
            Trouble::Recover("its journal holds a transaction that was never finished".into())
        }
        (ErrorCode::ReadOnly, _) => Trouble::Recover("its -wal needs to be recovered after a crash".into()),
        (ErrorCode::CannotOpen, _) => Trouble::Recover("SQLite cannot open it without writing beside it".into()),
        // A file that becomes shorter while it is read.
        (_, ffi::SQLITE_IOERR_SHORT_READ) => Trouble::Again(reason),
        (ErrorCode::SystemIoFailure, _) => Trouble::Recover(reason),
        (ErrorCode::OutOfMemory, _) => Error::internal(reason).into(),
        _ => Trouble::Unreadable(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_uri_escapes_all_that_has_a_meaning_in_one() {
        let path = Path::new("/a b/?mode=rwc#x%41\n\u{e9}.db");
        assert_eq!(uri(path, "q=1").unwrap(), "file:/a%20b/%3Fmode%3Drwc%23x%2541%0A%C3%A9.db?q=1");
    }
}
