//! One of Lifeboat's own SQLite databases, with its failures as Lifeboat's.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::types::FromSql;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Params, Row};

use crate::capture::databases::WITH_SIDES;
use crate::{Error, Result, owner};

pub struct LocalDatabase {
    path: PathBuf,
    db: Connection,
    writes: bool,
}

impl LocalDatabase {
    /// Opens it and prepares it. An empty path: one of its own, gone when it is dropped; SQLite keeps it in memory while it
    /// is small.
    pub fn open(
        path: &Path,
        flags: OpenFlags,
        prepare: impl FnOnce(&mut Connection) -> rusqlite::Result<()>,
    ) -> Result<LocalDatabase> {
        let (path, writes) = (path.to_path_buf(), flags.contains(OpenFlags::SQLITE_OPEN_READ_WRITE));
        path.parent().filter(|folder| !folder.as_os_str().is_empty()).map_or(Ok(()), super::refuse_links)?;
        if writes {
            keep_private(&path, flags.contains(OpenFlags::SQLITE_OPEN_CREATE));
        }
        let opened = Connection::open_with_flags(&path, flags);
        let mut database =
            LocalDatabase { db: opened.map_err(|error| failure(&path, error, None, writes))?, path, writes };
        let prepared = prepare(&mut database.db);
        prepared.map_err(|error| database.failure(error))?;
        Ok(database)
    }

    pub fn run(&self, sql: &str, params: impl Params) -> Result<()> {
        self.with(|db| db.prepare_cached(sql)?.execute(params)).map(drop)
    }

    pub fn get<T: FromSql>(&self, sql: &str, params: impl Params) -> Result<Option<T>> {
        self.with(|db| db.prepare_cached(sql)?.query_row(params, |row| row.get(0)).optional())
    }

    pub fn query<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        self.with(|db| db.prepare_cached(sql)?.query_map(params, read)?.collect())
    }

    pub fn last_id(&self) -> i64 {
        self.db.last_insert_rowid()
    }

    /// Several statements.
    pub fn with<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        work(&self.db).map_err(|error| self.failure(error))
    }

    fn failure(&self, error: rusqlite::Error) -> Error {
        // SAFETY: the connection is open, and the call only reads a number.
        let errno = unsafe { rusqlite::ffi::sqlite3_system_errno(self.db.handle()) };
        failure(&self.path, error, Some(errno).filter(|errno| *errno != 0), self.writes)
    }
}

/// Paths and notes stand in it in the clear: nobody but its owner reads it, whatever becomes of the folder around it. SQLite
/// gives what it lays beside a database the same mode. Where this cannot be had, as on FAT, the folder has to do.
#[cfg(unix)]
fn keep_private(path: &Path, may_make: bool) {
    use std::os::unix::fs::PermissionsExt;
    if path.as_os_str().is_empty() {
        return;
    }
    if may_make {
        make_private(path);
    }
    for suffix in WITH_SIDES {
        let mut place = path.as_os_str().to_owned();
        place.push(suffix);
        let is_open = |metadata: &std::fs::Metadata| metadata.is_file() && metadata.permissions().mode() & 0o077 != 0;
        if std::fs::symlink_metadata(&place).is_ok_and(|metadata| is_open(&metadata)) {
            let _ = std::fs::set_permissions(&place, std::fs::Permissions::from_mode(0o600));
        }
    }
}

/// Makes the file where there is none, without opening it: to close it would drop all locks that this process has on it.
#[cfg(target_os = "linux")]
fn make_private(path: &Path) {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let made = mknodat(CWD, path, FileType::RegularFile, Mode::RUSR | Mode::WUSR, 0);
    // For the owner of the vault; SQLite gives what lies beside a database to its owner.
    if made.is_ok()
        && let Some(ids) = path.parent().and_then(owner::of_folder_of_another)
    {
        let _ = owner::give(path, ids);
    }
}

#[cfg(all(unix, not(target_os = "linux")))]
fn make_private(path: &Path) {
    use std::os::unix::fs::OpenOptionsExt;
    let _ = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
}

#[cfg(not(unix))]
fn keep_private(_path: &Path, _may_make: bool) {}

/// `errno`: what the operating system said last. `writes`: whether it may be asked once more, by writing beside it.
fn failure(path: &Path, error: rusqlite::Error, errno: Option<i32>, writes: bool) -> Error {
    use ErrorCode::*;
    let name = path.file_name().map_or("a temporary database".into(), |name| name.to_string_lossy().into_owned());
    match error.sqlite_error_code() {
        Some(DatabaseCorrupt | NotADatabase | TypeMismatch) => {
            Error::corrupt(name, format!("{error}; the next operation that writes makes it anew"))
        }
        Some(DiskFull) => Error::NoSpace { path: path.into(), source: io::ErrorKind::StorageFull.into() },
        Some(ReadOnly | PermissionDenied) => Error::io("using the database", path, io::Error::other(error)),
        Some(SystemIoFailure | CannotOpen) => {
            // SQLite tries to open again what it cannot make, and knows only why that failed.
            let asked = writes && error.sqlite_error_code() == Some(CannotOpen);
            let source = path
                .parent()
                .filter(|_| asked)
                .and_then(|folder| tempfile::tempfile_in(folder).err())
                .or_else(|| errno.map(io::Error::from_raw_os_error))
                .unwrap_or_else(|| io::Error::other(error));
            Error::io("using the database", path, source)
        }
        _ => Error::internal(format!("{name}: {error}")),
    }
}
