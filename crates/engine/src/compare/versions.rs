//! One path over time: through all backups, the newest first, and what is the same in backups in a row is one version.

use super::same_content;
use crate::path::RelPath;
use crate::report::Version;
use crate::vault::find::Finder;
use crate::vault::item::Item;
use crate::vault::name::BackupName;
use crate::vault::snapshot::Snapshot;
use crate::vault::{Vault, list};
use crate::{Error, Result};

/// The versions of one path, newest first. A backup that cannot be read is passed over, and named by the version that it
/// stands at. `E_NOT_FOUND` with the nearest names where no backup has the path.
pub fn versions(vault: &Vault, path: &str) -> Result<Vec<Version>> {
    let wanted = parse(path)?;
    let mut finder = Finder::new(vault.reader()?, wanted.clone());
    let mut history = History::default();
    for name in vault.names_or_look()?.into_iter().rev() {
        match look(vault, &mut finder, &name) {
            Ok((snapshot, Some(item))) => history.has(&snapshot, *item),
            Ok((snapshot, None)) => history.lacks(&snapshot),
            // It was deleted since the folder was listed.
            Err(Error::NotFound { .. }) => {}
            Err(Error::Corrupt { .. } | Error::Format { .. } | Error::UnsafePath { .. }) => {
                history.unreadable.push(name.to_string());
            }
            Err(error) => return Err(error),
        }
    }
    history.finish(vault, &wanted)
}

fn parse(path: &str) -> Result<RelPath> {
    RelPath::typed(path).map_err(|_| Error::Config {
        message: format!(
            "{path:?} is not a path in the root. Write it as `lifeboat items latest` shows it: database/users.sqlite."
        ),
    })
}

fn look(vault: &Vault, finder: &mut Finder, name: &BackupName) -> Result<(Snapshot, Option<Box<Item>>)> {
    let snapshot = Snapshot::read(vault, name)?;
    let item = finder.find(&snapshot.list)?;
    Ok((snapshot, item))
}

/// What the backups say, told from the newest to the oldest.
#[derive(Default)]
struct History {
    versions: Vec<Version>,
    /// The item of the version that the last backup had.
    current: Option<Item>,
    gone_in: Option<String>,
    unreadable: Vec<String>,
    newest: Option<Snapshot>,
}

impl History {
    fn has(&mut self, snapshot: &Snapshot, item: Item) {
        let name = &snapshot.backup;
        match (&self.current, self.versions.last_mut()) {
            (Some(current), Some(version)) if same_content(current, &item) => {
                version.backups += 1;
                version.first_backup.clone_from(name);
                version.unreadable.append(&mut self.unreadable);
            }
            _ => self.versions.push(Version {
                backup: name.clone(),
                timestamp: snapshot.timestamp,
                first_backup: name.clone(),
                backups: 1,
                gone_in: self.gone_in.take(),
                unreadable: std::mem::take(&mut self.unreadable),
                item: item.info(),
            }),
        }
        self.current = Some(item);
    }

    fn lacks(&mut self, snapshot: &Snapshot) {
        self.current = None;
        self.gone_in = Some(snapshot.backup.clone());
        if self.newest.is_none() && self.versions.is_empty() {
            self.newest = Some(snapshot.clone());
        }
    }

    fn finish(mut self, vault: &Vault, wanted: &RelPath) -> Result<Vec<Version>> {
        if let Some(oldest) = self.versions.last_mut() {
            oldest.unreadable.append(&mut self.unreadable);
            return Ok(self.versions);
        }
        let wanted = wanted.display();
        let mut message = format!("No backup has {wanted:?}.");
        match &self.newest {
            None if self.unreadable.is_empty() => message = "There is no backup in this vault yet.".into(),
            None => {}
            Some(newest) => match list::nearest(&mut vault.reader()?, &newest.list, &wanted) {
                Ok(nearest) if !nearest.is_empty() => {
                    message += &format!(" The nearest in the newest are {}.", nearest.join(", "));
                }
                _ => {}
            },
        }
        if !self.unreadable.is_empty() {
            message += &format!(" {} cannot be read: see `lifeboat verify`.", self.unreadable.join(", "));
        }
        Err(Error::NotFound { message })
    }
}
