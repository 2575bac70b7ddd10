//! What a service says where it does not do what it was asked for. All of it is untrusted.

use std::time::Duration;

use http::header::{DATE, LOCATION, RETRY_AFTER};
use http::{HeaderMap, response};
use jiff::Timestamp;
use serde::Deserialize;

/// Nobody is made to wait longer by a header.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);
/// Characters of what it says that are looked at.
const LONGEST: usize = 4096;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct S3Answer {
    pub status: u16,
    /// Such as `AccessDenied`; empty where it said none.
    pub code: String,
    pub message: String,
    /// Where the bucket is, where it says so.
    pub region: Option<String>,
    /// Not before.
    pub after: Option<Duration>,
    /// How far this machine's clock is ahead of the service's, in seconds.
    pub ahead: Option<i64>,
    /// A page for people, or sent to one.
    pub is_page: bool,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct S3Error {
    code: String,
    message: String,
    region: Option<String>,
}

impl S3Answer {
    pub fn new(head: &response::Parts, text: &[u8]) -> S3Answer {
        let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
        let is_error = find(text, b"<Error>").is_some() || find(text, b"<Error ").is_some();
        let said = std::str::from_utf8(text).ok().filter(|_| is_error);
        let said: S3Error = said.and_then(|text| quick_xml::de::from_str(text).ok()).unwrap_or_default();
        let begin = String::from_utf8_lossy(&text[..text.len().min(1024)]).to_ascii_lowercase();
        let plain = |c: char| c.is_ascii_alphanumeric() || ".-".contains(c);
        let region = said.region.or_else(|| header("x-amz-bucket-region").map(String::from));
        S3Answer {
            status: head.status.as_u16(),
            code: Some(said.code).filter(|code| is_code(code)).unwrap_or_default(),
            message: said.message.chars().filter(|c| !c.is_control()).take(LONGEST).collect(),
            region: region.filter(|region| !region.is_empty() && region.len() <= 32 && region.chars().all(plain)),
            after: after(&head.headers),
            ahead: date(header(DATE.as_str())).map(|theirs| Timestamp::now().as_second() - theirs.as_second()),
            is_page: !is_error
                && (begin.contains("<html") || begin.contains("<!doctype html") || head.headers.contains_key(LOCATION)),
        }
    }

    /// Does it say that something is wrong, whatever its status?
    pub fn is_error(&self) -> bool {
        !self.code.is_empty() || self.is_page
    }
}

/// Words without blanks, of which none has such a length with digits in it: that may be a key that is repeated.
fn is_code(code: &str) -> bool {
    let longest = if code.contains(|c: char| c.is_ascii_digit()) { 32 } else { 64 };
    code.len() <= longest && code.chars().all(|c| c.is_ascii_alphanumeric() || ".-".contains(c))
}

/// In seconds, or a date.
fn after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let seconds = match value.parse::<u64>() {
        Ok(seconds) => seconds,
        Err(_) => u64::try_from(date(Some(value))?.as_second() - Timestamp::now().as_second()).unwrap_or(0),
    };
    Some(Duration::from_secs(seconds).min(LONGEST_WAIT))
}

pub(super) fn date(text: Option<&str>) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text?).ok()
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

impl std::fmt::Display for S3Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "answered {} {}", self.status, self.code)
    }
}

impl std::error::Error for S3Answer {}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&str, &str)], text: &str) -> S3Answer {
        let mut response = http::Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        S3Answer::new(&response.body(()).unwrap().into_parts().0, text.as_bytes())
    }

    #[test]
    fn a_code_is_read_and_nothing_else_is_taken_for_one() {
        let text = "<?xml version=\"1.0\"?>\n<Error><Code>SlowDown</Code><Message>Reduce\u{7} it</Message><Region>eu-west-1</Region></Error>";
        let said = answer(503, &[("retry-after", "7")], text);
        assert_eq!((said.code.as_str(), said.message.as_str()), ("SlowDown", "Reduce it"));
        assert_eq!((said.region.as_deref(), said.after), (Some("eu-west-1"), Some(Duration::from_secs(7))));
        assert!(said.is_error() && !said.is_page);
        for text in ["", "<Error>", "Error", "{}", "<Error><Code></Code></Error>", "\u{0}\u{1}"] {
            assert_eq!(answer(500, &[], text).code, "", "{text}");
        }
        assert!(!answer(200, &[], "<CompleteMultipartUploadResult/>").is_error());
        assert!(answer(200, &[], "<Error><Code>InternalError</Code></Error>").is_error());
    }

    #[test]
    fn pages_are_known_and_no_wait_is_endless() {
        assert!(answer(200, &[], "\n<!DOCTYPE HTML>\n<HTML>sign in</html>").is_page);
        assert!(!answer(200, &[("content-type", "text/html; charset=utf-8")], "<?xml version=\"1.0\"?><X/>").is_page);
        assert!(answer(302, &[("location", "http://portal.example/")], "").is_page);
        assert_eq!(answer(429, &[("retry-after", "999999999")], "").after, Some(LONGEST_WAIT));
        assert_eq!(answer(429, &[("retry-after", "soon")], "").after, None);
        assert_eq!(answer(429, &[("retry-after", "Mon, 01 Jan 2024 00:00:00 GMT")], "").after, Some(Duration::ZERO));
    }

    #[test]
    fn the_offset_of_the_clock_comes_from_the_date_of_the_answer() {
        let ahead = answer(403, &[("date", "Mon, 01 Jan 2024 00:00:00 GMT")], "").ahead.unwrap();
        assert!(ahead > 86_400 * 365, "{ahead}");
    }
}
