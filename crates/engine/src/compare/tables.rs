//! Two databases, table by table: which rows were added, removed and changed.
//!
//! A stored database may have been made by an attacker. So it is opened read-only and as closed as SQLite can be; a value,
//! a statement and the work as a whole have limits; and whatever SQLite or we find wrong with it becomes a note.
//!
//! Virtual tables are not read: what they hold lies in ordinary tables beside them (`pesan_fts_content`), which are.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;

use super::Ticker;
use super::image::Image;
use super::rows::{self, RowCounts, Shape};
use super::trouble::{LONGEST_VALUE, TableResult};
use crate::report::TableDiff;
use crate::{Control, Result};

const LONGEST_STATEMENT: i32 = 1 << 20;
/// Steps of SQLite's machine between two looks at the control.
const STEPS: i32 = 10_000;
/// Steps for each byte of a database. A row takes a step for each of its columns and a few more, and rarely has fewer
/// bytes than columns; but pages that lead to each other again and again would take for ever.
const STEPS_PER_BYTE: u64 = 20;
const STEPS_AT_LEAST: u64 = 10_000_000;
/// Notes that are told.
const NOTES: usize = 3;

/// The tables that differ, and what could not be compared.
pub type Tables = (Vec<TableDiff>, Option<String>);

/// Compares two images. `path` is for the progress.
pub fn compare(old: &mut Image, new: &mut Image, path: &str, ticker: &mut Ticker<'_>) -> Result<Tables> {
    let control = ticker.control;
    let schemas = restrict(old, control)
        .and_then(|()| restrict(new, control))
        .and_then(|()| Ok((Schema::read(&old.connection)?, Schema::read(&new.connection)?)));
    let (before, after) = match schemas {
        Ok(schemas) => schemas,
        Err(trouble) => return Ok((Vec::new(), Some(trouble.note(control)?))),
    };
    let (mut tables, mut notes) = (Vec::new(), Vec::new());
    let names: BTreeSet<&String> = before.tables.keys().chain(after.tables.keys()).collect();
    for name in names {
        let sides = (before.tables.get(name), after.tables.get(name));
        match table(name, sides, (&old.connection, &new.connection), path, ticker) {
            Ok(Some(table)) => tables.push(table),
            Ok(None) => {}
            Err(trouble) => notes.push(format!("{name}: {}", trouble.note(control)?)),
        }
    }
    if notes.len() > NOTES {
        let more = notes.len() - NOTES;
        notes.truncate(NOTES);
        notes.push(format!("and {more} more tables cannot be compared"));
    }
    if tables.is_empty() && notes.is_empty() {
        notes.push(if before.others == after.others {
            "no row differs: only its pages lie otherwise".into()
        } else {
            "no row differs: an index, a view or a trigger does".into()
        });
    }
    Ok((tables, (!notes.is_empty()).then(|| notes.join("; "))))
}

/// Closes a connection further than a capture needs.
fn restrict(image: &mut Image, control: &Control) -> TableResult<()> {
    let db = &mut image.connection;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    db.set_limit(Limit::SQLITE_LIMIT_LENGTH, LONGEST_VALUE)?;
    db.set_limit(Limit::SQLITE_LIMIT_SQL_LENGTH, LONGEST_STATEMENT)?;
    db.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    let mut steps_left = image.size.saturating_mul(STEPS_PER_BYTE).max(STEPS_AT_LEAST);
    let control = control.clone();
    db.progress_handler(
        STEPS,
        Some(move || {
            steps_left = steps_left.saturating_sub(STEPS as u64);
            steps_left == 0 || control.is_cancelled()
        }),
    )?;
    db.execute_batch("PRAGMA cell_size_check = ON; PRAGMA cache_size = -4000; PRAGMA query_only = ON")?;
    Ok(())
}

/// What a database consists of.
struct Schema {
    /// By name: the definition.
    tables: BTreeMap<String, String>,
    /// Indexes, views and triggers.
    others: BTreeSet<(String, String)>,
}

impl Schema {
    fn read(db: &Connection) -> TableResult<Schema> {
        let mut schema = Schema { tables: BTreeMap::new(), others: BTreeSet::new() };
        // An image of 0 bytes is a database without tables, and SQLite needs no schema for it.
        let mut statement = db.prepare("SELECT type, name, coalesce(sql, '') FROM main.sqlite_schema")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (kind, name, sql): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            match kind.as_str() {
                // SQLite's own book-keeping.
                "table" if name.starts_with("sqlite_") => {}
                "table" => drop(schema.tables.insert(name, sql)),
                _ => drop(schema.others.insert((name, sql))),
            }
        }
        Ok(schema)
    }
}

fn is_virtual(sql: &str) -> bool {
    sql.get(..14).is_some_and(|start| start.eq_ignore_ascii_case("CREATE VIRTUAL"))
}

/// `None` where nothing differs.
fn table(
    name: &str,
    (before, after): (Option<&String>, Option<&String>),
    (old, new): (&Connection, &Connection),
    path: &str,
    ticker: &mut Ticker<'_>,
) -> TableResult<Option<TableDiff>> {
    let is_virtual = [before, after].into_iter().flatten().any(|sql| is_virtual(sql));
    let mut counts = RowCounts::default();
    if !is_virtual {
        let old = before.map(|_| Shape::of(old, name)).transpose()?.map(|shape| (old, shape));
        let new = after.map(|_| Shape::of(new, name)).transpose()?.map(|shape| (new, shape));
        counts = match (&old, &new) {
            (Some((old, a)), Some((new, b))) if a.key == b.key => rows::compare((old, a), (new, b), path, ticker)?,
            // Another key makes other rows of them all.
            _ => RowCounts {
                removed: old.map(|(db, shape)| rows::count(db, &shape, path, ticker)).transpose()?.unwrap_or(0),
                added: new.map(|(db, shape)| rows::count(db, &shape, path, ticker)).transpose()?.unwrap_or(0),
                changed: 0,
            },
        };
    }
    let diff = TableDiff {
        table: name.to_owned(),
        added: counts.added,
        removed: counts.removed,
        changed: counts.changed,
        schema: before != after,
        created: before.is_none(),
        dropped: after.is_none(),
    };
    Ok((diff.schema || counts != RowCounts::default()).then_some(diff))
}
