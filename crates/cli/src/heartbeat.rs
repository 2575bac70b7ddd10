//! Signs of life of a worker, for the host that would otherwise take it for one that hangs.
//!
//! A thread of its own that beats by itself would only prove that the process lives, which one that hangs in a disk does,
//! too. So it tells of the work: since the last beat the engine has come to another place
//! (`lifeboat_engine::pulse`). What comes to none for a quarter of an hour hangs, whatever it waits for.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use lifeboat_engine::pulse;

const INTERVAL: Duration = Duration::from_secs(3);

/// Beats as long as it lives.
pub struct Heartbeat {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Heartbeat {
    /// `beat` is called once in each interval in which the work has moved on; it fails where nobody listens any more.
    pub fn start(beat: impl FnMut() -> std::io::Result<()> + Send + 'static) -> Heartbeat {
        Heartbeat::every(INTERVAL, pulse::count, beat)
    }

    fn every(
        interval: Duration,
        count: impl Fn() -> u64 + Send + 'static,
        mut beat: impl FnMut() -> std::io::Result<()> + Send + 'static,
    ) -> Heartbeat {
        let (stop, stopped) = mpsc::channel::<()>();
        let mut last = count();
        let run = move || {
            while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                let now = count();
                if now != last && beat().is_err() {
                    return;
                }
                last = now;
            }
        };
        // Without a thread there are no beats: then progress has to do.
        let thread = std::thread::Builder::new().name("heartbeat".into()).spawn(run).ok();
        Heartbeat { stop: Some(stop), thread }
    }
}

/// Nothing follows the result.
impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn it_beats_while_the_work_moves_on_and_not_because_the_process_lives() {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = || COUNT.load(Ordering::Relaxed);
        let (tell, beats) = mpsc::channel();
        let interval = Duration::from_millis(10);
        let heartbeat = Heartbeat::every(interval, count, move || tell.send(()).map_err(std::io::Error::other));
        assert!(beats.recv_timeout(10 * interval).is_err(), "the work stands still");
        COUNT.store(1, Ordering::Relaxed);
        beats.recv_timeout(Duration::from_secs(20)).unwrap();
        assert!(beats.recv_timeout(10 * interval).is_err(), "it stands still again");
        drop(heartbeat);
        assert!(beats.recv().is_err(), "nothing comes after its end");
    }
}
