//! WhatsApp sessions in the root that work, and so are left alone.
//!
//! A session folder holds a ratchet: each message turns its keys on, here and on the phones of others. An older state over one
//! that works breaks it ("Bad MAC", "Waiting for this message"), and the bot is better off with the session that it has. So a
//! restore of everything leaves a session alone that is whole and of the same account. One that is missing, damaged, or of
//! nobody or of another account is restored, and so is one that was asked for. Each session decides for itself.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::source::SelectedBackup;
use crate::capture::stat::open_file;
use crate::path::{RelPath, in_shell};
use crate::report::{Category, ItemType, RestoreOptions, Warning};
use crate::vault::item::{Content, Item};
use crate::vault::list::{self, ListReader};
use crate::vault::reader::ChunkReader;
use crate::vault::{Vault, durable};
use crate::{Config, Result};

/// What says whose session a folder is.
const CREDS: &[u8] = b"creds.json";
/// How the keys are called that go when they are used.
const USED_UP: &[u8] = b"pre-key-";
/// It is a few kilobytes: what is larger is not it.
const MAX: u64 = 4 << 20;
/// Baileys truncates the file and writes it anew.
const LOOKS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(50);

/// Of whom a `creds.json` is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum SessionAccount {
    /// It is no JSON, or there is none.
    Damaged,
    /// Nobody has logged in.
    Nobody,
    /// Somebody has; by the account's name, where it says so.
    Of(Option<String>),
}

impl SessionAccount {
    fn parse(bytes: &[u8]) -> SessionAccount {
        let Ok(Value::Object(creds)) = serde_json::from_slice(bytes) else { return SessionAccount::Damaged };
        let id = creds.get("me").and_then(|me| me.get("id")).and_then(Value::as_str).filter(|id| !id.is_empty());
        match (id, creds.get("registered")) {
            (Some(id), _) => SessionAccount::Of(Some(without_device(id))),
            (None, Some(Value::Bool(true))) => SessionAccount::Of(None),
            _ => SessionAccount::Nobody,
        }
    }

    /// Of the file that an app may be writing at this moment.
    fn of_live(path: &Path) -> SessionAccount {
        for look in 0..LOOKS {
            // The folder may be a link that is followed; the file itself is none.
            let Ok((file, stat)) = open_file(path) else { return SessionAccount::Damaged };
            let mut bytes = vec![0; stat.size.min(MAX + 1) as usize];
            let is_read = stat.size <= MAX && durable::read_at(&file, &mut bytes, 0).is_ok();
            let account = if is_read { SessionAccount::parse(&bytes) } else { SessionAccount::Damaged };
            if account != SessionAccount::Damaged || look + 1 == LOOKS {
                return account;
            }
            std::thread::sleep(PAUSE);
        }
        SessionAccount::Damaged
    }

    /// May a session that works and is of this account be left where that of a backup is of `other`?
    fn stands_for(&self, other: &SessionAccount) -> bool {
        match (self, other) {
            (SessionAccount::Of(Some(ours)), SessionAccount::Of(Some(theirs))) => ours == theirs,
            // One that nobody has logged in to is no reason to give up one that works.
            (SessionAccount::Of(_), _) => true,
            _ => false,
        }
    }
}

/// `62811:12@s.whatsapp.net` is the twelfth device of `62811@s.whatsapp.net`.
fn without_device(id: &str) -> String {
    let (user, server) = id.split_once('@').unwrap_or((id, ""));
    let user = user.split(':').next().unwrap_or(user);
    format!("{user}@{server}")
}

/// Which sessions of the root are left alone.
pub struct Sessions<'a> {
    config: &'a Config,
    items: &'a [String],
    /// The folders that were looked at; true: it is left alone.
    known: HashMap<RelPath, bool>,
    kept: BTreeSet<RelPath>,
    /// Those that a backup has, too.
    backed_up: BTreeSet<RelPath>,
    /// Those left alone in which the backup has something else, the backup, and how many of its files are not there.
    told: BTreeMap<RelPath, (String, u64)>,
}

impl<'a> Sessions<'a> {
    /// None is left alone.
    pub fn none(config: &'a Config, options: &'a RestoreOptions) -> Sessions<'a> {
        Sessions {
            config,
            items: &options.items,
            known: HashMap::new(),
            kept: BTreeSet::new(),
            backed_up: BTreeSet::new(),
            told: BTreeMap::new(),
        }
    }

    /// Looks at the sessions that `sources` would restore.
    pub fn look(
        vault: &Vault,
        config: &'a Config,
        sources: &[SelectedBackup],
        options: &'a RestoreOptions,
    ) -> Result<Sessions<'a>> {
        let mut sessions = Sessions::none(config, options);
        let mut reader = vault.reader()?;
        let mut content = reader.another();
        let has_session = |source: &&SelectedBackup| source.snapshot.categories.contains_key(&Category::Session);
        for source in sources.iter().filter(has_session) {
            for item in ListReader::forwards(&mut reader, &source.snapshot.list) {
                // What is wrong with the list is told by whoever reads it to restore from it.
                let Ok(item) = item else { break };
                let is_creds = item.kind == ItemType::File && item.category == Category::Session;
                let Some(path) = item.rel_path().ok().filter(|path| is_creds && path.file_name() == CREDS) else {
                    continue;
                };
                if let Some(folder) = path.parent()
                    && source.wanted.takes(&path, &item)
                    && !sessions.known.contains_key(&folder)
                {
                    sessions.backed_up.insert(folder.clone());
                    let is_asked_for = is_asked_for(&folder, &options.items);
                    sessions.decide(folder, is_asked_for, |live| live.stands_for(&of_item(&item, &mut content)));
                }
            }
        }
        Ok(sessions)
    }

    fn decide(&mut self, folder: RelPath, is_asked_for: bool, fits: impl FnOnce(&SessionAccount) -> bool) -> bool {
        let is_kept = !is_asked_for && {
            let creds = folder.join(std::ffi::OsStr::new("creds.json")).under(&self.config.root);
            // A session that is not there needs no second look.
            let live = if creds.exists() { SessionAccount::of_live(&creds) } else { SessionAccount::Damaged };
            matches!(live, SessionAccount::Of(_)) && fits(&live)
        };
        if is_kept {
            self.kept.insert(folder.clone());
        }
        self.known.insert(folder, is_kept);
        is_kept
    }

    /// Is this path in a session that is left alone? Asked of what a backup has.
    pub fn keeps(&self, path: &RelPath) -> bool {
        self.folder_of(path).is_some()
    }

    /// The same for what only the root has: no backup knows the session, and one that works is not removed.
    pub fn keeps_unknown(&mut self, path: &RelPath, is_folder: bool) -> bool {
        if self.keeps(path) {
            return true;
        }
        let mut folder = if is_folder { Some(path.clone()) } else { path.parent() };
        while let Some(one) = folder.filter(|folder| !folder.as_bytes().is_empty()) {
            let is_kept = match self.known.get(&one) {
                Some(known) => *known,
                // Who asks for all sessions asks for those that the backup has.
                None => {
                    let is_named = is_named(&one, self.items);
                    self.decide(one.clone(), is_named, |_| true)
                }
            };
            if is_kept {
                return true;
            }
            folder = one.parent();
        }
        false
    }

    fn folder_of(&self, path: &RelPath) -> Option<&RelPath> {
        self.kept.iter().find(|folder| path.starts_with(folder))
    }

    /// The backup has something else at this path, or nothing: its owner is told of the session. `is_lost`: the root has
    /// nothing there.
    pub fn differs(&mut self, path: &RelPath, backup: &str, is_lost: bool) {
        let Some(folder) = self.folder_of(path).cloned() else { return };
        let (_, lost) = self.told.entry(folder).or_insert_with(|| (backup.to_owned(), 0));
        // Keys for those who write for the first time are used up; all other keys stay.
        *lost += u64::from(is_lost && !path.file_name().starts_with(USED_UP));
    }

    /// The sessions that were left alone although the backup has them otherwise, and how to ask for them.
    pub fn kept(&self) -> Vec<Warning> {
        let kept = self.told.iter().map(|(folder, (backup, lost))| {
            let is_backed_up = self.backed_up.contains(folder);
            let folder = folder.display();
            let lost = match lost {
                0 => String::new(),
                1 => ", but for 1 file of the backup that is not there any more".into(),
                many => format!(", but for {many} files of the backup that are not there any more"),
            };
            let named = in_shell(Path::new(&format!("./{folder}")));
            let message = match is_backed_up {
                true => format!(
                    "It is a WhatsApp session that works{lost}, and was left as it is: an older state would break it. To put it \
                     back all the same: lifeboat restore {backup} {named}"
                ),
                false => "It is a WhatsApp session that works and that the backup does not have. It was left as it is.".into(),
            };
            Warning { message, path: folder }
        });
        kept.collect()
    }
}

/// Was this session asked for: by its category, by its path, or by a path in it or above it?
fn is_asked_for(folder: &RelPath, items: &[String]) -> bool {
    let is_category = |item: &String| matches!(item.as_str(), "session" | "category:session");
    items.iter().any(is_category) || is_named(folder, items)
}

/// By a path?
fn is_named(folder: &RelPath, items: &[String]) -> bool {
    items.iter().any(|item| {
        let plain = item.trim_start_matches("./").trim_end_matches('/');
        // As far as it names folders; what is a pattern names nothing in particular.
        let named: Vec<&str> = plain.split('/').take_while(|part| !part.contains(['*', '?', '[', '{'])).collect();
        match RelPath::parse(named.join("/").as_bytes()) {
            Ok(named) => named.starts_with(folder) || folder.starts_with(&named),
            Err(_) => false,
        }
    })
}

/// Whose session the backup has. What cannot be read is told by whoever restores it.
fn of_item(item: &Item, reader: &mut ChunkReader) -> SessionAccount {
    match content_of(item, reader) {
        Ok(Some(bytes)) => SessionAccount::parse(&bytes),
        _ => SessionAccount::Damaged,
    }
}

fn content_of(item: &Item, reader: &mut ChunkReader) -> Result<Option<Vec<u8>>> {
    if item.size > MAX {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    match item.content() {
        Content::Empty => {}
        Content::Bundle(id, at) => {
            let bundle = reader.get(id)?;
            let end = at.saturating_add(item.size);
            let Some(part) = bundle.get(at as usize..end as usize) else { return Ok(None) };
            bytes.extend_from_slice(part);
        }
        Content::Chunks(ids) => ids.iter().try_for_each(|id| reader.get(*id).map(|chunk| bytes.extend(chunk)))?,
        Content::Lists(lists) => {
            for list in lists {
                for id in list::ids(&reader.get(*list)?)? {
                    bytes.extend(reader.get(id)?);
                    if bytes.len() as u64 > MAX {
                        return Ok(None);
                    }
                }
            }
        }
    }
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_known_by_its_creds() {
        let of = |id: &str| SessionAccount::Of(Some(id.into()));
        for (text, expected) in [
            (r#"{"registered":true,"me":{"id":"62811:12@s.whatsapp.net"}}"#, of("62811@s.whatsapp.net")),
            (r#"{"registered":false,"me":{"id":"62811@s.whatsapp.net","name":"x"}}"#, of("62811@s.whatsapp.net")),
            (r#"{"registered":true}"#, SessionAccount::Of(None)),
            (r#"{"registered":false}"#, SessionAccount::Nobody),
            (r#"{"registered":"true","me":[]}"#, SessionAccount::Nobody),
            (r#"{"me":{"id":7}}"#, SessionAccount::Nobody),
            (r#"{"me":{"id":""}}"#, SessionAccount::Nobody),
            ("[]", SessionAccount::Damaged),
            (r#"{"me":{"id":"6281"#, SessionAccount::Damaged),
            ("", SessionAccount::Damaged),
        ] {
            assert_eq!(SessionAccount::parse(text.as_bytes()), expected, "{text}");
        }
        let deep = "[".repeat(100_000);
        assert_eq!(SessionAccount::parse(deep.as_bytes()), SessionAccount::Damaged);
    }

    #[test]
    fn only_a_session_that_works_stands_for_another_and_only_for_the_same_account() {
        let of = |id: &str| SessionAccount::Of(Some(id.into()));
        assert!(of("a@x").stands_for(&of("a@x")));
        assert!(!of("a@x").stands_for(&of("b@x")));
        assert!(of("a@x").stands_for(&SessionAccount::Nobody) && of("a@x").stands_for(&SessionAccount::Damaged));
        assert!(
            !SessionAccount::Nobody.stands_for(&of("a@x"))
                && !SessionAccount::Damaged.stands_for(&SessionAccount::Nobody)
        );
    }

    #[test]
    fn a_session_is_asked_for_by_category_or_path() {
        let folder = RelPath::parse(b"sessions/raf").unwrap();
        let asked = |item: &str| is_asked_for(&folder, &[item.to_owned()]);
        for item in ["session", "category:session", "sessions", "sessions/raf/", "./sessions/raf", "sessions/**"] {
            assert!(asked(item), "{item}");
        }
        assert!(asked("sessions/raf/creds.json") && asked("sessions/raf/*.json"));
        for item in ["sessions/other", "**", "*", "**/creds.json", "config", "sess*", "database"] {
            assert!(!asked(item), "{item}");
        }
        assert!(!is_asked_for(&folder, &[]));
    }
}
