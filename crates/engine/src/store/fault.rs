//! What went wrong at a target, in words for its owner, and what that means for whoever asked.

use std::time::Duration;

use crate::Error;

/// `target` and what it said. It never holds a key, a token or an address that is as good as one.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{target}: {message}")]
pub struct Fault {
    pub target: String,
    pub kind: Kind,
    /// What failed, on what, and what to do: whole sentences.
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It may be right the next time: no network, a service that is busy, a rate limit. `after`: not before.
    Transient { after: Option<Duration> },
    /// There is no such object.
    Missing,
    /// It is not what was written: another size, another checksum, an answer that makes no sense.
    Damaged,
    /// The credentials are wrong, expired, or were withdrawn.
    Credentials,
    /// The credentials are right, and may not do this.
    Denied,
    /// The account is full.
    Full,
    /// It was asked to stop.
    Cancelled,
    /// Anything else that trying again does not mend.
    Refused,
}

impl Fault {
    pub fn new(kind: Kind, target: &str, message: impl Into<String>) -> Fault {
        Fault { target: target.into(), kind, message: message.into() }
    }

    pub fn missing(target: &str, object: &str) -> Fault {
        Fault::new(Kind::Missing, target, format!("{object} is not there."))
    }

    /// Is it worth another try, later?
    pub fn is_transient(&self) -> bool {
        matches!(self.kind, Kind::Transient { .. })
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Error {
        let message = fault.to_string();
        match fault.kind {
            Kind::Cancelled => Error::Aborted,
            Kind::Credentials => Error::CloudCredentials { message },
            Kind::Full => Error::CloudFull { message },
            Kind::Transient { .. } | Kind::Missing | Kind::Damaged | Kind::Denied | Kind::Refused => {
                Error::Cloud { message }
            }
        }
    }
}

impl From<Error> for Fault {
    /// Something of our own failed on the way to a target.
    fn from(error: Error) -> Fault {
        let kind = if matches!(error, Error::Aborted) { Kind::Cancelled } else { Kind::Refused };
        Fault::new(kind, "this machine", error.to_string())
    }
}
