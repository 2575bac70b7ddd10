//! Parts of objects that were fetched: a few of them, within a bound that does not depend on the data.
//!
//! Who reads a pack from its beginning on asks for one chunk after another, and each question costs a round trip. So what is
//! fetched grows while the questions follow one another: first only what was asked for, in the end four MiB at a time. Who wants
//! one small file never gets that far.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use crate::mutex::lock;

/// Bytes that are kept at once.
const KEPT: usize = 32 << 20;
/// Bytes that are fetched at once, at most, beyond what was asked for.
const LARGEST: u64 = 4 << 20;
/// How much more is fetched each time.
const GROWS: u64 = 4;
/// Who begins so many bytes behind the end of what was fetched still goes on with it: threads are a little out of order.
const NEAR: u64 = 512 << 10;
/// Objects whose last question is remembered.
const TRACKED: usize = 64;

#[derive(Default)]
pub struct Windows {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    windows: VecDeque<Window>,
    kept: usize,
    /// Where the last question for an object ended, and how much was fetched for it.
    tracks: VecDeque<(String, u64, u64)>,
}

struct Window {
    object: String,
    start: u64,
    bytes: Arc<Vec<u8>>,
}

impl Windows {
    /// These bytes, if they were fetched before.
    pub fn get(&self, object: &str, offset: u64, length: usize) -> Option<Vec<u8>> {
        let inner = lock(&self.inner);
        let window = inner.windows.iter().find(|window| window.covers(object, offset, length))?;
        let (bytes, at) = (window.bytes.clone(), (offset - window.start) as usize);
        drop(inner);
        Some(bytes[at..at + length].to_vec())
    }

    /// How many bytes to fetch for a question, in an object of `size` bytes.
    pub fn ahead(&self, object: &str, offset: u64, length: usize, size: u64) -> usize {
        let inner = &mut *lock(&self.inner);
        let at = inner.tracks.iter().position(|(tracked, ..)| tracked == object);
        let (end, last) = at.and_then(|at| inner.tracks.remove(at)).map_or((u64::MAX, 0), |(_, end, last)| (end, last));
        let goes_on = end != u64::MAX && offset.saturating_add(NEAR) >= end && offset <= end.saturating_add(NEAR);
        let most = if goes_on { (last * GROWS).min(LARGEST) } else { 0 };
        // Not into what is there already.
        let mine = inner.windows.iter().filter(|window| window.object == object && window.start > offset);
        let next = mine.map(|window| window.start).min().unwrap_or(size);
        let length = (length as u64).max(most.min(next.saturating_sub(offset)));
        inner.tracks.push_back((object.to_owned(), offset.saturating_add(length), length));
        while inner.tracks.len() > TRACKED {
            inner.tracks.pop_front();
        }
        length as usize
    }

    pub fn put(&self, object: &str, start: u64, bytes: Vec<u8>) {
        if bytes.len() > KEPT / 4 {
            return;
        }
        let inner = &mut *lock(&self.inner);
        inner.kept += bytes.len();
        inner.windows.push_back(Window { object: object.to_owned(), start, bytes: Arc::new(bytes) });
        while inner.kept > KEPT {
            let Some(oldest) = inner.windows.pop_front() else { break };
            inner.kept -= oldest.bytes.len();
        }
    }

    /// What was fetched of this object is not what was written.
    pub fn drop_of(&self, object: &str) {
        let inner = &mut *lock(&self.inner);
        inner.windows.retain(|window| window.object != object);
        inner.kept = inner.windows.iter().map(|window| window.bytes.len()).sum();
    }
}

impl Window {
    fn covers(&self, object: &str, offset: u64, length: usize) -> bool {
        self.object == object
            && offset >= self.start
            && offset.checked_add(length as u64).is_some_and(|end| end <= self.start + self.bytes.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_question_gets_what_it_asked_for_and_a_row_of_them_ever_more() {
        let windows = Windows::default();
        let size = 16 << 20;
        assert_eq!(windows.ahead("a", 1 << 20, 100_000, size), 100_000);
        let mut offset = (1 << 20) + 100_000;
        for expected in [400_000, 1_600_000, 4 << 20, 4 << 20] {
            let fetched = windows.ahead("a", offset, 100_000, size);
            assert_eq!(fetched, expected);
            offset += fetched as u64;
        }
        assert_eq!(windows.ahead("a", size - 50_000, 50_000, size), 50_000, "not beyond its end");
        assert_eq!(windows.ahead("a", 0, 100_000, size), 100_000, "a jump begins anew");
        assert_eq!(windows.ahead("b", 0, 100_000, size), 100_000);
        windows.put("b", 300_000, vec![0; 1000]);
        assert_eq!(windows.ahead("b", 100_000, 100_000, size), 200_000, "not into what is there already");
        assert_eq!(windows.ahead("b", 250_000, 100_000, size), 100_000, "but no less than was asked for");
    }

    #[test]
    fn what_was_fetched_is_there_and_no_more_than_the_bound_is_kept() {
        let windows = Windows::default();
        for n in 0..100_u8 {
            windows.put(&n.to_string(), 1000, vec![n; 1 << 20]);
        }
        assert!(lock(&windows.inner).kept <= KEPT);
        assert_eq!(windows.get("99", 1010, 5), Some(vec![99; 5]));
        for (object, offset, length) in
            [("99", 999, 5), ("99", 1000, (1 << 20) + 1), ("0", 1010, 5), ("99", u64::MAX, 5)]
        {
            assert_eq!(windows.get(object, offset, length), None);
        }
        windows.drop_of("99");
        assert_eq!(windows.get("99", 1010, 5), None);
    }
}
