//! Which cases are run: all of them with LIFEBOAT_TORTURE, else a sample.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

/// A small generator (xorshift64*), so that a seed means the same everywhere.
pub struct Random(u64);

impl Random {
    pub fn new(salt: u64) -> Random {
        Random((seed() ^ salt.wrapping_mul(0x9e37_79b9_7f4a_7c15)) | 1)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % limit.max(1)
    }
}

pub fn is_torture() -> bool {
    std::env::var_os("LIFEBOAT_TORTURE").is_some()
}

fn seed() -> u64 {
    static SEED: OnceLock<u64> = OnceLock::new();
    *SEED.get_or_init(|| {
        let seed = std::env::var("LIFEBOAT_SEED").ok().and_then(|text| text.parse().ok());
        let seed = seed.unwrap_or_else(|| jiff::Timestamp::now().as_second() as u64);
        println!("LIFEBOAT_SEED={seed}");
        seed
    })
}

/// The numbers from 1 to `last`; in a sample so many of them, the first and the last few among them.
pub fn numbers(last: u64, sample: usize, salt: u64) -> Vec<u64> {
    if is_torture() || last <= sample as u64 {
        return (1..=last).collect();
    }
    let mut random = Random::new(salt);
    let mut numbers: Vec<u64> = (0..sample).map(|_| 1 + random.below(last)).collect();
    numbers.extend([1, last]);
    numbers.sort();
    numbers.dedup();
    numbers
}

/// Runs each case, as many at a time as there are cores. The first failure is that of the test.
pub fn each<T: Sync>(cases: &[T], run: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(case))).is_err() {
                        failures.lock().unwrap().push(next.load(Ordering::Relaxed));
                    }
                }
            });
        }
    });
    let failed = failures.into_inner().unwrap().len();
    assert_eq!(failed, 0, "{failed} of {} cases failed; what each found is above", cases.len());
}
