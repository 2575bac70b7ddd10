//! What a passphrase is: what a person typed, whatever brought it here.
//!
//! A keyboard of macOS sends an accent apart from its letter, an editor on Windows puts a byte order mark first, `echo` and
//! `$(cat …)` leave or take the end of a line. None of this is a part of a passphrase, and so there is one canonical form:
//! without the mark and the line's end, in Unicode's NFC. New vaults and archives are sealed with it. Older Lifeboats sealed
//! with the text as it was given, so that is tried, too, where it differs: each try costs half a second and 128 MB.
//! `docs/format.md` says the same, and `recover.mjs` does it.

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use super::random;
use crate::secret::Secret;
use crate::{Error, Result};

/// 32 letters and digits that are not mistaken for each other when somebody copies them from a screen.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// 30 of them are 150 bits.
const GROUPS: usize = 6;
const GROUP: usize = 5;

/// The form that is sealed with.
pub fn canonical(given: &Secret) -> Secret {
    let text = given.expose();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim_end_matches(['\r', '\n']);
    Secret::new(text.nfc().collect::<String>())
}

/// What may have been sealed with, in the order in which it is tried.
pub fn forms(given: &Secret) -> Vec<Secret> {
    let canonical = canonical(given);
    // Also as a Mac gives it, where an accent is a character of its own.
    let apart = Secret::new(canonical.expose().nfd().collect::<String>());
    let mut older = vec![given.clone(), apart];
    older.retain(|form| *form != canonical);
    older.dedup();
    // Nothing was ever sealed with nothing.
    std::iter::once(canonical).chain(older).filter(|form| !form.expose().is_empty()).collect()
}

/// Nobody can see it, and hardly anybody meant it.
pub fn is_blank(given: &Secret) -> bool {
    let unseen = |char: char| {
        char.is_whitespace() || char.is_control() || matches!(char, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
    };
    given.expose().chars().all(unseen)
}

/// The canonical form, for what is about to be sealed.
pub fn for_sealing(given: &Secret) -> Result<Secret> {
    if is_blank(given) {
        return Err(Error::Config {
            message: "The passphrase is empty, or made of blanks only. Choose one that can be seen and written down."
                .into(),
        });
    }
    Ok(canonical(given))
}

/// A strong one, for where nobody chooses.
pub fn generate() -> Result<Secret> {
    let bytes = Zeroizing::new(random::<{ GROUPS * GROUP }>()?);
    let groups = bytes.chunks(GROUP).map(|group| group.iter().map(|byte| LETTERS[usize::from(byte % 32)] as char));
    let groups: Vec<String> = groups.map(Iterator::collect).collect();
    Ok(Secret::new(groups.join("-")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forms_of(text: &str) -> Vec<String> {
        forms(&Secret::new(text)).iter().map(|form| form.expose().to_owned()).collect()
    }

    #[test]
    fn accents_line_ends_and_byte_order_marks_do_not_count() {
        for text in ["café", "cafe\u{301}", "café\n", "cafe\u{301}\r\n", "\u{feff}café", "\u{feff}cafe\u{301}\r\n\n"]
        {
            assert_eq!(canonical(&Secret::new(text)).expose(), "caf\u{e9}", "{text:?}");
        }
        // What a person typed stays: blanks around it, and other letters that look alike.
        for text in [" a b ", "a\u{feff}", "\u{fb01}sh", "a\nb"] {
            assert_eq!(canonical(&Secret::new(text)).expose(), text);
        }
    }

    #[test]
    fn an_older_form_is_tried_only_where_it_differs() {
        assert_eq!(forms_of("three small words"), ["three small words"]);
        assert_eq!(forms_of("abc\n"), ["abc", "abc\n"]);
        assert_eq!(forms_of("cafe\u{301}"), ["caf\u{e9}", "cafe\u{301}"]);
        assert_eq!(forms_of("\n"), ["\n"], "an old vault may have been sealed with it, and with nothing none");
        assert!(forms_of("").is_empty());
    }

    #[test]
    fn what_cannot_be_seen_seals_nothing() {
        for text in ["", "   ", "\n", "\u{feff}", "\u{a0}\t", "\u{200b}\u{3000}"] {
            assert_eq!(for_sealing(&Secret::new(text)).unwrap_err().code(), "E_CONFIG", "{text:?}");
        }
        assert_eq!(for_sealing(&Secret::new(" x")).unwrap().expose(), " x");
    }

    #[test]
    fn a_generated_one_is_long_and_another_each_time() {
        let (one, other) = (generate().unwrap(), generate().unwrap());
        assert_eq!(one.expose().len(), 35);
        assert_ne!(one, other);
        assert_eq!(forms(&one), [one]);
    }
}
