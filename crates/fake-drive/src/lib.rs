//! A Google Drive for tests, on loopback: the part of the protocol that backups use, as the real one speaks it, with faults on
//! demand. `tests/python.rs` holds it against Google's own Python client.
//!
//! | file | what it does |
//! |---|---|
//! | `server.rs` | accepts connections, reads requests, asks `faults.rs`, finds who answers |
//! | `world.rs` | accounts, files, sessions, settings: all that there is |
//! | `files.rs`, `query.rs` | metadata: create, get, list, update, delete, `about`, `generateIds`; the language of `q` |
//! | `upload.rs` | multipart and resumable uploads |
//! | `download.rs` | `alt=media`, with ranges |
//! | `sign_in.rs`, `service.rs` | `/token`, the device flow, the consent page; signed tokens of service accounts |
//! | `faults.rs` | what shall go wrong, and when |
//! | `kept.rs` | files, uploads and sign-ins in a folder, from which the next process goes on |
//!
//! It promises: what the real one refuses it refuses, with the same status and reason; nothing outlives the process, unless it
//! is given a folder; it listens
//! on loopback only. `POST /fake/faults`, `/fake/settings`, `GET /fake/log` and `/fake/files` steer it from other processes.

// An answer is either what was asked for or a refusal, and both are whole answers.
#![allow(clippy::result_large_err)]

mod answer;
mod download;
pub mod faults;
mod files;
mod kept;
mod query;
mod server;
pub mod service;
mod sign_in;
mod upload;
pub mod world;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use faults::Plan;
use world::World;

/// One that runs until it is dropped.
pub struct Fake {
    address: SocketAddr,
    world: Arc<Mutex<World>>,
    /// Dropped with it: its threads end.
    _runtime: tokio::runtime::Runtime,
}

impl Fake {
    /// Listens on a port of its own.
    pub fn start() -> Fake {
        Fake::with(World::new)
    }

    /// Goes on where the one before ended that was kept in this folder. It is reached at `url`, where something stands before it.
    pub fn resume(folder: &Path, url: Option<&str>) -> std::io::Result<Fake> {
        let mut outcome = Ok(());
        let fake = Fake::with(|own| {
            let mut world = World::new(url.unwrap_or(own));
            outcome = kept::load(&mut world, folder);
            world
        });
        outcome.map(|()| fake)
    }

    /// Keeps all that there is in a folder, and answers nobody any more.
    pub fn keep(self, folder: &Path) -> std::io::Result<()> {
        kept::save(&self.world(), folder)
    }

    fn with(world: impl FnOnce(&str) -> World) -> Fake {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let world = Arc::new(Mutex::new(world(&format!("http://{address}"))));
        runtime.spawn(server::serve(listener, world.clone()));
        Fake { address, world, _runtime: runtime }
    }

    /// `http://127.0.0.1:port`: what `endpoint` is set to.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All that there is, to look at and to change.
    pub fn world(&self) -> MutexGuard<'_, World> {
        world::lock(&self.world)
    }

    /// From now on this goes wrong.
    pub fn plan(&self, plan: Plan) {
        self.world().plans.push(plan);
    }

    /// The requests so far whose line (`POST /upload/drive/v3/files?…`) contains `part`.
    pub fn count(&self, part: &str) -> usize {
        self.world().log.iter().filter(|entry| entry.line.contains(part)).count()
    }

    /// Bytes of request bodies that have come in so far.
    pub fn received(&self) -> u64 {
        self.world().log.iter().map(|entry| entry.received).sum()
    }
}

/// Another key for the service account: what the one before has signed is refused.
pub fn service_account(url: &str) -> service::ServiceAccount {
    service::ServiceAccount::new(url)
}
