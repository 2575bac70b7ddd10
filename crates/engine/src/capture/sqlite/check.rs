//! Checks: of a captured image, and of the SQLite that we are built with.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::reader::{connect, trouble, uri};
use super::{Attempt, Trouble, stand_in};
use crate::{Error, Result, pulse};

/// At most so many findings: one is enough to know, and a broken file can have millions.
const FINDINGS: u32 = 20;
/// Of SQLite's machine, between two signs of life: some milliseconds.
const STEPS: i32 = 100_000;

/// `PRAGMA quick_check` on an image that nobody writes to. Empty: it is sound.
///
/// Reads each page once. It opens the image as immutable: no lock, no `-wal` and no `-shm`, also where the header says
/// WAL. Never on a live database.
pub fn quick_check(image: &Path) -> Result<Vec<String>> {
    let image = std::path::absolute(image).map_err(|source| Error::io("reading", image, source))?;
    match findings(&image) {
        Ok(findings) => Ok(findings),
        Err(Trouble::Failed(error)) => Err(error),
        Err(Trouble::Moved(source)) => Err(Error::io("reading", image, source)),
        Err(
            Trouble::Busy(reason) | Trouble::Again(reason) | Trouble::Recover(reason) | Trouble::Unreadable(reason),
        ) => Ok(vec![reason]),
    }
}

/// Opens a copy of a database that is all ours, as closed to a hostile one as all our connections. It may be filled after
/// that: SQLite looks at the file when it is first asked something. In its header it must be in rollback mode, for a
/// write-ahead log needs files beside it. `Err` says why SQLite cannot open it.
pub fn open_copy(copy: &Path) -> Result<Connection, String> {
    let uri = uri(copy, "psow=1")?;
    connect(&uri, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(|trouble| match trouble {
        Trouble::Failed(error) => error.to_string(),
        Trouble::Moved(error) => error.to_string(),
        Trouble::Busy(reason) | Trouble::Again(reason) | Trouble::Recover(reason) | Trouble::Unreadable(reason) => {
            reason
        }
    })
}

fn findings(image: &Path) -> Attempt<Vec<String>> {
    let uri = uri(image, "immutable=1").map_err(Trouble::Unreadable)?;
    let mut connection = connect(&uri, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    // Of a large one it takes minutes.
    let goes_on = || {
        pulse::beat();
        false
    };
    connection.progress_handler(STEPS, Some(goes_on)).map_err(trouble)?;
    // A CHECK constraint may call a function that only the app has. Its absence says nothing about the file.
    connection.execute_batch("PRAGMA ignore_check_constraints = ON").map_err(trouble)?;
    match run(&connection, None) {
        Err(error) if stand_in::is_about_sql(&error) => stand_in::findings(&connection).map_err(trouble),
        outcome => outcome.map_err(trouble),
    }
}

/// The check, of all or of one table.
pub(super) fn run(connection: &Connection, table: Option<&str>) -> rusqlite::Result<Vec<String>> {
    let argument = match table {
        None => FINDINGS.to_string(),
        Some(table) => format!("'{}'", table.replace('\'', "''")),
    };
    let mut check = connection.prepare(&format!("PRAGMA quick_check({argument})"))?;
    let findings = check.query_map([], |row| row.get::<_, String>(0))?;
    let mut findings = findings.collect::<rusqlite::Result<Vec<_>>>()?;
    findings.retain(|finding| finding != "ok");
    Ok(findings)
}

/// That our own SQLite is fit for live databases. Up to 3.51.2 two checkpoints could race and corrupt a WAL database; and
/// without `sqlite_dbpage` there is no way to read pages through a pinned transaction.
pub fn check_library() -> Result<()> {
    const NEEDED: i32 = 3_051_003;
    if rusqlite::version_number() < NEEDED {
        let version = rusqlite::version();
        return Err(Error::internal(format!("built with SQLite {version}, which is older than 3.51.3")));
    }
    let has_pages = Connection::open_in_memory()
        .and_then(|memory| memory.query_row("SELECT count(*) FROM sqlite_dbpage", [], |row| row.get::<_, u32>(0)));
    has_pages.map(drop).map_err(|error| {
        Error::internal(format!("built with an SQLite that has no sqlite_dbpage (see .cargo/config.toml): {error}"))
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_bundled_sqlite_is_fit() {
        super::check_library().unwrap();
    }
}
