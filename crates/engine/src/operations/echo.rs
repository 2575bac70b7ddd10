//! Saying what was said: it shows how little a new operation needs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Call, Operation};
use crate::Result;

/// Returns its argument.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Echo {
    /// What comes back.
    pub text: String,
}

impl Operation for Echo {
    type Answer = String;

    fn run(&self, _: &Call<'_>) -> Result<String> {
        Ok(self.text.clone())
    }
}
