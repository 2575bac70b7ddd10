//! A host among the hosts: what JavaScript says of it, held in the vault's folder as long as the engine lives.

use std::path::PathBuf;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use lifeboat_engine::mutex::lock as locked;
use lifeboat_engine::presence::{self, Host, Presence, stillness};
use lifeboat_engine::supervise::protocol::Failure;
use lifeboat_engine::vault::place;
use lifeboat_engine::{Error, Result};
use serde::{Deserialize, Serialize};

/// For so long a bot may stand still.
const PATIENCE: Duration = Duration::from_secs(3);

/// What JavaScript knows of its own process.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Said {
    name: String,
    zone: String,
    since: i64,
    scheduler: Option<i64>,
    applies: bool,
    reloads: bool,
    restarts: bool,
}

/// Where it was said, for whoever wants to be woken there.
#[derive(Serialize)]
pub struct Place {
    id: String,
    folder: PathBuf,
}

/// An engine's presence. What was said last counts, in whichever order the threads come that write it down.
pub struct Doorplate {
    /// The folder that is named for the vault.
    vault: PathBuf,
    wanted: Mutex<Option<Said>>,
    held: Mutex<Option<(String, Presence)>>,
}

impl Doorplate {
    pub fn new(vault: PathBuf) -> Doorplate {
        Doorplate { vault, wanted: Mutex::default(), held: Mutex::default() }
    }

    /// Notes what is to be said; `None`: it leaves. Opens nothing.
    pub fn want(&self, said: Option<Said>) {
        *locked(&self.wanted) = said;
    }

    /// Says what is to be said, where it is not said already. Opens files of the vault.
    pub fn say(&self) -> std::result::Result<Option<Place>, Failure> {
        self.try_to_say().map_err(|error| Failure::from(&error))
    }

    /// Holds this thread until the files of a restore are in place. False: that takes too long, and goes on.
    pub fn hold_still(&self, token: &str) -> bool {
        let Some(id) = self.id() else { return true };
        // What cannot be waited for is not there yet: the event comes again.
        stillness::hold(&place::of(&self.vault), token, &id, PATIENCE).unwrap_or(false)
    }

    /// What became of the listeners of a restore under which this host held still.
    pub fn tell(&self, token: &str, has_read: bool) {
        if let Some(id) = self.id() {
            stillness::tell(&place::of(&self.vault), token, &id, has_read);
        }
    }

    /// What this host is known by, once it has said something.
    pub fn id(&self) -> Option<String> {
        locked(&self.held).as_ref().map(|(id, _)| id.clone())
    }

    fn try_to_say(&self) -> Result<Option<Place>> {
        let mut held = locked(&self.held);
        let Some(said) = locked(&self.wanted).clone() else {
            *held = None;
            return Ok(None);
        };
        let vault = place::of(&self.vault);
        let id = match &*held {
            Some((id, _)) => id.clone(),
            None => presence::new_id()?,
        };
        let host = Host {
            id: id.clone(),
            process: process()?.to_owned(),
            pid: std::process::id(),
            since: said.since,
            name: said.name,
            zone: said.zone,
            scheduler: said.scheduler,
            applies: said.applies,
            reloads: said.reloads,
            restarts: said.restarts,
        };
        if !held.as_ref().is_some_and(|(_, presence)| presence.says(&vault, &host)) {
            let fresh = Presence::enter(&vault, host)?;
            *held = Some((id.clone(), fresh));
        }
        Ok(Some(Place { id, folder: vault.join(presence::FOLDER) }))
    }
}

/// What this process is known by: a number alone may be that of another one, in another container.
fn process() -> Result<&'static str> {
    static PROCESS: OnceLock<std::result::Result<String, String>> = OnceLock::new();
    let made = PROCESS.get_or_init(|| presence::new_id().map_err(|error| error.to_string()));
    made.as_deref().map_err(|message| Error::internal(message.clone()))
}
