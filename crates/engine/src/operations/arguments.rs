//! Reading the arguments of an operation. What is wrong with them is E_CONFIG, says which one, and what it must be.

use std::collections::BTreeMap;

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::AnyOperation;
use crate::{Error, Result};

/// Parses a call, or any other JSON of an app. A message never shows a value of a wrong type: it may be a secret.
pub fn parse<T: DeserializeOwned>(json: &str) -> Result<T> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let message = error.inner().to_string();
        // The place in a text that nobody has written by hand.
        let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
        Error::Config { message: in_words(&path, message) }
    })
}

/// Parses a call. Options must be an object without nulls. An array would be read by position, and a `target` that is null by
/// mistake would mean the live root.
pub fn parse_call(json: &str) -> Result<AnyOperation> {
    let CallEnvelope { op, with } = parse(json)?;
    let given: BTreeMap<String, &RawValue> = serde_json::from_str(with.get()).unwrap_or_default();
    for name in ["options", "filter"] {
        let Some(value) = given.get(name) else { continue };
        if value.get().starts_with('[') {
            return Err(Error::Config { message: format!("`{name}` must be an object, not an array.") });
        }
        let fields: BTreeMap<String, &RawValue> = serde_json::from_str(value.get()).unwrap_or_default();
        if let Some((field, _)) = fields.iter().find(|(_, value)| value.get() == "null") {
            return Err(Error::Config { message: format!("`{name}.{field}` must not be null. Leave it out instead.") });
        }
    }
    AnyOperation::read(&op, with.get())
}

/// A call whose arguments are not parsed yet. Each operation's arguments are parsed by one piece of code, which keeps the addon
/// small.
#[derive(Deserialize)]
struct CallEnvelope {
    op: String,
    with: Box<RawValue>,
}

/// From JSON only.
impl<'de> Deserialize<'de> for AnyOperation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<AnyOperation, D::Error> {
        let CallEnvelope { op, with } = CallEnvelope::deserialize(deserializer)?;
        AnyOperation::read(&op, with.get()).map_err(D::Error::custom)
    }
}

/// Turns a message of serde into a message for the caller.
fn in_words(path: &str, message: &str) -> String {
    let of = if matches!(path, "" | "." | "?") { "The call".to_owned() } else { format!("`{path}`") };
    let after = |start: &str| message.strip_prefix(start).and_then(|rest| rest.split_once(", expected "));
    if let Some((found, expected)) = after("invalid type: ").or_else(|| after("invalid value: ")) {
        let expected = match expected {
            "u32" | "u64" | "usize" => "a whole number of 0 or more",
            "a sequence" => "an array",
            other if other.starts_with("struct ") => "an object",
            other => other,
        };
        let found = match message.starts_with("invalid type") {
            true => kind(found),
            false => found,
        };
        return format!("{of} must be {expected}, not {found}.");
    }
    if let Some((found, known)) = after("unknown variant ") {
        return format!("{of} must be {known}, not {found}.");
    }
    if let Some((found, known)) = after("unknown field ") {
        let place = path.rsplit_once('.').map_or("the call".to_owned(), |(place, _)| format!("`{place}`"));
        return format!("There is no {found} in {place}. It takes {known}.");
    }
    match message.strip_prefix("missing field ") {
        Some(field) => format!("{of} needs {field}."),
        None => format!("{of}: {message}."),
    }
}

/// Only the kind of a value, as serde shows it.
fn kind(found: &str) -> &str {
    match found.split([' ', '(']).next() {
        Some("string") => "a string",
        Some("integer" | "floating") => "a number",
        Some("boolean") => "true or false",
        Some("sequence") => "an array",
        Some("map") => "an object",
        _ => "null",
    }
}

/// A text that must not be empty.
pub(super) fn filled<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() { Err(D::Error::custom("it must not be empty")) } else { Ok(text) }
}

/// The same, for a value that may be left out.
pub(super) fn filled_or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    match Option::<String>::deserialize(deserializer)? {
        Some(text) if text.is_empty() => Err(D::Error::custom("it must not be empty")),
        given => Ok(given),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(json: &str) -> String {
        let error = parse_call(json).unwrap_err();
        assert_eq!(error.code(), "E_CONFIG");
        error.to_string()
    }

    #[test]
    fn what_is_wrong_is_told_by_its_name() {
        let cases = [
            (r#"{"op":"verify","with":{"options":{"deep":"yes"}}}"#, "`options.deep` must be a boolean, not a string."),
            (
                r#"{"op":"prune","with":{"options":{"dry":true}}}"#,
                "There is no `dry` in `options`. It takes one of `dryRun`",
            ),
            (r#"{"op":"pin","with":{}}"#, "The call needs `backup`."),
            (r#"{"op":"pin","with":{"backup":""}}"#, "`backup`: it must not be empty."),
            (r#"{"op":"createBackup","with":{"type":"YEARLY"}}"#, "`type` must be one of `MANUAL`"),
            (r#"{"op":"restore","with":{"backup":{"at":"2026-11-26 08:32"}}}"#, "`backup.at` must be a time such as"),
            (
                r#"{"op":"restore","with":{"backup":"latest","options":[]}}"#,
                "`options` must be an object, not an array.",
            ),
            (
                r#"{"op":"restore","with":{"backup":"latest","options":{"target":null}}}"#,
                "`options.target` must not be null.",
            ),
            (
                r#"{"op":"importBackup","with":{"file":"a","options":"open sesame"}}"#,
                "`options` must be an object, not a string.",
            ),
            (r#"{"op":"dance","with":{}}"#, "There is no operation \"dance\"."),
        ];
        for (json, words) in cases {
            let message = refused(json);
            assert!(message.contains(words), "{message}");
        }
    }

    #[test]
    fn a_secret_that_is_wrong_is_not_told() {
        let message = refused(r#"{"op":"importBackup","with":{"file":"a","options":{"passphrase":77777}}}"#);
        assert!(message.contains("options.passphrase") && !message.contains("77777"), "{message}");
    }
}
