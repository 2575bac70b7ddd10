//! Content-defined cutting: FastCDC 2020 (Xia et al., "The Design of Fast Content-Defined Chunking for Data
//! Deduplication Based Storage Systems"), keyed by the vault so that chunk sizes do not fingerprint the content.

use std::borrow::Cow;

use fastcdc::v2020::{Normalization, cut_gear, get_gear_with_seed, select_masks};

use super::ChunkerParams;

/// Finds where chunks end. One is made per vault and shared by all threads.
pub struct Cutter {
    params: ChunkerParams,
    mask_s: u64,
    mask_l: u64,
    gear: Cow<'static, [u64]>,
    gear_ls: Cow<'static, [u64]>,
}

impl Cutter {
    pub fn new(params: ChunkerParams, seed: u64) -> Cutter {
        let (mask_s, mask_l) = select_masks(params.avg, Normalization::Level1);
        let (gear, gear_ls) = get_gear_with_seed(seed);
        Cutter { params, mask_s, mask_l, gear, gear_ls }
    }

    /// The length of the chunk that starts `data`. `data` is the whole rest of the file, or at least the largest
    /// chunk's size of it.
    pub fn next(&self, data: &[u8]) -> usize {
        let window = &data[..data.len().min(self.params.max)];
        if window.len() <= self.params.min {
            return window.len();
        }
        let (_, length) = cut_gear(
            window,
            self.params.min,
            self.params.avg,
            self.params.max,
            self.mask_s,
            self.mask_l,
            self.mask_s << 1,
            self.mask_l << 1,
            &self.gear,
            &self.gear_ls,
        );
        length.max(1)
    }

    pub fn params(&self) -> &ChunkerParams {
        &self.params
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lengths(cutter: &Cutter, mut data: &[u8]) -> Vec<usize> {
        let mut out = Vec::new();
        while !data.is_empty() {
            let length = cutter.next(data);
            out.push(length);
            data = &data[length..];
        }
        out
    }

    fn noise(len: usize, mut seed: u64) -> Vec<u8> {
        std::iter::repeat_with(|| {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (seed >> 33) as u8
        })
        .take(len)
        .collect()
    }

    fn cutter(seed: u64) -> Cutter {
        Cutter::new(ChunkerParams::default(), seed)
    }

    #[test]
    fn an_insertion_moves_only_the_chunks_around_it() {
        let data = noise(12 << 20, 1);
        let mut edited = data.clone();
        edited.splice(5_000_000..5_000_000, *b"inserted");
        let (before, after) = (lengths(&cutter(9), &data), lengths(&cutter(9), &edited));
        let same_tail = before.iter().rev().zip(after.iter().rev()).take_while(|(a, b)| a == b).count();
        let same_head = before.iter().zip(&after).take_while(|(a, b)| a == b).count();
        assert!(same_head + same_tail + 3 >= before.len(), "{before:?} {after:?}");
    }

    #[test]
    fn another_vault_cuts_elsewhere() {
        let data = noise(12 << 20, 1);
        assert_ne!(lengths(&cutter(1), &data), lengths(&cutter(2), &data));
    }

    proptest! {
        #[test]
        fn chunks_cover_the_data_within_the_bounds(len in 0usize..8 << 20, seed: u64) {
            let data = noise(len, seed);
            let cut = lengths(&cutter(seed), &data);
            prop_assert_eq!(cut.iter().sum::<usize>(), len);
            for (at, length) in cut.iter().enumerate() {
                prop_assert!(*length <= 2 << 20);
                prop_assert!(*length >= 128 << 10 || at + 1 == cut.len());
            }
        }
    }
}
