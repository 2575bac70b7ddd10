//! A fake of Drive, somebody who has signed in to it, and the store that comes of it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use lifeboat_cloud::Clouds;
use lifeboat_engine::config::cloud::{self, Target};
use lifeboat_engine::secret::Secret;
use lifeboat_engine::store::{Course, Fault, Kind, Opener, Result, Store};
use lifeboat_fake_drive::Fake;
use lifeboat_fake_drive::world::{CLIENT, CLIENT_SECRET, REFRESH};
use serde_json::json;
use tempfile::TempDir;

pub struct Setting {
    pub fake: Fake,
    pub folder: TempDir,
    pub config: cloud::Drive,
}

impl Setting {
    /// An owner who signed in a day ago.
    pub fn owner() -> Setting {
        let setting = Setting::nobody();
        setting.signed_in(24 * 3600 * 1000);
        setting
    }

    /// Nobody has signed in.
    pub fn nobody() -> Setting {
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let fake = Fake::start();
        let config = cloud::Drive {
            endpoint: Some(fake.url()),
            token_file: Some(folder.path().join("credentials/token.json")),
            ..cloud::Drive::default()
        };
        Setting { fake, folder, config }
    }

    /// The key of a service account.
    pub fn service() -> Setting {
        let mut setting = Setting::nobody();
        let file = setting.folder.path().join("key.json");
        std::fs::write(&file, setting.fake.world().service.key_file().to_string()).unwrap();
        setting.config.key_file = Some(file);
        setting.config.token_file = None;
        setting
    }

    /// So many milliseconds ago.
    pub fn signed_in(&self, ago: i64) {
        let file = self.token_file();
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        let token = json!({
            "type": "authorized_user", "client_id": CLIENT, "client_secret": CLIENT_SECRET, "refresh_token": REFRESH,
            "obtained": jiff::Timestamp::now().as_millisecond() - ago,
        });
        std::fs::write(file, token.to_string()).unwrap();
    }

    pub fn token_file(&self) -> PathBuf {
        self.config.token_file.clone().unwrap()
    }

    pub fn target(&self) -> Target {
        Target::GDrive(self.config.clone())
    }

    /// One that remembers nothing yet.
    pub fn store(&self) -> Arc<dyn Store> {
        Clouds.open(&self.target(), "").unwrap()
    }
}

/// Remembers a session and that something was lost, as the queue does, and may stop a put after some bytes.
#[derive(Default)]
pub struct Remembering {
    pub session: Mutex<Option<Secret>>,
    pub sent: AtomicU64,
    pub stop_after: Option<u64>,
    pub is_careful: AtomicBool,
}

impl Course for Remembering {
    fn session(&self) -> Option<Secret> {
        self.session.lock().unwrap().clone()
    }

    fn keep(&self, session: Option<&Secret>) -> Result<()> {
        *self.session.lock().unwrap() = session.cloned();
        Ok(())
    }

    fn is_careful(&self) -> bool {
        self.is_careful.load(Ordering::Relaxed)
    }

    fn lost(&self) {
        self.is_careful.store(true, Ordering::Relaxed);
    }

    fn send(&self, bytes: u64) -> Result<()> {
        let sent = self.sent.fetch_add(bytes, Ordering::Relaxed) + bytes;
        match self.stop_after {
            Some(most) if sent > most => Err(Fault::new(Kind::Cancelled, "", "stopped")),
            _ => Ok(()),
        }
    }
}

/// Bytes that do not repeat.
pub fn noise(size: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ size as u64;
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
