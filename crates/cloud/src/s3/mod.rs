//! S3, and what speaks it, as a store: Amazon, R2, B2, MinIO, Garage, Wasabi.
//!
//! An object goes in one request, and in parts where it is large, or where a slow link has cut it off before. What was sent is
//! signed with its hash, and its size is asked for afterwards. Nothing relies on ETags, nor on `If-None-Match` where it has not
//! been seen to work ([`absent`]). Each request is made once; whoever uses the store tries again.

mod absent;
mod answer;
mod client;
mod credentials;
mod fault;
mod listing;
mod locks;
mod multipart;
mod pace;
mod place;
mod requests;

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use jiff::{SignedDuration, Timestamp};
use lifeboat_engine::config::cloud;
use lifeboat_engine::secret::Secret;
use lifeboat_engine::store::{Account, Body, Course, Fault, Kind, Result, Store, Stored};
use object_store::aws::{AmazonS3, AmazonS3Builder, AwsCredential, Checksum};
use object_store::client::{HttpClient, HttpConnector};
use object_store::path::Path;
use object_store::{
    ClientOptions, GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt, PutPayload, RetryConfig,
    StaticCredentialProvider,
};
use tokio::time::timeout;

use client::S3Client;
use fault::Doing;
use multipart::MultipartSession;
use place::BucketPlace;

/// Bytes within which an object that is read goes on.
const FRAME: u64 = 64 << 10;
/// An upload that nobody has gone on with for so long is nobody's.
const FORGOTTEN: SignedDuration = SignedDuration::from_hours(7 * 24);

pub struct S3Store {
    name: String,
    place: BucketPlace,
    limits: Limits,
    store: AmazonS3,
    /// For the requests that `object_store` does not have.
    client: HttpClient,
    credential: Arc<AwsCredential>,
    /// By how much this machine's clock was ahead, by the last answer.
    ahead: Arc<client::Ahead>,
    /// It has refused what it was sent last.
    wary: AtomicBool,
    /// Uploads that were forgotten have been looked for.
    tidied: AtomicBool,
    /// Does it honour `If-None-Match`? Known once it was tried.
    honours: OnceLock<bool>,
}

/// What goes in one request, and how long one may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// An object of more bytes goes in parts. A pack is smaller, so that it is one request.
    pub single: u64,
    /// Bytes of a part.
    pub part: u64,
    /// Bytes of a part over a link that has cut off a whole object. Amazon takes no smaller ones.
    pub short_part: u64,
    /// How long a request may stand still, beside the time that its bytes take.
    pub patience: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { single: 18 << 20, part: 16 << 20, short_part: 5 << 20, patience: Duration::from_secs(10) }
    }
}

impl S3Store {
    /// Asks nothing yet.
    pub fn open(name: &str, s3: &cloud::S3) -> Result<S3Store> {
        S3Store::with(name, s3, Limits::default(), &|name| std::env::var(name).ok())
    }

    /// With other limits, and in another environment, for tests.
    pub fn with(
        name: &str,
        s3: &cloud::S3,
        limits: Limits,
        variables: &dyn Fn(&str) -> Option<String>,
    ) -> Result<S3Store> {
        let refuse = |words: String| Fault::new(Kind::Refused, name, words);
        let found = credentials::find(s3, variables).map_err(|words| Fault::new(Kind::Credentials, name, words))?;
        let prefix = s3.prefix.as_deref().unwrap_or_default();
        let place = BucketPlace::new(s3, prefix, found.region, found.endpoint).map_err(refuse)?;
        let credential = Arc::new(found.credential);
        let unmade = |_| refuse("The network cannot be used: no certificates of this machine were found.".into());
        let client = S3Client::new(&place.url).map_err(unmade)?;
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&place.bucket)
            .with_region(&place.region)
            // The bucket's own address, which we have made ourselves.
            .with_endpoint(&place.url)
            .with_virtual_hosted_style_request(true)
            .with_allow_http(true)
            // With these it never asks a machine's metadata endpoint.
            .with_credentials(Arc::new(StaticCredentialProvider::new(AwsCredential {
                key_id: credential.key_id.clone(),
                secret_key: credential.secret_key.clone(),
                token: credential.token.clone(),
            })))
            .with_retry(RetryConfig { max_retries: 0, ..RetryConfig::default() })
            .with_disable_bulk_delete(true)
            .with_http_connector(client.clone());
        if place.is_amazon {
            builder = builder.with_checksum_algorithm(Checksum::SHA256);
        }
        let store = builder.build().map_err(|_| refuse("The bucket's address cannot be used.".into()))?;
        let ahead = client.ahead();
        let client = client.connect(&ClientOptions::new()).map_err(|_| refuse("The network cannot be used.".into()))?;
        Ok(S3Store {
            name: name.into(),
            place,
            limits,
            store,
            client,
            credential,
            ahead,
            wary: AtomicBool::new(false),
            tidied: AtomicBool::new(false),
            honours: OnceLock::new(),
        })
    }

    fn key(&self, object: &str) -> Result<Path> {
        let refuse = || Fault::new(Kind::Refused, &self.name, format!("{object:?} is no name of an object."));
        self.place.key(object).ok_or_else(refuse)
    }

    /// Part of what is put, in memory.
    fn read(&self, object: &str, body: &dyn Body, offset: u64, length: u64) -> Result<Bytes> {
        let failed =
            |error| Fault::new(Kind::Refused, &self.name, format!("Reading {object} of the vault failed: {error}."));
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        body.read(offset, length).map(Bytes::from).map_err(failed)
    }

    fn put_whole(&self, object: &str, key: &Path, body: &dyn Body, course: &dyn Course) -> Result<()> {
        let doing = Doing { what: "Writing", object, permission: "s3:PutObject" };
        let bytes = self.read(object, body, 0, body.size())?;
        let (store, key) = (self.store.clone(), key.clone());
        let put = async move { store.put(&key, PutPayload::from(bytes)).await };
        let sending = self.send(doing, body.size(), course, put);
        let Err(failed) = sending.outcome else { return Ok(()) };
        // Where so much was lost, by a link that was cut or a service that failed, the next one may be lost, too.
        if failed.fault.is_transient() && sending.sent > self.limits.short_part {
            course.lost();
            if let Some(session) = MultipartSession::new(body.size(), self.limits.short_part) {
                session.keep(course)?;
            }
        }
        Err(failed.fault)
    }

    /// What the service reports of an object.
    fn known(&self, object: &str) -> Result<Option<Stored>> {
        let doing = Doing { what: "Looking for", object, permission: "s3:GetObject and s3:ListBucket" };
        let key = self.key(object)?;
        let failed = match self.attempt(doing, 0, self.store.head(&key)) {
            Ok(meta) => return Ok(Some(stored(object, &meta))),
            Err(failed) if failed.is_status(404) => return Ok(None),
            Err(failed) => failed,
        };
        // Such an answer has no text, and so no reason. The same question with one may be told it.
        if failed.is_status(400) || failed.is_status(403) || failed.is_status(301) {
            let options = GetOptions { range: Some(GetRange::Bounded(0..1)), ..GetOptions::default() };
            if let Err(told) = self.attempt(doing, 0, self.store.get_opts(&key, options)) {
                return Err(told.fault);
            }
        }
        Err(failed.fault)
    }
}

impl Store for S3Store {
    fn put(&self, object: &str, body: &dyn Body, course: &dyn Course) -> Result<Stored> {
        let (key, size) = (self.key(object)?, body.size());
        let session = MultipartSession::of(course, size);
        // What was kept of other bytes is of no use.
        if session.is_none()
            && let Some(stale) = course.session()
        {
            let _ = self.abandon(object, &stale);
            course.keep(None)?;
        }
        let part = if course.is_careful() { self.limits.short_part } else { self.limits.part };
        let most = if course.is_careful() { self.limits.short_part } else { self.limits.single };
        if size <= most && session.is_none() {
            self.put_whole(object, &key, body, course)?;
        } else {
            let too_large = || Fault::new(Kind::Refused, &self.name, format!("{object} is too large for this target."));
            let session = session.or_else(|| MultipartSession::new(size, part)).ok_or_else(too_large)?;
            self.put_in_parts(object, &key, body, course, session)?;
        }
        match self.known(object)? {
            Some(stored) if stored.size == size => Ok(stored),
            Some(stored) => {
                let words = format!("{object} was written with {size} bytes, and the service has {}.", stored.size);
                Err(Fault::new(Kind::Damaged, &self.name, words))
            }
            None => {
                let words = format!("{object} was written, and the service says that it is not there.");
                Err(Fault::new(Kind::Damaged, &self.name, words))
            }
        }
    }

    fn put_if_absent(&self, object: &str, bytes: &[u8]) -> Result<bool> {
        self.put_unless_there(object, bytes)
    }

    fn get(&self, object: &str, offset: u64, length: usize) -> Result<Vec<u8>> {
        let doing = Doing { what: "Reading", object, permission: "s3:GetObject" };
        let key = self.key(object)?;
        let shorter = || Fault::new(Kind::Damaged, &self.name, format!("{object} is shorter than it was written."));
        let end = offset.checked_add(length as u64).ok_or_else(shorter)?;
        if length == 0 {
            let stored = self.known(object)?.ok_or_else(|| Fault::missing(&self.name, object))?;
            return if end <= stored.size { Ok(Vec::new()) } else { Err(shorter()) };
        }
        let options = GetOptions { range: Some(GetRange::Bounded(offset..end)), ..GetOptions::default() };
        let reading = async {
            let mut stream = self.store.get_opts(&key, options).await?.into_stream();
            let mut bytes = Vec::with_capacity(length);
            while bytes.len() <= length {
                match timeout(self.patience(FRAME), stream.next()).await {
                    Ok(Some(part)) => bytes.extend_from_slice(&part?),
                    Ok(None) => break,
                    Err(_) => return Ok(None),
                }
            }
            Ok::<_, object_store::Error>(Some(bytes))
        };
        let bytes = match self.attempt(doing, length as u64, reading) {
            Err(failed) if failed.has_code("NoSuchKey") => return Err(Fault::missing(&self.name, object)),
            outcome => outcome.map_err(|failed| failed.fault)?.ok_or_else(|| self.silent(doing))?,
        };
        if bytes.len() == length { Ok(bytes) } else { Err(shorter()) }
    }

    fn head(&self, object: &str) -> Result<Option<Stored>> {
        self.known(object)
    }

    fn list(&self, prefix: &str, visit: &mut dyn FnMut(Stored)) -> Result<()> {
        self.objects(prefix, None, visit)
    }

    fn delete(&self, object: &str) -> Result<()> {
        let doing = Doing { what: "Removing", object, permission: "s3:DeleteObject" };
        let key = self.key(object)?;
        match self.attempt(doing, 0, self.store.delete(&key)) {
            Err(failed) if failed.fault.kind != Kind::Missing => Err(failed.fault),
            _ => Ok(()),
        }
    }

    fn abandon(&self, object: &str, session: &Secret) -> Result<()> {
        match S3Store::upload_of(session) {
            Some(upload) => self.abort(object, &self.key(object)?, &upload),
            None => Ok(()),
        }
    }

    fn keep_until(&self, known: &Stored, until: i64, enough: i64) -> Result<bool> {
        self.lock_until(known, until, enough)
    }

    fn account(&self) -> Result<Account> {
        self.objects("", Some(1), &mut |_| ())?;
        let name = Some(format!("{} at {}", self.place.bucket, self.place.host));
        Ok(Account { name, ahead: self.ahead.millis(), ..Account::default() })
    }
}

impl S3Store {
    /// Ends the uploads of this folder that nobody has gone on with for a week, and says how many they were. They are in no list,
    /// and cost as much as objects do. The first upload that begins in a store does it by itself.
    pub fn end_forgotten(&self) -> Result<u64> {
        self.end_begun_before(Timestamp::now() - FORGOTTEN)
    }

    /// The same, for those that began before this time.
    pub fn end_begun_before(&self, time: Timestamp) -> Result<u64> {
        let mut ended = 0;
        for (key, upload) in self.uploads(&self.place.keys(""), time)? {
            // A key that we would not write is nothing that we began.
            let Some(object) = self.place.object(&key) else { continue };
            let Some(path) = self.place.key(&object).filter(|path| path.as_ref() == key) else { continue };
            self.abort(&object, &path, &upload)?;
            ended += 1;
        }
        Ok(ended)
    }
}

fn stored(object: &str, meta: &ObjectMeta) -> Stored {
    // What has no date, or nonsense, has the epoch.
    let written = Some(meta.last_modified.timestamp_millis()).filter(|time| *time > 0);
    Stored { object: object.into(), size: meta.size, written, ..Stored::default() }
}
