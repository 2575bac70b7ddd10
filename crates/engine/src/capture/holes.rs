//! Holes: the parts of a file that were never written, read as zeros, and take no room on the disk.

use std::fs::File;
use std::ops::Range;

/// Smaller holes are read as the zeros that they are: to know of them would cost more.
pub const LEAST: u64 = 1 << 20;

/// A part of a file.
#[derive(Clone, Debug, PartialEq)]
pub enum Extent {
    Data(Range<u64>),
    Hole(Range<u64>),
}

/// The first `size` bytes of a file, in order. Where the file system does not tell, all of it is data.
pub fn extents(file: &File, size: u64) -> Vec<Extent> {
    let (mut extents, mut from, mut at) = (Vec::new(), 0, 0);
    while let Some(hole) = next(file, at, size) {
        at = hole.end;
        if hole.end - hole.start >= LEAST {
            if hole.start > from {
                extents.push(Extent::Data(from..hole.start));
            }
            from = hole.end;
            extents.push(Extent::Hole(hole));
        }
    }
    if from < size {
        extents.push(Extent::Data(from..size));
    }
    extents
}

/// Does a hole cover all of this range?
pub fn is_hole(file: &File, range: Range<u64>) -> bool {
    next(file, range.start, range.end).is_some_and(|hole| hole == range)
}

/// The next hole from `at` on, cut off at `size`.
#[cfg(target_os = "linux")]
fn next(file: &File, at: u64, size: u64) -> Option<Range<u64>> {
    use rustix::fs::{SeekFrom, seek};
    if at >= size {
        return None;
    }
    let start = seek(file, SeekFrom::Hole(at)).ok()?;
    if start >= size {
        return None;
    }
    let end = match seek(file, SeekFrom::Data(start)) {
        Ok(end) => end,
        // There is no data behind it.
        Err(rustix::io::Errno::NXIO) => size,
        Err(_) => return None,
    };
    Some(start..end.min(size)).filter(|hole| !hole.is_empty())
}

#[cfg(not(target_os = "linux"))]
fn next(_file: &File, _at: u64, _size: u64) -> Option<Range<u64>> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::durable::write_at;

    #[test]
    fn holes_and_data_take_turns_and_small_holes_are_data() {
        let file = tempfile::tempfile().unwrap();
        assert_eq!(extents(&file, 0), []);
        file.set_len(64 << 20).unwrap();
        write_at(&file, b"x", 20 << 20).unwrap();
        write_at(&file, b"x", (20 << 20) + (64 << 10)).unwrap();
        let extents = extents(&file, 64 << 20);
        if extents.len() == 1 {
            // This file system does not tell.
            return;
        }
        let Extent::Data(data) = &extents[1] else { panic!("{extents:?}") };
        assert!(data.contains(&(20 << 20)) && data.contains(&((20 << 20) + (64 << 10))), "{extents:?}");
        assert_eq!(extents[0], Extent::Hole(0..data.start));
        assert_eq!(extents[2], Extent::Hole(data.end..64 << 20));
        assert!(is_hole(&file, 0..1 << 20) && !is_hole(&file, 20 << 20..21 << 20));
    }
}
