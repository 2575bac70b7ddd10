//! Reading the arguments of an operation. What is wrong with them is E_CONFIG, says which one, and what it must be.

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};

use crate::{Error, Result};

/// `json`: what a caller wrote. Of a value that is wrong the message says as much as serde does; a [`Secret`](crate::secret::Secret)
/// says nothing of its own.
pub fn parse<T: DeserializeOwned>(json: &str) -> Result<T> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let path = path.strip_prefix("with.").unwrap_or(&path);
        let message = error.inner().to_string();
        // The place in a text that nobody has written by hand.
        let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
        Error::Config { message: in_words(path, message) }
    })
}

/// What serde says, in the words of whoever calls.
fn in_words(path: &str, message: &str) -> String {
    let of = if matches!(path, "" | "." | "with" | "?") { "The call".to_owned() } else { format!("`{path}`") };
    let after = |start: &str| message.strip_prefix(start).and_then(|rest| rest.split_once(", expected "));
    if let Some((found, expected)) = after("invalid type: ").or_else(|| after("invalid value: ")) {
        let expected = match expected {
            "u32" | "u64" | "usize" => "a whole number of 0 or more",
            "a sequence" => "an array",
            other if other.starts_with("struct ") => "an object",
            other => other,
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

/// A text that says something.
pub(super) fn filled<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() { Err(D::Error::custom("it must not be empty")) } else { Ok(text) }
}

/// The same where nothing need be said.
pub(super) fn filled_or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    match Option::<String>::deserialize(deserializer)? {
        Some(text) if text.is_empty() => Err(D::Error::custom("it must not be empty")),
        given => Ok(given),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::AnyOperation;

    fn refused(json: &str) -> String {
        let error = parse::<AnyOperation>(json).unwrap_err();
        assert_eq!(error.code(), "E_CONFIG");
        error.to_string()
    }

    #[test]
    fn what_is_wrong_is_told_by_its_name() {
        let cases = [
            (
                r#"{"op":"verify","with":{"options":{"deep":"yes"}}}"#,
                "`options.deep` must be a boolean, not string \"yes\".",
            ),
            (
                r#"{"op":"prune","with":{"options":{"dry":true}}}"#,
                "There is no `dry` in `options`. It takes one of `dryRun`",
            ),
            (r#"{"op":"pin","with":{}}"#, "The call needs `backup`."),
            (r#"{"op":"pin","with":{"backup":""}}"#, "`backup`: it must not be empty."),
            (r#"{"op":"createBackup","with":{"type":"YEARLY"}}"#, "`type` must be one of `MANUAL`"),
            (r#"{"op":"restore","with":{"backup":{"at":"2026-11-26 08:32"}}}"#, "`backup.at` must be a time such as"),
            (r#"{"op":"dance","with":{}}"#, "must be one of `createBackup`"),
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
