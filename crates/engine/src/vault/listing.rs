//! Which backups and packs there are: in the folder, and with those that are elsewhere.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use super::name::BackupName;
use super::pack::PackId;
use super::{ACCEPTED, Vault, durable, is_accepted, layout, pins};
use crate::Result;
use crate::error::IoContext;
use crate::report::{BackupInfo, ListFilter};

impl Vault {
    /// The names of all backups that can be read, oldest first: with those that are known to be elsewhere.
    pub fn names(&self) -> Result<Vec<BackupName>> {
        let mut names = self.list_snapshots()?;
        if let Some(elsewhere) = &self.elsewhere {
            names.extend(elsewhere.backups());
            sort(&mut names);
            names.dedup();
        }
        Ok(names)
    }

    /// The same, after asking the other places where one has never told what it has, or nobody knows of any backup.
    pub fn names_or_look(&self) -> Result<Vec<BackupName>> {
        let names = self.names()?;
        let Some(elsewhere) = &self.elsewhere else { return Ok(names) };
        if !names.is_empty() && elsewhere.is_told() {
            return Ok(names);
        }
        match elsewhere.look() {
            // A place that cannot be reached is no reason not to take what is here.
            Err(error) if names.is_empty() => Err(error),
            _ => self.names(),
        }
    }

    /// The same without asking anybody: of a backup that is only elsewhere, and of which nothing is remembered, the name alone.
    pub fn backups_known(&self, filter: &ListFilter) -> Result<Vec<BackupInfo>> {
        let mut infos = self.here().backups(filter)?;
        if let Some(elsewhere) = &self.elsewhere {
            let known = |name: &BackupName| elsewhere.info(name).or_else(|| Some(BackupInfo::of_name(name)));
            let holders = |object: &str| elsewhere.holders(object);
            add_those_elsewhere(self.dir(), &mut infos, filter, elsewhere.backups(), holders, known)?;
        }
        Ok(infos)
    }
}

/// Adds to a list of the backups here those that are elsewhere, and says of each where it is. `names` are there, `holders` says
/// which places have an object, `read` what is known of one.
pub fn add_those_elsewhere(
    dir: &Path,
    infos: &mut Vec<BackupInfo>,
    filter: &ListFilter,
    names: Vec<BackupName>,
    holders: impl Fn(&str) -> Vec<String>,
    mut read: impl FnMut(&BackupName) -> Option<BackupInfo>,
) -> Result<()> {
    // Those that a limit has cut off are older than any that stays.
    let here: HashSet<String> = infos.iter().map(|info| info.backup.clone()).collect();
    let pins = pins(dir)?;
    for name in names {
        if here.contains(name.as_str()) || !filter.takes(name.kind(), name.millis()) {
            continue;
        }
        let Some(mut info) = read(&name) else { continue };
        let has_mark = |folder: &str| !holders(&format!("{folder}/{name}")).is_empty();
        info.pinned = pins.contains(name.as_str()) || has_mark(layout::PINS);
        let is_accepted = is_accepted(dir, name.as_str()) || has_mark(ACCEPTED);
        info.suspicious = info.suspicious.filter(|_| !is_accepted);
        info.location.clear();
        infos.push(info);
    }
    for info in infos.iter_mut() {
        info.location.extend(holders(&format!("snapshots/{}", info.backup)));
    }
    infos.sort_by(|a, b| (b.timestamp, &b.backup).cmp(&(a.timestamp, &a.backup)));
    infos.truncate(filter.limit.unwrap_or(usize::MAX));
    Ok(())
}

/// The names of all snapshots in a vault's folder, oldest first. Needs no key.
pub fn list_snapshots(dir: &Path) -> Result<Vec<BackupName>> {
    let names = durable::names(&dir.join("snapshots"))?;
    let mut names: Vec<BackupName> = names.iter().filter_map(|name| name.to_str()?.parse().ok()).collect();
    sort(&mut names);
    Ok(names)
}

/// Every pack in a vault's folder with its size. Needs no key.
pub fn list_packs(dir: &Path) -> Result<Vec<(PackId, u64)>> {
    let mut packs = Vec::new();
    for folder in durable::list(&dir.join("packs"))? {
        for path in durable::list(&folder)? {
            let id = path.file_name().and_then(|name| name.to_str()).and_then(PackId::parse);
            let Some(id) = id.filter(|id| id.path(dir) == path) else { continue };
            match fs::metadata(&path) {
                // Pruned at this moment, beside a reader.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                metadata => packs.push((id, metadata.at("reading", &path)?.len())),
            }
        }
    }
    Ok(packs)
}

pub(super) fn sort(names: &mut [BackupName]) {
    names.sort_unstable_by(|a, b| (a.millis(), a.as_str()).cmp(&(b.millis(), b.as_str())));
}
