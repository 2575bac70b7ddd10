//! A chunk's stored form: one gzip member (RFC 1952), by libdeflate.
//!
//! Data that would not shrink (photos, archives) is found by compressing a few samples and lies in stored blocks, so
//! that it costs a copy and not a compression. What comes back is bounded by the length that the index states.

use libdeflater::{CompressionLvl, Compressor, Decompressor};

use super::MAX_CHUNK;

/// Below this, trying is cheaper than sampling.
const SAMPLE_FROM: usize = 32 << 10;
const SAMPLE: usize = 4 << 10;
const SAMPLES: usize = 4;

/// One thread's compressors and their memory.
pub struct Deflater {
    level: u8,
    compress: Compressor,
    sample: Compressor,
    store: Compressor,
}

impl Deflater {
    /// `level`: 0 (store) to 12 (smallest).
    pub fn new(level: u8) -> Deflater {
        let at = |level: u8| Compressor::new(CompressionLvl::new(i32::from(level)).unwrap_or_default());
        Deflater { level: level.min(12), compress: at(level.min(12)), sample: at(1), store: at(0) }
    }

    /// `plain` as a gzip member in `out`, whose old content is replaced; `spare` bytes of capacity are left behind it.
    pub fn member(&mut self, plain: &[u8], out: &mut Vec<u8>, spare: usize) {
        let stored = self.level == 0 || !self.shrinks(plain, out);
        let compressor = if stored { &mut self.store } else { &mut self.compress };
        let bound = compressor.gzip_compress_bound(plain.len());
        // Growing without clearing: the bytes are overwritten, and zeroing megabytes for each chunk shows in profiles.
        if out.len() < bound {
            out.reserve(bound + spare - out.len());
            out.resize(bound, 0);
        }
        let length = compressor.gzip_compress(plain, &mut out[..bound]).expect("the bound is always enough");
        out.truncate(length);
    }

    fn shrinks(&mut self, plain: &[u8], scratch: &mut Vec<u8>) -> bool {
        if plain.len() < SAMPLE_FROM {
            return true;
        }
        let bound = self.sample.deflate_compress_bound(SAMPLE);
        if scratch.len() < bound {
            scratch.resize(bound, 0);
        }
        let step = (plain.len() - SAMPLE) / (SAMPLES - 1);
        let packed: usize = (0..SAMPLES)
            .map(|n| {
                self.sample.deflate_compress(&plain[n * step..][..SAMPLE], &mut scratch[..bound]).unwrap_or(SAMPLE)
            })
            .sum();
        packed < SAMPLE * SAMPLES * 31 / 32
    }
}

/// One thread's decompressor.
pub struct Inflater(Decompressor);

impl Default for Inflater {
    fn default() -> Inflater {
        Inflater(Decompressor::new())
    }
}

impl Inflater {
    /// The plaintext of a gzip member, which must have exactly `len` bytes. `None` where it has not.
    pub fn plain(&mut self, member: &[u8], len: usize) -> Option<Vec<u8>> {
        if len > MAX_CHUNK {
            return None;
        }
        let mut plain = vec![0; len];
        let length = self.0.gzip_decompress(member, &mut plain).ok()?;
        (length == len).then_some(plain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn noise(len: usize) -> Vec<u8> {
        (0..len as u64).map(|n| (n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8 ^ ((n * n) >> 7) as u8).collect()
    }

    #[test]
    fn every_member_is_plain_gzip_and_comes_back() {
        let text = b"saldo pelanggan ".repeat(10_000);
        for plain in [Vec::new(), b"x".to_vec(), text, noise(300_000)] {
            for level in [0, 1, 6, 12] {
                let mut member = Vec::new();
                Deflater::new(level).member(&plain, &mut member, 16);
                assert_eq!(Inflater::default().plain(&member, plain.len()).unwrap(), plain);
                let mut other = Vec::new();
                flate2::read::GzDecoder::new(&member[..]).read_to_end(&mut other).unwrap();
                assert_eq!(other, plain, "another implementation reads it too");
            }
        }
    }

    #[test]
    fn a_member_that_unpacks_to_another_length_is_refused() {
        let mut member = Vec::new();
        Deflater::new(6).member(&[0; 100_000], &mut member, 16);
        assert!(Inflater::default().plain(&member, 99_999).is_none());
        assert!(Inflater::default().plain(&member, 100_001).is_none());
        assert!(Inflater::default().plain(&member, usize::MAX).is_none());
    }
}
