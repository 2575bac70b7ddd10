//! The engine's progress, on its way to whoever watches: a bar, JSON lines, or the host of a worker.
//!
//! The engine's threads only leave the newest state and go on; a thread of the relay hands it over, at most ten times a
//! second. So a terminal that hangs or a host that does not read can never hold up a backup.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};
use lifeboat_engine::Control;
use lifeboat_engine::report::Progress;

use crate::output::{escaped, size};
use crate::time;

const INTERVAL: Duration = Duration::from_millis(100);

#[derive(Default)]
struct Slot {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    newest: Option<Progress>,
    finished: bool,
}

impl Slot {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Owns the thread between the engine and a watcher.
pub struct Relay {
    control: Control,
    slot: Arc<Slot>,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    /// `deliver` gets the newest state, and the last one always. When it fails, its watcher is gone, and the operation
    /// is cancelled.
    pub fn start(deliver: impl FnMut(&Progress) -> io::Result<()> + Send + 'static) -> Relay {
        let slot = Arc::<Slot>::default();
        let for_engine = slot.clone();
        let control = Control::new(move |progress| {
            for_engine.lock().newest = Some(progress.clone());
            for_engine.changed.notify_one();
        });
        let (for_thread, cancel) = (slot.clone(), control.clone());
        let thread = std::thread::spawn(move || run(&for_thread, &cancel, deliver));
        Relay { control, slot, thread: Some(thread) }
    }

    /// Nobody watches, but the operation can be cancelled.
    pub fn silent() -> Relay {
        Relay { control: Control::silent(), slot: Arc::default(), thread: None }
    }

    pub fn control(&self) -> &Control {
        &self.control
    }
}

/// The last state is delivered before the relay is gone, so that nothing follows the result.
impl Drop for Relay {
    fn drop(&mut self) {
        self.slot.lock().finished = true;
        self.slot.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(slot: &Slot, control: &Control, mut deliver: impl FnMut(&Progress) -> io::Result<()>) {
    loop {
        let mut state = slot.lock();
        while state.newest.is_none() && !state.finished {
            state = slot.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let (newest, finished) = (state.newest.take(), state.finished);
        drop(state);
        if let Some(progress) = newest
            && deliver(&progress).is_err()
        {
            control.cancel();
            return;
        }
        if finished {
            return;
        }
        let pause = slot.changed.wait_timeout_while(slot.lock(), INTERVAL, |state| !state.finished);
        drop(pause.unwrap_or_else(PoisonError::into_inner));
    }
}

/// Progress as JSON lines on stderr. Where nobody reads them any more the operation goes on: its result still counts.
pub fn json_lines() -> Relay {
    Relay::start(|progress| {
        if let Ok(mut line) = serde_json::to_vec(progress) {
            line.push(b'\n');
            let _ = io::stderr().write_all(&line);
        }
        Ok(())
    })
}

/// A progress bar on stderr.
pub fn bar() -> Relay {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr())
        .with_style(style(false))
        .with_finish(ProgressFinish::AndClear);
    let mut measured = None;
    Relay::start(move |progress| {
        bar.set_prefix(escaped(in_words(&progress.phase)).into_owned());
        bar.set_message(detail(progress));
        if let Some(total) = progress.total_bytes {
            bar.set_length(total);
        }
        bar.set_position(progress.bytes);
        let measurable = progress.total_bytes.is_some_and(|total| total > 0);
        if measured != Some(measurable) {
            bar.set_style(style(measurable));
        }
        // The spinner turns also where a large file makes no progress; it starts when there is something to tell.
        if measured.replace(measurable).is_none() {
            bar.enable_steady_tick(INTERVAL);
        }
        Ok(())
    })
}

/// What a phase is to a person; the short names are for programs.
fn in_words(phase: &str) -> &str {
    match phase {
        "saving" => "saving what is there now",
        "restoring" => "reading the backup",
        "verifying" => "checking",
        "replacing" => "putting in place",
        other => other,
    }
}

fn style(measurable: bool) -> ProgressStyle {
    let template = if measurable {
        "{spinner} {prefix} {wide_bar} {decimal_bytes}/{decimal_total_bytes}  {msg}"
    } else {
        "{spinner} {prefix}  {msg}"
    };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━╸─")
}

fn detail(progress: &Progress) -> String {
    let mut parts = Vec::new();
    match progress.total_items {
        Some(total) => parts.push(format!("{}/{} items", HumanCount(progress.items), HumanCount(total))),
        None if progress.items > 0 => parts.push(format!("{} items", HumanCount(progress.items))),
        None => {}
    }
    if progress.total_bytes.is_none() && progress.bytes > 0 {
        parts.push(size(progress.bytes));
    }
    if let Some(left) = progress.eta_ms.filter(|left| *left >= 1_000) {
        parts.push(format!("{} left", time::took(left)));
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(items: u64) -> Progress {
        Progress { phase: "read".into(), items, ..Progress::default() }
    }

    #[test]
    fn a_flood_becomes_a_trickle_that_ends_with_the_last_state() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let watcher = seen.clone();
        let relay = Relay::start(move |progress| {
            watcher.lock().unwrap().push(progress.items);
            Ok(())
        });
        let started = std::time::Instant::now();
        for items in 1..=100_000 {
            relay.control().report(&at(items));
        }
        drop(relay);
        let seen = seen.lock().unwrap();
        assert_eq!(seen.last(), Some(&100_000));
        assert!(seen.is_sorted());
        assert!(seen.len() as u128 <= started.elapsed().as_millis() / INTERVAL.as_millis() + 2, "{}", seen.len());
    }

    #[test]
    fn a_watcher_that_hangs_does_not_hold_up_the_engine() {
        let (release, hang) = std::sync::mpsc::channel::<()>();
        let relay = Relay::start(move |_| {
            let _ = hang.recv();
            Ok(())
        });
        for items in 0..1_000 {
            relay.control().report(&at(items));
        }
        drop(release);
    }

    #[test]
    fn a_watcher_that_is_gone_cancels_the_operation() {
        let relay = Relay::start(|_| Err(io::ErrorKind::BrokenPipe.into()));
        relay.control().report(&at(1));
        let control = relay.control().clone();
        drop(relay);
        assert!(control.is_cancelled());
    }
}
