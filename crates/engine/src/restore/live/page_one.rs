//! The first page of a database: what of it belongs to the content, and what to the file.
//! <https://www.sqlite.org/fileformat2.html#the_database_header>

use std::ops::Range;

use crate::capture::sqlite::HEADER;

/// Rollback journal or WAL: a property of the live file, which whoever has it open relies on.
const JOURNAL: Range<usize> = 18..20;
const RESERVED: usize = 20;
/// SQLite's own business at each commit.
const CHANGE_COUNTER: Range<usize> = 24..28;
const PAGES: Range<usize> = 28..32;
const COOKIE: Range<usize> = 40..44;
const LARGEST_ROOT: Range<usize> = 52..56;
const ENCODING: Range<usize> = 56..60;
const INCREMENTAL: Range<usize> = 64..68;
/// For which change counter the page count is valid, and which SQLite wrote it last.
const WRITER: Range<usize> = 92..100;

/// By how much a replacement raises the schema cookie. SQLite raises it by one for each change of the schema, and every
/// connection that finds another one than it knows reads the schema anew. So large a step tells, by the old image alone,
/// on which side of a commit a database is.
const STEP: u32 = 1 << 16;

/// Where a database stands, compared with the image of what a replacement found.
#[derive(Debug, PartialEq, Eq)]
pub enum PageSide {
    /// Not replaced yet.
    Before,
    Replaced,
    /// Replaced, and put back.
    PutBack,
}

pub fn number(page: &[u8], at: Range<usize>) -> u32 {
    page[at].iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

pub fn cookie(page: &[u8]) -> u32 {
    number(page, COOKIE)
}

/// The cookie of a database that had this one before it was replaced.
pub fn cookie_when_replaced(old: u32) -> u32 {
    old.wrapping_add(STEP)
}

/// The cookie of a database that had this one before it was replaced, and is put back: never the same twice, because
/// connections that saw the replaced one must notice.
pub fn cookie_when_put_back(old: u32) -> u32 {
    old.wrapping_add(2 * STEP)
}

pub fn side(live: u32, old: u32) -> PageSide {
    match live.wrapping_sub(old) / STEP {
        0 => PageSide::Before,
        1 => PageSide::Replaced,
        _ => PageSide::PutBack,
    }
}

pub fn is_wal(page: &[u8]) -> bool {
    page[JOURNAL] == [2, 2]
}

/// Does SQLite shrink the file at each commit by itself?
pub fn is_full_auto_vacuum(page: &[u8]) -> bool {
    number(page, LARGEST_ROOT) != 0 && number(page, INCREMENTAL) == 0
}

/// The page `staged` with `pages` pages, as it is written over the page `live`. It keeps the cookie, so that SQLite does
/// not read a schema of which half is written; that is raised last.
pub fn merged(live: &[u8], staged: &[u8], pages: u32) -> Vec<u8> {
    let mut page = staged.to_vec();
    for kept in [JOURNAL, CHANGE_COUNTER, COOKIE, WRITER] {
        page[kept.clone()].copy_from_slice(&live[kept]);
    }
    page[PAGES].copy_from_slice(&pages.to_be_bytes());
    page
}

/// Why whoever has `live` open could not go on with the content of `staged`; both are headers, and `live` is absent where
/// the file is empty.
pub fn fits(live: Option<&[u8; HEADER]>, staged: &[u8; HEADER]) -> Result<(), String> {
    let same = |what, live: u32, staged: u32| match live == staged {
        true => Ok(()),
        false => Err(format!("its {what} is {live}, and that of the backup is {staged}")),
    };
    // A connection that has seen an empty file expects UTF-8.
    let encoding = |page: &[u8]| number(page, ENCODING).max(1);
    let Some(live) = live else { return same("text encoding", 1, encoding(staged)) };
    same("page size", number(live, 16..18), number(staged, 16..18))?;
    same("reserved space per page", live[RESERVED].into(), staged[RESERVED].into())?;
    // 0 is an empty database, whose connections may have settled on the default.
    same("text encoding", encoding(live), encoding(staged))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_says_on_which_side_of_a_replacement_a_database_is() {
        for old in [0, 7, 1 << 31, u32::MAX - 1] {
            let (replaced, back) = (cookie_when_replaced(old), cookie_when_put_back(old));
            // The app may have changed its schema some times.
            for later in [0, 1, 1000] {
                assert_eq!(side(old.wrapping_add(later), old), PageSide::Before);
                assert_eq!(side(replaced.wrapping_add(later), old), PageSide::Replaced);
                assert_eq!(side(back.wrapping_add(later), old), PageSide::PutBack);
            }
        }
    }

    #[test]
    fn what_belongs_to_the_live_file_is_kept() {
        let (live, staged) = ([1; 512], [2; 512]);
        let page = merged(&live, &staged, 9);
        let kept: Vec<usize> = (0..512).filter(|at| page[*at] == 1).collect();
        let expected: Vec<usize> = [18..20, 24..28, 40..44, 92..100].into_iter().flatten().collect();
        assert_eq!(kept, expected);
        assert_eq!(number(&page, PAGES), 9);
    }
}
