//! Requests to Drive in the owner's name: signed in, answered in words. Google's answers are read into `google-drive3`'s types;
//! its calls are not used, because they read answers without a bound and forget `Retry-After`.

use std::pin::pin;

use google_drive3::hyper::body::Bytes;
use google_drive3::hyper::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE};
use google_drive3::hyper::{Method, Request, http};
use lifeboat_engine::store::{Body, Course, Fault, Kind, Result};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::client::{BodyPieces, DriveAnswer, DriveClient, LONGEST_ANSWER, PATIENCE};
use super::places::Endpoints;
use super::tokens::Tokens;
use super::words::{self, Who};
use crate::runtime::block_on;

/// Bytes of a body that are read and sent at a time.
const PIECE: u64 = 256 << 10;

pub struct Wire {
    pub client: DriveClient,
    pub places: Endpoints,
    tokens: Tokens,
}

/// What is sent to Drive, but for the token.
pub struct WireRequest<'a> {
    pub method: Method,
    pub url: &'a str,
    pub json: Option<&'a serde_json::Value>,
    pub headers: &'a [(&'static str, String)],
}

impl<'a> WireRequest<'a> {
    pub fn get(url: &'a str) -> WireRequest<'a> {
        WireRequest::new(Method::GET, url)
    }

    pub fn new(method: Method, url: &'a str) -> WireRequest<'a> {
        WireRequest { method, url, json: None, headers: &[] }
    }
}

/// What a streamed request carries: `before`, bytes of `body`, `after`.
pub struct Load<'a> {
    pub before: Vec<u8>,
    pub body: &'a dyn Body,
    pub from: u64,
    pub to: u64,
    pub after: Vec<u8>,
}

impl Wire {
    pub fn new(client: DriveClient, places: Endpoints, tokens: Tokens) -> Wire {
        Wire { client, places, tokens }
    }

    pub fn who(&self) -> Who {
        self.tokens.who()
    }

    pub fn target(&self) -> &str {
        &self.client.target
    }

    pub fn fault(&self, kind: Kind, message: impl Into<String>) -> Fault {
        Fault::new(kind, self.target(), message)
    }

    pub fn refused(&self, doing: &str, answer: &DriveAnswer) -> Fault {
        words::refused(self.target(), self.who(), doing, answer)
    }

    /// Sends it, once more where the token was not good any more, and gives back whatever is answered.
    pub fn send(&self, ask: &WireRequest<'_>, longest: usize) -> Result<DriveAnswer> {
        block_on(async {
            let token = self.tokens.get().await?;
            let answer = self.client.exchange(self.request(ask, token.expose())?, longest).await?;
            if answer.status != 401 {
                return Ok(answer);
            }
            self.tokens.forget(&token).await;
            let token = self.tokens.get().await?;
            self.client.exchange(self.request(ask, token.expose())?, longest).await
        })
    }

    /// Its answer, where that is good, as what it should be.
    pub fn ask<T: DeserializeOwned>(&self, ask: &WireRequest<'_>, doing: &str) -> Result<T> {
        let answer = self.send(ask, LONGEST_ANSWER)?;
        if !answer.is_good() {
            return Err(self.refused(doing, &answer));
        }
        self.parse(&answer, doing)
    }

    pub fn parse<T: DeserializeOwned>(&self, answer: &DriveAnswer, doing: &str) -> Result<T> {
        serde_json::from_slice(&answer.body).map_err(|_| words::nonsense(self.target(), doing, answer))
    }

    fn request(&self, ask: &WireRequest<'_>, token: &str) -> Result<Request<BodyPieces>> {
        let mut request = self.signed(Request::builder().method(ask.method.clone()).uri(ask.url), token);
        for (name, value) in ask.headers {
            request = request.header(*name, value);
        }
        let body = match ask.json {
            Some(json) => {
                request = request.header(CONTENT_TYPE, "application/json; charset=UTF-8");
                json.to_string().into_bytes()
            }
            None => Vec::new(),
        };
        request.body(BodyPieces::of(body)).map_err(|_| self.unusable())
    }

    fn signed(&self, request: http::request::Builder, token: &str) -> http::request::Builder {
        match http::HeaderValue::try_from(format!("Bearer {token}")) {
            Ok(mut value) => {
                value.set_sensitive(true);
                request.header(AUTHORIZATION, value)
            }
            // A token with a line end: the service says what it thinks of none.
            Err(_) => request,
        }
    }

    fn unusable(&self) -> Fault {
        self.fault(Kind::Refused, "The address of Google Drive makes no sense. Is `endpoint` right?")
    }

    /// Sends a part of a body, as fast as `course` lets it, and gives back what is answered: at its end, or before.
    pub fn stream(
        &self,
        request: http::request::Builder,
        signed: bool,
        load: &Load<'_>,
        course: &dyn Course,
    ) -> Result<DriveAnswer> {
        let length = load.before.len() as u64 + (load.to - load.from) + load.after.len() as u64;
        block_on(async {
            let request = match signed {
                true => self.signed(request, self.tokens.get().await?.expose()),
                false => request,
            };
            let (give, pieces) = mpsc::channel(2);
            let request = request.header(CONTENT_LENGTH, length).body(BodyPieces::from(pieces, length));
            let mut answer = pin!(self.client.begin(request.map_err(|_| self.unusable())?));
            let mut sent = pin!(self.feed(give, load, course));
            // Whoever is refused is told so at once, and not after the last byte.
            let early = tokio::select! {
                biased;
                answer = &mut answer => Some(answer),
                sent = &mut sent => { sent?; None }
            };
            let answer = match early {
                Some(answer) => answer?,
                None => timeout(PATIENCE, answer).await.map_err(|_| self.client.silent())??,
            };
            self.client.read(answer, LONGEST_ANSWER).await
        })
    }

    /// Waits, with what it asks of `course`, on a thread that nobody else waits on.
    async fn feed(&self, give: mpsc::Sender<Bytes>, load: &Load<'_>, course: &dyn Course) -> Result<()> {
        let piece = |bytes: Vec<u8>| async {
            match timeout(PATIENCE, give.send(bytes.into())).await {
                Err(_) => Err(self.client.silent()),
                // Nobody takes any more: what was answered says why.
                Ok(taken) => Ok(taken.is_ok()),
            }
        };
        if !load.before.is_empty() && !piece(load.before.clone()).await? {
            return Ok(());
        }
        let mut at = load.from;
        while at < load.to {
            let length = PIECE.min(load.to - at);
            course.send(length)?;
            let bytes = load.body.read(at, length as usize);
            let bytes =
                bytes.map_err(|error| self.fault(Kind::Refused, format!("Reading what is to be sent: {error}.")))?;
            if !piece(bytes).await? {
                return Ok(());
            }
            at += length;
        }
        if !load.after.is_empty() {
            piece(load.after.clone()).await?;
        }
        Ok(())
    }

    /// A part of the bytes that lie at `url`.
    pub fn part(&self, url: &str, offset: u64, length: usize) -> Result<DriveAnswer> {
        let last = offset.saturating_add(length as u64 - 1);
        let headers = [("range", format!("bytes={offset}-{last}"))];
        self.send(&WireRequest { headers: &headers, ..WireRequest::get(url) }, length.max(LONGEST_ANSWER))
    }
}
