//! The language between host and clerk: JSON lines over the clerk's stdin and stdout.
//!
//! The host writes [`Question`] lines, and the clerk answers each of them, in any order, by its number: what is slow keeps
//! nothing else waiting. Besides, it says when somebody has rung for the hosts. When its stdin ends, its host is gone, and
//! so are the clerk and all that it holds for the host. No question needs a key, and none travels here.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::protocol::Failure;
use crate::Config;
use crate::config::cloud::Target;
use crate::operations::AnyOperation;
use crate::presence::Host;
use crate::report::{HistoryFilter, ListFilter};
use crate::watch::EventConsumer;

#[derive(Debug, Serialize, Deserialize)]
pub struct Question {
    /// What its answer is known by.
    pub number: u64,
    /// Without secrets.
    pub config: Config,
    pub ask: Ask,
}

/// Times are milliseconds since the epoch.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "op", content = "with", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Ask {
    /// How the backups are. Answer: `Status`.
    Status { now: i64 },
    /// Answer: `BackupInfo[]`, newest first, or null where that needs a key.
    Backups {
        #[serde(default)]
        filter: ListFilter,
    },
    /// Answer: `Run[]`, newest first.
    History {
        #[serde(default)]
        filter: HistoryFilter,
    },
    /// Notices what is wrong with the vault, keeps the events of it, and says what is due. `zone`: the host's; `since`: from
    /// when on it makes backups. Answer: `Look`.
    Look { zone: Option<String>, since: i64, now: i64 },
    /// The next event of each of these consumers, and what is for this host alone. Answer: `Claims`.
    Claim { consumers: Vec<EventConsumer>, holder: String, now: i64 },
    /// A consumer has taken an event; without one, a host has done its errand. Answer: null.
    Take {
        id: i64,
        #[serde(default)]
        consumer: Option<String>,
        now: i64,
    },
    /// A consumer could not take an event: it comes again. Answer: null.
    Release { id: i64, consumer: String },
    /// The worker of this operation died, or could not be started; `told`: who listens knows it. Answer: null, or the news of
    /// what could not be written down.
    Lost {
        operation: Box<AnyOperation>,
        failure: Failure,
        #[serde(default)]
        told: bool,
        now: i64,
    },
    /// A host is here: it is seen by others until it leaves, or the clerk ends. Answer: null.
    Enter { host: Host },
    /// Answer: null.
    Leave { host: String },
    /// Waits until the files of a restore are in place, for a host that stands still. Answer: false where that takes too
    /// long.
    HoldStill { host: String, token: String },
    /// What became of the listeners of a host that held still. Answer: null.
    TellStill { host: String, token: String, has_read: bool },
}

impl Ask {
    /// What became of an import is told without what opens the archive.
    pub(super) fn without_secrets(mut self) -> Ask {
        if let Ask::Lost { operation, .. } = &mut self
            && let AnyOperation::ImportBackup(import) = &mut **operation
        {
            import.options.passphrase = None;
        }
        self
    }
}

/// A line of the clerk.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClerkLine<'a> {
    /// Of the question that it answers.
    pub number: Option<u64>,
    #[serde(borrow)]
    pub result: Option<&'a RawValue>,
    pub error: Option<Failure>,
    /// Somebody wants the hosts to look into the logbook.
    #[serde(default)]
    pub rings: bool,
}

/// What a clerk need not know is not told to it.
pub fn without_secrets(config: &Config) -> Config {
    let cloud = config.cloud.iter().cloned().map(Target::without_secrets).collect();
    let mut config = Config { passphrase: None, cloud, ..config.clone() };
    config.monitor.ping_url = None;
    config
}

/// An answer, as the clerk writes it; `result` is JSON text.
pub fn answer(number: u64, result: &crate::Result<String>) -> String {
    match result {
        Ok(json) => format!("{{\"number\":{number},\"result\":{json}}}\n"),
        Err(error) => {
            let error = serde_json::to_string(&Failure::from(error)).unwrap_or_default();
            format!("{{\"number\":{number},\"error\":{error}}}\n")
        }
    }
}

/// That somebody has rung, as the clerk writes it.
pub const RINGS: &str = "{\"rings\":true}\n";

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn what_a_clerk_says_is_what_its_host_hears() {
        let said = answer(7, &Ok("[1,2]".into()));
        let line: ClerkLine<'_> = serde_json::from_str(&said).unwrap();
        assert_eq!((line.number, line.result.unwrap().get(), line.rings), (Some(7), "[1,2]", false));
        let said = answer(8, &Err(crate::Error::Aborted));
        let line: ClerkLine<'_> = serde_json::from_str(&said).unwrap();
        assert_eq!((line.number, line.error.unwrap().code.as_str()), (Some(8), "E_ABORTED"));
        let said = answer(9, &Ok("null".into()));
        let line: ClerkLine<'_> = serde_json::from_str(&said).unwrap();
        assert!(line.result.is_none() && line.error.is_none(), "nothing is a null");
        assert!(serde_json::from_str::<ClerkLine<'_>>(RINGS).unwrap().rings);
    }

    #[test]
    fn no_secret_is_told_to_a_clerk() {
        let text = r#"{"passphrase":"rahasia","monitor":{"pingUrl":"https://example.org/rahasia"},
            "cloud":[{"provider":"s3","bucket":"b","accessKeyId":"rahasia","secretAccessKey":"rahasia"},
                     {"provider":"gdrive","clientId":"c","clientSecret":"rahasia"}]}"#;
        let config = Config::from_json(text, Path::new("/srv/bot")).unwrap();
        let question = Question { number: 1, config: without_secrets(&config), ask: Ask::Status { now: 0 } };
        assert!(!serde_json::to_string(&question).unwrap().contains("rahasia"));
        let import = r#"{"op":"importBackup","with":{"file":"a","options":{"passphrase":"rahasia"}}}"#;
        let operation = Box::new(crate::operations::parse::<AnyOperation>(import).unwrap());
        let failure = Failure::from(&crate::Error::Aborted);
        let ask = Ask::Lost { operation, failure, told: false, now: 0 }.without_secrets();
        assert!(!serde_json::to_string(&ask).unwrap().contains("rahasia"));
    }
}
