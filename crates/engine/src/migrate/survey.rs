//! One look at all items of a backup before anything is done with it: whose they are, and what its configuration says.

use std::collections::BTreeMap;
use std::path::Path;

use super::dependencies::{self, Local};
use super::settings::Settings;
use crate::config::DEFAULT_FILE;
use crate::owner::Ids;
use crate::path::RelPath;
use crate::report::{ItemType, Progress};
use crate::vault::Vault;
use crate::vault::item::{Content, Item};
use crate::vault::list::ListReader;
use crate::vault::reader::ChunkReader;
use crate::vault::snapshot::Snapshot;
use crate::{Control, Error, Result};

/// A configuration is a page of text; what is longer is looked at by its owner.
const MAX_SETTINGS: u64 = 1 << 20;
/// So many owners are counted: no app has more, and a forged list may.
const MAX_OWNERS: usize = 1000;

/// What the items say together.
#[derive(Default)]
pub struct Survey {
    /// How many items each owner has.
    owners: BTreeMap<Ids, u64>,
    /// `None`: there is a configuration, and it is no JSON object.
    pub settings: Option<Settings>,
    pub has_package: bool,
    pub has_package_lock: bool,
    /// What the app needs beside itself.
    pub dependencies: Vec<Local>,
}

impl Survey {
    /// `taken`: a place of the root, relative to it, that no item may need.
    pub fn of(vault: &Vault, snapshot: &Snapshot, taken: Option<&Path>, control: &Control) -> Result<Survey> {
        control.report(&Progress {
            phase: "reading the backup".into(),
            total_items: Some(snapshot.items),
            total_bytes: Some(snapshot.total_size),
            ..Progress::default()
        });
        let mut survey = Survey { settings: Some(Settings::default()), ..Survey::default() };
        let taken = taken.map(|path| RelPath::root().join(path.as_os_str()));
        let mut reader = vault.reader()?;
        let mut contents = reader.another();
        for item in ListReader::forwards(&mut reader, &snapshot.list) {
            control.check()?;
            let item = item?;
            let path = item.rel_path()?;
            let is_file = item.kind == ItemType::File;
            if let Some(taken) = &taken
                && (path.starts_with(taken) || (taken.starts_with(&path) && item.kind != ItemType::Dir))
            {
                return Err(Error::Restore {
                    message: format!(
                        "The backup has {:?}, and the source of the migration lies in its place. Move the source out \
                         of the new root.",
                        path.display()
                    ),
                });
            }
            if survey.owners.len() < MAX_OWNERS || survey.owners.contains_key(&(item.uid, item.gid)) {
                *survey.owners.entry((item.uid, item.gid)).or_default() += 1;
            }
            match path.as_bytes() {
                b"package.json" => {
                    survey.has_package = is_file;
                    if is_file && item.size <= MAX_SETTINGS {
                        survey.dependencies = dependencies::local(&content(&item, &mut contents)?);
                    }
                }
                b"package-lock.json" => survey.has_package_lock = is_file,
                other if other == DEFAULT_FILE.as_bytes() && is_file && item.size <= MAX_SETTINGS => {
                    survey.settings = Settings::parse(&content(&item, &mut contents)?);
                }
                _ => {}
            }
        }
        Ok(survey)
    }

    /// Whose most of the items are.
    pub fn main_owner(&self) -> Option<Ids> {
        self.owners.iter().max_by_key(|(_, items)| **items).map(|(ids, _)| *ids)
    }

    /// The users of the items.
    pub fn users(&self) -> Vec<u32> {
        let mut users: Vec<u32> = self.owners.keys().map(|(uid, _)| *uid).collect();
        users.dedup();
        users
    }
}

/// The bytes of a small file.
fn content(item: &Item, reader: &mut ChunkReader) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match item.content() {
        Content::Empty | Content::Lists(_) => {}
        Content::Chunks(ids) => {
            for id in ids {
                bytes.extend(reader.get(*id)?);
            }
        }
        Content::Bundle(id, offset) => {
            let bundle = reader.get(id)?;
            let end = offset.saturating_add(item.size);
            bytes.extend_from_slice(bundle.get(offset as usize..end as usize).unwrap_or_default());
        }
    }
    Ok(bytes)
}
