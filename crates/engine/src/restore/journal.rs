//! The journal of a restore in place: every step, written down before the first of them is done.
//!
//! NDJSON: a header, one line a step, and a line with the SHA-256 of all that came before. It is written once, durably,
//! when everything is staged: from then on the restore can be finished, or undone, by whoever finds the journal.

use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::metadata::Meta;
use super::workspace::{Workspace, look};
use crate::capture::stat::Stat;
use crate::path::RelPath;
use crate::report::RestoreResult;
use crate::vault::attribute::Attribute;
use crate::vault::durable;
use crate::vault::item::Time;
use crate::{Error, Result};

const FORMAT: &str = "lifeboat restore journal";
const VERSION: u32 = 2;
/// A step is a hundred bytes: this is ten million of them.
const MAX_LEN: u64 = 1 << 30;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RestoreJournal {
    /// What the restore reports once it is done.
    pub result: RestoreResult,
    pub steps: Vec<Step>,
}

/// One change of the root. Each can be done again, and undone again, whatever of it has happened already.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "camelCase")]
pub enum Step {
    /// A file or link goes.
    Remove {
        path: RelPath,
    },
    /// An empty folder goes.
    RemoveFolder {
        path: RelPath,
        was: Meta,
    },
    MakeFolder {
        path: RelPath,
    },
    /// A staged file or link takes its place.
    Put {
        path: RelPath,
        replaces: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        staged: Option<StagedFile>,
    },
    /// A database that nobody has open gives its place to a staged one. All that lies beside it goes, and what the staged
    /// one has beside it comes.
    SwapDatabase {
        path: RelPath,
        sides: Vec<RelPath>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        brings: Vec<RelPath>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        staged: Option<StagedFile>,
    },
    /// A database that nobody has open goes, with all that lies beside it.
    RemoveDatabase {
        path: RelPath,
        sides: Vec<RelPath>,
    },
    /// A database that others have open is replaced through SQLite.
    Database {
        path: RelPath,
    },
    /// Mode, owner and time of something that stays, or of a folder that was made; `meta` absent: only an undo sets them.
    Describe {
        #[serde(deserialize_with = "RelPath::deserialize_or_root")]
        path: RelPath,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        was: Option<Meta>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        meta: Option<Meta>,
    },
    /// Extended attributes and ACLs of the same.
    Attributes {
        #[serde(deserialize_with = "RelPath::deserialize_or_root")]
        path: RelPath,
        was: Vec<Attribute>,
        now: Vec<Attribute>,
    },
}

/// What was staged, by what tells it from whatever else may lie in its place: a file that others have put there, or the
/// same file after its app has written to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StagedFile {
    ino: u64,
    size: u64,
    mtime: Time,
}

impl StagedFile {
    pub fn of(stat: &Stat) -> StagedFile {
        StagedFile { ino: stat.ino, size: stat.size, mtime: stat.mtime }
    }

    /// Is it this file, whatever was written to it since?
    pub fn is(&self, stat: &Stat) -> bool {
        // Where files have no numbers, only one that nobody has written to is known again.
        if self.ino == 0 { self.is_untouched(stat) } else { self.ino == stat.ino }
    }

    /// Is it this file, and has nobody written to it?
    pub fn is_untouched(&self, stat: &Stat) -> bool {
        *self == StagedFile::of(stat)
    }
}

#[derive(Serialize, Deserialize)]
struct JournalHeader {
    format: String,
    version: u32,
    result: RestoreResult,
}

#[derive(Serialize, Deserialize)]
struct JournalEnd {
    sha256: String,
}

impl RestoreJournal {
    /// Notes what lies staged in `workspace`.
    pub fn identify(&mut self, workspace: &Workspace) -> Result<()> {
        for step in &mut self.steps {
            if let Step::Put { path, staged, .. } | Step::SwapDatabase { path, staged, .. } = step {
                *staged = look(&workspace.new_place(path))?.as_ref().map(StagedFile::of);
            }
        }
        Ok(())
    }

    /// From here on the restore will be finished or undone.
    pub fn write(&self, file: &Path) -> Result<()> {
        durable::write_private(file, &self.encode()?)
    }

    fn encode(&self) -> Result<Vec<u8>> {
        let line = |bytes: &mut Vec<u8>, value: serde_json::Result<Vec<u8>>| {
            bytes.extend(value.map_err(|error| Error::internal(error.to_string()))?);
            bytes.push(b'\n');
            Ok::<_, Error>(())
        };
        let mut bytes = Vec::new();
        let header = JournalHeader { format: FORMAT.into(), version: VERSION, result: self.result.clone() };
        line(&mut bytes, serde_json::to_vec(&header))?;
        for step in &self.steps {
            line(&mut bytes, serde_json::to_vec(step))?;
        }
        let end = JournalEnd { sha256: hex::encode(Sha256::digest(&bytes)) };
        line(&mut bytes, serde_json::to_vec(&end))?;
        Ok(bytes)
    }

    pub fn read(file: &Path) -> Result<RestoreJournal> {
        RestoreJournal::parse(&durable::read_small(file, MAX_LEN)?).map_err(|why| Error::Restore {
            message: format!(
                "A restore was cut off, and its journal {} cannot be used: {why}. The files that it replaced are in \
                 the folder \"old\" beside it. Stop the bot, move the folder {} to a place out of the root, keep it, \
                 and restore again.",
                file.display(),
                file.parent().unwrap_or(file).display()
            ),
        })
    }

    /// The error says what is wrong with it.
    pub fn parse(bytes: &[u8]) -> std::result::Result<RestoreJournal, String> {
        let body = bytes.strip_suffix(b"\n").ok_or("it is cut off")?;
        let end = body.iter().rposition(|byte| *byte == b'\n').ok_or("it is cut off")? + 1;
        let last: JournalEnd = serde_json::from_slice(&body[end..]).map_err(|_| "it is cut off")?;
        if last.sha256 != hex::encode(Sha256::digest(&bytes[..end])) {
            return Err("it is damaged".into());
        }
        let mut lines = bytes[..end].split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let not_understood = |error: serde_json::Error| format!("it is not understood ({error})");
        let header: JournalHeader = serde_json::from_slice(lines.next().unwrap_or_default()).map_err(not_understood)?;
        if header.format != FORMAT || header.version != VERSION {
            return Err("it is of another version of Lifeboat".into());
        }
        let steps = lines.map(|line| serde_json::from_slice(line).map_err(not_understood)).collect::<Result<_, _>>()?;
        Ok(RestoreJournal { result: header.result, steps })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> RestoreJournal {
        let path = RelPath::parse(b"a/\xff").unwrap();
        let meta = Meta { mode: 0o644, uid: 1, gid: 2, mtime: (3, 4) };
        let steps = vec![
            Step::Remove { path: path.clone() },
            Step::Put {
                path: path.clone(),
                replaces: true,
                staged: Some(StagedFile { ino: 5, size: 6, mtime: (7, 8) }),
            },
            Step::Describe { path, was: None, meta: Some(meta) },
        ];
        RestoreJournal { result: RestoreResult::default(), steps }
    }

    #[test]
    fn a_journal_comes_back_as_it_was() {
        let journal = sample();
        let back = RestoreJournal::parse(&journal.encode().unwrap()).unwrap();
        assert_eq!(back.steps, journal.steps);
    }

    #[test]
    fn a_journal_that_is_cut_off_or_changed_is_refused() {
        let bytes = sample().encode().unwrap();
        for length in 0..bytes.len() {
            assert!(RestoreJournal::parse(&bytes[..length]).is_err(), "cut at {length}");
        }
        for at in 0..bytes.len() - 1 {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(RestoreJournal::parse(&changed).is_err(), "changed at {at}");
        }
    }

    #[test]
    fn a_path_that_leads_out_is_refused_also_here() {
        assert!(serde_json::from_str::<Step>(r#"{"step":"remove","path":"../x"}"#).is_err());
    }
}
