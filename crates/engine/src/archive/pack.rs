//! gzip on all threads: the stream is cut into blocks of 1 MiB, and each becomes a gzip member of its own.
//!
//! A file of several members is one gzip file (RFC 1952, 2.2); gzip, tar, bsdtar and Node read it as such. Where blocks
//! end depends on the stream alone, so the same backup gives the same bytes on any number of threads.

use std::io::{self, Write};
use std::path::Path;

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::chunk::gzip::Deflater;
use crate::{Error, Result};

const BLOCK: usize = 1 << 20;

/// Where the stream goes in: what is given to it comes out compressed, in order.
pub struct Packer {
    block: Vec<u8>,
    /// Each thread has a lane; blocks go to them in turn.
    lanes: Vec<Sender<Vec<u8>>>,
    turn: usize,
}

impl Packer {
    pub fn write(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let taken = bytes.len().min(BLOCK - self.block.len());
            self.block.extend_from_slice(&bytes[..taken]);
            bytes = &bytes[taken..];
            if self.block.len() == BLOCK {
                self.send()?;
            }
        }
        Ok(())
    }

    fn send(&mut self) -> Result<()> {
        let block = std::mem::replace(&mut self.block, Vec::with_capacity(BLOCK));
        // A closed lane means that the file could not be written; `pack` returns that error.
        self.lanes[self.turn].send(block).map_err(|_| Error::Aborted)?;
        self.turn = (self.turn + 1) % self.lanes.len();
        Ok(())
    }
}

/// Runs `produce`, which writes the stream, and writes it compressed to `out`, which is called `path` in errors.
pub fn pack<W: Write + Send, T>(
    out: W,
    path: &Path,
    level: u8,
    threads: usize,
    produce: impl FnOnce(&mut Packer) -> Result<T>,
) -> Result<(W, T)> {
    std::thread::scope(|scope| {
        let (mut lanes, mut members) = (Vec::new(), Vec::new());
        for _ in 0..threads.max(1) {
            let (lane, blocks) = bounded(1);
            let (done, compressed) = bounded(1);
            scope.spawn(move || compress(level, blocks, done));
            lanes.push(lane);
            members.push(compressed);
        }
        let collector = scope.spawn(move || collect(out, members));
        let mut packer = Packer { block: Vec::with_capacity(BLOCK), lanes, turn: 0 };
        let produced = produce(&mut packer).and_then(|value| match packer.block.is_empty() {
            true => Ok(value),
            false => packer.send().map(|()| value),
        });
        drop(packer);
        let collected = collector.join().map_err(|_| Error::internal("the thread that writes the archive panicked"))?;
        // What the file could not take is the cause; what the producer noticed only follows from it.
        let out = collected.map_err(|error| Error::io("writing", path, error))?;
        Ok((out, produced?))
    })
}

fn compress(level: u8, blocks: Receiver<Vec<u8>>, done: Sender<Vec<u8>>) {
    let mut deflater = Deflater::new(level);
    for block in blocks {
        let mut member = Vec::new();
        deflater.member(&block, &mut member, 0);
        if done.send(member).is_err() {
            return;
        }
    }
}

fn collect<W: Write>(mut out: W, members: Vec<Receiver<Vec<u8>>>) -> io::Result<W> {
    for lane in members.iter().cycle() {
        // The lane whose turn it is has ended: so have all.
        let Ok(member) = lane.recv() else { break };
        out.write_all(&member)?;
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn the_members_are_in_order_and_the_same_on_any_number_of_threads() {
        let plain: Vec<u8> = (0..5_300_000u32).flat_map(|n| (n / 3).to_le_bytes()).collect();
        let packed = |threads| {
            let write = |packer: &mut Packer| plain.chunks(70_001).try_for_each(|piece| packer.write(piece));
            pack(Vec::new(), Path::new("x"), 1, threads, write).unwrap().0
        };
        let one = packed(1);
        assert!(one == packed(5));
        let mut back = Vec::new();
        flate2::read::MultiGzDecoder::new(&one[..]).read_to_end(&mut back).unwrap();
        assert!(back == plain);
    }

    #[test]
    fn a_file_that_cannot_be_written_is_the_error_and_nobody_waits() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let write = |packer: &mut Packer| (0..20).try_for_each(|_| packer.write(&[7; BLOCK]));
        let error = pack(Full, Path::new("x"), 1, 2, write).err().unwrap();
        assert_eq!(error.code(), "E_NO_SPACE");
    }
}
