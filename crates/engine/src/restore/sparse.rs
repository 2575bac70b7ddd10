//! Writing without the zeros: what was never written is a hole, which reads as zeros and takes no room.

use std::collections::HashMap;
use std::fs::File;
use std::io;

use crate::chunk::{ChunkId, ChunkerParams};
use crate::vault::durable;
use crate::vault::reader::ChunkReader;

/// Holes of file systems begin and end at such places.
const BLOCK: usize = 4096;
static ZEROS: [u8; BLOCK] = [0; BLOCK];

/// Writes bytes into a fresh file, but for whole blocks of zeros. Returns where the file ends by now, at most; the caller
/// sets its length.
pub fn write(file: &File, bytes: &[u8], offset: u64) -> io::Result<u64> {
    let (mut at, mut written) = (0, 0);
    while at < bytes.len() {
        let skipped = run(bytes, at, offset, true);
        let end = run(bytes, skipped, offset, false);
        if end > skipped {
            durable::write_at(file, &bytes[skipped..end], offset + skipped as u64)?;
            written = offset + end as u64;
        }
        at = end;
    }
    Ok(written)
}

/// All of a fresh file.
pub fn write_all(file: &File, bytes: &[u8]) -> io::Result<()> {
    match write(file, bytes, 0)? < bytes.len() as u64 {
        true => file.set_len(bytes.len() as u64),
        false => Ok(()),
    }
}

/// Where the run of blocks from `at` on ends that are all zeros, or are not.
fn run(bytes: &[u8], mut at: usize, offset: u64, zeros: bool) -> usize {
    while at < bytes.len() {
        // Up to the next block of the file.
        let length = BLOCK - ((offset + at as u64) % BLOCK as u64) as usize;
        let block = &bytes[at..bytes.len().min(at + length)];
        if (block.len() == BLOCK && *block == ZEROS) != zeros {
            break;
        }
        at += block.len();
    }
    at
}

/// Knows the chunks that are all zeros, so that nobody need unpack them again and again.
#[derive(Default)]
pub struct ZeroChunks {
    /// By their length: those that holes are made of.
    known: HashMap<u32, ChunkId>,
}

impl ZeroChunks {
    /// Is this chunk, of `length` bytes, all zeros? For some lengths that is not known.
    pub fn has(&mut self, id: ChunkId, length: u32, reader: &ChunkReader) -> bool {
        let params = ChunkerParams::default();
        if length as usize != params.max && length as usize != params.block {
            return false;
        }
        *self.known.entry(length).or_insert_with(|| reader.id_of(&vec![0; length as usize])) == id
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_reads_as_it_was(
            pieces in prop::collection::vec((any::<bool>(), 1usize..20_000), 1..8), offset in 0u64..10_000,
        ) {
            let bytes: Vec<u8> = pieces.iter().flat_map(|(zeros, length)| vec![if *zeros { 0 } else { 7 }; *length]).collect();
            let file = tempfile::tempfile().unwrap();
            write(&file, &bytes, offset).unwrap();
            file.set_len(offset + bytes.len() as u64).unwrap();
            let mut back = vec![1; bytes.len()];
            durable::read_at(&file, &mut back, offset).unwrap();
            prop_assert!(back == bytes);
        }
    }
}
