//! Our connection to a database that others have open: read and written page by page, in one transaction.
//!
//! It never checkpoints a WAL that it found, and leaves the journal mode as it is. Pages are written through the
//! `sqlite_dbpage` table, as sqlite3_rsync does.

use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, params};

use crate::capture::databases::{JOURNAL, WAL, beside};
use crate::capture::sqlite::uri;
use crate::error::IoContext;
use crate::{Control, Error, Result};

/// Between two tries of SQLite to get a lock.
const PAUSE: Duration = Duration::from_millis(1);
/// The byte of a file that SQLite locks. Its page is never used.
const LOCK_BYTE: u32 = 0x4000_0000;

thread_local! {
    /// Until when SQLite waits for a lock on this thread, and who may put an end to it.
    static WAITING: RefCell<Option<(Instant, Control)>> = const { RefCell::new(None) };
}

/// Lets SQLite wait for locks for so long, from now on. Its own waiting sleeps up to 100 ms at a time, which is too long
/// to find the gap between five busy connections, and it cannot be cancelled.
pub fn wait(patience: Duration, control: &Control) {
    WAITING.set(Some((Instant::now() + patience, control.clone())));
}

fn wait_a_little(_tries: i32) -> bool {
    let goes_on = WAITING.with_borrow(|waiting| {
        waiting.as_ref().is_some_and(|(until, control)| Instant::now() < *until && !control.is_cancelled())
    });
    if goes_on {
        std::thread::sleep(PAUSE);
    }
    goes_on
}

fn is_cancelled() -> bool {
    WAITING.with_borrow(|waiting| waiting.as_ref().is_some_and(|(_, control)| control.is_cancelled()))
}

pub struct LiveDatabase {
    pub path: PathBuf,
    connection: Connection,
}

impl LiveDatabase {
    /// `page_size` is for a file that is empty; `cache` is how many bytes of changed pages are held in memory. Waits for
    /// whoever has it locked, see [`wait`].
    pub fn open(path: &Path, page_size: u32, cache: u64) -> Result<LiveDatabase> {
        let path = resolve(path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_URI
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        let had_wal = std::fs::symlink_metadata(beside(&path, WAL)).is_ok_and(|wal| wal.len() > 0);
        let uri = uri(&path, "psow=1").map_err(|why| cannot(&path, &why))?;
        let mut connection = Connection::open_with_flags(uri, flags).map_err(|error| failure(&path, error))?;
        let mut set_up = || {
            connection.busy_handler(Some(wait_a_little))?;
            // A `-wal` that we made goes again with us, if nobody else has come to use it. One that was there stays.
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, had_wal)?;
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, false)?;
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
            // EXTRA: also the removal of the journal, which is the commit, has reached the disk when it is done.
            connection.execute_batch(&format!(
                "PRAGMA mmap_size = 0; PRAGMA wal_autocheckpoint = 0; PRAGMA page_size = {page_size};
                 PRAGMA synchronous = EXTRA; PRAGMA cache_size = -{}",
                cache / 1024
            ))
        };
        set_up().map_err(|error| failure(&path, error))?;
        Ok(LiveDatabase { path, connection })
    }

    /// A read transaction: on a rollback database it keeps others from committing, so it is for moments only.
    pub fn begin_reading(&self) -> Result<()> {
        self.run("BEGIN")
    }

    /// `false`: others have it locked.
    pub fn try_lock(&self) -> Result<bool> {
        match self.connection.execute_batch("BEGIN EXCLUSIVE") {
            Ok(()) => {}
            Err(error) if is_busy(&error) => return Ok(false),
            Err(error) => return Err(self.failure(error)),
        }
        // Whoever keeps a journal between transactions finds it again. In WAL mode this is refused, and means nothing.
        if beside(&self.path, JOURNAL).exists() {
            let _ = self.connection.query_row("PRAGMA journal_mode = TRUNCATE", [], |_| Ok(()));
        }
        Ok(true)
    }

    /// Ends the transaction, as if it had never been.
    pub fn roll_back(&self) {
        // It fails where there is none: after an error SQLite may have ended it by itself.
        let _ = self.connection.execute_batch("ROLLBACK");
    }

    pub fn commit(&self) -> Result<()> {
        self.run("COMMIT")
    }

    pub fn pages(&self) -> Result<u32> {
        self.number("PRAGMA page_count")
    }

    /// Becomes another number when somebody else has committed. Ask inside a transaction.
    pub fn version(&self) -> Result<u32> {
        self.number("PRAGMA data_version")
    }

    fn number(&self, pragma: &str) -> Result<u32> {
        self.connection.query_row(pragma, [], |row| row.get(0)).map_err(|error| self.failure(error))
    }

    pub fn read(&self, page: u32, into: &mut Vec<u8>) -> Result<()> {
        let mut read = || {
            let mut select =
                self.connection.prepare_cached("SELECT data FROM sqlite_dbpage('main') WHERE pgno = ?1")?;
            select.query_row([page], |row| {
                into.clear();
                into.extend_from_slice(row.get_ref(0)?.as_blob()?);
                Ok(())
            })
        };
        read().map_err(|error| self.failure(error))
    }

    /// Page 1 comes after all others, and [`LiveDatabase::cut`] after that.
    pub fn write(&self, page: u32, bytes: &[u8]) -> Result<()> {
        let write = || {
            let mut insert =
                self.connection.prepare_cached("INSERT INTO sqlite_dbpage (pgno, data) VALUES (?1, ?2)")?;
            insert.execute(params![page, bytes])
        };
        write().map(drop).map_err(|error| self.failure(error))
    }

    /// At the commit, the database gets this many pages. Any later write takes it back.
    pub fn cut(&self, pages: u32) -> Result<()> {
        let cut = self.connection.execute("INSERT INTO sqlite_dbpage (pgno, data) VALUES (?1, NULL)", [pages + 1]);
        cut.map(drop).map_err(|error| self.failure(error))
    }

    /// Until the end of the transaction SQLite does not tidy up free pages: it would do so by a page count and a free
    /// list that it remembers from before. Call it after page 1 was read.
    pub fn suspend_auto_vacuum(&self) -> Result<()> {
        self.run("PRAGMA auto_vacuum = INCREMENTAL")
    }

    /// Other connections read the schema anew.
    pub fn set_cookie(&self, cookie: u32) -> Result<()> {
        self.run(&format!("PRAGMA schema_version = {}", cookie as i32))
    }

    /// Writes what is still in memory, so that little is left for the commit to do, or to fail at.
    pub fn flush(&self) -> Result<()> {
        self.connection.cache_flush().map_err(|error| self.failure(error))
    }

    fn run(&self, sql: &str) -> Result<()> {
        self.connection.execute_batch(sql).map_err(|error| self.failure(error))
    }

    fn failure(&self, error: rusqlite::Error) -> Error {
        failure(&self.path, error)
    }
}

/// Is this the page that holds the byte that SQLite locks?
pub fn is_lock_page(page: u32, page_size: u32) -> bool {
    page == LOCK_BYTE / page_size + 1
}

/// The folder by its true name: SQLite is told to follow no link, and the journal lies beside the true file.
pub fn resolve(path: &Path) -> Result<PathBuf> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(cannot(path, "it is not the path of a file"));
    };
    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    Ok(parent.canonicalize().at("resolving", parent)?.join(name))
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

fn failure(path: &Path, error: rusqlite::Error) -> Error {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => {
            let source = io::Error::new(io::ErrorKind::StorageFull, error.to_string());
            Error::NoSpace { path: path.to_owned(), source }
        }
        _ if is_busy(&error) && is_cancelled() => Error::Aborted,
        _ if is_busy(&error) => in_use(path),
        _ => cannot(path, &format!("SQLite says: {error}")),
    }
}

/// Somebody has it locked, and we have waited long enough.
pub fn in_use(path: &Path) -> Error {
    let who = crate::restore::holders::holders(&[path.to_owned()])
        .and_then(|found| found.holders.into_iter().next())
        .map(|holder| format!(" by process {} ({})", holder.pid, holder.name))
        .unwrap_or_default();
    Error::InUse {
        message: format!(
            "{} is in use{who}: its lock could not be taken in time. Stop the process that writes to it and restore \
             again, or restore with the mode `on-restart`.",
            path.display()
        ),
    }
}

/// It cannot be replaced through SQLite.
pub fn cannot(path: &Path, why: &str) -> Error {
    Error::Restore {
        message: format!(
            "{} cannot be replaced through SQLite: {why}. Restore it with the mode `on-restart` (--mode on-restart), or `offline` while \
             the app is stopped.",
            path.display()
        ),
    }
}
