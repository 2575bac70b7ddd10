//! The outbox: what happened, until everybody who should hear of it has taken it.
//!
//! Keep first, tell after: an event is in here before anybody is told. Whoever listens is a *consumer* with a name of its own,
//! and takes its events one after the other, each when it has done what it does with it. What a consumer has not taken comes
//! again, also to the next process that has its name; others do not wait for it. A claim ends when its holder leaves, or a while
//! after nobody sees its holder any more: what says that it is there may die alone.
//!
//! Its size is bounded: where there is too much, good news goes before bad, and the oldest first. Errands for hosts are not
//! counted: a restore waits for them, and they go with their hosts.

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::event::{Event, News};
use super::logbook::{Logbook, json};
use crate::Result;

/// Events that wait to be taken. More than these nobody would read.
const MOST: u32 = 500;
/// Bytes of them: the result of a restore names every path.
const MOST_BYTES: i64 = 16 << 20;
/// An event that nobody took for so long is no news any more, and a consumer that asked for none is none.
const LIFE: i64 = 7 * DAY;
const DAY: i64 = 24 * 3_600_000;
/// For so long a claim holds whose holder nobody sees: as long as a listener may take, and more.
const LEASE: i64 = 90_000;

/// Who wants to hear of one kind of event.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EventConsumer {
    pub name: String,
    pub event: String,
    /// Since when: a new one is not told what good news there was before, nor what others have heard.
    pub since: i64,
}

/// An event that one consumer has to itself until it takes or releases it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventClaim {
    pub consumer: String,
    #[serde(flatten)]
    pub event: Event,
}

impl Logbook {
    /// Keeps an event for whoever wants to hear of it. Returns what it is known by.
    pub fn tell(&self, news: &News, now: i64) -> Result<i64> {
        let value = json(&news.value())?;
        self.in_one(|db| keep(db, news, &value, now))
    }

    /// The same together with a fact, unless somebody else has noted one since.
    pub fn tell_once(&self, news: &News, key: &str, before: Option<&Value>, after: &Value, now: i64) -> Result<()> {
        let (value, before, after) = (json(&news.value())?, before.map(json).transpose()?, json(after)?);
        self.in_one(|db| {
            let known: Option<String> =
                db.query_row("SELECT value FROM facts WHERE key = ?1", [key], |row| row.get(0)).optional()?;
            if known == before {
                db.execute("INSERT OR REPLACE INTO facts VALUES (?1, ?2)", params![key, after])?;
                keep(db, news, &value, now)?;
            }
            Ok(())
        })
    }

    /// Keeps an event for one host by its name.
    pub fn send(&self, host: &str, event: &str, value: &Value, now: i64) -> Result<i64> {
        let value = json(value)?;
        self.in_one(|db| insert(db, event, &value, Some(host), false, now))
    }

    /// What waits for hosts by their names, each with the host's.
    pub fn errands(&self) -> Result<Vec<(String, Event)>> {
        let sql = "SELECT id, at, event, value, host FROM events WHERE host IS NOT NULL ORDER BY id";
        let rows = self.db().query(sql, params![], |row| Ok((row.get(4)?, raw(row)?)))?;
        Ok(rows.into_iter().filter_map(|(host, raw)| Some((host, event(raw)?))).collect())
    }

    /// All that waits, in order, whoever has taken it already.
    pub fn events(&self) -> Result<Vec<Event>> {
        let rows = self.db().query("SELECT id, at, event, value FROM events ORDER BY id", params![], raw)?;
        Ok(rows.into_iter().filter_map(event).collect())
    }

    /// It comes no more, to nobody.
    pub fn acknowledge(&self, id: i64) -> Result<()> {
        self.db().run("DELETE FROM events WHERE id = ?1", params![id])
    }

    /// For each of these consumers the first event that it has not taken, unless another holder is at it that is alive, or was
    /// just now.
    pub fn claim(
        &self,
        consumers: &[EventConsumer],
        holder: &str,
        is_alive: &dyn Fn(&str) -> bool,
        now: i64,
    ) -> Result<Vec<EventClaim>> {
        let mut open = Vec::new();
        for consumer in consumers {
            // Most of the time there is nothing to be told: then nothing is written.
            let is_known = self.db().with(|db| seen(db, consumer)).map(|seen| seen.is_some_and(|at| now - at < DAY))?;
            if !is_known || self.db().with(|db| first(db, consumer))?.is_some() {
                open.push(consumer);
            }
        }
        if open.is_empty() {
            return Ok(Vec::new());
        }
        let claimed = self.in_one(|db| {
            let mut claimed = Vec::new();
            for consumer in &open {
                meet(db, consumer, now)?;
                let Some((raw, held)) = first(db, consumer)? else { continue };
                // A lease from a clock that was ahead counts for nothing.
                let is_leased = |until: i64| (now..=now + LEASE).contains(&until);
                if held.is_some_and(|(other, until)| other != holder && (is_leased(until) || is_alive(&other))) {
                    continue;
                }
                db.execute(
                    "INSERT OR REPLACE INTO deliveries (event, consumer, holder, until) VALUES (?1, ?2, ?3, ?4)",
                    params![raw.0, consumer.name, holder, now + LEASE],
                )?;
                claimed.push((consumer.name.clone(), raw));
            }
            Ok(claimed)
        })?;
        let claim = |(consumer, raw): (String, Raw)| Some(EventClaim { consumer, event: event(raw)? });
        Ok(claimed.into_iter().filter_map(claim).collect())
    }

    /// This consumer has done with it. What all have taken goes.
    pub fn take(&self, id: i64, consumer: &str, now: i64) -> Result<()> {
        self.in_one(|db| {
            db.execute(
                "INSERT OR REPLACE INTO deliveries (event, consumer, taken) VALUES (?1, ?2, ?3)",
                params![id, consumer, now],
            )?;
            db.execute(
                "DELETE FROM events WHERE id = ?1 AND host IS NULL AND NOT EXISTS (
                     SELECT 1 FROM consumers WHERE consumers.event = events.event AND NOT EXISTS (
                         SELECT 1 FROM deliveries WHERE deliveries.event = events.id
                         AND deliveries.consumer = consumers.name AND taken IS NOT NULL))",
                [id],
            )?;
            forget_deliveries(db)
        })
    }

    /// This consumer could not take it: it comes again.
    pub fn release(&self, id: i64, consumer: &str) -> Result<()> {
        self.db()
            .run("DELETE FROM deliveries WHERE event = ?1 AND consumer = ?2 AND taken IS NULL", params![id, consumer])
    }

    /// Is this holder at anything?
    pub fn holds(&self, holder: &str) -> Result<bool> {
        let sql = "SELECT 1 FROM deliveries WHERE holder = ?1 AND taken IS NULL LIMIT 1";
        Ok(self.db().get::<i64>(sql, [holder])?.is_some())
    }

    /// This holder has ended: what it was at comes again.
    pub fn release_all(&self, holder: &str) -> Result<()> {
        self.db().run("DELETE FROM deliveries WHERE holder = ?1 AND taken IS NULL", [holder])
    }

    /// Several statements that become true together. What they read nobody changes meanwhile.
    pub(super) fn in_one<T>(&self, work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>) -> Result<T> {
        self.db().with(|db| {
            let transaction = Transaction::new_unchecked(db, TransactionBehavior::Immediate)?;
            let done = work(&transaction)?;
            transaction.commit()?;
            Ok(done)
        })
    }
}

type Raw = (i64, i64, String, String);
/// Who is at an event, and until when at least.
type Held = (String, i64);

fn raw(row: &rusqlite::Row<'_>) -> rusqlite::Result<Raw> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
}

fn event((id, at, event, value): Raw) -> Option<Event> {
    Some(Event { id, at, event, value: serde_json::from_str(&value).ok()? })
}

/// In a transaction of the caller's. `value`: the news as text.
pub(super) fn keep(db: &Connection, news: &News, value: &str, now: i64) -> rusqlite::Result<i64> {
    insert(db, news.name(), value, None, news.is_bad(), now)
}

fn insert(db: &Connection, event: &str, value: &str, host: Option<&str>, bad: bool, now: i64) -> rusqlite::Result<i64> {
    db.execute(
        "INSERT INTO events (at, event, value, host, bad) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![now, event, value, host, bad],
    )?;
    let id = db.last_insert_rowid();
    // By the clock alone, one that is far ahead once, or a machine that was off for long, would cost alarms that wait, and who
    // is to hear of them: days count on which anything ran.
    for (table, since) in [("events", "at"), ("consumers", "seen")] {
        let days = format!("SELECT COUNT(DISTINCT runs.at / {DAY}) FROM runs WHERE runs.at > {table}.{since}");
        db.execute(
            &format!("DELETE FROM {table} WHERE {since} <= ?1 AND ({days}) >= {}", LIFE / DAY),
            [now.saturating_sub(LIFE)],
        )?;
    }
    // This one first, then from the newest to the oldest, and bad before good: what is behind the limit goes.
    db.execute(
        "DELETE FROM events WHERE id IN (SELECT id FROM (
             SELECT id, row_number() OVER w AS place, sum(length(value)) OVER w AS bytes FROM events WHERE host IS NULL
             WINDOW w AS (ORDER BY id = ?3 DESC, bad DESC, id DESC ROWS UNBOUNDED PRECEDING)
         ) WHERE place > ?1 OR (bytes > ?2 AND id <> ?3))",
        params![MOST, MOST_BYTES, id],
    )?;
    forget_deliveries(db)?;
    Ok(id)
}

fn forget_deliveries(db: &Connection) -> rusqlite::Result<()> {
    db.execute("DELETE FROM deliveries WHERE event NOT IN (SELECT id FROM events)", []).map(drop)
}

/// When a consumer asked last.
fn seen(db: &Connection, consumer: &EventConsumer) -> rusqlite::Result<Option<i64>> {
    db.query_row("SELECT seen FROM consumers WHERE name = ?1", [&consumer.name], |row| row.get(0)).optional()
}

/// A new one has nothing to do with what was told before it came.
fn meet(db: &Connection, consumer: &EventConsumer, now: i64) -> rusqlite::Result<()> {
    if seen(db, consumer)?.is_none() {
        db.execute(
            "INSERT OR IGNORE INTO deliveries (event, consumer, taken) SELECT id, ?1, ?4 FROM events
             WHERE event = ?2 AND host IS NULL AND at < ?3 AND (NOT bad OR EXISTS (
                 SELECT 1 FROM deliveries WHERE deliveries.event = events.id AND taken IS NOT NULL))",
            params![consumer.name, consumer.event, consumer.since, now],
        )?;
    }
    db.execute("INSERT OR REPLACE INTO consumers VALUES (?1, ?2, ?3)", params![consumer.name, consumer.event, now])
        .map(drop)
}

/// The first event that a consumer has not taken, and who is at it, until when.
fn first(db: &Connection, consumer: &EventConsumer) -> rusqlite::Result<Option<(Raw, Option<Held>)>> {
    db.prepare_cached(
        "SELECT id, at, events.event, value, holder, until FROM events
         LEFT JOIN deliveries ON deliveries.event = events.id AND deliveries.consumer = ?1
         WHERE events.event = ?2 AND host IS NULL AND taken IS NULL ORDER BY id LIMIT 1",
    )?
    .query_row(params![consumer.name, consumer.event], |row| {
        let (holder, until): (Option<String>, Option<i64>) = (row.get(4)?, row.get(5)?);
        Ok((raw(row)?, holder.zip(until)))
    })
    .optional()
}
