//! Reads a pipe in large pieces, and wipes what it read them into: a line of a worker may be a key.

use std::io::{BufRead, Read, Result};

use zeroize::Zeroizing;

pub struct Pieces<R> {
    pipe: R,
    piece: Zeroizing<Vec<u8>>,
    /// What of the piece is not taken yet.
    from: usize,
    to: usize,
}

impl<R: Read> Pieces<R> {
    pub fn of(pipe: R) -> Pieces<R> {
        Pieces { pipe, piece: Zeroizing::new(vec![0; 64 << 10]), from: 0, to: 0 }
    }
}

impl<R: Read> BufRead for Pieces<R> {
    fn fill_buf(&mut self) -> Result<&[u8]> {
        if self.from == self.to {
            (self.from, self.to) = (0, self.pipe.read(&mut self.piece)?);
        }
        Ok(&self.piece[self.from..self.to])
    }

    fn consume(&mut self, taken: usize) {
        self.from = (self.from + taken).min(self.to);
    }
}

impl<R: Read> Read for Pieces<R> {
    fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        let piece = self.fill_buf()?;
        let length = piece.len().min(out.len());
        out[..length].copy_from_slice(&piece[..length]);
        self.consume(length);
        Ok(length)
    }
}
