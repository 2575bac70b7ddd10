//! What can be asked of Lifeboat: one table, from which everything else follows.
//!
//! The worker's protocol, the functions of the package with their types, `lifeboat call`, and what stands in the history come
//! from here. A new operation is a file with its arguments and what they come to, and a line of the [table](operations!).
//! `npm run generate` writes what JavaScript and TypeScript need of it.

mod arguments;
mod backing_up;
mod document;
mod keeping;
mod looking;
mod moving;
mod restoring;
mod syncing;
mod table;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use arguments::{parse, parse_call};
pub use backing_up::*;
pub use document::document;
pub use keeping::*;
pub use looking::*;
pub use moving::*;
pub use restoring::*;
pub use syncing::*;
pub use table::{AnyOperation, Entry, TABLE};

use crate::report::Run;
use crate::store::Person;
use crate::{Control, Engine, Result};

/// One thing that can be asked. The value is its arguments.
pub trait Operation: Serialize + DeserializeOwned + JsonSchema {
    /// What it comes to.
    type Answer: Serialize + JsonSchema;

    fn run(&self, call: &Call<'_>) -> Result<Self::Answer>;

    /// What its line in the history says of an answer.
    fn describe(_: &Self::Answer, _: &mut Run) {}
}

/// What an operation has besides its arguments.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    pub engine: &'a Engine,
    pub control: &'a Control,
    /// Who signs in to an account, where that is asked.
    pub person: &'a dyn Person,
}

/// What is true of an operation, whatever its arguments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Facts {
    /// It changes the root, the vault, or a target.
    pub writes: bool,
    /// It has the vault for itself: where another operation is at work, it waits or is refused with E_BUSY.
    pub alone: bool,
    /// It needs what opens an encrypted vault.
    pub key: bool,
    /// What it is called in the history.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub history: Option<&'static str>,
    /// It writes down its own end in the history, before others can have the vault.
    #[serde(skip)]
    pub notes_itself: bool,
    /// Only for the host's own use: no function of the package.
    pub internal: bool,
    /// The command that does it, with what a person needs besides: questions, exit codes, an alarm. `lifeboat call` leaves it to
    /// that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<&'static str>,
}

impl Facts {
    const READS: Facts = Facts {
        writes: false,
        alone: false,
        key: false,
        history: None,
        notes_itself: false,
        internal: false,
        command: None,
    };

    const fn reads(self) -> Facts {
        self
    }

    const fn writes(self) -> Facts {
        Facts { writes: true, ..self }
    }

    const fn alone(self) -> Facts {
        Facts { alone: true, ..self }
    }

    const fn key(self) -> Facts {
        Facts { key: true, ..self }
    }

    const fn command(self, name: &'static str) -> Facts {
        Facts { command: Some(name), ..self }
    }

    const fn internal(self) -> Facts {
        Facts { internal: true, ..self }
    }

    /// The table writes it down.
    const fn noted(self, name: &'static str) -> Facts {
        Facts { history: Some(name), ..self }
    }

    /// The engine writes it down, while it still has the vault for itself.
    const fn notes(self, name: &'static str) -> Facts {
        Facts { notes_itself: true, ..self.noted(name) }
    }
}
