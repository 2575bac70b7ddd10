//! What a backed-up configuration says about places, and what of it cannot be so on this machine.
//!
//! The file belongs to its owner: it is read, and never rewritten. It is looked at as plain JSON and not as a
//! [`Config`], because what does not fit here is what is looked for.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::Config;
use crate::config::DEFAULT_FILE;
use crate::report::Warning;
use crate::vault::place;

/// The fields of a configuration that name places, as they were written.
#[derive(Default)]
pub struct Settings {
    root: Option<String>,
    backup_dir: Option<String>,
    key_file: Option<String>,
    passphrase_file: Option<String>,
    has_passphrase: bool,
}

impl Settings {
    /// `None`: the text is no JSON object, so nobody knows what it says.
    pub fn parse(text: &[u8]) -> Option<Settings> {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let Ok(Value::Object(fields)) = serde_json::from_slice(text) else { return None };
        let place = |name: &str| fields.get(name).and_then(Value::as_str).map(str::to_owned);
        Some(Settings {
            root: place("root"),
            backup_dir: place("backupDir"),
            key_file: place("keyFile"),
            passphrase_file: place("passphraseFile"),
            has_passphrase: place("passphrase").is_some(),
        })
    }

    /// Do they say what opens the vault?
    pub fn opens(&self) -> bool {
        self.has_passphrase || self.passphrase_file.is_some() || self.key_file.is_some()
    }

    /// Where the vault of a root at `root` lies. `was`: where that root was when these settings were written.
    pub fn vault_of(&self, root: &Path, was: &str) -> PathBuf {
        let fallback = root.join(Config::default().backup_dir);
        let Some(text) = &self.backup_dir else { return fallback };
        let relative = if is_absolute(text) {
            // A vault inside the old root is a vault inside the new one.
            let inside = [self.root.as_deref().unwrap_or(was), was].into_iter().find_map(|old| below(text, old));
            match inside {
                Some(rest) => rest,
                None => return fallback,
            }
        } else {
            text.clone()
        };
        let config = Config { root: root.to_path_buf(), backup_dir: relative.into(), ..Config::default() };
        config.resolved(root).map_or(fallback, |config| config.backup_dir)
    }

    /// The vault's folder where these settings name it by an absolute path.
    pub fn absolute_vault(&self) -> Option<&Path> {
        self.backup_dir.as_deref().filter(|text| is_absolute(text)).map(Path::new)
    }

    /// What the owner has to change in the file, now that its root is `root`.
    pub fn misfits(&self, root: &Path, vault: Option<&Path>) -> Vec<Warning> {
        let mut found = Vec::new();
        let mut misfit = |message: String| found.push(Warning { path: DEFAULT_FILE.into(), message });
        if let Some(text) = self.root.as_deref().filter(|text| !is_same(root, text, root)) {
            misfit(format!(
                "\"root\" is {text:?}, and here the root is {}. Remove the field, or set it to \".\". Otherwise \
                 Lifeboat backs up another folder.",
                root.display()
            ));
        }
        let default = Config::default().backup_dir.display().to_string();
        let backup_dir = self.backup_dir.as_deref().unwrap_or(&default);
        match vault {
            Some(vault)
                if !is_same(root, backup_dir, vault)
                    && !is_same(root, &place::of(&root.join(backup_dir)).to_string_lossy(), vault) =>
            {
                let better = vault.strip_prefix(root).unwrap_or(vault).display();
                misfit(format!(
                    "\"backupDir\" is {backup_dir:?}, and here the vault lies elsewhere. Set it to \"{better}\"."
                ));
            }
            None if is_absolute(backup_dir) => {
                misfit(format!(
                    "\"backupDir\" is {backup_dir:?}: the next backup makes a vault there. Is that right here?"
                ));
            }
            _ => {}
        }
        for (field, text) in [("keyFile", &self.key_file), ("passphraseFile", &self.passphrase_file)] {
            if let Some(text) = text.as_deref().filter(|text| !root.join(text).is_file()) {
                misfit(format!(
                    "\"{field}\" is {text:?}, and there is no such file here. Put it there, or change the field."
                ));
            }
        }
        found
    }
}

/// Absolute on any system: the backup may come from another one than this.
fn is_absolute(text: &str) -> bool {
    let drive = text.as_bytes().get(1..3).is_some_and(|rest| matches!(rest, b":\\" | b":/"));
    text.starts_with(['/', '\\']) || drive
}

/// The rest of the path `text` below the folder `above`, with `/`.
fn below(text: &str, above: &str) -> Option<String> {
    let (text, above) = (text.replace('\\', "/"), above.replace('\\', "/"));
    let rest = text.strip_prefix(above.trim_end_matches('/'))?.strip_prefix('/')?.trim_end_matches('/');
    (!rest.is_empty()).then(|| rest.to_owned())
}

/// Does `text`, taken from `base`, name the place `place`?
fn is_same(base: &Path, text: &str, place: &Path) -> bool {
    if is_absolute(text) && !Path::new(text).is_absolute() {
        return false;
    }
    let named = base.join(text);
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.components().collect());
    real(&named) == real(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Settings {
        Settings::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn the_vault_goes_where_the_settings_will_look_for_it() {
        let root = Path::new(if cfg!(windows) { "C:\\srv\\new" } else { "/srv/new" });
        for (text, expected) in [
            ("{}", "backups"),
            (r#"{"backupDir":"data/vault"}"#, "data/vault"),
            (r#"{"backupDir":"./vault/"}"#, "vault"),
            (r#"{"backupDir":"/srv/old/vault"}"#, "vault"),
            (r#"{"root":"/home/bot","backupDir":"/home/bot/vault/"}"#, "vault"),
            (r#"{"root":"C:\\bot","backupDir":"C:\\bot\\data\\vault"}"#, "data/vault"),
            // Elsewhere on a machine that is gone, and what no configuration may say.
            (r#"{"backupDir":"/mnt/backups"}"#, "backups"),
            (r#"{"backupDir":"D:\\backups"}"#, "backups"),
            (r#"{"backupDir":"."}"#, "backups"),
        ] {
            assert_eq!(settings(text).vault_of(root, "/srv/old"), root.join(expected), "{text}");
        }
    }

    #[test]
    fn what_fits_is_not_complained_about() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        std::fs::write(root.join("key"), "k").unwrap();
        let text = r#"{"root":".","backupDir":"vault","keyFile":"key"}"#;
        assert!(settings(text).misfits(root, Some(&root.join("vault"))).is_empty());
        let text = r#"{"root":"/srv/old","backupDir":"/mnt/b","keyFile":"/etc/k","passphraseFile":"p"}"#;
        let found = settings(text).misfits(root, Some(&root.join("backups")));
        let fields: Vec<&str> = found.iter().map(|warning| warning.message.split('"').nth(1).unwrap()).collect();
        assert_eq!(fields, ["root", "backupDir", "keyFile", "passphraseFile"]);
    }
}
