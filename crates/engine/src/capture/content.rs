//! What a file is by its content, where neither a source nor the folder tells: a photo is a photo wherever it lies, and
//! whatever it is called.

use infer::MatcherType;

use super::sqlite;
use super::stat::{FileKind, open_file};
use super::walk::WalkEntry;
use crate::report::Category;
use crate::vault::durable;

/// So many bytes from the beginning tell.
const HEAD: usize = 4096;

/// The category of a file that begins like this.
pub fn category(head: &[u8]) -> Category {
    if sqlite::is_database(head) {
        return Category::Database;
    }
    let head = &head[..head.len().min(HEAD)];
    match infer::get(head).filter(|_| !is_text(head)).map(|kind| kind.matcher_type()) {
        Some(MatcherType::Image | MatcherType::Video | MatcherType::Audio) => Category::Media,
        _ => Category::Data,
    }
}

/// Two letters make a bitmap, and a list may begin with them.
fn is_text(head: &[u8]) -> bool {
    let is_utf8 = std::str::from_utf8(head).map_or_else(|error| error.error_len().is_none(), |_| true);
    is_utf8 && !head.contains(&0)
}

impl WalkEntry {
    /// The category, with a look into the file where its name does not tell.
    pub fn looked_into(&self) -> Category {
        if !self.by_default || self.stat.kind != FileKind::File {
            return self.category;
        }
        if self.is_set {
            return self.with_database();
        }
        let Ok((file, stat)) = open_file(&self.absolute) else { return self.category };
        let mut head = vec![0; HEAD.min(stat.size as usize)];
        match durable::read_at(&file, &mut head, 0) {
            Ok(()) => category(&head),
            Err(_) => self.category,
        }
    }

    /// The category, with the beginning of the file at hand.
    pub fn with_head(&self, head: &[u8]) -> Category {
        if self.by_default { category(head) } else { self.category }
    }

    /// The category of what is a database.
    pub fn with_database(&self) -> Category {
        if self.by_default { Category::Database } else { self.category }
    }

    /// The category of a file that is as it was when it had this one: it need not be read again.
    pub fn with_earlier(&self, earlier: Category) -> Category {
        match earlier {
            Category::Media | Category::Database if self.by_default => earlier,
            _ => self.category,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn photos_sounds_films_and_databases_are_known_by_how_they_begin() {
        for (head, expected) in [
            (&b"\xff\xd8\xff\xe0\0\x10JFIF\0"[..], Category::Media),
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", Category::Media),
            (b"RIFF\x24\0\0\0WEBPVP8 ", Category::Media),
            (b"OggS\0\x02\0\0", Category::Media),
            (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", Category::Media),
            (b"SQLite format 3\0", Category::Database),
            (b"{\"photo\":1}", Category::Data),
            (b"BMW,Siti,12000\n", Category::Data),
            (b"BM\x36\0\x0c\0", Category::Media),
            (b"%PDF-1.7\n", Category::Data),
            (b"PK\x03\x04", Category::Data),
            (b"", Category::Data),
        ] {
            assert_eq!(category(head), expected, "{head:?}");
        }
    }
}
