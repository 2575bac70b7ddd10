//! `lifeboat call`: an operation by its name in JavaScript, where no command of its own does more for a person.

use std::io::{self, Write};

use clap::Args;
use lifeboat_engine::operations::{self, Call, Entry, TABLE};
use lifeboat_engine::{Error, Result};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::auth::Terminal;
use crate::exit;
use crate::output::table;
use crate::session::{Session, SessionVault};

#[derive(Debug, Args)]
pub struct CallArgs {
    /// The name of the operation in JavaScript. Without it: list all operations.
    pub operation: Option<String>,
    /// The arguments in their order, as text or as JSON.
    pub arguments: Vec<String>,
}

pub fn run(args: &CallArgs, session: &Session) -> Result<u8> {
    let Some(name) = &args.operation else {
        session.output.result(&operations::document(), list)?;
        return Ok(exit::DONE);
    };
    let operation = operations::parse_call(&request(name, &args.arguments)?)?;
    let answer = session.long(SessionVault::MustExist, |engine, control| {
        let person = Terminal::by_code(&session.output, control);
        operation.perform(&Call { engine, control, person: &person })
    })?;
    let answer = RawValue::from_string(answer).map_err(|error| Error::internal(error.to_string()))?;
    session.output.result(&answer, |out| {
        let value: Value = serde_json::from_str(answer.get())?;
        serde_json::to_writer_pretty(&mut *out, &value)?;
        writeln!(out)
    })?;
    Ok(exit::DONE)
}

/// The call as a host would send it.
fn request(name: &str, arguments: &[String]) -> Result<String> {
    let entry = TABLE.iter().find(|entry| entry.name == name).ok_or_else(|| Error::Config {
        message: format!("There is no operation {name:?}. `lifeboat call` lists all that there are."),
    })?;
    if entry.facts.internal {
        return Err(Error::Config { message: format!("{name} is what a scheduler does, and nothing to call.") });
    }
    if let Some(command) = entry.facts.command {
        return Err(Error::Config { message: format!("{name} has a command of its own: `lifeboat {command}`.") });
    }
    if arguments.len() > entry.parameters.len() {
        let message = match entry.parameters {
            [] => format!("{name} takes no arguments."),
            some => format!("{name} takes {}, and no more.", some.join(", ")),
        };
        return Err(Error::Config { message });
    }
    let with = entry
        .parameters
        .iter()
        .zip(arguments)
        .map(|(parameter, text)| ((*parameter).to_owned(), value(entry, parameter, text)));
    Ok(serde_json::json!({ "op": name, "with": with.collect::<Map<_, _>>() }).to_string())
}

/// What is a text by its type is taken as it was typed; anything else as JSON, where it is some.
fn value(entry: &Entry, parameter: &str, text: &str) -> Value {
    match entry.takes_text(parameter) {
        true => text.into(),
        false => serde_json::from_str(text).unwrap_or_else(|_| text.into()),
    }
}

fn list(out: &mut dyn Write) -> io::Result<()> {
    let rows = TABLE.iter().filter(|entry| !entry.facts.internal).map(|entry| {
        let by = entry.facts.command.map_or("call".to_owned(), str::to_owned);
        [format!("{}({})", entry.name, entry.parameters.join(", ")), by, entry.summary()]
    });
    write!(out, "{}", table(["OPERATION", "COMMAND", "WHAT IT DOES"], rows.collect(), &[]))
}
