//! The rows of one table on two sides, merged in the order of their keys: two rows in memory, however many there are.

use std::cmp::Ordering;

use rusqlite::fallible_streaming_iterator::FallibleStreamingIterator as _;
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Row, Rows};

use super::Ticker;
use super::trouble::{TableResult, TableTrouble};

/// Rows between two looks at the clock.
const STRETCH: u64 = 4096;
const OUT_OF_ORDER: &str = "its rows are not in the order of their keys: it is damaged";

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowCounts {
    pub added: u64,
    pub removed: u64,
    pub changed: u64,
}

/// How the rows of a table are told apart.
#[derive(PartialEq)]
pub enum Key {
    /// By the name under which this table shows it.
    Rowid(&'static str),
    /// Columns of the primary key, where there is no rowid.
    Columns(Vec<String>),
}

pub struct Shape {
    table: String,
    pub key: Key,
    /// Stored columns: generated ones follow from them.
    columns: Vec<String>,
    /// How texts compare: UTF-8 as it is, or the bytes of UTF-16.
    encoding: Encoding,
}

#[derive(Clone, Copy, PartialEq)]
enum Encoding {
    Utf8,
    Utf16le,
    Utf16be,
}

impl Shape {
    pub fn of(db: &Connection, table: &str) -> TableResult<Shape> {
        let mut info = db.prepare("SELECT name, pk FROM pragma_table_xinfo(?1, 'main') WHERE hidden = 0")?;
        let mut rows = info.query([table])?;
        let (mut columns, mut primary) = (Vec::new(), Vec::new());
        while let Some(row) = rows.next()? {
            let (name, place): (String, i64) = (row.get(0)?, row.get(1)?);
            if place > 0 {
                primary.push((place, name.clone()));
            }
            columns.push(name);
        }
        let is_free = |name: &&str| columns.iter().all(|column| !column.eq_ignore_ascii_case(name));
        let rowid = ["rowid", "_rowid_", "oid"].into_iter().find(is_free);
        // A table without rowid says so when it is asked for it.
        let has = |name: &&str| db.prepare(&format!("SELECT {name} FROM main.{}", quoted(table))).is_ok();
        let key = match rowid.filter(has) {
            Some(name) => Key::Rowid(name),
            None if primary.is_empty() => return Err(TableTrouble::Damaged("its rows have no key that can be read")),
            None => {
                primary.sort();
                Key::Columns(primary.into_iter().map(|(_, name)| name).collect())
            }
        };
        let encoding: String = db.query_row("PRAGMA encoding", [], |row| row.get(0))?;
        let encoding = match encoding.as_str() {
            "UTF-16le" => Encoding::Utf16le,
            "UTF-16be" => Encoding::Utf16be,
            _ => Encoding::Utf8,
        };
        Ok(Shape { table: table.to_owned(), key, columns, encoding })
    }

    /// Reads the key and these columns, in the order of the key. No index is used: it might be the damaged part, and
    /// a condition or an expression of it would be evaluated.
    fn select(&self, columns: &[&String]) -> String {
        let key: Vec<String> = match &self.key {
            Key::Rowid(name) => vec![(*name).into()],
            Key::Columns(names) => names.iter().map(|name| quoted(name)).collect(),
        };
        let order: Vec<String> = key
            .iter()
            .map(|key| if matches!(self.key, Key::Rowid(_)) { key.clone() } else { format!("{key} COLLATE BINARY") })
            .collect();
        let columns: Vec<String> = key.into_iter().chain(columns.iter().map(|name| quoted(name))).collect();
        let (columns, order) = (columns.join(", "), order.join(", "));
        format!("SELECT {columns} FROM main.{} NOT INDEXED ORDER BY {order}", quoted(&self.table))
    }

    fn key_length(&self) -> usize {
        match &self.key {
            Key::Rowid(_) => 1,
            Key::Columns(names) => names.len(),
        }
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Compares the columns that both sides have.
pub fn compare(
    (old, before): (&Connection, &Shape),
    (new, after): (&Connection, &Shape),
    path: &str,
    ticker: &mut Ticker<'_>,
) -> TableResult<RowCounts> {
    if before.encoding != after.encoding && matches!(before.key, Key::Columns(_)) {
        return Err(TableTrouble::Damaged("the encoding of its texts changed, and with it the order of its rows"));
    }
    let shared: Vec<&String> = before.columns.iter().filter(|name| after.columns.contains(name)).collect();
    let (mut old, mut new) = (old.prepare(&before.select(&shared))?, new.prepare(&after.select(&shared))?);
    let mut a = TableSide::new(old.query([])?, before);
    let mut b = TableSide::new(new.query([])?, after);
    let key = before.key_length();
    let mut counts = RowCounts::default();
    a.advance()?;
    b.advance()?;
    for row in 0_u64.. {
        if row % STRETCH == 0 {
            ticker.still(path)?;
        }
        let (removed, added) = match (a.row(), b.row()) {
            (None, None) => break,
            (Some(_), None) => (true, false),
            (None, Some(_)) => (false, true),
            (Some(x), Some(y)) => match compare_keys(x, y, key, before.encoding)? {
                Ordering::Less => (true, false),
                Ordering::Greater => (false, true),
                Ordering::Equal => {
                    for column in key..key + shared.len() {
                        if x.get_ref(column)? != y.get_ref(column)? {
                            counts.changed += 1;
                            break;
                        }
                    }
                    a.advance()?;
                    b.advance()?;
                    continue;
                }
            },
        };
        if removed {
            counts.removed += 1;
            a.advance()?;
        }
        if added {
            counts.added += 1;
            b.advance()?;
        }
    }
    Ok(counts)
}

/// How many rows the table has.
pub fn count(db: &Connection, shape: &Shape, path: &str, ticker: &mut Ticker<'_>) -> TableResult<u64> {
    let mut statement = db.prepare(&shape.select(&[]))?;
    let mut side = TableSide::new(statement.query([])?, shape);
    let mut rows = 0;
    side.advance()?;
    while side.row().is_some() {
        if rows % STRETCH == 0 {
            ticker.still(path)?;
        }
        rows += 1;
        side.advance()?;
    }
    Ok(rows)
}

/// One side of the merge, which insists on the order: a damaged tree may lead in circles.
struct TableSide<'s> {
    rows: Rows<'s>,
    shape: &'s Shape,
    last: Vec<Value>,
}

impl<'s> TableSide<'s> {
    fn new(rows: Rows<'s>, shape: &'s Shape) -> TableSide<'s> {
        TableSide { rows, shape, last: Vec::new() }
    }

    fn row(&self) -> Option<&Row<'s>> {
        self.rows.get()
    }

    fn advance(&mut self) -> TableResult<()> {
        self.rows.advance()?;
        let Some(row) = self.rows.get() else { return Ok(()) };
        let length = self.shape.key_length();
        if !self.last.is_empty() {
            let mut order = Ordering::Equal;
            for column in 0..length {
                let last = ValueRef::from(&self.last[column]);
                order = order.then(compare_values(last, row.get_ref(column)?, self.shape.encoding));
            }
            if order != Ordering::Less {
                return Err(TableTrouble::Damaged(OUT_OF_ORDER));
            }
        }
        self.last.clear();
        for column in 0..length {
            self.last
                .push(row.get_ref(column)?.try_into().map_err(|_| TableTrouble::Damaged("a key is not valid text"))?);
        }
        Ok(())
    }
}

fn compare_keys(x: &Row<'_>, y: &Row<'_>, length: usize, encoding: Encoding) -> TableResult<Ordering> {
    let mut order = Ordering::Equal;
    for column in 0..length {
        order = order.then(compare_values(x.get_ref(column)?, y.get_ref(column)?, encoding));
    }
    Ok(order)
}

/// As SQLite sorts: NULL, numbers, texts, blobs. <https://www.sqlite.org/datatype3.html#sort_order>
fn compare_values(x: ValueRef<'_>, y: ValueRef<'_>, encoding: Encoding) -> Ordering {
    let rank = |value: &ValueRef<'_>| match value {
        ValueRef::Null => 0,
        ValueRef::Integer(_) | ValueRef::Real(_) => 1,
        ValueRef::Text(_) => 2,
        ValueRef::Blob(_) => 3,
    };
    match (x, y) {
        (ValueRef::Integer(x), ValueRef::Integer(y)) => x.cmp(&y),
        (ValueRef::Real(x), ValueRef::Real(y)) => x.total_cmp(&y),
        (ValueRef::Integer(x), ValueRef::Real(y)) => compare_with_real(x, y),
        (ValueRef::Real(x), ValueRef::Integer(y)) => compare_with_real(y, x).reverse(),
        (ValueRef::Text(x), ValueRef::Text(y)) => match encoding {
            Encoding::Utf8 => x.cmp(y),
            Encoding::Utf16le => utf16(x, u16::to_le_bytes).cmp(&utf16(y, u16::to_le_bytes)),
            Encoding::Utf16be => utf16(x, u16::to_be_bytes).cmp(&utf16(y, u16::to_be_bytes)),
        },
        (ValueRef::Blob(x), ValueRef::Blob(y)) => x.cmp(y),
        _ => rank(&x).cmp(&rank(&y)),
    }
}

/// A real number does not hold every whole one beyond 2^53: as SQLite does it, without rounding.
fn compare_with_real(whole: i64, real: f64) -> Ordering {
    const END: f64 = 9_223_372_036_854_775_808.0;
    if real < -END {
        return Ordering::Greater;
    }
    if real >= END {
        return Ordering::Less;
    }
    whole.cmp(&(real as i64)).then((whole as f64).total_cmp(&real))
}

fn utf16(text: &[u8], bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    String::from_utf8_lossy(text).encode_utf16().flat_map(bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_and_real_numbers_sort_as_in_sqlite() {
        let db = Connection::open_in_memory().unwrap();
        let wholes = [0, 2, -2, -3, 1 << 53, (1 << 53) + 1, (1 << 53) - 1, i64::MAX, i64::MIN];
        let reals = [0.5, -2.5, 2.0, 9_007_199_254_740_992.0, 9_007_199_254_740_993.5, 9.3e18, -9.3e18, 1e300];
        for whole in wholes {
            for real in reals {
                let sign: i64 = db.query_row("SELECT (?1 > ?2) - (?1 < ?2)", (whole, real), |row| row.get(0)).unwrap();
                let order = compare_values(ValueRef::Integer(whole), ValueRef::Real(real), Encoding::Utf8);
                assert_eq!(order as i64, sign, "{whole} and {real}");
                assert_eq!(
                    compare_values(ValueRef::Real(real), ValueRef::Integer(whole), Encoding::Utf8),
                    order.reverse()
                );
            }
        }
    }
}
