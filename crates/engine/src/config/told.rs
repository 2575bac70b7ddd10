//! What is told of a configuration that cannot be read: which field does not fit and what it takes, and never its value, which
//! may be a passphrase that stands in the wrong place.

/// As the parser says it, without the values that it quotes.
pub fn without_values(error: &serde_json::Error) -> String {
    let text = error.to_string();
    for kind in ["invalid type", "invalid value", "unknown variant"] {
        let Some(said) = text.strip_prefix(kind) else { continue };
        // Behind it stands nothing of the file; before it may stand anything.
        let (value, expected) = said.rsplit_once(", expected ").unwrap_or((said, "another one"));
        // `: string "…"`, `: integer `…``; of a variant there is nothing but its value.
        let what = value.strip_prefix(": ").and_then(|value| value.split([' ', '`', '"']).next()).unwrap_or_default();
        let what = match what {
            "" => String::new(),
            "integer" | "floating" => ": number".into(),
            what => format!(": {what}"),
        };
        return format!("{kind}{what}, expected {expected}");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::Config;

    #[test]
    fn what_stands_in_a_wrong_field_is_not_quoted() {
        for (text, words) in [
            (r#"{"encryption": "hush"}"#, "invalid type: string, expected a boolean at line 1"),
            (r#"{"encryption": "hush, expected hush"}"#, "invalid type: string, expected a boolean"),
            (r#"{"encryption": "hush\" at hush"}"#, "invalid type: string, expected a boolean"),
            (r#"{"passphrase": 4711}"#, "it must be a string"),
            (r#"{"timezone": 4711.5}"#, "invalid type: number, expected a string"),
            (r#"{"localRetentionDays": -4711}"#, "invalid value: number, expected u32"),
            (r#"{"maxLocalStorage": "hush"}"#, "a size is a number of bytes or a text such as"),
            (r#"{"timezone": "hush"}"#, "timezone is not a time zone"),
            (r#"{"sources": [{"category": "hush", "include": []}]}"#, "expected one of `database`"),
            (r#"{"schedules": {"DAILY": {"cron": "hush"}}}"#, "schedules.DAILY.cron"),
            (r#"{"schedules": {"DAILY": {"cron": "0 2 * * 4711hush"}}}"#, "schedules.DAILY.cron"),
            (r#"{"cloud": [{"provider": "hush"}]}"#, "expected one of `gdrive`"),
            (r#"{"cloud": [{"provider": "s3", "bucket": "b", "bandwidth": "hush"}]}"#, "cloud[0].bandwidth"),
        ] {
            let error = Config::from_json(text, Path::new("/srv/bot")).unwrap_err();
            let said = error.to_string();
            assert!(error.code() == "E_CONFIG" && said.contains(words), "{text}: {said}");
            assert!(!said.contains("hush") && !said.contains("4711"), "{text}: {said}");
        }
    }
}
