//! Objects that go in parts, all of the same size but the last: R2 takes no others. One part is in memory at a time.
//!
//! The id of the upload, and what the service said of each part, is kept as each is there ([`Course::keep`]). So a put that is
//! tried again, after whatever, sends what is missing; a part that arrived unheard is asked for. An upload that the service has ended is one that an
//! earlier put completed without hearing of it, or it begins anew.

use std::sync::atomic::Ordering;

use jiff::Timestamp;
use lifeboat_engine::secret::Secret;
use lifeboat_engine::store::{Body, Course, Fault, Kind, Result};
use object_store::PutPayload;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use serde::{Deserialize, Serialize};

use super::S3Store;
use super::fault::{Doing, Failed};

/// No service takes more.
const PARTS: u64 = 10_000;
/// Bytes of the answer that says whether an upload is there.
const PARTS_PAGE: usize = 1 << 20;
/// A part where so many of those do not do. Larger ones would not fit the memory of a small machine.
const LARGE_PART: u64 = 64 << 20;

/// What is kept of an upload. Whoever has it can write to the bucket, where he has credentials, too.
#[derive(Serialize, Deserialize)]
pub(super) struct MultipartSession {
    /// `None`: nothing has begun yet, and it shall go in parts.
    upload: Option<String>,
    /// Bytes of the object, and of each part.
    size: u64,
    part: u64,
    /// What the service said of each part that is there, from the first one on.
    done: Vec<String>,
}

/// Parts that have arrived, as the service lists them.
#[derive(Deserialize)]
struct Parts {
    #[serde(default, rename = "Part")]
    part: Vec<Arrived>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Arrived {
    part_number: u64,
    size: u64,
    #[serde(rename = "ETag")]
    e_tag: Option<String>,
}

impl MultipartSession {
    /// `part`: bytes of each, unless that makes too many.
    pub fn new(size: u64, part: u64) -> Option<MultipartSession> {
        let part = [part, LARGE_PART].into_iter().find(|part| size.div_ceil(*part) <= PARTS)?;
        Some(MultipartSession { upload: None, size, part, done: Vec::new() })
    }

    /// What an earlier put of an object of this size has kept, if it makes sense.
    pub fn of(course: &dyn Course, size: u64) -> Option<MultipartSession> {
        let session: MultipartSession = serde_json::from_str(course.session()?.expose()).ok()?;
        let is_sound = session.size == size
            && (1..=LARGE_PART).contains(&session.part)
            && session.parts() <= PARTS
            && session.done.len() as u64 <= session.parts();
        is_sound.then_some(session)
    }

    pub fn keep(&self, course: &dyn Course) -> Result<()> {
        let text = serde_json::to_string(self).map(Secret::new);
        // Numbers and texts can always be written.
        course.keep(text.ok().as_ref())
    }

    fn parts(&self) -> u64 {
        self.size.div_ceil(self.part)
    }
}

impl S3Store {
    pub(super) fn put_in_parts(
        &self,
        object: &str,
        key: &Path,
        body: &dyn Body,
        course: &dyn Course,
        mut session: MultipartSession,
    ) -> Result<()> {
        let doing = Doing { what: "Writing", object, permission: "s3:PutObject" };
        let goes_on = session.upload.is_some();
        let upload = match session.upload.clone() {
            Some(upload) => {
                // Asked first, with a request that has no body: a service that refuses one may cut the connection before it is
                // heard, and that looks like a network that is worth another try.
                let after = session.done.len().to_string();
                let question =
                    [("max-parts", "1"), ("part-number-marker", after.as_str()), ("uploadId", upload.as_str())];
                match self.attempt(doing, 0, self.ask(&format!("/{key}"), &question, PARTS_PAGE)) {
                    Err(failed) if failed.is_status(404) => {
                        return self.ended(object, course, &session, goes_on, failed);
                    }
                    // It may be that only the question is not allowed.
                    Err(failed) if failed.fault.is_transient() => return Err(failed.fault),
                    Err(_) => upload,
                    Ok(page) => {
                        if let Some(part) = self.unheard(&page, &session) {
                            session.done.push(part);
                            session.keep(course)?;
                        }
                        upload
                    }
                }
            }
            None => {
                // The answer to an earlier beginning may have been lost, and with it by what to go on.
                if course.is_careful() {
                    let _ = self.end_of(object, key);
                }
                // Without the permission for it, the bucket's own rule has to do that.
                if !self.tidied.swap(true, Ordering::Relaxed) {
                    let _ = self.end_forgotten();
                }
                let upload = self.wait(doing, 0, self.store.create_multipart(key))?;
                session.upload = Some(upload.clone());
                session.keep(course)?;
                upload
            }
        };
        while (session.done.len() as u64) < session.parts() {
            let index = session.done.len();
            let offset = index as u64 * session.part;
            let bytes = self.read(object, body, offset, session.part.min(session.size - offset))?;
            let (store, key, id) = (self.store.clone(), key.clone(), upload.clone());
            let length = bytes.len() as u64;
            let part = async move { store.put_part(&key, &id, index, PutPayload::from(bytes)).await };
            let sending = self.send(doing, length, course, part);
            match sending.outcome {
                Ok(part) => session.done.push(part.content_id),
                Err(failed) => {
                    if failed.fault.is_transient() && sending.sent > self.limits.short_part / 2 {
                        course.lost();
                    }
                    return self.ended(object, course, &session, goes_on, failed);
                }
            }
            session.keep(course)?;
            course.reached(offset + length);
        }
        let parts = session.done.iter().map(|part| PartId { content_id: part.clone() }).collect();
        // Some services put the parts together before they answer.
        match self.attempt(doing, session.size, self.store.complete_multipart(key, &upload, parts)) {
            Ok(_) => course.keep(None),
            Err(failed) => self.ended(object, course, &session, goes_on, failed),
        }
    }

    /// Ends an upload; one that is gone is ended.
    pub(super) fn abort(&self, object: &str, key: &Path, upload: &str) -> Result<()> {
        let doing = Doing { what: "Ending the upload of", object, permission: "s3:AbortMultipartUpload" };
        let (key, upload) = (key.clone(), upload.to_owned());
        match self.attempt(doing, 0, self.store.abort_multipart(&key, &upload)) {
            Err(failed) if !failed.has_code("NoSuchUpload") && !failed.is_status(404) => Err(failed.fault),
            _ => Ok(()),
        }
    }

    /// The next part, where it has arrived although that was not heard. It is of the same upload and so of the same bytes, and of
    /// its size; that the service took half of one for whole its checksum has ruled out.
    fn unheard(&self, page: &[u8], session: &MultipartSession) -> Option<String> {
        // What Amazon is told of a part has its checksum in it, which the list does not always tell.
        if self.place.is_amazon {
            return None;
        }
        let parts: Parts = quick_xml::de::from_str(std::str::from_utf8(page).ok()?).ok()?;
        let done = session.done.len() as u64;
        let size = session.part.min(session.size.checked_sub(done * session.part)?);
        let part = parts.part.into_iter().find(|part| part.part_number == done + 1 && part.size == size)?;
        part.e_tag.filter(|tag| size > 0 && !tag.is_empty() && tag.len() < 200)
    }

    /// Ends uploads of this key that nobody knows by what to go on with.
    fn end_of(&self, object: &str, key: &Path) -> Result<()> {
        for (found, upload) in self.uploads(key.as_ref(), Timestamp::MAX)? {
            if found == key.as_ref() {
                self.abort(object, key, &upload)?;
            }
        }
        Ok(())
    }

    /// The upload of a kept session, to be ended.
    pub(super) fn upload_of(session: &Secret) -> Option<String> {
        serde_json::from_str::<MultipartSession>(session.expose()).ok()?.upload
    }

    /// An upload failed. Is it gone? Services say so in several ways; one that we do not go on with for nothing begins anew, and then
    /// it shows.
    fn ended(
        &self,
        object: &str,
        course: &dyn Course,
        session: &MultipartSession,
        goes_on: bool,
        failed: Failed,
    ) -> Result<()> {
        let refused = matches!(failed.fault.kind, Kind::Denied | Kind::Refused | Kind::Missing | Kind::Damaged);
        let is_gone = failed.has_code("NoSuchUpload") || (goes_on && refused);
        if !is_gone {
            return Err(failed.fault);
        }
        course.keep(None)?;
        match self.known(object)? {
            Some(stored) if stored.size == session.size && session.done.len() as u64 == session.parts() => Ok(()),
            _ => {
                let words = format!("Writing {object} failed. The service has ended the upload; it begins anew.");
                Err(Fault::new(Kind::Transient { after: None }, &self.name, words))
            }
        }
    }
}
