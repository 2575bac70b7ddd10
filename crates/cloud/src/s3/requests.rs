//! How a request is made: with the pace of its course, with a bound of time, and once. What fails comes back in words.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use lifeboat_engine::store::{Course, Fault, Kind, Result};
use object_store::aws::{AwsAuthorizer, AwsCredential};
use object_store::client::{HttpError, HttpErrorKind, HttpRequestBody, HttpResponse};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::time::{Instant, timeout};

use super::fault::{Doing, Failed};
use super::pace::Pace;
use super::{S3Store, client, pace};
use crate::runtime;

/// Bytes that a course is asked for at a time.
const STEP: u64 = 256 << 10;
/// How long a service that has refused something is listened to before bytes go.
const MOMENT: Duration = Duration::from_millis(400);
/// How often a put that waits for the network asks whether it shall stop.
const TICK: Duration = Duration::from_millis(200);
/// Bytes that the operating system may hold back while it says that they are sent.
const BUFFERED: u64 = 4 << 20;
/// Bytes a second of the slowest link that counts as one.
const SLOWEST: u64 = 8_000;
/// What is written as it is in a query, and in a key.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const KEY: &AsciiSet = &QUERY.remove(b'/');

impl S3Store {
    /// Sends the bytes of a request as its course allows, and stops when that says so.
    pub(super) fn send<T: Send + 'static>(
        &self,
        doing: Doing<'_>,
        bytes: u64,
        course: &dyn Course,
        request: impl Future<Output = object_store::Result<T>> + Send + 'static,
    ) -> Sending<T> {
        let pace = Arc::new(Pace::default());
        let mut task = Stopped(runtime::spawn(pace::with(Arc::clone(&pace), request)));
        let outcome = (|| {
            // A service that refuses does so when it has heard what is wanted. Where it has done so last, it gets a moment for that
            // before all the bytes go again.
            let begun = Instant::now();
            while self.wary.load(Ordering::Relaxed) && !task.0.is_finished() && begun.elapsed() < MOMENT {
                course.send(0)?;
                std::thread::sleep(MOMENT / 20);
            }
            let mut left = bytes;
            // What is refused at its beginning need not be sent to its end.
            while left > 0 && !task.0.is_finished() {
                let step = left.min(STEP);
                course.send(step)?;
                pace.allow(step);
                left -= step;
            }
            let (mut sent, mut moved) = (pace.sent(), Instant::now());
            loop {
                match runtime::block_on(async { timeout(TICK, &mut task.0).await }) {
                    Ok(Ok(outcome)) => return outcome.map_err(|error| self.failed(doing, &error)),
                    Ok(Err(_)) => return Err(self.silent(doing).into()),
                    Err(_) => course.send(0)?,
                }
                if pace.sent() != sent {
                    (sent, moved) = (pace.sent(), Instant::now());
                }
                if moved.elapsed() > self.patience(bytes.min(BUFFERED)) {
                    return Err(self.silent(doing).into());
                }
            }
        })();
        match &outcome {
            Ok(_) => self.wary.store(false, Ordering::Relaxed),
            Err(failed) if failed.is_answer() => self.wary.store(true, Ordering::Relaxed),
            Err(_) => {}
        }
        Sending { outcome, sent: pace.sent() }
    }

    pub(super) fn attempt<T, E: std::error::Error + 'static>(
        &self,
        doing: Doing<'_>,
        bytes: u64,
        request: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Failed> {
        match runtime::block_on(async { timeout(self.patience(bytes), request).await }) {
            Ok(outcome) => outcome.map_err(|error| self.failed(doing, &error)),
            Err(_) => Err(self.silent(doing).into()),
        }
    }

    pub(super) fn wait<T, E: std::error::Error + 'static>(
        &self,
        doing: Doing<'_>,
        bytes: u64,
        request: impl Future<Output = Result<T, E>>,
    ) -> Result<T> {
        self.attempt(doing, bytes, request).map_err(|failed| failed.fault)
    }

    /// A signed question about the bucket, or about a key in it, which begins with a slash.
    pub(super) async fn ask(&self, key: &str, query: &[(&str, &str)], limit: usize) -> Result<Bytes, HttpError> {
        self.request(http::Method::GET, key, query, None, limit).await
    }

    /// The same with another method, and a text.
    pub(super) async fn request(
        &self,
        method: http::Method,
        key: &str,
        query: &[(&str, &str)],
        text: Option<String>,
        limit: usize,
    ) -> Result<Bytes, HttpError> {
        client::read(self.answered(method, key, query, text).await?.into_body(), limit).await
    }

    /// What the service says of an object beside its bytes.
    pub(super) async fn headers(&self, key: &str) -> Result<http::HeaderMap, HttpError> {
        Ok(self.answered(http::Method::HEAD, key, &[], None).await?.into_parts().0.headers)
    }

    async fn answered(
        &self,
        method: http::Method,
        key: &str,
        query: &[(&str, &str)],
        text: Option<String>,
    ) -> Result<HttpResponse, HttpError> {
        let pair = |(name, value): &(&str, &str)| format!("{name}={}", utf8_percent_encode(value, QUERY));
        let query: Vec<_> = query.iter().map(pair).collect();
        let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
        let unmade = |_| HttpError::new(HttpErrorKind::Unknown, Unsigned);
        let mut request = http::Request::builder()
            .method(method)
            .uri(format!("{}{}{query}", self.place.url, utf8_percent_encode(key, KEY)))
            .body(text.map_or_else(HttpRequestBody::empty, HttpRequestBody::from))
            .map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))?;
        AwsAuthorizer::new(&self.credential, "s3", &self.place.region)
            .try_authorize(&mut request, None)
            .map_err(unmade)?;
        self.client.execute(request).await
    }

    pub(super) fn patience(&self, bytes: u64) -> Duration {
        self.limits.patience + Duration::from_secs(bytes / SLOWEST)
    }

    pub(super) fn failed(&self, doing: Doing<'_>, error: &(dyn std::error::Error + 'static)) -> Failed {
        let AwsCredential { key_id, secret_key, token } = &*self.credential;
        let secrets: Vec<_> = [key_id.as_str(), secret_key].into_iter().chain(token.as_deref()).collect();
        Failed::new(&self.name, &self.place, &secrets, doing, error)
    }

    pub(super) fn silent(&self, doing: Doing<'_>) -> Fault {
        let words = format!("{} {} failed. {} has stopped answering.", doing.what, doing.object, self.place.host);
        Fault::new(Kind::Transient { after: None }, &self.name, words)
    }
}

/// How a request ended, and how many of its bytes had left.
pub(super) struct Sending<T> {
    pub outcome: Result<T, Failed>,
    pub sent: u64,
}

/// A request that nobody waits for any more is cut off.
struct Stopped<T>(tokio::task::JoinHandle<T>);

impl<T> Drop for Stopped<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[derive(Debug)]
struct Unsigned;

impl std::fmt::Display for Unsigned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the request could not be signed")
    }
}

impl std::error::Error for Unsigned {}
