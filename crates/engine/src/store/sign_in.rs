//! How a person lets Lifeboat into an account: what is shown, and what is asked.

use serde::{Deserialize, Serialize};

use super::Result;

/// What a person does with a browser, here or on a phone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SignInPrompt {
    /// The page that is to be opened.
    pub url: String,
    /// What is to be typed there. Empty where nothing is.
    pub code: String,
    /// Until when, in milliseconds since the epoch.
    pub expires_at: i64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Way {
    /// A short link and a code, on whatever has a browser.
    #[default]
    Code,
    /// A browser on this machine comes back by itself.
    Browser,
    /// A browser elsewhere ends on a page that does not open; its address is pasted here.
    Paste,
}

pub trait Person: Sync {
    fn way(&self) -> Way {
        Way::Code
    }

    fn show(&self, ask: &SignInPrompt);

    /// What was pasted.
    fn paste(&self) -> Result<String>;

    /// Does nobody wait any more? Asked at least once a second.
    fn has_left(&self) -> bool;
}
