//! Which backups are safe at a target, so that the copy here may go: the target was asked just now, and has the record of the
//! backup and every pack that it needs, each with its length here. A target that does not answer has nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::fetch::{Fetch, Target};
use crate::report::BackupInfo;
use crate::vault::elsewhere::Elsewhere;
use crate::vault::mark::Marker;
use crate::vault::name::BackupName;
use crate::vault::{Vault, snapshot};
use crate::{Config, Control, Result};

/// The names of the targets that hold each of these backups whole; those that no target does are left out. Their facts are
/// remembered, for lists.
pub fn at_targets(
    vault: &Vault,
    config: &Config,
    candidates: &[&BackupInfo],
    control: &Control,
) -> HashMap<String, Vec<String>> {
    if candidates.is_empty() || !config.syncs() {
        return HashMap::new();
    }
    // Whatever cannot be found out, nothing goes for it.
    ask(vault, config, candidates, control).unwrap_or_default()
}

fn ask(
    vault: &Vault,
    config: &Config,
    candidates: &[&BackupInfo],
    control: &Control,
) -> Result<HashMap<String, Vec<String>>> {
    let targets = config.cloud.iter().map(|target| {
        let (reach, target, id) = (config.reach.clone(), target.clone(), vault.id());
        let name = target.name().to_owned();
        Target { name, open: Box::new(move || reach.0.open(&target, &id)) }
    });
    let fetch = Fetch::new(vault, targets.collect(), control)?;
    fetch.look()?;
    let mut safe = HashMap::new();
    for info in candidates {
        control.check()?;
        let name: BackupName = info.backup.parse()?;
        let Some(mut needed) = packs_of(vault, &name)? else { continue };
        needed.push((
            snapshot::object(&name),
            std::fs::metadata(vault.dir().join(snapshot::object(&name))).map_or(0, |file| file.len()),
        ));
        let holders = fetch.holders_of_all(&needed);
        if !holders.is_empty() {
            fetch.remember(info);
            safe.insert(info.backup.clone(), holders);
        }
    }
    Ok(safe)
}

/// The packs that a backup needs, with their sizes. `None`: it is not whole here, and nobody knows what it needs.
fn packs_of(vault: &Vault, name: &BackupName) -> Result<Option<Vec<(String, u64)>>> {
    let catalog = Arc::new(Mutex::new(vault.catalog_for_reading()?));
    let mut marker = Marker::new(vault, catalog);
    if marker.backup(name)?.is_some() {
        return Ok(None);
    }
    let (marks, _) = marker.finish();
    if marks.lost {
        return Ok(None);
    }
    let size = |object: String| std::fs::metadata(vault.dir().join(&object)).ok().map(|file| (object, file.len()));
    Ok(marks.packs().map(|id| size(id.object())).collect())
}
