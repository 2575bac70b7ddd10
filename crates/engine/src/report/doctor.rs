//! What the doctor found.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Every check from the root to the vault.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Diagnosis {
    /// No check failed.
    pub ok: bool,
    pub checks: Vec<Check>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Check {
    /// What was checked, in one word.
    pub name: String,
    pub ok: bool,
    /// What was found.
    pub message: String,
    /// How to fix it. A check that passed may have advice, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
}

impl Check {
    pub fn good(name: &str, message: impl Into<String>) -> Check {
        Check { name: name.into(), ok: true, message: message.into(), mend: None }
    }

    pub fn bad(name: &str, message: impl Into<String>, mend: impl Into<String>) -> Check {
        Check { name: name.into(), ok: false, message: message.into(), mend: Some(mend.into()) }
    }

    pub fn with_advice(mut self, mend: impl Into<String>) -> Check {
        self.mend = Some(mend.into());
        self
    }
}

impl Diagnosis {
    pub fn of(checks: Vec<Check>) -> Diagnosis {
        Diagnosis { ok: checks.iter().all(|check| check.ok), checks }
    }
}
