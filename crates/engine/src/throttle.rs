//! How often progress is told: a few times a second, whoever tells it.

use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Between two times that it is told.
pub const EVERY: Duration = Duration::from_millis(100);

/// Lets something through now and then. Several threads may ask: one of them is let through.
#[derive(Debug)]
pub struct Throttle {
    last: Mutex<Option<Instant>>,
}

impl Throttle {
    /// The first time is at once.
    pub fn at_once() -> Throttle {
        Throttle { last: Mutex::new(None) }
    }

    /// The first time is after [`EVERY`]: what is over by then is never told.
    pub fn after_a_while() -> Throttle {
        Throttle { last: Mutex::new(Some(Instant::now())) }
    }

    /// Is it time? Then the next time is [`EVERY`] from now. Never waits for another thread.
    pub fn is_due(&self) -> bool {
        let Ok(mut last) = self.last.try_lock() else { return false };
        let is_due = last.is_none_or(|last| last.elapsed() >= EVERY);
        if is_due {
            *last = Some(Instant::now());
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_lets_through_once_and_then_not_for_a_while() {
        let throttle = Throttle::at_once();
        let let_through = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| throttle.is_due())).collect();
            threads.into_iter().filter_map(|thread| thread.join().unwrap().then_some(())).count()
        });
        assert_eq!(let_through, 1);
        *throttle.last.lock().unwrap() = Instant::now().checked_sub(EVERY);
        assert!(throttle.is_due());
        assert!(!Throttle::after_a_while().is_due());
    }
}
