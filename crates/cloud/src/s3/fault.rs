//! What went wrong with a bucket, for its owner: by the code that the service gives, not by its status, and with what to do.

use std::error::Error;

use lifeboat_engine::store::{Fault, Kind};

use super::answer::S3Answer;
use super::place::BucketPlace;
use crate::network;

/// What is being done, and the permission that it takes.
#[derive(Clone, Copy, Debug)]
pub struct Doing<'a> {
    /// Such as `Writing`.
    pub what: &'static str,
    pub object: &'a str,
    pub permission: &'static str,
}

/// A clock that is further off than this is why a signature is refused, whatever the service calls it.
const CLOCK: i64 = 5 * 60;

/// Characters of what a service says that people are shown, and of one word of it.
const SHOWN: usize = 200;
const LONGEST_WORD: usize = 30;

/// A fault, and what the service answered, if it did.
#[derive(Debug)]
pub struct Failed {
    pub fault: Fault,
    answer: Option<Box<S3Answer>>,
}

impl Failed {
    /// `secrets` are never shown, whatever a service answers.
    pub fn new(
        target: &str,
        place: &BucketPlace,
        secrets: &[&str],
        doing: Doing<'_>,
        error: &(dyn Error + 'static),
    ) -> Failed {
        let causes = || std::iter::successors(Some(error), |&error| error.source());
        let answer = causes().find_map(|cause| cause.downcast_ref::<S3Answer>());
        let (kind, words) = if let Some(answer) = answer {
            said(place, secrets, doing, &without(secrets, answer))
        } else if causes().any(|cause| cause.is::<reqwest::Error>() || cause.is::<std::io::Error>()) {
            network::explain(error, &place.host)
        } else {
            (Kind::Damaged, nonsense(place))
        };
        let fault = Fault::new(kind, target, format!("{} {} failed. {words}", doing.what, doing.object));
        Failed { fault, answer: answer.cloned().map(Box::new) }
    }

    pub fn has_code(&self, code: &str) -> bool {
        self.answer.as_ref().is_some_and(|answer| answer.code == code)
    }

    pub fn is_status(&self, status: u16) -> bool {
        self.answer.as_ref().is_some_and(|answer| answer.status == status)
    }

    /// Did the service say no?
    pub fn is_answer(&self) -> bool {
        self.answer.is_some()
    }
}

impl From<Fault> for Failed {
    fn from(fault: Fault) -> Failed {
        Failed { fault, answer: None }
    }
}

/// What is said of an answer that is none.
pub fn nonsense(place: &BucketPlace) -> String {
    format!("What {} answers makes no sense. Is it an S3 service, and the address right?", place.host)
}

fn said(place: &BucketPlace, secrets: &[&str], doing: Doing<'_>, answer: &S3Answer) -> (Kind, String) {
    let BucketPlace { bucket, host, region, .. } = place;
    let code = answer.code.as_str();
    let later = Kind::Transient { after: answer.after };
    let permission = doing.permission;
    let off = answer.ahead.filter(|ahead| ahead.abs() > CLOCK);
    let (kind, words) = match (code, answer.status) {
        ("RequestTimeTooSkewed" | "RequestExpired" | "SignatureDoesNotMatch" | "RequestNotYetValid", _)
            if off.is_some() =>
        {
            (Kind::Refused, clock(off.unwrap_or_default()))
        }
        ("RequestTimeTooSkewed" | "RequestExpired", _) => {
            (Kind::Refused, "The clock of this machine differs too much from the service's. Set it.".into())
        }
        ("InvalidAccessKeyId" | "NotSignedUp", _) => {
            let words = format!("{host} does not know the access key. Is it of this service, and not deleted?");
            (Kind::Credentials, words)
        }
        ("SignatureDoesNotMatch", _) => {
            (Kind::Credentials, "The secret access key does not belong to the access key. Copy both again.".into())
        }
        (
            "ExpiredToken" | "ExpiredTokenException" | "InvalidToken" | "TokenRefreshRequired" | "InvalidClientTokenId",
            _,
        ) => (Kind::Credentials, "The session token has expired or is not valid. Use an access key that stays.".into()),
        ("NoSuchBucket", _) => {
            (Kind::Refused, format!("There is no bucket {bucket:?} at {host}. Make it, or correct its name."))
        }
        ("InvalidBucketName", _) => (Kind::Refused, format!("{bucket:?} cannot be the name of a bucket at {host}.")),
        ("PermanentRedirect" | "TemporaryRedirect" | "IllegalLocationConstraintException", _)
        | ("AuthorizationHeaderMalformed", _)
        | ("" | "InvalidRequest", 301 | 307 | 400)
            if answer.region.as_ref().is_some_and(|theirs| theirs != region) =>
        {
            let theirs = answer.region.as_deref().unwrap_or_default();
            let words = format!(
                "The bucket {bucket:?} is in the region {theirs}, and {region} is configured. Set `region` to {theirs:?}."
            );
            (Kind::Refused, words)
        }
        ("PermanentRedirect" | "TemporaryRedirect", _)
        | ("AuthorizationHeaderMalformed" | "IllegalLocationConstraintException", _) => {
            let words = format!("The bucket {bucket:?} is in another region than {region}. Set `region` to its own.");
            (Kind::Refused, words)
        }
        ("NoSuchKey", _) => (Kind::Missing, "It is not there.".into()),
        ("NoSuchUpload", _) => (later, "The service has ended the upload; it begins anew.".into()),
        ("InvalidRange", _) | (_, 416) => (Kind::Damaged, "It is shorter than it was written.".into()),
        ("SlowDown" | "ServiceUnavailable" | "Busy" | "TooManyRequests" | "RequestLimitExceeded", _)
        | ("Throttling" | "ThrottlingException" | "BandwidthLimitExceeded", _)
        | (_, 429 | 503)
            if !is_full(answer) =>
        {
            (later, format!("{host} is busy and asks to wait."))
        }
        ("RequestTimeout" | "InternalError" | "OperationAborted" | "ConditionalRequestConflict", _)
        | ("BadDigest" | "IncompleteBody" | "XAmzContentSHA256Mismatch" | "InvalidDigest", _) => {
            (later, format!("{host} could not take it this time ({code})."))
        }
        _ if is_full(answer) => {
            let words = format!(
                "The room of the bucket {bucket:?} is used up. Give it more, or keep fewer backups there (`keep`)."
            );
            (Kind::Full, words)
        }
        ("EntityTooLarge", _) => (Kind::Refused, format!("It is larger than {host} takes.")),
        (_, 401 | 403) if answer.is_page => (later, portal(host)),
        ("AccessDenied" | "AllAccessDisabled" | "UnauthorizedAccess" | "AccountProblem", _) | (_, 401 | 403) => {
            let words = format!(
                "The access key may not do that in the bucket {bucket:?}. It takes the permission {permission}."
            );
            (Kind::Denied, words)
        }
        ("NotImplemented", _) | (_, 501) => {
            (Kind::Refused, format!("{host} does not know how to do that ({permission})."))
        }
        // 511: sign in to the network first.
        _ if answer.is_page || answer.status == 511 => (later, portal(host)),
        (_, 408 | 500..=599) => (later, format!("{host} has a problem of its own (status {}).", answer.status)),
        ("", status) => (
            Kind::Refused,
            format!("{host} answers with the status {status}. Is it an S3 service, and the address right?"),
        ),
        (code, _) => (Kind::Refused, format!("{host} refuses it ({code}).")),
    };
    // What the service says itself, unless it echoes what nobody may see.
    match shown(&answer.message, secrets) {
        message if message.is_empty() => (kind, words),
        message => (kind, format!("{words} It says: {message:?}")),
    }
}

/// What a service says, without long words: they may be a signature, a token or an upload's id, in whatever form.
fn shown(message: &str, secrets: &[&str]) -> String {
    if holds(message, secrets) {
        return String::new();
    }
    let words: Vec<_> =
        message.split_whitespace().map(|word| if word.len() > LONGEST_WORD { "…" } else { word }).collect();
    words.join(" ").chars().take(SHOWN).collect()
}

/// An answer whose own names for what is wrong are a secret that was sent has none.
fn without(secrets: &[&str], answer: &S3Answer) -> S3Answer {
    let mut answer = answer.clone();
    if holds(&answer.code, secrets) {
        answer.code.clear();
    }
    answer.region = answer.region.filter(|region| !holds(region, secrets));
    answer
}

fn holds(text: &str, secrets: &[&str]) -> bool {
    secrets.iter().any(|secret| !secret.is_empty() && text.contains(secret))
}

fn portal(host: &str) -> String {
    format!("A web page answers in place of {host}. Does this network want somebody to sign in first?")
}

fn clock(ahead: i64) -> String {
    let span = match ahead.abs() {
        seconds @ ..7_200 => format!("{} minutes", seconds / 60),
        seconds @ ..172_800 => format!("{} hours", seconds / 3_600),
        seconds => format!("{} days", seconds / 86_400),
    };
    let direction = if ahead > 0 { "ahead of" } else { "behind" };
    format!("The clock of this machine is {span} {direction} the service's, which refuses that. Set it, best by NTP.")
}

/// There is no one code for it.
fn is_full(answer: &S3Answer) -> bool {
    let S3Answer { code, message, status, .. } = answer;
    *status == 507
        || ["QuotaExceeded", "StorageFull", "InsufficientStorage", "InsufficientCapacity"]
            .iter()
            .any(|word| code.contains(word))
        || message.to_lowercase().contains("cap exceeded")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use lifeboat_engine::config::cloud;

    use super::*;

    fn fault(answer: S3Answer) -> Fault {
        let s3 = cloud::S3 { bucket: "raf".into(), ..cloud::S3::default() };
        let place = BucketPlace::new(&s3, "", Some("us-east-1".into()), Some("https://s3.example".into())).unwrap();
        let doing = Doing { what: "Writing", object: "vault.json", permission: "s3:PutObject" };
        Failed::new("office", &place, &["hush"], doing, &answer).fault
    }

    fn code(code: &str, status: u16) -> S3Answer {
        S3Answer { code: code.into(), status, ..S3Answer::default() }
    }

    #[test]
    fn a_code_counts_and_not_its_status() {
        let busy = Kind::Transient { after: None };
        for (name, status, kind, words) in [
            ("AccessDenied", 403, Kind::Denied, "s3:PutObject"),
            ("InvalidAccessKeyId", 403, Kind::Credentials, "does not know the access key"),
            ("SignatureDoesNotMatch", 403, Kind::Credentials, "secret access key"),
            ("ExpiredToken", 400, Kind::Credentials, "session token"),
            ("NoSuchBucket", 404, Kind::Refused, "no bucket \"raf\""),
            ("NoSuchKey", 404, Kind::Missing, "not there"),
            ("SlowDown", 503, busy, "busy"),
            ("", 429, busy, "busy"),
            ("RequestTimeout", 400, busy, "this time"),
            ("InternalError", 200, busy, "this time"),
            ("BadDigest", 400, busy, "this time"),
            ("", 502, busy, "problem of its own"),
            ("QuotaExceeded", 403, Kind::Full, "used up"),
            ("XMinioStorageFull", 507, Kind::Full, "used up"),
            ("", 403, Kind::Denied, "may not"),
            ("NotImplemented", 501, Kind::Refused, "does not know how"),
            ("Strange", 400, Kind::Refused, "Strange"),
            ("", 400, Kind::Refused, "status 400"),
        ] {
            let fault = fault(code(name, status));
            assert_eq!(fault.kind, kind, "{name} {status}");
            assert!(
                fault.message.contains(words) && fault.message.starts_with("Writing vault.json failed."),
                "{fault}"
            );
        }
    }

    #[test]
    fn it_waits_as_long_as_it_is_asked_to() {
        let after = Some(Duration::from_secs(9));
        assert_eq!(fault(S3Answer { after, ..code("SlowDown", 503) }).kind, Kind::Transient { after });
    }

    #[test]
    fn another_region_is_named() {
        let region = Some("ap-southeast-1".to_owned());
        for answer in
            [code("AuthorizationHeaderMalformed", 400), code("PermanentRedirect", 301), code("", 301), code("", 400)]
        {
            let said = fault(S3Answer { region: region.clone(), ..answer });
            assert!(
                said.kind == Kind::Refused && said.message.contains("Set `region` to \"ap-southeast-1\""),
                "{said}"
            );
        }
    }

    #[test]
    fn a_clock_that_is_wrong_is_named_with_its_offset_before_the_key_is_blamed() {
        for (name, ahead, words) in [
            ("RequestTimeTooSkewed", 25 * 60, "25 minutes ahead of"),
            ("SignatureDoesNotMatch", -7 * 3_600, "7 hours behind"),
        ] {
            let said = fault(S3Answer { ahead: Some(ahead), ..code(name, 403) });
            assert!(said.message.contains(words), "{said}");
        }
        let said = fault(S3Answer { ahead: Some(3), ..code("SignatureDoesNotMatch", 403) });
        assert!(said.message.contains("secret access key"), "{said}");
    }

    #[test]
    fn a_page_of_a_network_is_known_and_no_secret_is_echoed() {
        let said = fault(S3Answer { is_page: true, ..code("", 200) });
        assert!(said.is_transient() && said.message.contains("sign in"), "{said}");
        let said = fault(S3Answer { message: "the key hush is wrong".into(), ..code("AccessDenied", 403) });
        assert!(!format!("{said:?}").contains("hush"), "{said:?}");
        for message in ["a".repeat(300) + " hush", format!("Signature={} is not it", "5e".repeat(32))] {
            let said = fault(S3Answer { message, ..code("AccessDenied", 403) }).message;
            assert!(!said.contains("aaaa") && !said.contains("5e5e"), "{said}");
        }
        for name in ["hush", "x-hush-x"] {
            let said = fault(S3Answer { region: Some(name.into()), ..code(name, 400) }).message;
            assert!(!said.contains("hush"), "{said}");
        }
        let said = fault(S3Answer { message: "denied by a policy".into(), ..code("AccessDenied", 403) });
        assert!(said.message.contains("It says: \"denied by a policy\""), "{said}");
    }
}
