//! `unneeded.json`: since when packs at a target are needed by no backup there, for whoever prunes it from elsewhere, where no
//! ledger remembers it. A pack goes a day after it was found unneeded, so whoever still counts on it hears that before.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::patience::Patience;
use super::read_small;
use crate::store::{Fault, Kind, Store, Straight};
use crate::vault::checked_json;
use crate::vault::place;
use crate::{Control, Result};

/// Its name at a target.
pub const FILE: &str = place::UNNEEDED;
/// A hundred thousand packs.
const MOST: u64 = 16 << 20;

#[derive(Default, Serialize, Deserialize)]
struct Unneeded {
    #[serde(default)]
    packs: HashMap<String, i64>,
}

/// A note that is missing or nonsense says nothing: each pack then waits a day from now on.
pub fn read(store: &dyn Store, patience: Patience, control: &Control) -> Result<HashMap<String, i64>> {
    let bytes = patience.retry(control, || match read_small(store, "The target", FILE, MOST) {
        Err(Fault { kind: Kind::Damaged | Kind::Missing, .. }) => Ok(None),
        read => read,
    })?;
    let note = bytes.and_then(|bytes| checked_json::from_bytes::<Unneeded>(FILE, &bytes).ok());
    Ok(note.unwrap_or_default().packs)
}

/// These are all of them.
pub fn write(packs: &HashMap<String, i64>, store: &dyn Store, patience: Patience, control: &Control) -> Result<()> {
    if packs.is_empty() {
        return Ok(patience.retry(control, || store.delete(FILE))?);
    }
    let bytes = checked_json::to_bytes(&Unneeded { packs: packs.clone() })?;
    patience.retry(control, || store.put(FILE, &bytes, &Straight))?;
    Ok(())
}
