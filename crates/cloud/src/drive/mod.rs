//! Google Drive as a store.
//!
//! | file | what it does |
//! |---|---|
//! | `places.rs` | addresses |
//! | `client.rs`, `wire.rs` | one exchange; requests in the owner's name |
//! | `words.rs` | what Google meant by an error |
//! | `oauth.rs`, `tokens.rs`, `token_file.rs` | the token service; access tokens; the file that holds a sign-in |
//! | `sign_in.rs`, `redirect.rs` | how a person signs in: a code on the phone, a browser, pasting |
//! | `tree.rs` | names and ids |
//! | `upload.rs` | a put |
//!
//! It promises what every store does. What it asks of Google is `drive.file`: it sees what it has made, and nothing else of the
//! owner's.

mod client;
mod oauth;
mod places;
mod redirect;
pub mod sign_in;
mod token_file;
mod tokens;
mod tree;
mod upload;
mod wire;
mod words;

use std::collections::BTreeSet;
use std::sync::Mutex;

use google_drive3::api::{About, File};
use google_drive3::hyper::Method;
use lifeboat_engine::config::cloud;
use lifeboat_engine::mutex::lock;
use lifeboat_engine::secret::Secret;
use lifeboat_engine::store::{Account, Body, Course, Fault, Kind, Result, Store, Stored, Straight};
use serde_json::json;

use client::{DriveClient, LONGEST_ANSWER};
use places::{Endpoints, with};
use tokens::Tokens;
use tree::{DriveTree, FIELDS, stored};
use upload::Uploader;
use wire::{Wire, WireRequest};
use words::Who;

pub struct DriveStore {
    config: cloud::Drive,
    wire: Wire,
    tree: DriveTree,
    /// Of two that put if absent, one waits: their files would be of one millisecond.
    claiming: Mutex<()>,
}

impl DriveStore {
    /// Reads the credentials; sends nothing yet.
    pub fn open(name: &str, config: &cloud::Drive) -> Result<DriveStore> {
        let places = Endpoints::of(config.endpoint.as_deref());
        let client = DriveClient::new(name)?;
        let tokens = Tokens::of(config, &client, &places)?;
        Ok(DriveStore::with(config, client, places, tokens))
    }

    fn with(config: &cloud::Drive, client: DriveClient, places: Endpoints, tokens: Tokens) -> DriveStore {
        DriveStore {
            config: config.clone(),
            wire: Wire::new(client, places, tokens),
            tree: DriveTree::default(),
            claiming: Mutex::default(),
        }
    }

    fn file_url(&self, id: &str, parameters: &[(&str, &str)]) -> String {
        let mut all = vec![("supportsAllDrives", "true")];
        all.extend(parameters);
        with(&format!("{}/files/{id}", self.wire.places.api), &all)
    }

    /// Does it with the object's id; once more by another id, where what was remembered is not there any more.
    fn with_id<T>(&self, object: &str, act: impl Fn(&str) -> Result<Option<T>>) -> Result<Option<T>> {
        for _ in 0..2 {
            let Some(id) = self.tree.find(&self.wire, &self.config, object)?.and_then(|found| found.id) else { break };
            if let Some(done) = act(&id)? {
                return Ok(Some(done));
            }
            self.tree.forget(object);
            if self.tree.look(&self.wire, &self.config, object)?.is_empty() {
                break;
            }
        }
        Ok(None)
    }

    /// With what is used, where the account is full.
    fn explained(&self, fault: Fault, doing: &str) -> Fault {
        match (fault.kind, self.wire.who()) {
            (Kind::Full, Who::Owner | Who::Delegate) => match self.account() {
                Ok(account) => words::full(self.wire.target(), doing, &account),
                Err(_) => fault,
            },
            _ => fault,
        }
    }

    fn remove(&self, id: &str, doing: &str) -> Result<()> {
        let url = self.file_url(id, &[("fields", "id")]);
        let trashed = json!({ "trashed": true });
        let ask = match self.config.trash {
            true => WireRequest { json: Some(&trashed), ..WireRequest::new(Method::PATCH, &url) },
            false => WireRequest::new(Method::DELETE, &url),
        };
        let answer = self.wire.send(&ask, LONGEST_ANSWER)?;
        let is_gone = answer.status == 404 && words::reason(&answer) == "notFound";
        if answer.is_good() && !words::is_page(&answer) || is_gone {
            Ok(())
        } else {
            Err(self.wire.refused(doing, &answer))
        }
    }
}

impl Store for DriveStore {
    fn put(&self, object: &str, body: &dyn Body, course: &dyn Course) -> Result<Stored> {
        tree::split(&self.wire, object)?;
        let known = self.tree.find(&self.wire, &self.config, object)?;
        let (wire, tree, config) = (&self.wire, &self.tree, &self.config);
        let upload = Uploader { wire, tree, config, object, body, course };
        upload.run(known).map_err(|fault| self.explained(fault, &format!("writing {object}")))
    }

    /// Drive lets two have one name. So who puts it looks afterwards: of several the oldest stays, and the others go.
    fn put_if_absent(&self, object: &str, bytes: &[u8]) -> Result<bool> {
        let _claiming = lock(&self.claiming);
        if !self.tree.look(&self.wire, &self.config, object)?.is_empty() {
            return Ok(false);
        }
        let body = bytes.to_vec();
        let (wire, tree, config) = (&self.wire, &self.tree, &self.config);
        let upload = Uploader { wire, tree, config, object, body: &body, course: &Straight };
        let doing = format!("writing {object}");
        let mine = upload.run(None).map_err(|fault| self.explained(fault, &doing))?;
        let all = self.tree.look(&self.wire, &self.config, object)?;
        match all.first() {
            Some(first) if first.id != mine.id => {
                match mine.id.map_or(Ok(()), |id| self.remove(&id, &doing)) {
                    // Where nothing may be removed it stays, and does not count.
                    Err(fault) if fault.kind != Kind::Denied => Err(fault),
                    _ => Ok(false),
                }
            }
            _ => Ok(true),
        }
    }

    fn get(&self, object: &str, offset: u64, length: usize) -> Result<Vec<u8>> {
        let cut = || self.wire.fault(Kind::Damaged, format!("{object} has fewer bytes than it should have."));
        let missing = || Fault::missing(self.wire.target(), object);
        if length == 0 {
            let found = self.head(object)?.ok_or_else(missing)?;
            return if offset <= found.size { Ok(Vec::new()) } else { Err(cut()) };
        }
        let doing = format!("reading {object}");
        let read = self.with_id(object, |id| {
            let answer = self.wire.part(&self.file_url(id, &[("alt", "media")]), offset, length)?;
            match answer.status {
                404 => Ok(None),
                416 => Err(cut()),
                206 => {
                    let start = answer
                        .header("content-range")
                        .and_then(|range| range.strip_prefix("bytes ")?.split('-').next());
                    if start.and_then(|start| start.parse().ok()) != Some(offset) {
                        return Err(words::nonsense(self.wire.target(), &doing, &answer));
                    }
                    Ok(Some(answer.body))
                }
                // Who does not know ranges sends everything; what the object begins with is what was asked for, then.
                200 if offset == 0
                    && answer.header("content-type").is_some_and(|kind| !kind.starts_with("text/html")) =>
                {
                    Ok(Some(answer.body))
                }
                200 => Err(self
                    .wire
                    .client
                    .transient(format!("{doing}: something else than what was asked for has come."))),
                _ => Err(self.wire.refused(&doing, &answer)),
            }
        })?;
        let mut bytes = read.ok_or_else(missing)?;
        if bytes.len() < length {
            return Err(cut());
        }
        bytes.truncate(length);
        Ok(bytes)
    }

    fn head(&self, object: &str) -> Result<Option<Stored>> {
        tree::split(&self.wire, object)?;
        self.with_id(object, |id| {
            let answer =
                self.wire.send(&WireRequest::get(&self.file_url(id, &[("fields", FIELDS)])), LONGEST_ANSWER)?;
            match answer.status {
                404 => Ok(None),
                _ if !answer.is_good() => Err(self.wire.refused(&format!("looking at {object}"), &answer)),
                _ => {
                    let file: File = self.wire.parse(&answer, &format!("looking at {object}"))?;
                    Ok(stored(object, &file).filter(|_| file.trashed != Some(true)))
                }
            }
        })
    }

    fn list(&self, prefix: &str, visit: &mut dyn FnMut(Stored)) -> Result<()> {
        self.tree.list(&self.wire, &self.config, prefix, visit)
    }

    /// All that have its name: otherwise the next oldest would be there in its place.
    fn delete(&self, object: &str) -> Result<()> {
        let doing = format!("removing {object}");
        // A search may not know yet what was written a moment ago.
        let remembered = self.tree.remembered(object).and_then(|known| known.id);
        let found = self.tree.look(&self.wire, &self.config, object)?;
        let ids: BTreeSet<String> = found.into_iter().filter_map(|found| found.id).chain(remembered).collect();
        ids.iter().try_for_each(|id| self.remove(id, &doing))?;
        self.tree.forget(object);
        Ok(())
    }

    fn recall(&self, known: &[Stored]) {
        self.tree.recall(known);
    }

    fn abandon(&self, _object: &str, session: &Secret) -> Result<()> {
        upload::abandon(&self.wire, session)
    }

    fn account(&self) -> Result<Account> {
        let fields = "user(displayName,emailAddress),storageQuota(limit,usage,usageInDrive,usageInDriveTrash)";
        let url = with(&format!("{}/about", self.wire.places.api), &[("fields", fields)]);
        let doing = "asking whose account it is";
        let answer = self.wire.send(&WireRequest::get(&url), LONGEST_ANSWER)?;
        if !answer.is_good() {
            return Err(self.wire.refused(doing, &answer));
        }
        let about: About = self.wire.parse(&answer, doing)?;
        let bytes = |bytes: Option<i64>| bytes.and_then(|bytes| u64::try_from(bytes).ok());
        let quota = about.storage_quota.unwrap_or_default();
        let name = about.user.and_then(|user| user.email_address.or(user.display_name));
        Ok(Account {
            name: name.map(|name| name.chars().filter(|c| !c.is_control()).take(254).collect()),
            limit: bytes(quota.limit),
            used: bytes(quota.usage),
            trash: bytes(quota.usage_in_drive_trash),
            ahead: oauth::skew(&answer).map(|seconds| seconds * 1000),
        })
    }
}
