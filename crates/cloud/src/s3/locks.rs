//! Object Lock: an object is kept from being removed until a day, and that day is put off while a kept backup needs it.
//!
//! A lock belongs to a version. Whoever has broken in can write another version over an object; so only the version that we have
//! written is locked anew, known by its size and by when it was written. A lock is never shortened, nor its mode changed.

use http::{HeaderMap, Method};
use jiff::Timestamp;
use lifeboat_engine::store::{Fault, Kind, Result, Stored};

use super::S3Store;
use super::answer;
use super::fault::{Doing, nonsense};

/// Bytes of an answer about one lock.
const ANSWER: usize = 64 << 10;
/// A list tells milliseconds, and the object itself seconds.
const SECONDS: i64 = 2_000;
/// Where the bucket has given an object none: the owner of the account can end it, and these credentials cannot.
const MODE: &str = "GOVERNANCE";

impl S3Store {
    pub(super) fn lock_until(&self, known: &Stored, until: i64, enough: i64) -> Result<bool> {
        let object = known.object.as_str();
        let doing = Doing { what: "Locking", object, permission: "s3:GetObjectRetention and s3:PutObjectRetention" };
        let path = format!("/{}", self.key(object)?);
        let headers = match self.attempt(doing, 0, self.headers(&path)) {
            Err(failed) if failed.is_status(404) => return Err(Fault::missing(&self.name, object)),
            headers => headers.map_err(|failed| failed.fault)?,
        };
        let broken =
            || Fault::new(Kind::Damaged, &self.name, format!("Locking {object} failed. {}", nonsense(&self.place)));
        let there = ObjectVersion::of(&headers).ok_or_else(broken)?;
        let differs = |written: i64| there.written.is_none_or(|there| (there - written).abs() > SECONDS);
        if there.size != known.size || known.written.is_some_and(differs) {
            let words = format!("{object} was written over since, so its lock is not renewed. Look at its versions.");
            return Err(Fault::new(Kind::Damaged, &self.name, words));
        }
        if there.locked_until.is_some_and(|ends| ends >= enough.min(until)) {
            return Ok(false);
        }
        let mode = match there.mode.as_deref() {
            Some("COMPLIANCE") => "COMPLIANCE",
            Some("GOVERNANCE") | None => MODE,
            Some(_) => return Err(broken()),
        };
        let date = Timestamp::from_second(until / 1000).map_err(|_| broken())?;
        let text = format!(
            "<Retention xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Mode>{mode}</Mode><RetainUntilDate>{date}</RetainUntilDate></Retention>"
        );
        let version = there.id.iter().map(|id| ("versionId", id.as_str()));
        let query: Vec<_> = [("retention", "")].into_iter().chain(version).collect();
        self.wait(doing, 0, self.request(Method::PUT, &path, &query, Some(text), ANSWER))?;
        Ok(true)
    }
}

/// The version of an object that is the newest, as the service tells.
struct ObjectVersion {
    size: u64,
    written: Option<i64>,
    id: Option<String>,
    mode: Option<String>,
    locked_until: Option<i64>,
}

impl ObjectVersion {
    /// `None`: what is told makes no sense.
    fn of(headers: &HeaderMap) -> Option<ObjectVersion> {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let locked_until = match header("x-amz-object-lock-retain-until-date") {
            Some(date) => Some(date.parse::<Timestamp>().ok()?.as_millisecond()),
            None => None,
        };
        Some(ObjectVersion {
            size: header("content-length")?.parse().ok()?,
            written: answer::date(header("last-modified")).map(Timestamp::as_millisecond),
            id: header("x-amz-version-id").filter(|id| *id != "null").map(str::to_owned),
            mode: header("x-amz-object-lock-mode").map(str::to_owned),
            locked_until,
        })
    }
}
