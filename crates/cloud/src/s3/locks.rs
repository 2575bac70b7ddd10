//! Object Lock: an object is kept from being removed until a day, and that day is put off while a kept backup needs it.
//!
//! A lock belongs to a version. Whoever has broken in can write another version over an object; so only the version that we have
//! written is locked anew, known by its size and by when it was written. A lock is never shortened, nor its mode changed.

use http::Method;
use jiff::Timestamp;
use lifeboat_engine::store::{Fault, Kind, Result, Stored};
use object_store::ObjectStoreExt;
use serde::Deserialize;

use super::S3;
use super::fault::{Doing, nonsense};

/// Bytes of an answer about one lock.
const ANSWER: usize = 64 << 10;
/// A list tells milliseconds, and the object itself seconds.
const SECONDS: i64 = 2_000;
/// Where the bucket has given an object none: the owner of the account can end it, and these credentials cannot.
const MODE: &str = "GOVERNANCE";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Retention {
    mode: Option<String>,
    retain_until_date: Option<String>,
}

impl S3 {
    pub(super) fn lock_until(&self, known: &Stored, until: i64, enough: i64) -> Result<bool> {
        let object = known.object.as_str();
        let doing = Doing { what: "Locking", object, permission: "s3:GetObjectRetention and s3:PutObjectRetention" };
        let key = self.key(object)?;
        let meta = match self.attempt(doing, 0, self.store.head(&key)) {
            Err(failed) if failed.is_status(404) => return Err(Fault::missing(&self.name, object)),
            meta => meta.map_err(|failed| failed.fault)?,
        };
        let differs = |written: i64| (meta.last_modified.timestamp_millis() - written).abs() > SECONDS;
        if meta.size != known.size || known.written.is_some_and(differs) {
            let words = format!("{object} was written over since, so its lock is not renewed. Look at its versions.");
            return Err(Fault::new(Kind::Damaged, &self.name, words));
        }
        let path = format!("/{key}");
        let version = meta.version.as_deref().filter(|version| *version != "null");
        let query: Vec<_> = [("retention", "")].into_iter().chain(version.map(|id| ("versionId", id))).collect();
        let asked = self.attempt(doing, 0, self.ask(&path, &query, ANSWER));
        let retention = match asked {
            // It has none.
            Err(failed) if failed.has_code("NoSuchObjectLockConfiguration") || failed.is_status(404) => None,
            asked => Some(asked.map_err(|failed| failed.fault)?),
        };
        let broken =
            || Fault::new(Kind::Damaged, &self.name, format!("Locking {object} failed. {}", nonsense(&self.place)));
        let retention = match retention.filter(|text| !text.is_empty()) {
            None => Retention { mode: None, retain_until_date: None },
            Some(text) => std::str::from_utf8(&text)
                .ok()
                .and_then(|text| quick_xml::de::from_str(text).ok())
                .ok_or_else(broken)?,
        };
        let ends = match &retention.retain_until_date {
            Some(date) => Some(date.parse::<Timestamp>().map_err(|_| broken())?.as_millisecond()),
            None => None,
        };
        if ends.is_some_and(|ends| ends >= enough.min(until)) {
            return Ok(false);
        }
        let mode = match retention.mode.as_deref() {
            Some("COMPLIANCE") => "COMPLIANCE",
            Some("GOVERNANCE") | None => MODE,
            Some(_) => return Err(broken()),
        };
        let date = Timestamp::from_second(until / 1000).map_err(|_| broken())?;
        let text = format!(
            "<Retention xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Mode>{mode}</Mode><RetainUntilDate>{date}</RetainUntilDate></Retention>"
        );
        self.wait(doing, 0, self.request(Method::PUT, &path, &query, Some(text), ANSWER))?;
        Ok(true)
    }
}
