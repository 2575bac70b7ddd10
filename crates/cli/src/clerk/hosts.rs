//! The host among the hosts: what it says of itself is held in the vault's folder for it, as long as the clerk lives. One
//! process may have several hosts, an engine each.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lifeboat_engine::Result;
use lifeboat_engine::mutex::lock as locked;
use lifeboat_engine::presence::bell::Listener;
use lifeboat_engine::presence::{self, Host, Presence, stillness};
use lifeboat_engine::supervise::question::Ask;
use lifeboat_engine::vault::Vault;
use lifeboat_engine::watch::Logbook;

/// For so long a bot may stand still.
const PATIENCE: Duration = Duration::from_secs(3);

pub struct Hosts {
    doors: Mutex<HashMap<String, Arc<Door>>>,
    bell: Mutex<Option<(PathBuf, Listener)>>,
    rung: Arc<dyn Fn() + Send + Sync>,
}

/// One host's. What was said last counts, in whichever order the threads come that write it down.
#[derive(Default)]
struct Door {
    /// `None`: it leaves.
    wanted: Mutex<Option<Host>>,
    held: Mutex<Option<Presence>>,
    vault: Mutex<Option<PathBuf>>,
}

impl Hosts {
    /// `rung` is called whenever somebody rings for them.
    pub fn new(rung: impl Fn() + Send + Sync + 'static) -> Hosts {
        Hosts { doors: Mutex::default(), bell: Mutex::default(), rung: Arc::new(rung) }
    }

    /// Notes what is to be said. Opens nothing.
    pub fn note(&self, ask: &Ask) {
        match ask {
            Ask::Enter { host } => *locked(&self.door(&host.id).wanted) = Some(host.clone()),
            Ask::Leave { host } => *locked(&self.door(host).wanted) = None,
            _ => {}
        }
    }

    fn door(&self, id: &str) -> Arc<Door> {
        locked(&self.doors).entry(id.to_owned()).or_default().clone()
    }

    /// Says what is to be said of this host, where it is not said already.
    pub fn say(&self, id: &str, vault: &Path) -> Result<()> {
        let door = self.door(id);
        let mut held = locked(&door.held);
        let Some(host) = locked(&door.wanted).clone() else {
            *held = None;
            locked(&self.doors).remove(id);
            return Ok(());
        };
        *locked(&door.vault) = Some(vault.to_path_buf());
        if !held.as_ref().is_some_and(|presence| presence.says(vault, &host)) {
            *held = Some(Presence::enter(vault, host)?);
        }
        self.listen(vault);
        Ok(())
    }

    /// Where nobody can listen, the host looks by itself, once a minute.
    fn listen(&self, vault: &Path) {
        let mut bell = locked(&self.bell);
        if !bell.as_ref().is_some_and(|(of, listener)| of == vault && listener.hears()) {
            let rung = self.rung.clone();
            *bell = Listener::start(vault, move || rung()).ok().map(|listener| (vault.to_path_buf(), listener));
        }
    }

    /// Waits until the files of a restore are in place. False: that takes too long.
    pub fn hold_still(&self, id: &str, token: &str, vault: &Path) -> bool {
        // What cannot be waited for is not there yet: the event comes again.
        stillness::hold(vault, token, id, PATIENCE).unwrap_or(false)
    }

    pub fn tell_still(&self, id: &str, token: &str, has_read: bool, vault: &Path) {
        stillness::tell(vault, token, id, has_read);
    }

    /// All leave. What they were just telling comes again at once, if `has_ended` says that they have ended, too: a host may go
    /// on without its clerk.
    pub fn leave_all(&self, has_ended: impl Fn() -> bool) {
        let doors: Vec<(String, Arc<Door>)> = locked(&self.doors).drain().collect();
        doors.iter().for_each(|(_, door)| drop(locked(&door.held).take()));
        for (id, door) in doors {
            let Some(vault) = locked(&door.vault).take().filter(|vault| Vault::exists(vault)) else { continue };
            // Where it cannot be released now, the claims end by themselves.
            let _ = Logbook::open(&vault).and_then(|logbook| {
                if logbook.holds(&id)? && has_ended() {
                    logbook.release_all(&id)?;
                    presence::ring(&vault);
                }
                Ok(())
            });
        }
    }
}
