//! The clerk, seen from the host: one process for a vault, which looks up there what the host asks for.
//!
//! A disk that hangs holds whoever touches it, and nobody can take him back: no thread of the host may do that. So a process
//! does it, the same executable as the worker. It is started by the first question, and ends a minute after the last one; as
//! long as an app of this host is to be seen by others it stays, because it holds the lock that says so. A question that is
//! not answered in time ends it, and is answered with `E_WORKER`. Where it cannot even be killed, no other one is started
//! until it is gone.
//!
//! All engines of this host that have the same vault share one clerk. What happens to it is decided by one thread, at its
//! [`Desk`], which waits for nothing but news and time.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, SendError, Sender};
use std::sync::{Arc, Mutex};

use super::desk::Desk;
use super::patience::WorkerPatience;
use super::process::Heard;
use super::protocol::Failure;
use super::question::{Ask, without_secrets};
use crate::Config;
use crate::mutex::lock as locked;

const STACK: usize = 256 << 10;

pub struct Clerk {
    pub(super) executable: PathBuf,
    /// The folder that is named for the vault.
    pub(super) vault: PathBuf,
    /// As long as there is a desk.
    desk: Mutex<Option<Sender<ClerkEvent>>>,
    bells: Mutex<Vec<(u32, Bell)>>,
}

type Bell = Box<dyn Fn() + Send>;

/// Gets the answer to a question, as JSON text. Dropped without one, it gets an error.
pub struct Answered(Option<ClerkCall>);

type ClerkCall = Box<dyn FnOnce(Result<String, Failure>) + Send>;

/// What a desk has to do.
pub(super) enum ClerkEvent {
    Ask(Box<Errand>),
    Leave(String),
    /// From which of the processes, one after the other.
    Heard(u64, Heard),
}

pub(super) struct Errand {
    pub ask: Ask,
    pub config: Config,
    pub patience: WorkerPatience,
    pub answered: Answered,
}

impl Answered {
    pub fn new(call: impl FnOnce(Result<String, Failure>) + Send + 'static) -> Answered {
        Answered(Some(Box::new(call)))
    }

    /// For what nobody waits for.
    pub(super) fn ignored() -> Answered {
        Answered(None)
    }

    pub(super) fn call(mut self, answer: Result<String, Failure>) {
        if let Some(call) = self.0.take() {
            call(answer);
        }
    }
}

impl Drop for Answered {
    fn drop(&mut self) {
        if let Some(call) = self.0.take() {
            call(Err(Failure::worker("The vault could not be asked: no thread can be started, or it ended.".into())));
        }
    }
}

impl Clerk {
    /// The clerk of a vault, by the folder that is named for it. `executable`: `lifeboat`.
    pub fn of(executable: &Path, vault: &Path) -> Arc<Clerk> {
        static ALL: Mutex<Vec<Arc<Clerk>>> = Mutex::new(Vec::new());
        let mut all = locked(&ALL);
        // Those that nobody has any more, and that have nothing to do.
        all.retain(|clerk| Arc::strong_count(clerk) > 1);
        if let Some(clerk) = all.iter().find(|clerk| clerk.executable == executable && clerk.vault == vault) {
            return clerk.clone();
        }
        let (executable, vault) = (executable.to_path_buf(), vault.to_path_buf());
        let clerk = Arc::new(Clerk { executable, vault, desk: Mutex::default(), bells: Mutex::default() });
        all.push(clerk.clone());
        clerk
    }

    /// Asks, and returns at once. `answered` is called on another thread, once, within about `patience.question`.
    pub fn ask(self: &Arc<Clerk>, config: &Config, ask: Ask, patience: WorkerPatience, answered: Answered) {
        let (ask, config) = (ask.without_secrets(), without_secrets(config));
        self.send(ClerkEvent::Ask(Box::new(Errand { ask, config, patience, answered })));
    }

    /// A host is not to be seen any more. Nothing is started for that.
    pub fn leave(&self, host: &str) {
        let _ = locked(&self.desk).as_ref().map(|desk| desk.send(ClerkEvent::Leave(host.into())));
    }

    /// Calls `bell` whenever somebody rings for the hosts, as long as one of them is to be seen; until [`Clerk::deaf`].
    pub fn listen(&self, bell: impl Fn() + Send + 'static) -> u32 {
        let mut bells = locked(&self.bells);
        let number = bells.iter().map(|(number, _)| number + 1).max().unwrap_or(0);
        bells.push((number, Box::new(bell)));
        number
    }

    pub fn deaf(&self, number: u32) {
        locked(&self.bells).retain(|(of, _)| *of != number);
    }

    fn send(self: &Arc<Clerk>, event: ClerkEvent) {
        let mut desk = locked(&self.desk);
        let event = match &*desk {
            Some(tell) => match tell.send(event) {
                Ok(()) => return,
                Err(SendError(event)) => event,
            },
            None => event,
        };
        let (tell, events) = mpsc::channel();
        let _ = tell.send(event);
        let mine = Desk::new(self.clone(), tell.clone(), events);
        let thread = std::thread::Builder::new().name("lifeboat-clerk".into()).stack_size(STACK);
        // Where there is no thread, the question goes with the desk, and is answered by that.
        *desk = thread.spawn(move || mine.run()).is_ok().then_some(tell);
    }

    /// Nothing is to be done any more: the desk is given up, unless there is news.
    pub(super) fn close(&self, events: &Receiver<ClerkEvent>) -> Option<ClerkEvent> {
        let mut desk = locked(&self.desk);
        let news = events.try_recv().ok();
        if news.is_none() {
            *desk = None;
        }
        news
    }

    pub(super) fn ring(&self) {
        locked(&self.bells).iter().for_each(|(_, bell)| bell());
    }
}
