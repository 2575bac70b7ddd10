//! How long a process may be silent. The deadlines are the host's: a process that hangs keeps none.

use std::time::{Duration, Instant};

/// Time is counted in turns of this length at most. A host that stood still itself, stopped or asleep with its machine, has
/// not listened meanwhile, and must not take that for the silence of another.
const TURN: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug)]
pub struct WorkerPatience {
    /// Of a worker: without a line, while it works. The longest that is known to be sound is one `fsync` on a disk that is
    /// very slow.
    pub silent: Duration,
    /// Of a worker that was cancelled, or has answered: without a line, and before it has ended.
    pub cancelled: Duration,
    /// For the clerk's answer to one question.
    pub question: Duration,
    /// After the last question, before the clerk ends; and after its death, before it is started again for hosts that are to
    /// be seen.
    pub idle: Duration,
}

impl Default for WorkerPatience {
    fn default() -> WorkerPatience {
        WorkerPatience {
            silent: Duration::from_secs(15 * 60),
            cancelled: Duration::from_secs(10),
            question: Duration::from_secs(30),
            idle: Duration::from_secs(60),
        }
    }
}

/// For how long nothing was heard, as far as anybody listened.
#[derive(Default)]
pub(super) struct Quiet {
    passed: Duration,
    turn: Duration,
}

impl Quiet {
    /// How long to listen now.
    pub fn turn(&mut self, patience: Duration) -> Duration {
        self.turn = patience.saturating_sub(self.passed).min(TURN);
        self.turn
    }

    /// After a turn in which nothing was heard.
    pub fn is_over(&mut self, patience: Duration) -> bool {
        self.passed += self.turn;
        self.passed >= patience
    }
}

/// A clock that stands still while its owner does.
pub(super) struct Watchful {
    passed: Duration,
    last: Instant,
    turn: Duration,
}

impl Watchful {
    pub fn start() -> Watchful {
        Watchful { passed: Duration::ZERO, last: Instant::now(), turn: Duration::ZERO }
    }

    /// The time that has passed; a turn that was longer than it should have been counts as one.
    pub fn now(&mut self) -> Duration {
        self.passed += self.last.elapsed().min(self.turn + TURN);
        self.last = Instant::now();
        self.passed
    }

    /// How long to wait now for what is due at `until`. `closely`: so that its time is known well.
    pub fn turn(&mut self, until: Duration, closely: bool) -> Duration {
        self.turn = until.saturating_sub(self.passed);
        if closely {
            self.turn = self.turn.min(TURN);
        }
        self.turn
    }
}

/// For people: `15 minutes`.
pub(super) fn in_words(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match seconds {
        seconds if seconds >= 120.0 => format!("{} minutes", (seconds / 60.0).round()),
        1.0 => "1 second".into(),
        seconds => format!("{seconds} seconds"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_counts_only_as_far_as_somebody_listened() {
        let patience = Duration::from_millis(2500);
        let mut quiet = Quiet::default();
        assert_eq!(quiet.turn(patience), TURN);
        // However long this turn has taken by any clock.
        assert!(!quiet.is_over(patience));
        quiet.turn(patience);
        assert!(!quiet.is_over(patience));
        assert_eq!(quiet.turn(patience), Duration::from_millis(500));
        assert!(quiet.is_over(patience));
    }

    #[test]
    fn a_time_is_said_in_words() {
        assert_eq!(in_words(Duration::from_secs(900)), "15 minutes");
        assert_eq!(in_words(Duration::from_secs(30)), "30 seconds");
        assert_eq!(in_words(Duration::from_millis(300)), "0.3 seconds");
    }
}
