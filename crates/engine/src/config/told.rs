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
            (r#"{"timezone": "hush"}"#, "timezone is not a known time zone"),
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

    #[test]
    fn what_would_be_without_effect_is_refused() {
        for (text, words) in [
            (r#"{"compression": {"level": 6, "dictionary": true}}"#, "The configuration is not valid"),
            (r#"{"cloudSync": true}"#, "there is no target"),
            (r#"{"monitor": {"neighbours": true}}"#, "there is no target"),
            (r#"{"sources": [{"category": "data", "include": []}]}"#, "sources[0].include"),
            (
                r#"{"sources": [{"category": "data", "include": ["d"]}], "include": ["node_modules/x"]}"#,
                "do not go together",
            ),
            (
                r#"{"cloud": [{"provider": "gdrive", "keyFile": "k", "clientId": "c", "clientSecret": "s"}]}"#,
                "cloud[0]: keyFile",
            ),
            (r#"{"cloud": [{"provider": "gdrive", "keyFile": "k", "tokenFile": "t"}]}"#, "cloud[0]: keyFile"),
            (r#"{"cloud": [{"provider": "gdrive", "impersonate": "owner@example.com"}]}"#, "cloud[0].impersonate"),
        ] {
            let error = Config::from_json(text, Path::new("/srv/bot")).unwrap_err();
            assert!(error.code() == "E_CONFIG" && error.to_string().contains(words), "{text}: {error}");
        }
        for text in [
            r#"{"compression": {"level": 6}, "cloudSync": false}"#,
            r#"{"cloudSync": true, "cloud": [{"provider": "folder", "path": "/mnt/office"}]}"#,
            r#"{"cloud": [{"provider": "gdrive", "impersonate": "owner@example.com", "keyFile": "k"}]}"#,
        ] {
            Config::from_json(text, Path::new("/srv/bot")).unwrap();
        }
    }
}
