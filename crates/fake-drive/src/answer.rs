//! What is answered: JSON, errors in the shape that Google's have, and bodies that end too early.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, SizeHint};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

/// A body that says how long it is, and may be cut off before: then the connection goes, too.
pub struct Bytewise {
    bytes: Option<Bytes>,
    length: u64,
}

impl Body for Bytewise {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.bytes.take().filter(|bytes| !bytes.is_empty()).map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none() && self.length == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length)
    }
}

pub type Answer = Response<Bytewise>;

pub fn bytes(status: u16, bytes: Vec<u8>) -> Answer {
    let length = bytes.len() as u64;
    let mut answer = Response::new(Bytewise { bytes: Some(bytes.into()), length });
    *answer.status_mut() = StatusCode::from_u16(status).unwrap();
    answer
}

/// `length` are promised, and these come.
pub fn cut_short(mut answer: Answer, bytes: usize) -> Answer {
    let body = answer.body_mut();
    body.bytes = body.bytes.take().map(|all| all.slice(..bytes.min(all.len())));
    answer
}

/// One bit is another.
pub fn flipped(mut answer: Answer) -> Answer {
    let body = answer.body_mut();
    body.bytes = body.bytes.take().map(|all| {
        let mut all = all.to_vec();
        if let Some(byte) = all.first_mut() {
            *byte ^= 1;
        }
        all.into()
    });
    answer
}

pub fn json(status: u16, value: &Value) -> Answer {
    header(bytes(status, value.to_string().into_bytes()), "content-type", "application/json; charset=UTF-8")
}

/// As Drive says what it refuses.
pub fn error(status: u16, reason: &str, message: &str) -> Answer {
    let one = json!({ "domain": "global", "reason": reason, "message": message });
    json(status, &json!({ "error": { "code": status, "message": message, "errors": [one] } }))
}

/// As the token service does.
pub fn oauth_error(status: u16, code: &str, description: &str) -> Answer {
    json(status, &json!({ "error": code, "error_description": description }))
}

pub fn empty(status: u16) -> Answer {
    bytes(status, Vec::new())
}

/// What a hotel's network answers to everybody who has not paid.
pub fn portal() -> Answer {
    let page = "<!DOCTYPE html><html><title>Welcome to our Wi-Fi</title><form action=/login></form></html>";
    header(bytes(200, page.into()), "content-type", "text/html")
}

pub fn header(mut answer: Answer, name: &'static str, value: &str) -> Answer {
    answer.headers_mut().insert(name, value.parse().unwrap());
    answer
}
