//! A put: small objects in one request, larger ones by a session that can be gone on with after a cut, a crash, a new day.
//!
//! What is created has an id that was asked for beforehand and is remembered before the first byte goes out. So a put whose answer
//! did not come is found by that id, and trying it again makes no second file. Nothing counts before size and checksum are what
//! was sent.

use std::sync::atomic::{AtomicU64, Ordering};

use google_drive3::api::File;
use google_drive3::hyper::header::{CONTENT_RANGE, CONTENT_TYPE, LOCATION};
use google_drive3::hyper::{Method, Request};
use lifeboat_engine::config::cloud;
use lifeboat_engine::secret::Secret;
use lifeboat_engine::store::{Body, Course, Fault, Kind, Result, Stored};
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::Sha256;

use super::client::{DriveAnswer, LONGEST_ANSWER};
use super::places::with;
use super::tree::{self, DriveTree, FIELDS, is_id, stored};
use super::wire::{Load, Wire, WireRequest};
use super::words;

/// Up to here one request does it, which is as much as Drive documents.
const SMALL: u64 = 5_000_000;
/// A session takes multiples of 256 KiB. So much is sent in one request, which is a whole pack, because Drive counts requests; and
/// it is lost where a busy service keeps nothing of it. After a fault less is risked, and twice as much with each part that is
/// kept, unless the course is careful.
const PART: u64 = 18 << 20;
const CAREFUL: u64 = 1 << 20;
const BOUNDARY: &str = "lifeboat-c4b1f0d2a97e4c58";
const BYTES: &str = "application/octet-stream";
/// How often a part may be sent without more of it being kept.
const STANDSTILL: u32 = 3;

pub struct Uploader<'a> {
    pub wire: &'a Wire,
    pub tree: &'a DriveTree,
    pub config: &'a cloud::Drive,
    pub object: &'a str,
    pub body: &'a dyn Body,
    pub course: &'a dyn Course,
}

/// What is remembered of a put that goes on. Whoever has the address can write there.
#[derive(Clone, Serialize, Deserialize)]
struct UploadSession {
    id: String,
    /// The file is there already, and gets other bytes.
    replaces: bool,
    md5: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    url: Option<Secret>,
}

/// Of all bytes.
struct Sums {
    md5: String,
    sha256: String,
}

/// What one way of sending came to.
enum Sent {
    Whole(Box<File>),
    /// There is a file with this id already.
    Taken,
    /// The session is not known any more.
    Expired,
}

impl Uploader<'_> {
    pub fn run(&self, known: Option<Stored>) -> Result<Stored> {
        let sums = self.sums()?;
        let earlier = self.course.session().and_then(|kept| serde_json::from_str::<UploadSession>(kept.expose()).ok());
        let earlier = earlier.filter(|session| session.md5 == sums.md5 && is_id(&session.id));
        let mut session = match earlier {
            Some(session) => {
                // A put whose answer did not come may have been whole.
                if session.url.is_none()
                    && let Some(file) = self.there(&session.id)?
                    && self.is_whole(&file, &sums)
                {
                    return self.ended(&file);
                }
                session
            }
            None => self.session(known.and_then(|known| known.id), &sums)?,
        };
        // Each round leaves by its end, or with another session; three kinds of them there are.
        for _ in 0..4 {
            session = match self.send(&mut session)? {
                Sent::Whole(file) => return self.accept(&file, &session, &sums),
                Sent::Expired => match self.there(&session.id)? {
                    Some(file) if self.is_whole(&file, &sums) => return self.ended(&file),
                    Some(_) => self.session(Some(session.id), &sums)?,
                    None if session.replaces => self.session(None, &sums)?,
                    None => UploadSession { url: None, ..session },
                },
                Sent::Taken => match self.there(&session.id)? {
                    Some(file) if self.is_whole(&file, &sums) => return self.ended(&file),
                    Some(_) => self.session(Some(session.id), &sums)?,
                    // In the trash, or of somebody else.
                    None => self.session(None, &sums)?,
                },
            };
        }
        Err(self.wire.client.transient(format!("{}: the upload has begun anew too often.", self.doing())))
    }

    fn doing(&self) -> String {
        format!("writing {}", self.object)
    }

    /// Read once before anything is sent, so that an upload that is gone on with is checked as a whole.
    fn sums(&self) -> Result<Sums> {
        let (mut md5, mut sha256, mut at) = (Md5::new(), Sha256::new(), 0);
        while at < self.body.size() {
            let length = (1 << 20).min(self.body.size() - at);
            let bytes = self.body.read(at, length as usize).map_err(|error| {
                self.wire.fault(Kind::Refused, format!("{}: reading what is to be sent: {error}.", self.doing()))
            })?;
            md5.update(&bytes);
            sha256.update(&bytes);
            at += length;
        }
        Ok(Sums { md5: hex::encode(md5.finalize()), sha256: hex::encode(sha256.finalize()) })
    }

    /// A new one, which is remembered before anything of it happens.
    fn session(&self, id: Option<String>, sums: &Sums) -> Result<UploadSession> {
        let replaces = id.is_some();
        let id = id.map_or_else(|| self.tree.fresh_id(self.wire), Ok)?;
        let session = UploadSession { id, replaces, md5: sums.md5.clone(), url: None };
        self.keep(&session)?;
        Ok(session)
    }

    fn keep(&self, session: &UploadSession) -> Result<()> {
        let text = serde_json::to_string(session);
        let text = text.map_err(|_| self.wire.fault(Kind::Refused, "A session has no JSON form."))?;
        self.course.keep(Some(&Secret::new(text)))
    }

    fn send(&self, session: &mut UploadSession) -> Result<Sent> {
        let url = session.url.clone().filter(|url| self.wire.places.is_session(url.expose()));
        match url {
            Some(url) => match self.kept(&url)? {
                Reached::Bytes(at) => {
                    self.course.reached(at);
                    self.parts(&url, at, CAREFUL)
                }
                Reached::End(sent) => Ok(sent),
            },
            None if self.body.size() <= SMALL => self.at_once(session),
            None => {
                let answer = self.begin(session)?;
                if let Some(sent) = self.unusual(&answer)? {
                    return Ok(sent);
                }
                let url = answer.header(LOCATION.as_str()).filter(|url| self.wire.places.is_session(url));
                let Some(url) = url.map(Secret::new) else {
                    return Err(words::nonsense(self.wire.target(), &self.doing(), &answer));
                };
                session.url = Some(url.clone());
                self.keep(session)?;
                let part = if self.course.is_careful() { CAREFUL } else { PART };
                self.parts(&url, 0, part)
            }
        }
    }

    /// What the file shall be. What is replaced keeps its name and place.
    fn metadata(&self, session: &UploadSession) -> Result<Value> {
        if session.replaces {
            return Ok(json!({}));
        }
        let folder = self.tree.folder_for(self.wire, self.config, self.object)?;
        let (_, name) = tree::split(self.wire, self.object)?;
        Ok(json!({ "id": session.id, "name": name, "parents": [folder], "mimeType": BYTES }))
    }

    fn address(&self, session: &UploadSession, kind: &str) -> (Method, String) {
        let parameters = [("uploadType", kind), ("supportsAllDrives", "true"), ("fields", FIELDS)];
        let files = format!("{}/files", self.wire.places.upload);
        match session.replaces {
            true => (Method::PATCH, with(&format!("{files}/{}", session.id), &parameters)),
            false => (Method::POST, with(&files, &parameters)),
        }
    }

    fn at_once(&self, session: &UploadSession) -> Result<Sent> {
        let metadata = self.metadata(session)?;
        let (method, url) = self.address(session, "multipart");
        let before = format!(
            "--{BOUNDARY}\r\ncontent-type: application/json; charset=UTF-8\r\n\r\n{metadata}\r\n--{BOUNDARY}\r\ncontent-type: {BYTES}\r\n\r\n"
        );
        let load = Load {
            before: before.into_bytes(),
            body: self.body,
            from: 0,
            to: self.body.size(),
            after: format!("\r\n--{BOUNDARY}--\r\n").into_bytes(),
        };
        let request = Request::builder().method(method).uri(url);
        let request = request.header(CONTENT_TYPE, format!("multipart/related; boundary={BOUNDARY}"));
        let answer = self.wire.stream(request, true, &load, self.course)?;
        match self.unusual(&answer)? {
            Some(sent) => Ok(sent),
            None => self.whole(&answer),
        }
    }

    fn begin(&self, session: &UploadSession) -> Result<DriveAnswer> {
        let metadata = self.metadata(session)?;
        let (method, url) = self.address(session, "resumable");
        let headers =
            [("x-upload-content-type", BYTES.to_string()), ("x-upload-content-length", self.body.size().to_string())];
        self.wire.send(
            &WireRequest { json: Some(&metadata), headers: &headers, ..WireRequest::new(method, &url) },
            LONGEST_ANSWER,
        )
    }

    /// How far an upload is that was begun earlier.
    fn kept(&self, url: &Secret) -> Result<Reached> {
        let request = Request::builder().method(Method::PUT).uri(url.expose());
        let request = request.header(CONTENT_RANGE, format!("bytes */{}", self.body.size()));
        let nothing = Load { before: Vec::new(), body: self.body, from: 0, to: 0, after: Vec::new() };
        self.reached(&self.wire.stream(request, false, &nothing, self.course)?)
    }

    fn parts(&self, url: &Secret, mut at: u64, mut part: u64) -> Result<Sent> {
        let (size, mut standstill) = (self.body.size(), 0);
        loop {
            let to = size.min(at + part);
            let request = Request::builder().method(Method::PUT).uri(url.expose());
            let request = request.header(CONTENT_TYPE, BYTES);
            let request = request.header(CONTENT_RANGE, format!("bytes {at}-{}/{size}", to - 1));
            let load = Load { before: Vec::new(), body: self.body, from: at, to, after: Vec::new() };
            let counted = Counted { course: self.course, bytes: AtomicU64::new(0) };
            let answer = self.wire.stream(request, false, &load, &counted);
            let reached = answer.and_then(|answer| self.reached(&answer));
            // What was kept of it, the next question tells.
            if reached.as_ref().is_err_and(Fault::is_transient) && counted.bytes.load(Ordering::Relaxed) > CAREFUL / 2 {
                self.course.lost();
            }
            match reached? {
                Reached::End(sent) => return Ok(sent),
                // More than was ever sent: it speaks of another upload.
                Reached::Bytes(reached) if reached > to => return Ok(Sent::Expired),
                Reached::Bytes(reached) => {
                    part = match reached == to && !self.course.is_careful() {
                        true => PART.min(part * 2),
                        false => CAREFUL,
                    };
                    self.course.reached(reached);
                    standstill = if reached > at { 0 } else { standstill + 1 };
                    at = reached;
                }
            }
            if standstill >= STANDSTILL {
                return Err(self.wire.client.transient(format!("{}: Google Drive keeps none of it.", self.doing())));
            }
        }
    }

    /// What an answer within a session says.
    fn reached(&self, answer: &DriveAnswer) -> Result<Reached> {
        if answer.status == 308 && !words::is_page(answer) {
            let range = answer
                .header("range")
                .map(|range| range.strip_prefix("bytes=0-").and_then(|last| last.parse::<u64>().ok()));
            return match range {
                None => Ok(Reached::Bytes(0)),
                Some(Some(last)) if last < self.body.size() => Ok(Reached::Bytes(last + 1)),
                Some(_) => Ok(Reached::End(Sent::Expired)),
            };
        }
        // What is wrong with a request in a session is mended by another session.
        if [400, 404, 410].contains(&answer.status) {
            return Ok(Reached::End(Sent::Expired));
        }
        match self.unusual(answer)? {
            Some(sent) => Ok(Reached::End(sent)),
            None => Ok(Reached::End(self.whole(answer)?)),
        }
    }

    /// An answer that does not say that all is well.
    fn unusual(&self, answer: &DriveAnswer) -> Result<Option<Sent>> {
        match answer.status {
            200 | 201 => Ok(None),
            409 => Ok(Some(Sent::Taken)),
            // What is replaced has gone since, or the folder has.
            404 if words::reason(answer) == "notFound" => {
                self.tree.forget(self.object);
                self.tree.forget_folders();
                Ok(Some(Sent::Expired))
            }
            _ => Err(self.wire.refused(&self.doing(), answer)),
        }
    }

    fn whole(&self, answer: &DriveAnswer) -> Result<Sent> {
        Ok(Sent::Whole(Box::new(self.wire.parse(answer, &self.doing())?)))
    }

    fn there(&self, id: &str) -> Result<Option<File>> {
        let url =
            with(&format!("{}/files/{id}", self.wire.places.api), &[("supportsAllDrives", "true"), ("fields", FIELDS)]);
        let answer = self.wire.send(&WireRequest::get(&url), LONGEST_ANSWER)?;
        match answer.status {
            404 => Ok(None),
            _ if !answer.is_good() => Err(self.wire.refused(&self.doing(), &answer)),
            _ => self
                .wire
                .parse(&answer, &self.doing())
                .map(|file: File| Some(file).filter(|file| file.trashed != Some(true))),
        }
    }

    fn is_whole(&self, file: &File, sums: &Sums) -> bool {
        let md5 = file.md5_checksum.as_ref().map(|md5| *md5 == sums.md5);
        let sha256 = file.sha256_checksum.as_ref().map(|sha256| *sha256 == sums.sha256);
        let right = md5.unwrap_or(true) && sha256.unwrap_or(true) && (md5.is_some() || sha256.is_some());
        right && file.size.and_then(|size| u64::try_from(size).ok()) == Some(self.body.size())
    }

    fn accept(&self, file: &File, session: &UploadSession, sums: &Sums) -> Result<Stored> {
        if file.id.as_deref() == Some(&session.id) && self.is_whole(file, sums) {
            return self.ended(file);
        }
        // Half an object, or another one, is none. Where it may not be removed, the next put replaces it.
        self.course.keep(None)?;
        self.tree.forget(self.object);
        if !session.replaces {
            let url = with(&format!("{}/files/{}", self.wire.places.api, session.id), &[("supportsAllDrives", "true")]);
            let _ = self.wire.send(&WireRequest::new(Method::DELETE, &url), LONGEST_ANSWER);
        }
        let message = format!(
            "{}: Google Drive reports another size or checksum than what was sent. It is sent again.",
            self.doing()
        );
        Err(self.wire.fault(Kind::Damaged, message))
    }

    fn ended(&self, file: &File) -> Result<Stored> {
        let stored = stored(self.object, file)
            .ok_or_else(|| self.wire.fault(Kind::Damaged, format!("{}: the answer makes no sense.", self.doing())))?;
        self.course.keep(None)?;
        self.tree.remember(stored.clone());
        Ok(stored)
    }
}

/// A course, and how many bytes it has let go.
struct Counted<'a> {
    course: &'a dyn Course,
    bytes: AtomicU64,
}

impl Course for Counted<'_> {
    fn send(&self, bytes: u64) -> Result<()> {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.course.send(bytes)
    }
}

/// How far a session is.
enum Reached {
    /// So many bytes are kept.
    Bytes(u64),
    End(Sent),
}

/// Ends a session that nobody goes on with.
pub fn abandon(wire: &Wire, session: &Secret) -> Result<()> {
    let Some(session) = serde_json::from_str::<UploadSession>(session.expose()).ok() else { return Ok(()) };
    let Some(url) = session.url.filter(|url| wire.places.is_session(url.expose())) else { return Ok(()) };
    // 499 is how Google says that it has cancelled; an unknown one is gone already.
    wire.send(&WireRequest::new(Method::DELETE, url.expose()), LONGEST_ANSWER).map(drop)
}
