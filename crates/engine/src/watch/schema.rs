//! The tables of the logbook, and how an older one gets them.

use rusqlite::{Connection, TransactionBehavior};

use super::event::bad_names;

/// Version 2: events wait for each consumer, and the schedule has a table of its own. Version 3: claims have an end.
pub(super) const VERSION: i64 = 3;

const FIRST: &str = "
    CREATE TABLE runs (
        id INTEGER PRIMARY KEY, at INTEGER NOT NULL, operation TEXT NOT NULL, type TEXT, result TEXT NOT NULL,
        run TEXT NOT NULL
    );
    CREATE INDEX runs_at ON runs (at);
    CREATE TABLE events (id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, event TEXT NOT NULL, value TEXT NOT NULL);
    CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE checked (pack BLOB PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
";

/// `host`: whom an event is for by name. `bad`: what goes last where there is too much. A delivery is claimed by its `holder`,
/// and `taken` in the end. `schedule` has a row for each scheduled type, one for the inspection, and one for a pause.
const SECOND: &str = "
    ALTER TABLE events ADD COLUMN host TEXT;
    ALTER TABLE events ADD COLUMN bad INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX events_of ON events (event, id);
    CREATE TABLE consumers (name TEXT PRIMARY KEY, event TEXT NOT NULL, seen INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE deliveries (
        event INTEGER NOT NULL, consumer TEXT NOT NULL, holder TEXT, taken INTEGER, PRIMARY KEY (event, consumer)
    ) WITHOUT ROWID;
    CREATE TABLE schedule (
        type TEXT PRIMARY KEY, seen INTEGER NOT NULL, owed INTEGER NOT NULL DEFAULT 0, not_before INTEGER NOT NULL DEFAULT 0
    ) WITHOUT ROWID;
    UPDATE events SET host = json_extract(value, '$.host');
    INSERT INTO schedule (type, seen) SELECT substr(key, 10), CAST(value AS INTEGER) FROM facts WHERE key LIKE 'schedule.%';
    INSERT INTO schedule (type, seen) SELECT 'INSPECTION', CAST(value AS INTEGER) FROM facts WHERE key = 'inspected';
    DELETE FROM facts WHERE key LIKE 'schedule.%' OR key = 'inspected';
";

/// `until`: for so long a delivery is its holder's, whether that is seen or not.
const THIRD: &str = "ALTER TABLE deliveries ADD COLUMN until INTEGER NOT NULL DEFAULT 0;";

pub(super) fn version(db: &Connection) -> rusqlite::Result<i64> {
    db.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// Makes the tables, or those that an older one has not. One of a newer Lifeboat is left as it is, and is an error.
pub(super) fn prepare(db: &mut Connection) -> rusqlite::Result<()> {
    if version(db)? == VERSION {
        return Ok(());
    }
    // Of two that find it empty, one makes the tables.
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found = version(&transaction)?;
    if !(0..=VERSION).contains(&found) {
        return Err(rusqlite::Error::InvalidQuery);
    }
    if found == 0 {
        transaction.execute_batch(FIRST)?;
    }
    if found < 2 {
        transaction.execute_batch(SECOND)?;
        for name in bad_names() {
            transaction.execute("UPDATE events SET bad = 1 WHERE event = ?1", [name])?;
        }
    }
    if found < 3 {
        transaction.execute_batch(THIRD)?;
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}
