//! Why a table cannot be compared, and how that is told.

use rusqlite::ErrorCode;

use crate::{Control, Error, Result};

/// Bytes of a value that is read. SQLite's own limit is 1 GB, and two rows are in memory at once.
pub const LONGEST_VALUE: i32 = 64 << 20;

/// Why a table cannot be compared.
pub enum TableTrouble {
    Sqlite(rusqlite::Error),
    Damaged(&'static str),
    Failed(Error),
}

impl From<rusqlite::Error> for TableTrouble {
    fn from(error: rusqlite::Error) -> TableTrouble {
        TableTrouble::Sqlite(error)
    }
}

impl From<Error> for TableTrouble {
    fn from(error: Error) -> TableTrouble {
        TableTrouble::Failed(error)
    }
}

impl TableTrouble {
    /// For the reader; a cancellation is an error and no note.
    pub fn note(self, control: &Control) -> Result<String> {
        control.check()?;
        match self {
            TableTrouble::Failed(error) => Err(error),
            TableTrouble::Damaged(reason) => Ok(reason.into()),
            TableTrouble::Sqlite(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => {
                Ok("it takes far more work than its size explains: it is damaged, or was made to".into())
            }
            TableTrouble::Sqlite(error) if error.sqlite_error_code() == Some(ErrorCode::TooBig) => {
                Ok(format!("it has a value of more than {} MB", LONGEST_VALUE >> 20))
            }
            TableTrouble::Sqlite(error) => Ok(format!("SQLite says: {error}")),
        }
    }
}

pub type TableResult<T> = std::result::Result<T, TableTrouble>;
