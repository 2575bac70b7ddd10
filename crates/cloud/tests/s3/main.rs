//! S3 against real servers on loopback: `s3s-fs` in this process, and moto, which knows versions, locks and policies. In front of
//! them stands a proxy that does to requests what networks do.

mod amazon;
mod broken_into;
mod conformance;
mod faults;
mod guide;
mod hostile;
mod moto;
mod policy;
mod proxy;
mod resume;
mod server;
mod words;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use lifeboat_cloud::s3::{Limits, S3Store};
use lifeboat_engine::config::cloud;
use lifeboat_engine::secret::Secret;
use lifeboat_engine::store::{Course, Fault, Result};

pub const KEY: &str = "AKIATEST";
/// It may appear nowhere.
pub const SECRET: &str = "hush-hush-secret-key";

pub fn config(endpoint: &str) -> cloud::S3 {
    cloud::S3 {
        bucket: "bucket".into(),
        prefix: Some("vault".into()),
        endpoint: Some(endpoint.into()),
        access_key_id: Some(Secret::new(KEY)),
        secret_access_key: Some(Secret::new(SECRET)),
        ..cloud::S3::default()
    }
}

/// A store of the folder `vault`, whatever the environment of the tests has.
pub fn store(endpoint: &str, limits: Limits) -> S3Store {
    S3Store::with("office", &config(endpoint), limits, &|_| None).unwrap()
}

/// A fault in words, of which none is a secret.
pub fn said<T>(outcome: Result<T>) -> Fault {
    let Err(fault) = outcome else { panic!("it went well") };
    let all = format!("{fault} {fault:?}");
    assert!(!all.contains("hush") && !all.contains("Signature=") && !all.contains("uploadId="), "{all}");
    fault
}

/// What a put has kept, as a ledger on disk has it.
#[derive(Default)]
pub struct Kept {
    session: Mutex<Option<Secret>>,
    pub is_careful: bool,
    pub losses: AtomicU64,
    pub reached: AtomicU64,
}

impl Kept {
    pub fn session(&self) -> Option<Secret> {
        self.session.lock().unwrap().clone()
    }
}

impl Course for Kept {
    fn session(&self) -> Option<Secret> {
        Kept::session(self)
    }

    fn keep(&self, session: Option<&Secret>) -> Result<()> {
        *self.session.lock().unwrap() = session.cloned();
        Ok(())
    }

    fn is_careful(&self) -> bool {
        self.is_careful
    }

    fn lost(&self) {
        self.losses.fetch_add(1, Ordering::SeqCst);
    }

    fn reached(&self, bytes: u64) {
        self.reached.fetch_max(bytes, Ordering::SeqCst);
    }
}

/// Bytes that do not repeat.
pub fn noise(size: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}
