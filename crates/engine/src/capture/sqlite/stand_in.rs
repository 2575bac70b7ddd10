//! The check of a database whose SQL only its app can run: its schema names a collation, a function or a tokenizer that the
//! app brings along. Such a database is sound, as far as its pages are.
//!
//! SQLite does not check what it cannot compile. So what is missing gets a stand-in of its name, and from what SQLite then
//! finds goes what hangs on the stand-in's answers. Where there can be no stand-in the tables are checked one by one.

use std::cmp::Ordering;

use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::Null;

use super::check::run;

/// A schema that names more functions than this is checked table by table.
const MOST: usize = 64;
/// How SQLite names a function that it does not have.
const UNKNOWN: [&str; 2] = ["no such function: ", "unknown function: "];
/// Findings about values and their order. The pages that hold them are sound.
const ABOUT_VALUES: [&str; 6] = [
    "NULL value in ",
    "non-",
    "NUMERIC value in ",
    "TEXT value in ",
    "CHECK constraint failed in ",
    "row not in PRIMARY KEY order for ",
];

/// Is it about what SQLite was asked, and not about the file?
pub(super) fn is_about_sql(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|error| error.extended_code & 0xff == rusqlite::ffi::SQLITE_ERROR)
}

/// What the check finds that is about the file. Reads it a second time.
pub(super) fn findings(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    connection.collation_needed(|connection, name| {
        connection.create_collation(name, |a: &str, b: &str| -> Ordering { a.cmp(b) })
    })?;
    for _ in 0..MOST {
        match run(connection, None) {
            Ok(found) => return Ok(of_pages(found)),
            Err(error) if is_about_sql(&error) => {
                let message = error.to_string();
                let Some(name) = missing_function(&message) else { break };
                // A schema may only call what is harmless.
                let flags =
                    FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
                connection.create_scalar_function(name, -1, flags, |_| Ok(Null))?;
            }
            Err(error) => return Err(error),
        }
    }
    table_by_table(connection)
}

fn table_by_table(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut names = connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")?;
    let names = names.query_map([], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>()?;
    let mut findings = Vec::new();
    for name in names {
        match run(connection, Some(&name)) {
            Ok(found) => findings.extend(of_pages(found)),
            Err(error) if is_about_sql(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(findings)
}

fn of_pages(mut findings: Vec<String>) -> Vec<String> {
    findings.retain(|finding| !ABOUT_VALUES.iter().any(|about| finding.starts_with(about)));
    findings
}

/// `unknown function: slug()`
fn missing_function(message: &str) -> Option<&str> {
    let name = UNKNOWN.iter().find_map(|words| Some(message.split_once(words)?.1))?;
    Some(name.split(['(', ' ']).next()?).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_function_is_known_by_its_name() {
        assert_eq!(missing_function("unknown function: slug()"), Some("slug"));
        assert_eq!(missing_function("no such function: slug in PRAGMA"), Some("slug"));
        assert_eq!(missing_function("no such table: t"), None);
    }
}
