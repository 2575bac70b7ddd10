//! A host among the hosts: what JavaScript says of it, and what it is known by. The clerk writes it down.

use std::sync::OnceLock;

use lifeboat_engine::presence::{self, Host};
use lifeboat_engine::{Error, Result};
use serde::Deserialize;

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

/// An engine's name at its door.
#[derive(Default)]
pub struct Doorplate {
    id: OnceLock<std::result::Result<String, String>>,
}

impl Doorplate {
    pub fn host(&self, said: Said) -> Result<Host> {
        Ok(Host {
            id: new_id(&self.id)?.to_owned(),
            process: process()?.to_owned(),
            pid: std::process::id(),
            since: said.since,
            name: said.name,
            zone: said.zone,
            scheduler: said.scheduler,
            applies: said.applies,
            reloads: said.reloads,
            restarts: said.restarts,
        })
    }

    /// What others know it by, once something was said.
    pub fn id(&self) -> Option<&str> {
        self.id.get()?.as_deref().ok()
    }
}

/// What this process is known by: a number alone may be that of another one, in another container.
fn process() -> Result<&'static str> {
    static PROCESS: OnceLock<std::result::Result<String, String>> = OnceLock::new();
    new_id(&PROCESS)
}

fn new_id(place: &OnceLock<std::result::Result<String, String>>) -> Result<&str> {
    let made = place.get_or_init(|| presence::new_id().map_err(|error| error.to_string()));
    made.as_deref().map_err(|message| Error::internal(message.clone()))
}
