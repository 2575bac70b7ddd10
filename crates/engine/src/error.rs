//! What can go wrong, as sentences for the person who reads them.
//!
//! Every variant has one stable [`Error::code`], the same in Rust, in JavaScript (`err.code`), on the command line
//! (`--json`) and over REST. A message says what failed, on what, and what to do; the cause is kept as the source.
//! No message ever holds a passphrase, a key or a token.

use std::io;
use std::path::{Path, PathBuf};

use crate::zone::Zone;

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{message}")]
    Config { message: String },

    #[error("The vault cannot be opened: {hint}")]
    Passphrase { hint: String },

    /// A sealed archive, and nothing that seals or opens it.
    #[error("{message}")]
    Sealed { message: String },

    #[error("{message}")]
    NotFound { message: String },

    /// `asked` and `oldest` are milliseconds since the epoch. The engine says it again in the zone of the root.
    #[error("{}", none_that_old(.asked, .oldest, utc))]
    NoneThatOld { asked: i64, oldest: Option<i64> },

    #[error("{}", is_running(.operation, .since, *.pid, .progress))]
    Busy {
        operation: String,
        /// Empty where it is not known.
        since: String,
        /// 0 where it is not known.
        pid: u32,
        /// `, and is reading: 43 %`, where it is known.
        progress: String,
    },

    #[error("The operation was cancelled. It left nothing half done.")]
    Aborted,

    /// An object of the vault is not what was written. `object` is its path inside the vault.
    #[error("{object} is damaged: {detail}.{}", hurt(.backups))]
    Corrupt { object: String, detail: String, backups: Vec<String> },

    #[error("{message}")]
    Format { message: String },

    /// The vault is not the one that was meant, or is not there.
    #[error("{message}")]
    Vault { message: String },

    /// The vault is another root's: nothing of this is written down there.
    #[error("{message}")]
    AnotherRoot { message: String },

    #[error("{message}")]
    StorageLimit { message: String },

    #[error("No space left on the disk while writing {}. Free some space and try again; earlier backups are whole.", path.display())]
    NoSpace { path: PathBuf, source: io::Error },

    /// The root, or something in it, cannot be read.
    #[error("{message}")]
    Source { message: String, source: Option<io::Error> },

    #[error("{path:?} is refused: {reason}. Nothing was written.")]
    UnsafePath { path: String, reason: &'static str },

    #[error("{message}")]
    Restore { message: String },

    /// Somebody uses what a restore is about to replace: it can be done once they have ended.
    #[error("{message}")]
    InUse { message: String },

    /// A restore failed after it had begun to replace files, and everything was put back.
    #[error("The restore failed, and everything was put back as it was: {cause}")]
    RolledBack { cause: Box<Error> },

    /// The worker process could not be started, or died.
    #[error("{message}")]
    Worker { message: String },

    /// Reading or writing the vault or a target failed for a reason of the operating system.
    #[error("{action} {} failed: {source}", path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },

    /// A target in the cloud could not be reached, or did not do what it was asked.
    #[error("{message}")]
    Cloud { message: String },

    /// A target does not take the credentials.
    #[error("{message}")]
    CloudCredentials { message: String },

    /// A target has no room left.
    #[error("{message}")]
    CloudFull { message: String },

    #[error("Internal error: {message}. This is a bug in Lifeboat; the vault is whole.")]
    Internal { message: String },
}

fn hurt(backups: &[String]) -> String {
    match backups {
        [] => String::new(),
        [one] => format!(" It hurts the backup {one}."),
        many if many.len() <= 3 => format!(" It hurts the backups {}.", many.join(", ")),
        many => format!(" It hurts {} backups, the newest of them {}.", many.len(), many[many.len() - 1]),
    }
}

fn is_running(operation: &str, since: &str, pid: u32, progress: &str) -> String {
    let running = match (since, pid) {
        ("", _) | (_, 0) => format!("{operation} is running in another process"),
        _ => format!("{operation} has been running since {since} (process {pid})"),
    };
    format!("{running}{progress}. Wait for it, or ask to wait (`--wait`).")
}

fn none_that_old(asked: &i64, oldest: &Option<i64>, say: impl Fn(i64) -> String) -> String {
    match oldest {
        Some(oldest) => {
            format!(
                "No backup is that old: there is none of {}, and the oldest was made {}.",
                say(*asked),
                say(*oldest)
            )
        }
        None => "There is no backup in this vault yet. Make one with `lifeboat backup`.".into(),
    }
}

fn utc(millis: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(millis).map(|time| time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string());
    time.unwrap_or_else(|_| "?".into())
}

impl Error {
    /// With the times in it as the zone has them.
    pub fn in_zone(self, zone: &Zone) -> Error {
        match self {
            Error::NoneThatOld { asked, oldest } => {
                Error::NotFound { message: none_that_old(&asked, &oldest, |millis| zone.exactly(millis)) }
            }
            other => other,
        }
    }

    /// Somebody wanted it so, or something else was at work: no bad news.
    pub fn is_nobodys_fault(&self) -> bool {
        matches!(self, Error::Aborted | Error::Busy { .. })
    }

    /// The stable code of this error: the `code` of a JavaScript `BackupError`.
    pub fn code(&self) -> &'static str {
        match self {
            Error::Config { .. } => "E_CONFIG",
            Error::Passphrase { .. } | Error::Sealed { .. } => "E_PASSPHRASE",
            Error::NotFound { .. } | Error::NoneThatOld { .. } => "E_NOT_FOUND",
            Error::Busy { .. } => "E_BUSY",
            Error::Aborted => "E_ABORTED",
            Error::Corrupt { .. } => "E_CORRUPT",
            Error::Format { .. } => "E_FORMAT",
            Error::Vault { .. } | Error::AnotherRoot { .. } => "E_VAULT",
            Error::StorageLimit { .. } => "E_STORAGE_LIMIT",
            Error::NoSpace { .. } => "E_NO_SPACE",
            Error::Source { .. } => "E_SOURCE",
            Error::UnsafePath { .. } => "E_UNSAFE_PATH",
            Error::Restore { .. } | Error::InUse { .. } => "E_RESTORE",
            Error::RolledBack { .. } => "E_ROLLED_BACK",
            Error::Worker { .. } => "E_WORKER",
            Error::Io { .. } => "E_SOURCE",
            Error::Cloud { .. } => "E_CLOUD",
            Error::CloudCredentials { .. } => "E_CLOUD_AUTH",
            Error::CloudFull { .. } => "E_CLOUD_QUOTA",
            Error::Internal { .. } => "E_INTERNAL",
        }
    }

    /// An I/O error with what was being done to which path. A full disk or quota becomes [`Error::NoSpace`].
    pub fn io(action: &'static str, path: impl AsRef<Path>, source: io::Error) -> Error {
        let path = path.as_ref().to_path_buf();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Error::NoSpace { path, source }
            }
            _ => Error::Io { action, path, source },
        }
    }

    pub fn corrupt(object: impl Into<String>, detail: impl Into<String>) -> Error {
        Error::Corrupt { object: object.into(), detail: detail.into(), backups: Vec::new() }
    }

    pub fn internal(message: impl Into<String>) -> Error {
        Error::Internal { message: message.into() }
    }
}

/// `result.at("reading", path)`: an I/O result with its place.
pub trait IoContext<T> {
    fn at(self, action: &'static str, path: impl AsRef<Path>) -> Result<T>;
}

impl<T> IoContext<T> for io::Result<T> {
    fn at(self, action: &'static str, path: impl AsRef<Path>) -> Result<T> {
        self.map_err(|source| Error::io(action, path, source))
    }
}
