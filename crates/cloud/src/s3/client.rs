//! The requests of a bucket, each sent once. Whatever is no success comes back as an [`S3Answer`], with all that its headers and
//! its text say; nothing is followed to another address, and no answer is read without a bound.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_RANGE, CONTENT_TYPE, DATE, ETAG};
use http::{HeaderName, Method, response};
use http_body_util::BodyExt;
use jiff::Timestamp;
use lifeboat_engine::mutex::lock;
use md5::{Digest, Md5};
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody, HttpService,
};
use reqwest::redirect;

use super::answer::{self, S3Answer};
use super::pace;

const CONNECT: Duration = Duration::from_secs(10);
/// Services close connections that do nothing, some after 20 seconds.
const IDLE: Duration = Duration::from_secs(15);
/// Bytes of an answer that is no object. A page of a list is the longest one that makes sense.
const ANSWER: usize = 16 << 20;
const CHECKSUM: HeaderName = HeaderName::from_static("x-amz-checksum-sha256");
const CONTENT_MD5: HeaderName = HeaderName::from_static("content-md5");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-request-id");

#[derive(Clone, Debug)]
pub struct S3Client(reqwest::Client, Arc<Ahead>);

/// By how many milliseconds this machine's clock is ahead of the service's, as its last answer told.
#[derive(Debug, Default)]
pub struct Ahead(Mutex<Option<i64>>);

impl Ahead {
    pub fn millis(&self) -> Option<i64> {
        *lock(&self.0)
    }
}

impl S3Client {
    pub fn new(url: &str) -> reqwest::Result<S3Client> {
        let builder = reqwest::Client::builder()
            .user_agent(concat!("lifeboat/", env!("CARGO_PKG_VERSION")))
            // Where a network wants a person to sign in first, it sends every request elsewhere.
            .redirect(redirect::Policy::none())
            .https_only(url.starts_with("https:"))
            .http1_only()
            .connect_timeout(CONNECT)
            .pool_idle_timeout(IDLE);
        builder.build().map(|client| S3Client(client, Arc::default()))
    }
}

impl S3Client {
    pub fn ahead(&self) -> Arc<Ahead> {
        self.1.clone()
    }
}

/// `object_store` sends through it.
impl HttpConnector for S3Client {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait]
impl HttpService for S3Client {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (parts, body) = request.into_parts();
        let url = parts.uri.to_string().parse().map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))?;
        let mut request = reqwest::Request::new(parts.method.clone(), url);
        *request.headers_mut() = parts.headers;
        let body = body.collect().await?.to_bytes();
        // A bucket that locks its objects takes none without a checksum, and this is the one that all services know.
        if parts.method == Method::PUT && !request.headers().contains_key(CHECKSUM) {
            let sum = BASE64_STANDARD.encode(Md5::digest(&body));
            if let Ok(sum) = sum.parse() {
                request.headers_mut().insert(CONTENT_MD5, sum);
            }
        }
        *request.body_mut() = Some(pace::body(body));

        let response: http::Response<reqwest::Body> = self.0.execute(request).await.map_err(broken)?.into();
        let (mut head, body) = response.into_parts();
        let theirs = answer::date(head.headers.get(DATE).and_then(|date| date.to_str().ok()));
        *lock(&self.1.0) = theirs.map(|theirs| Timestamp::now().as_millisecond() - theirs.as_millisecond());
        let body = HttpResponseBody::new(body.map_err(broken));
        let is_read = [Method::GET, Method::HEAD].contains(&parts.method);
        if head.status.is_success() && is_read && !is_doubtful(&head) {
            return match is_range(&head) {
                true => Ok(HttpResponse::from_parts(head, body)),
                false => Err(HttpError::new(HttpErrorKind::Decode, Nonsense)),
            };
        }
        let text = read(body, ANSWER).await?;
        let mut answer = S3Answer::new(&head, &text);
        // The answer to a question without a text has none, and what answers it may be a page all the same.
        answer.is_page |= parts.method == Method::HEAD && head.status.is_success();
        // What completes an upload is answered with a success before it is known to be one.
        if !head.status.is_success() || answer.is_error() {
            return Err(HttpError::new(HttpErrorKind::Unknown, answer));
        }
        head.extensions.clear();
        Ok(HttpResponse::from_parts(head, text.into()))
    }
}

/// A page for people, perhaps, where an object was asked for: those have a tag, and other answers of S3 a number.
fn is_doubtful(head: &response::Parts) -> bool {
    let kind = head.headers.get(CONTENT_TYPE).map(|kind| kind.as_bytes().to_ascii_lowercase());
    kind.is_some_and(|kind| kind.starts_with(b"text/html"))
        && !head.headers.contains_key(ETAG)
        && !head.headers.contains_key(REQUEST_ID)
}

/// Is the range that is answered with one that can be? `object_store` reckons with the numbers, and one that is too large would
/// end the program.
fn is_range(head: &response::Parts) -> bool {
    let range = head.headers.get(CONTENT_RANGE).map(|range| range.as_bytes());
    range.is_none_or(|range| range.split(|byte| !byte.is_ascii_digit()).all(|number| number.len() <= 18))
}

/// All of an answer. One that is longer than `limit` is an error.
pub async fn read(mut body: HttpResponseBody, limit: usize) -> Result<Bytes, HttpError> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        if data.len() > limit - bytes.len() {
            return Err(HttpError::new(HttpErrorKind::Decode, Nonsense));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes.freeze())
}

/// Without the address: an upload's id is in it, and whoever has that can write.
fn broken(error: reqwest::Error) -> HttpError {
    HttpError::new(HttpErrorKind::Unknown, error.without_url())
}

#[derive(Debug)]
struct Nonsense;

impl std::fmt::Display for Nonsense {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the answer makes no sense")
    }
}

impl std::error::Error for Nonsense {}
