//! Which backup somebody means: by its name, as the latest, or as of an instant.

use super::Vault;
use super::name::BackupName;
use super::snapshot::Snapshot;
use crate::report::{BackupRef, BackupType, ListFilter};
use crate::{Error, Result, retention};

/// From here on two names are one with a slip of the pen.
const ALIKE: f64 = 0.8;

impl Vault {
    /// The name that `reference` stands for: itself, the latest, or the newest good one at or before an instant.
    ///
    /// A SAFETY backup is what a restore replaced: the root has not been like that since. It is taken by its name only. One that
    /// is suspicious is taken where there is nothing else.
    pub fn resolve(&self, reference: &BackupRef) -> Result<BackupName> {
        match reference {
            BackupRef::Name(text) if text == "latest" => {
                let now = jiff::Timestamp::now().as_millisecond();
                let mut names = self.names_or_look()?;
                names.reverse();
                let newest = names.first().cloned();
                names.retain(|name| name.kind() != BackupType::Safety);
                // Stable: the newest of the best. What is dated in the future was made under a clock that was wrong.
                names.sort_by_key(|name| retention::is_ahead(name.millis(), now));
                let is_doubted =
                    |name: &&BackupName| Snapshot::read(self, name).is_ok_and(|snapshot| self.doubts(&snapshot));
                let found = names.iter().find(|name| !is_doubted(name)).or(names.first()).cloned();
                found.ok_or_else(|| Error::NotFound {
                    message: match newest {
                        None => "There is no backup in this vault yet. Make one with `lifeboat backup`.".into(),
                        Some(safety) => only_safety(&safety),
                    },
                })
            }
            BackupRef::Name(text) => {
                let Ok(name) = text.parse::<BackupName>() else { return Err(self.no_such_backup(text)) };
                if self.has(&name)? { Ok(name) } else { Err(self.no_such_backup(text)) }
            }
            BackupRef::At { at } => {
                self.names_or_look()?;
                let mut infos = self.backups(&ListFilter { until: Some(*at), ..ListFilter::default() })?;
                infos.retain(|info| info.kind != BackupType::Safety);
                // Stable: the newest of the best.
                infos.sort_by_key(|info| (info.suspicious.is_some(), info.degraded));
                match infos.first() {
                    Some(info) => info.backup.parse(),
                    None => {
                        let names = self.names()?;
                        let oldest = names.iter().find(|name| name.kind() != BackupType::Safety);
                        match (oldest, names.last()) {
                            (None, Some(safety)) => Err(Error::NotFound { message: only_safety(safety) }),
                            _ => Err(Error::NoneThatOld { asked: *at, oldest: oldest.map(BackupName::millis) }),
                        }
                    }
                }
            }
        }
    }

    /// `E_NOT_FOUND` with the name that comes nearest.
    pub fn no_such_backup(&self, name: &str) -> Error {
        let names = self.names().unwrap_or_default();
        let likeness = |known: &str| strsim::jaro_winkler(known, name);
        let nearest = names.iter().max_by(|a, b| likeness(a.as_str()).total_cmp(&likeness(b.as_str())));
        let hint = match nearest {
            None => "There is none in this vault yet.".into(),
            Some(_) if likeness("latest") > ALIKE => "Did you mean `latest`?".into(),
            Some(near) if likeness(near.as_str()) > ALIKE => format!("The nearest is {near}."),
            Some(near) => format!("A name looks like {near}; `lifeboat list` shows them all."),
        };
        Error::NotFound { message: format!("There is no backup {name:?}. {hint}") }
    }
}

fn only_safety(newest: &BackupName) -> String {
    format!(
        "There are only safety backups in this vault: what restores have replaced. One is taken by its name only, such as \
         {newest}. Make a backup with `lifeboat backup`."
    )
}
