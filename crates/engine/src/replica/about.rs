//! `about.json`: a note about a vault at a target, for people, and for whoever looks after the others of the same target.
//!
//! Public facts only, because whoever may list the target reads it: how machine and app are called, and how old the newest
//! backup may be. It also names the root, by an id that says nothing: two roots do not write to one prefix.

use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::vault::checked_json;
use crate::vault::place;
use crate::{Result, schedule};

/// Its name at a target, and in what somebody has downloaded from there.
pub const FILE: &str = place::ABOUT;
const FORMAT: &str = "note about a lifeboat vault";
/// So much of a name is believed.
const LONGEST: usize = 100;
/// For so long after its last note a root is taken to be alive, in milliseconds.
pub const ALIVE: i64 = 24 * 3_600_000;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct About {
    format: String,
    /// The root's id.
    #[serde(default)]
    pub root: Option<String>,
    pub host: String,
    pub app: String,
    /// Milliseconds that the newest backup may be old. How old it is its name says, so this note is not written with each.
    pub patience: i64,
    /// When this was written.
    pub at: i64,
}

impl About {
    /// The vault of this configuration, as it is now.
    pub fn of(config: &Config, root: Option<String>, now: i64) -> About {
        let app = config.consumer.clone().or_else(|| Some(config.root.file_name()?.to_string_lossy().into_owned()));
        About {
            format: FORMAT.into(),
            root,
            host: host(),
            app: app.unwrap_or_else(|| "app".into()),
            patience: schedule::patience(config, None, now),
            at: now,
        }
    }

    /// `E_CORRUPT` or `E_FORMAT` where it is no such note. What it says may be anybody's words.
    pub fn parse(bytes: &[u8]) -> Result<About> {
        let mut about: About = checked_json::from_bytes(FILE, bytes)?;
        if about.format != FORMAT {
            return Err(crate::Error::Format { message: format!("{FILE} is not a note of Lifeboat.") });
        }
        about.host = plain(&about.host);
        about.app = plain(&about.app);
        Ok(about)
    }

    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        checked_json::to_bytes(self)
    }

    /// For people: `bot on server-1`.
    pub fn owner(&self) -> String {
        format!("{} on {}", self.app, self.host)
    }

    /// Is there nothing to be said that this one does not say?
    pub fn says_as_much_as(&self, newer: &About) -> bool {
        About { at: newer.at, ..self.clone() } == *newer && newer.at - self.at < ALIVE / 4
    }
}

fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(LONGEST).collect()
}

/// How this machine is called.
fn host() -> String {
    let said =
        ["/proc/sys/kernel/hostname", "/etc/hostname"].iter().find_map(|file| std::fs::read_to_string(file).ok());
    let said = said.or_else(|| std::env::var("COMPUTERNAME").or_else(|_| std::env::var("HOSTNAME")).ok());
    plain(said.unwrap_or_default().trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_of_somebody_elses_words_is_cut_down_to_plain_ones() {
        let mut about = About::of(&Config::default(), None, 1);
        about.host = format!("\u{1b}[31m{}", "x".repeat(10_000));
        let parsed = About::parse(&about.to_bytes().unwrap()).unwrap();
        assert_eq!(parsed.host.chars().count(), LONGEST);
        assert!(!parsed.owner().contains('\u{1b}'));
        assert!(About::parse(b"<html>").is_err() && About::parse(b"{}").is_err());
    }
}
