//! The first hundred bytes of a database file, as far as a capture needs them.
//! <https://www.sqlite.org/fileformat2.html#the_database_header>

use super::JournalKind;

const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Bytes of the header.
pub const HEADER: usize = 100;

/// Whether a file that begins with these bytes says that it is an SQLite database.
pub fn is_database(first_bytes: &[u8]) -> bool {
    first_bytes.starts_with(MAGIC)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatabaseHeader {
    pub page_size: u32,
    pub journal: JournalKind,
    /// Bytes 24..40: change counter, pages, free list. What SQLite itself compares to know whether its cache is current.
    pub version: [u8; 16],
    /// Pages, where the header's own count is valid (a writer older than 3.7.0 does not maintain it).
    pub pages: Option<u32>,
    /// Pages that hold nothing any more, and wait to be used again.
    pub free: u32,
}

/// Bytes of free pages in the database that begins with `block`.
pub fn free_bytes(block: &[u8]) -> Option<u64> {
    let header = DatabaseHeader::parse(block).ok()?;
    Some(u64::from(header.free) * u64::from(header.page_size))
}

impl DatabaseHeader {
    /// `Err` is why this cannot be a database.
    pub fn parse(bytes: &[u8]) -> Result<DatabaseHeader, String> {
        if bytes.len() < HEADER {
            return Err(format!("it is only {} bytes long, shorter than a database header", bytes.len()));
        }
        if !is_database(bytes) {
            return Err("it does not begin as an SQLite database does".into());
        }
        let page_size = match u16::from_be_bytes([bytes[16], bytes[17]]) {
            1 => 65536,
            size if size >= 512 && size.is_power_of_two() => u32::from(size),
            size => return Err(format!("its header names an impossible page size, {size}")),
        };
        // Both versions: a writer sets them together, and SQLite reads as WAL by the second, the read version.
        let journal = match bytes[19] {
            1 => JournalKind::Rollback,
            2 => JournalKind::Wal,
            version => return Err(format!("its header names an unknown format version, {version}")),
        };
        let number = |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let (counter, pages, valid_for) = (number(24), number(28), number(92));
        let mut version = [0; 16];
        version.copy_from_slice(&bytes[24..40]);
        let pages = (pages > 0 && counter == valid_for).then_some(pages);
        Ok(DatabaseHeader { page_size, journal, version, pages, free: number(36) })
    }

    /// `Err` is why a file of `size` bytes cannot be a database of whole pages.
    pub fn check_size(&self, size: u64) -> Result<(), String> {
        if size.is_multiple_of(u64::from(self.page_size)) {
            return Ok(());
        }
        Err(format!("its size, {size} bytes, is not a multiple of its page size, {}", self.page_size))
    }

    /// The cheap check of an image of `size` bytes. A longer file than the header says is no damage: a writer with
    /// `SQLITE_FCNTL_CHUNK_SIZE` lets it grow in steps.
    pub fn problems(&self, size: u64) -> Vec<String> {
        let expected = self.pages.map_or(0, |pages| u64::from(pages) * u64::from(self.page_size));
        if size < expected {
            return vec![format!("its header promises {expected} bytes, and it has {size}")];
        }
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<u8> {
        let mut bytes = vec![0; HEADER];
        bytes[..16].copy_from_slice(MAGIC);
        bytes[16..20].copy_from_slice(&[0x10, 0, 1, 1]);
        bytes[27] = 7;
        bytes[31] = 3;
        bytes[95] = 7;
        bytes
    }

    #[test]
    fn a_sane_header_is_understood() {
        let header = DatabaseHeader::parse(&sample()).unwrap();
        assert_eq!((header.page_size, header.journal, header.pages), (4096, JournalKind::Rollback, Some(3)));
        assert!(header.problems(3 * 4096).is_empty());
        assert!(header.problems(4 * 4096).is_empty());
        assert_eq!(header.problems(2 * 4096).len(), 1);
    }

    #[test]
    fn a_page_count_of_an_old_writer_is_not_believed() {
        let mut bytes = sample();
        bytes[95] = 6;
        assert_eq!(DatabaseHeader::parse(&bytes).unwrap().pages, None);
    }

    #[test]
    fn page_size_one_means_64_kib() {
        let mut bytes = sample();
        bytes[16..18].copy_from_slice(&[0, 1]);
        assert_eq!(DatabaseHeader::parse(&bytes).unwrap().page_size, 65536);
    }

    #[test]
    fn nonsense_is_refused_with_a_reason() {
        assert!(DatabaseHeader::parse(&sample()[..99]).unwrap_err().contains("99 bytes"));
        for (at, value) in [(0, b'X'), (16, 0x11), (17, 3), (19, 0), (19, 9)] {
            let mut bytes = sample();
            bytes[at] = value;
            assert!(DatabaseHeader::parse(&bytes).is_err(), "byte {at} = {value}");
        }
    }
}
