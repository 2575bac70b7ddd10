//! All vaults of a target: whose each is, how old its newest backup is, and whether that is too old. So each machine can look
//! after the others: one that died says nothing itself.

use std::collections::BTreeMap;

use super::about::{self, About};
use super::patience::Patience;
use super::read_small;
use crate::report::VaultInfo;
use crate::store::{Fault, Kind, Store};
use crate::vault::checked_json;
use crate::vault::name::BackupName;
use crate::{Control, Result, retention};

/// More vaults than anybody has at one target.
const MOST: usize = 10_000;
/// How old a newest backup may be where nobody says, in milliseconds: as of a daily one.
const PATIENCE: i64 = 26 * 3_600_000;

#[derive(Default)]
struct ListedVault {
    bytes: u64,
    newest: Option<i64>,
    has_about: bool,
}

/// By prefix. `store`: of all of the target.
pub fn all(store: &dyn Store, target: &str, patience: Patience, control: &Control) -> Result<Vec<VaultInfo>> {
    let now = control.now();
    let found = patience.retry(control, || {
        let mut found: BTreeMap<String, ListedVault> = BTreeMap::new();
        store.list("", &mut |stored| {
            let Some((id, object)) = stored.object.split_once('/') else { return };
            if !is_id(id) || found.len() >= MOST && !found.contains_key(id) {
                return;
            }
            let one = found.entry(id.to_owned()).or_default();
            one.bytes += stored.size;
            one.has_about |= object == about::FILE;
            // What a restore replaced is no backup that anybody waits for.
            let name = object.strip_prefix("snapshots/").and_then(|name| name.parse::<BackupName>().ok());
            let name = name.filter(|name| name.kind() != crate::report::BackupType::Safety);
            if let Some(name) = name.filter(|name| !retention::is_ahead(name.millis(), now)) {
                one.newest = one.newest.max(Some(name.millis()));
            }
        })?;
        Ok(found)
    })?;
    found.into_iter().map(|(prefix, found)| info(store, target, prefix, found, patience, control)).collect()
}

fn info(
    store: &dyn Store,
    target: &str,
    prefix: String,
    found: ListedVault,
    patience: Patience,
    control: &Control,
) -> Result<VaultInfo> {
    let object = format!("{prefix}/{}", about::FILE);
    let about = match found.has_about {
        true => patience.retry(control, || match read_small(store, target, &object, checked_json::MAX_LEN) {
            // One note that is nonsense hides no other vault.
            Err(Fault { kind: Kind::Damaged | Kind::Missing, .. }) => Ok(None),
            other => other,
        })?,
        false => None,
    };
    let about = about.and_then(|bytes| About::parse(&bytes).ok());
    let limit = about.as_ref().map_or(PATIENCE, |about| about.patience.clamp(3_600_000, 400 * 24 * 3_600_000));
    let late = found.newest.is_none_or(|newest| control.now() - newest > limit);
    let owner = about.map_or_else(|| "nobody knows whose".into(), |about| about.owner());
    Ok(VaultInfo { prefix, owner, newest: found.newest, bytes: found.bytes, late })
}

/// As the id of a vault is written.
fn is_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}
