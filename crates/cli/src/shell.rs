//! Words between a shell and us: what was typed, byte for byte, and what is printed so that it can be pasted.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::sync::OnceLock;

use lifeboat_engine::path::RelPath;
use lifeboat_engine::report::{Category, ItemInfo};

use crate::args::Global;
use crate::output::is_hidden;

/// A word as the engine takes it, also where its bytes are not UTF-8.
pub fn typed(word: &OsStr) -> String {
    word.to_str().map_or_else(|| RelPath::word(word.as_encoded_bytes()), str::to_owned)
}

pub fn all_typed(words: &[OsString]) -> Vec<String> {
    words.iter().map(|word| typed(word)).collect()
}

/// How a message names a command: in backticks.
const NAMED: &str = "\u{60}lifeboat ";
/// The same by npx.
const NAMED_BY_NPX: &str = "\u{60}npx lifeboat ";
/// The options that say where the root and the vault are.
static PLACES: OnceLock<String> = OnceLock::new();

/// From here on, messages name commands for these places.
pub fn remember_places(global: &Global) {
    let words = places(global);
    if !words.is_empty() {
        let _ = PLACES.set(command(&words));
    }
}

/// As they were typed, but from wherever one pastes them.
pub fn places(global: &Global) -> Vec<OsString> {
    let Global { root, vault, config, .. } = global;
    let named = [("--root", root), ("--vault", vault), ("--config", config)];
    let words = named.into_iter().flat_map(|(option, value)| value.iter().map(move |value| (option, value)));
    words
        .flat_map(|(option, value)| {
            [option.into(), std::path::absolute(value).unwrap_or_else(|_| value.clone()).into_os_string()]
        })
        .collect()
}

/// A message of the engine names commands without their options: whoever pastes them means the same root and vault.
pub fn for_here(message: &str) -> Cow<'_, str> {
    match PLACES.get() {
        Some(places) => [NAMED, NAMED_BY_NPX]
            .iter()
            .fold(message.to_owned(), |message, named| message.replace(named, &format!("{named}{places} ")))
            .into(),
        None => message.into(),
    }
}

/// A command as one types it: words that a shell would take apart are quoted.
pub fn command(words: &[impl AsRef<OsStr>]) -> String {
    words.iter().map(|word| quoted(word.as_ref().as_encoded_bytes())).collect::<Vec<_>>().join(" ")
}

/// A path that was typed, as an operand: what begins with `-` would be taken for an option.
pub fn operand(word: &OsStr) -> OsString {
    match word.as_encoded_bytes().starts_with(b"-") {
        true => [OsStr::new("./"), word].into_iter().collect(),
        false => word.to_os_string(),
    }
}

/// The path of an item, so that it can be pasted behind a command. What would be an option, or a category, begins with `./`.
pub fn path(item: &ItemInfo) -> String {
    let raw = item.raw.as_ref().and_then(|raw| RelPath::typed(&format!("//{raw}")).ok());
    let bytes = raw.as_ref().map_or(item.path.as_bytes(), RelPath::as_bytes);
    let is_category = Category::ALL.iter().any(|category| category.as_str().as_bytes() == bytes);
    match bytes.starts_with(b"-") || bytes.starts_with(b"category:") || is_category {
        true => quoted(&[b"./", bytes].concat()),
        false => quoted(bytes),
    }
}

/// One word, quoted where it has to be: `'it'\''s'`, and `$'a\nb'` (bash, zsh, ksh) where it has bytes that no terminal shows.
/// The crate shell-words would not do: it takes UTF-8 only, and passes on what a terminal obeys.
fn quoted(word: &[u8]) -> String {
    let is_plain = |char: char| char.is_alphanumeric() || "-_./:,=@+%".contains(char);
    match std::str::from_utf8(word) {
        Ok(text) if !text.is_empty() && text.chars().all(is_plain) => text.to_owned(),
        // Windows' shells know double quotes only.
        _ if cfg!(windows) => format!("\"{}\"", crate::output::escaped(&String::from_utf8_lossy(word))),
        Ok(text) if !text.chars().any(is_hidden) => format!("'{}'", text.replace('\'', r"'\''")),
        _ => format!("$'{}'", word.utf8_chunks().map(in_dollar_quotes).collect::<String>()),
    }
}

fn in_dollar_quotes(chunk: std::str::Utf8Chunk<'_>) -> String {
    let octal = |bytes: &[u8]| bytes.iter().map(|byte| format!("\\{byte:03o}")).collect::<String>();
    let one = |char: char| -> Cow<'static, str> {
        match char {
            '\n' => "\\n".into(),
            '\t' => "\\t".into(),
            '\'' => "\\'".into(),
            '\\' => "\\\\".into(),
            char if is_hidden(char) => octal(char.encode_utf8(&mut [0; 4]).as_bytes()).into(),
            char => char.to_string().into(),
        }
    };
    chunk.valid().chars().map(one).collect::<String>() + &octal(chunk.invalid())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn a_command_is_quoted_where_a_shell_would_take_it_apart() {
        let words = ["lifeboat", "--root", "/srv/my bot", "uploads/**", "it's", ""];
        assert_eq!(command(&words), r"lifeboat --root '/srv/my bot' 'uploads/**' 'it'\''s' ''");
    }

    #[test]
    fn bash_reads_back_every_byte() {
        for word in
            [&b"new\nline"[..], b"bad\xff\xfe1", b"\x1b[31mred", b"tab\t\\'$HOME", "ün\u{85}ï".as_bytes(), b"!x"]
        {
            let line = format!("printf %s {}", quoted(word));
            let output = std::process::Command::new("bash").args(["-c", &line]).output().unwrap();
            assert_eq!(output.stdout, word, "{line}");
        }
    }

    #[test]
    fn a_word_that_is_not_utf8_keeps_its_bytes() {
        assert_eq!(typed(OsStr::from_bytes(b"a\xff")), "//Yf8=");
        assert_eq!(typed(OsStr::new("config.json")), "config.json");
    }
}
