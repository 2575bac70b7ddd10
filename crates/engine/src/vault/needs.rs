//! What each piece of an item list needs, remembered in the catalog: who marks need not read the piece again.
//!
//! A piece is named by the hash of its content, so what it needs never changes. An entry therefore cannot be stale; it can
//! only be missing, or not be ours. That it is ours its tag says, a keyed hash over the piece's id and the ids of all chunks
//! that it needs, under a key that only this vault has. What is missing, damaged or does not fit its tag is as good as
//! none: then the piece itself is read, which authenticates.
//!
//! Most pieces need chunks that many others need, too. So each chunk id is written once, with a number, and an entry is the
//! numbers: about two bytes for each chunk.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

use rusqlite::params;
use zeroize::Zeroizing;

use super::catalog::Catalog;
use crate::Result;
use crate::chunk::ChunkId;

pub(super) const SCHEMA: &str = "
    CREATE TABLE numbers (number INTEGER PRIMARY KEY, chunk BLOB NOT NULL);
    CREATE TABLE needs (piece BLOB PRIMARY KEY, numbers BLOB NOT NULL, tag BLOB NOT NULL) WITHOUT ROWID;
";

/// Of pieces, the ids of the chunks that each needs: sorted, each once.
pub type Entries = Vec<(ChunkId, Vec<ChunkId>)>;

/// What a catalog remembers. Nothing here fails: what cannot be read or written is not remembered.
pub struct NeedsCache {
    key: Zeroizing<[u8; 32]>,
    /// As they lie in the catalog, not yet believed: by piece, the numbers and the tag.
    entries: HashMap<ChunkId, (Vec<u8>, [u8; 32]), Quick>,
    chunks: HashMap<i64, ChunkId, Quick>,
    numbers: HashMap<ChunkId, i64, Quick>,
}

/// Chunk ids.
pub type ChunkIdSet = HashSet<ChunkId, Quick>;
type Quick = BuildHasherDefault<ById>;

/// Of an id, which is a hash already, its first bytes. A million of them are looked up for a few hundred backups.
#[derive(Default)]
pub struct ById(u64);

impl Hasher for ById {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.first_chunk().map_or(0, |first| u64::from_le_bytes(*first));
    }

    fn write_i64(&mut self, number: i64) {
        // Spread over all bits: the table looks at the upper ones, too.
        self.0 = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl NeedsCache {
    pub fn of(catalog: &Catalog, key: &[u8; 32]) -> NeedsCache {
        let sql = "SELECT number, chunk FROM numbers";
        let rows = catalog.db.query(sql, params![], |row| Ok((row.get(0)?, ChunkId(row.get(1)?)))).unwrap_or_default();
        let sql = "SELECT piece, numbers, tag FROM needs";
        let entry = |row: &rusqlite::Row<'_>| Ok((ChunkId(row.get(0)?), (row.get(1)?, row.get(2)?)));
        let entries = catalog.db.query(sql, params![], entry).unwrap_or_default();
        NeedsCache {
            key: Zeroizing::new(*key),
            entries: entries.into_iter().collect(),
            numbers: rows.iter().map(|(number, chunk)| (*chunk, *number)).collect(),
            chunks: rows.into_iter().collect(),
        }
    }

    /// What a piece needs, where that is known.
    pub fn get(&self, piece: ChunkId) -> Option<Vec<ChunkId>> {
        let (numbers, tag) = self.entries.get(&piece)?;
        let chunks: Option<Vec<ChunkId>> =
            decode(numbers)?.iter().map(|number| self.chunks.get(number).copied()).collect();
        chunks.filter(|chunks| self.tag(piece, chunks) == *tag)
    }

    /// Remembers what was read, for the next who marks. The caller holds the vault's lock.
    pub fn put(&mut self, catalog: &Catalog, entries: &Entries) {
        if !entries.is_empty() && self.try_put(catalog, entries).is_err() {
            // What was not committed has no number.
            *self = NeedsCache::of(catalog, &self.key);
        }
    }

    fn try_put(&mut self, catalog: &Catalog, entries: &Entries) -> Result<()> {
        catalog.db.with(|db| {
            let transaction = db.unchecked_transaction()?;
            {
                let mut number = transaction.prepare_cached("INSERT INTO numbers (chunk) VALUES (?1)")?;
                let mut insert = transaction.prepare_cached("INSERT OR REPLACE INTO needs VALUES (?1, ?2, ?3)")?;
                for (piece, chunks) in entries {
                    let mut numbers = Vec::with_capacity(chunks.len());
                    for chunk in chunks {
                        numbers.push(match self.numbers.get(chunk) {
                            Some(number) => *number,
                            None => {
                                let new = number.insert(params![chunk.0])?;
                                self.numbers.insert(*chunk, new);
                                self.chunks.insert(new, *chunk);
                                new
                            }
                        });
                    }
                    // The tag is over the chunks in the order in which the numbers name them.
                    numbers.sort_unstable();
                    let chunks: Vec<ChunkId> = numbers.iter().map(|number| self.chunks[number]).collect();
                    insert.execute(params![piece.0, encode(&numbers), self.tag(*piece, &chunks).as_bytes()])?;
                }
            }
            transaction.commit()
        })
    }

    /// Forgets all but these pieces, and the numbers of all but these chunks: no backup uses them any more.
    pub fn keep_only(&self, catalog: &Catalog, pieces: &ChunkIdSet, chunks: &ChunkIdSet) {
        let forget = |db: &rusqlite::Connection| {
            let transaction = db.unchecked_transaction()?;
            {
                let known: Vec<[u8; 32]> = transaction
                    .prepare("SELECT piece FROM needs")?
                    .query_map([], |row| row.get(0))?
                    .collect::<rusqlite::Result<_>>()?;
                let mut piece = transaction.prepare("DELETE FROM needs WHERE piece = ?1")?;
                for gone in known.into_iter().filter(|known| !pieces.contains(&ChunkId(*known))) {
                    piece.execute([gone])?;
                }
                let mut number = transaction.prepare("DELETE FROM numbers WHERE number = ?1")?;
                for (gone, _) in self.chunks.iter().filter(|(_, chunk)| !chunks.contains(chunk)) {
                    number.execute([gone])?;
                }
            }
            transaction.commit()
        };
        // What is not forgotten now is the next time.
        let _ = catalog.db.with(forget);
    }

    fn tag(&self, piece: ChunkId, chunks: &[ChunkId]) -> blake3::Hash {
        // In one piece: that is many times as fast.
        let mut bytes = Vec::with_capacity((chunks.len() + 1) * 32);
        bytes.extend_from_slice(&piece.0);
        for chunk in chunks {
            bytes.extend_from_slice(&chunk.0);
        }
        blake3::keyed_hash(&self.key, &bytes)
    }
}

/// Ascending numbers as the steps between them, seven bits a byte, the lowest first.
fn encode(numbers: &[i64]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(numbers.len() * 2);
    let mut last = 0;
    for number in numbers {
        let mut step = (number - last) as u64;
        last = *number;
        while step >= 0x80 {
            bytes.push(step as u8 | 0x80);
            step >>= 7;
        }
        bytes.push(step as u8);
    }
    bytes
}

/// `None`: they were not encoded like this.
fn decode(bytes: &[u8]) -> Option<Vec<i64>> {
    let mut numbers = Vec::new();
    let (mut last, mut step, mut shift) = (0_i64, 0_i64, 0);
    for byte in bytes {
        if shift > 56 {
            return None;
        }
        step |= i64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            last = last.checked_add(step)?;
            numbers.push(last);
            (step, shift) = (0, 0);
        }
    }
    (shift == 0).then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(n: u8) -> ChunkId {
        ChunkId([n; 32])
    }

    fn remembering(entries: &Entries) -> Catalog {
        let catalog = Catalog::temporary().unwrap();
        NeedsCache::of(&catalog, &[7; 32]).put(&catalog, entries);
        catalog
    }

    #[test]
    fn numbers_come_back_as_they_went_and_nonsense_is_none() {
        for numbers in [vec![], vec![1], vec![1, 2, 3, 200, 70_000, i64::MAX]] {
            assert_eq!(decode(&encode(&numbers)), Some(numbers));
        }
        for nonsense in [&[0x80][..], &[0xff; 20], &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 1]] {
            assert_eq!(decode(nonsense), None, "{nonsense:?}");
        }
    }

    #[test]
    fn what_was_remembered_comes_back_also_later() {
        let entries = vec![(chunk(1), vec![chunk(3), chunk(9)]), (chunk(2), vec![chunk(9)]), (chunk(4), vec![])];
        let catalog = remembering(&entries);
        let mut needs = NeedsCache::of(&catalog, &[7; 32]);
        needs.put(&catalog, &vec![(chunk(5), vec![chunk(3), chunk(8)])]);
        let needs = NeedsCache::of(&catalog, &[7; 32]);
        for (piece, chunks) in &entries {
            assert_eq!(needs.get(*piece).as_ref(), Some(chunks));
        }
        assert_eq!(needs.get(chunk(5)).unwrap(), [chunk(3), chunk(8)]);
        assert_eq!(needs.get(chunk(6)), None);
        let (pieces, chunks) = (ChunkIdSet::from_iter([chunk(2)]), ChunkIdSet::from_iter([chunk(9)]));
        needs.keep_only(&catalog, &pieces, &chunks);
        let needs = NeedsCache::of(&catalog, &[7; 32]);
        assert_eq!((needs.get(chunk(2)), needs.get(chunk(1))), (Some(vec![chunk(9)]), None));
        assert_eq!(needs.chunks.len(), 1);
    }

    #[test]
    fn what_this_vault_did_not_write_or_somebody_changed_is_not_believed() {
        let entries = vec![(chunk(1), vec![chunk(3), chunk(9)]), (chunk(2), vec![chunk(9)])];
        for change in [
            "UPDATE needs SET numbers = x'01'",
            "UPDATE needs SET numbers = x''",
            "UPDATE needs SET tag = zeroblob(32)",
            "UPDATE needs SET tag = 7",
            "UPDATE numbers SET chunk = zeroblob(32)",
            "UPDATE numbers SET chunk = zeroblob(7)",
            "UPDATE numbers SET number = number + 5",
            "DELETE FROM numbers",
            "DROP TABLE numbers",
            "DROP TABLE needs",
            "CREATE TABLE other AS SELECT * FROM needs; UPDATE needs SET (numbers, tag) = (SELECT numbers, tag FROM other
             WHERE piece <> needs.piece)",
        ] {
            let catalog = remembering(&entries);
            catalog.db.with(|db| db.execute_batch(change)).unwrap();
            let mut needs = NeedsCache::of(&catalog, &[7; 32]);
            for (piece, _) in &entries {
                assert_eq!(needs.get(*piece), None, "{change}");
            }
            // Nor does it stand in the way.
            needs.put(&catalog, &entries);
        }
        let catalog = remembering(&entries);
        assert_eq!(NeedsCache::of(&catalog, &[8; 32]).get(chunk(1)), None);
    }
}
