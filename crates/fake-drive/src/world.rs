//! All that there is: accounts, tokens, files, uploads that have begun, settings, and a log of what was asked.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{Timestamp, ToSpan};
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::faults::Plan;
use crate::service::ServiceAccount;

pub const OWNER: &str = "owner@example.com";
pub const CLIENT: &str = "123-client.apps.example.com";
pub const CLIENT_SECRET: &str = "client-secret-never-to-be-seen";
/// One that was got earlier, and is good.
pub const REFRESH: &str = "refresh-token-never-to-be-seen";
/// A shared drive, and so its top folder.
pub const SHARED_DRIVE: &str = "0AShared-drive-of-the-office";
pub const FOLDER: &str = "application/vnd.google-apps.folder";
pub const SCOPE_FILE: &str = "https://www.googleapis.com/auth/drive.file";
pub const SCOPE_ALL: &str = "https://www.googleapis.com/auth/drive";

pub struct World {
    pub url: String,
    pub files: BTreeMap<String, File>,
    pub uploads: HashMap<String, ResumableUpload>,
    /// Ids that were given out, and not used yet.
    pub ids: HashSet<String>,
    pub access: HashMap<String, Access>,
    /// By token: the client that it was given to.
    pub refresh: HashMap<String, String>,
    pub devices: HashMap<String, DeviceSignIn>,
    pub codes: HashMap<String, Code>,
    pub service: ServiceAccount,
    pub settings: FakeSettings,
    pub plans: Vec<Plan>,
    pub log: Vec<LoggedRequest>,
}

/// What can be set, also by `POST /fake/settings`: the fields that are named there.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FakeSettings {
    /// Bytes that the owner's account may hold, and what photos and mail take of them.
    pub limit: u64,
    pub elsewhere: u64,
    /// At most so many files in a page of a list.
    pub page: usize,
    /// May what lies on the shared drive be deleted?
    pub contributor: bool,
    /// How the owner answers on the telephone: so often not yet, so often too fast, then this.
    pub pending: u32,
    pub slow_down: u32,
    pub outcome: ConsentOutcome,
    pub interval: u64,
    pub expires_in: u64,
    /// `invalid_grant`, from now on, with this description.
    pub invalid_grant: Option<String>,
    /// Seconds that an access token lives.
    pub token_lives: i64,
    /// Other scopes than what was asked for.
    pub grant: Option<String>,
    /// The clock is ahead by so many seconds.
    pub clock_ahead: i64,
}

impl Default for FakeSettings {
    fn default() -> FakeSettings {
        FakeSettings {
            limit: 15_000_000_000,
            elsewhere: 1_000_000_000,
            page: 1000,
            contributor: false,
            pending: 1,
            slow_down: 0,
            outcome: ConsentOutcome::Grant,
            interval: 0,
            expires_in: 1800,
            invalid_grant: None,
            token_lives: 3600,
            grant: None,
            clock_ahead: 0,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ConsentOutcome {
    Grant,
    Deny,
    Expire,
}

#[derive(Clone, Debug)]
pub struct Access {
    pub user: String,
    /// Who asks: a client, or a service account. With `drive.file` it sees what it has made.
    pub client: String,
    pub scope: String,
    pub until: Timestamp,
}

impl Access {
    pub fn sees_all(&self) -> bool {
        self.scope.split(' ').any(|scope| scope == SCOPE_ALL)
    }
}

#[derive(Clone, Debug)]
pub struct File {
    pub id: String,
    pub name: String,
    pub mime: String,
    pub parent: String,
    pub content: Vec<u8>,
    pub created: Timestamp,
    pub modified: Timestamp,
    pub trashed: bool,
    pub client: String,
    pub owner: String,
    pub drive: Option<String>,
    pub(crate) md5: String,
    pub(crate) sha256: String,
}

impl File {
    pub fn is_folder(&self) -> bool {
        self.mime == FOLDER
    }

    pub fn fill(&mut self, content: Vec<u8>, now: Timestamp) {
        self.md5 = hex::encode(Md5::digest(&content));
        self.sha256 = hex::encode(Sha256::digest(&content));
        (self.content, self.modified) = (content, now);
    }

    /// As it is reported.
    pub fn json(&self) -> Value {
        let mut value = json!({
            "kind": "drive#file", "id": self.id, "name": self.name, "mimeType": self.mime, "parents": [self.parent],
            "createdTime": format!("{:.3}", self.created), "modifiedTime": format!("{:.3}", self.modified),
            "trashed": self.trashed, "capabilities": { "canAddChildren": true },
        });
        if let Some(drive) = &self.drive {
            value["driveId"] = json!(drive);
        }
        if !self.is_folder() {
            value["size"] = json!(self.content.len().to_string());
            value["md5Checksum"] = json!(self.md5);
            value["sha256Checksum"] = json!(self.sha256);
        }
        value
    }
}

/// A resumable upload that has begun.
#[derive(Clone, Debug)]
pub struct ResumableUpload {
    /// What will be there at its end; a new file, or the one of this id.
    pub file: File,
    pub is_new: bool,
    pub bytes: Vec<u8>,
    pub size: Option<u64>,
    pub done: bool,
    pub fields: Option<String>,
}

#[derive(Clone, Debug)]
pub struct DeviceSignIn {
    pub client: String,
    pub scope: String,
}

/// What a consent page gave out.
#[derive(Clone, Debug)]
pub struct Code {
    pub client: String,
    pub scope: String,
    pub redirect: String,
    pub challenge: Option<String>,
}

/// A request, as it was logged.
#[derive(Clone, Debug, Serialize)]
pub struct LoggedRequest {
    /// `GET /drive/v3/files?…`
    pub line: String,
    /// Bytes of its body.
    pub received: u64,
    /// 0 where the connection was cut.
    pub status: u16,
}

impl World {
    pub fn new(url: &str) -> World {
        let mut world = World {
            url: url.into(),
            files: BTreeMap::new(),
            uploads: HashMap::new(),
            ids: HashSet::new(),
            access: HashMap::new(),
            refresh: HashMap::from([(REFRESH.into(), CLIENT.into())]),
            devices: HashMap::new(),
            codes: HashMap::new(),
            service: ServiceAccount::new(url),
            settings: FakeSettings::default(),
            plans: Vec::new(),
            log: Vec::new(),
        };
        let mut drive = world.new_file(SHARED_DRIVE, "Office", FOLDER, "", "", "");
        drive.drive = Some(SHARED_DRIVE.into());
        world.files.insert(SHARED_DRIVE.into(), drive);
        world
    }

    pub fn now(&self) -> Timestamp {
        Timestamp::now() + self.settings.clock_ahead.seconds()
    }

    pub fn new_file(&self, id: &str, name: &str, mime: &str, parent: &str, client: &str, owner: &str) -> File {
        let now = self.now();
        let drive = self.files.get(parent).and_then(|parent| parent.drive.clone());
        let mut file = File {
            id: id.into(),
            name: name.into(),
            mime: mime.into(),
            parent: parent.into(),
            content: Vec::new(),
            created: now,
            modified: now,
            trashed: false,
            client: client.into(),
            owner: owner.into(),
            drive,
            md5: String::new(),
            sha256: String::new(),
        };
        file.fill(Vec::new(), now);
        file
    }

    /// Puts a file there, as a person does with a browser, or another program; its id.
    pub fn place(&mut self, parent: &str, name: &str, content: &[u8], client: &str) -> String {
        let id = token("1");
        let mut file = self.new_file(&id, name, "application/octet-stream", parent, client, OWNER);
        file.fill(content.to_vec(), self.now());
        self.files.insert(id.clone(), file);
        id
    }

    /// A folder, likewise.
    pub fn place_folder(&mut self, parent: &str, name: &str, client: &str) -> String {
        let id = token("1");
        let file = self.new_file(&id, name, FOLDER, parent, client, OWNER);
        self.files.insert(id.clone(), file);
        id
    }

    /// The ids of all files that lie under this path below `My Drive`, oldest first.
    pub fn at(&self, path: &str) -> Vec<String> {
        let mut folders = vec![my_drive(OWNER), SHARED_DRIVE.to_string()];
        for name in path.split('/') {
            let mut found: Vec<&File> =
                self.files.values().filter(|file| file.name == name && folders.contains(&file.parent)).collect();
            found.sort_by_key(|file| file.created);
            folders = found.iter().map(|file| file.id.clone()).collect();
        }
        folders
    }

    /// Bytes of the owner's account that are used, and those of them in the trash.
    pub fn used(&self) -> (u64, u64) {
        let size = |file: &File| file.content.len() as u64;
        let mine = || self.files.values().filter(|file| file.drive.is_none());
        let trash = mine().filter(|file| self.is_trashed(file)).map(size).sum();
        (self.settings.elsewhere + mine().map(size).sum::<u64>(), trash)
    }

    /// It, or a folder that it lies in.
    pub fn is_trashed(&self, file: &File) -> bool {
        file.trashed || self.files.get(&file.parent).is_some_and(|parent| self.is_trashed(parent))
    }

    pub fn remove(&mut self, id: &str) {
        let below: Vec<String> = self.files.values().filter(|file| file.parent == id).map(|f| f.id.clone()).collect();
        below.iter().for_each(|id| self.remove(id));
        self.files.remove(id);
    }

    pub fn give_access(&mut self, user: &str, client: &str, scope: &str) -> String {
        let token = token("ya29.");
        let until = self.now() + self.settings.token_lives.seconds();
        let access = Access { user: user.into(), client: client.into(), scope: scope.into(), until };
        self.access.insert(token.clone(), access);
        token
    }
}

/// The top folder of somebody's own drive.
pub fn my_drive(user: &str) -> String {
    format!("0A-my-drive-of-{user}")
}

pub fn token(prefix: &str) -> String {
    format!("{prefix}{}", hex::encode(rand::random::<[u8; 16]>()))
}

pub fn lock(world: &Mutex<World>) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}
