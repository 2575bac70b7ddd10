//! What opens a vault, brought back from a target where it is gone or damaged here: `vault.json`, or the file of a key.
//!
//! Nothing is put in place that was not proved first, because whoever writes to a target might else give this vault a key of his
//! own. A `vault.json` must fit a key that is here, and a key must fit the `vault.json` that is here: the credentials that somebody
//! has given open the vault with both. Where the vault is open already, a key is what the ledger says that was sent from here.
//! Where both are lost, or nothing is left of the vault, nothing is done: then a disk may not be mounted, or it is `migrate`'s.

use std::path::Path;

use sha2::{Digest, Sha256};

use super::fetch::Fetch;
use super::ledger::Ledger;
use super::patience::patiently;
use super::read_small;
use crate::error::IoContext;
use crate::marriage::marker::{self, RootMarker};
use crate::report::Damage;
use crate::seal::keyring::{self, Credentials};
use crate::store::{Opener, Store};
use crate::vault::elsewhere::Elsewhere;
use crate::vault::layout::{KEYS, Part};
use crate::vault::lock::Lock;
use crate::vault::{Vault, checked_json, description, durable, place};
use crate::{Config, Control, Error, Result};

/// A vault has a few keys. Each that is tried costs a derivation.
const MOST_KEYS: usize = 16;

/// Is this an error of a vault of which something that opens it may be lost?
pub fn may_be_lost(error: &Error) -> bool {
    match error {
        Error::NotFound { .. } | Error::Passphrase { .. } => true,
        Error::Corrupt { object, .. } => object == description::FILE || object.starts_with(KEYS),
        _ => false,
    }
}

/// Fetches what is missing from the first target that has it, and says what that was; nothing where no target does.
pub fn bring_back(
    config: &Config,
    opener: &dyn Opener,
    credentials: &Credentials,
    control: &Control,
) -> Result<Vec<Damage>> {
    let dir = &config.backup_dir;
    if config.cloud.is_empty() || !place::holds_vault(dir) {
        return Ok(Vec::new());
    }
    let lock = Lock::acquire(dir, "VERIFY", false, control)?;
    let control = &lock.told(control);
    if Vault::open(dir, credentials).is_ok() {
        return Ok(Vec::new());
    }
    for target in &config.cloud {
        for id in ids(config) {
            control.check()?;
            // One that cannot be reached has nothing; the error that is told is the vault's.
            let Ok(store) = opener.open(target, &id) else { continue };
            let Ok(theirs) = Theirs::of(store.as_ref(), target.name(), &id, control) else { continue };
            if let Some(found) = theirs.opening(dir, credentials)? {
                return found.put(dir, target.name(), control).map(|damage| vec![damage]);
            }
        }
    }
    Ok(Vec::new())
}

/// The vaults that this one may be, by what is left of it, and by the root.
fn ids(config: &Config) -> Vec<String> {
    let dir = &config.backup_dir;
    let own = durable::read_small(&dir.join(description::FILE), description::MAX_LEN);
    if let Ok(id) = own.and_then(|bytes| description::id_in(&bytes)) {
        return vec![id];
    }
    let mut ids = keyring::vaults_of(&dir.join(KEYS));
    let here = marker::place(&config.root, dir);
    let married = RootMarker::read(&config.root).map(|marker| marker.vaults).unwrap_or_default();
    ids.extend(married.into_iter().filter(|known| known.place == here).map(|known| known.id));
    ids.retain(|id| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()));
    ids.dedup();
    ids
}

/// What opens the vault at a target.
struct Theirs {
    description: Vec<u8>,
    /// Names and contents.
    keys: Vec<(String, Vec<u8>)>,
}

/// An object that was missing here.
struct FetchedObject {
    object: String,
    bytes: Vec<u8>,
}

impl Theirs {
    fn of(store: &dyn Store, target: &str, id: &str, control: &Control) -> Result<Theirs> {
        let read = |object: &str| -> Result<Vec<u8>> {
            let bytes = patiently(control, || read_small(store, target, object, checked_json::MAX_LEN))?;
            bytes.ok_or_else(|| Error::NotFound { message: format!("{target}: {object} is not there.") })
        };
        let description = read(description::FILE)?;
        if description::id_in(&description)? != id {
            return Err(Error::corrupt(description::FILE, "it is another vault's"));
        }
        let names = patiently(control, || {
            let mut names = Vec::new();
            store.list(&format!("{KEYS}/"), &mut |stored| {
                if names.len() < MOST_KEYS && Part::of(&stored.object) == Some(Part::Key) {
                    names.push(stored.object);
                }
            })?;
            Ok(names)
        })?;
        let key = |name: String| read(&name).map(|bytes| (name, bytes));
        Ok(Theirs { description, keys: names.into_iter().map(key).collect::<Result<_>>()? })
    }

    /// What the credentials open the vault with, together with what is here.
    fn opening(self, dir: &Path, credentials: &Credentials) -> Result<Option<FetchedObject>> {
        let ours = durable::read_small(&dir.join(description::FILE), description::MAX_LEN);
        let ours = ours.ok().filter(|bytes| description::id_in(bytes).is_ok());
        if let Some(description) = ours {
            for (object, bytes) in self.keys {
                if opens(&description, &[(object.clone(), bytes.clone())], credentials)? {
                    return Ok(Some(FetchedObject { object, bytes }));
                }
            }
            return Ok(None);
        }
        let mut keys = Vec::new();
        for path in durable::list(&dir.join(KEYS))? {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            // One that cannot be read opens nothing.
            keys.extend(
                durable::read_small(&path, checked_json::MAX_LEN).ok().map(|bytes| (format!("{KEYS}/{name}"), bytes)),
            );
        }
        let fits = opens(&self.description, &keys, credentials)?;
        Ok(fits.then(|| FetchedObject { object: description::FILE.into(), bytes: self.description }))
    }
}

/// Tried in a folder of its own.
fn opens(description: &[u8], keys: &[(String, Vec<u8>)], credentials: &Credentials) -> Result<bool> {
    let folder = tempfile::tempdir().map_err(|error| Error::io("making a folder in", std::env::temp_dir(), error))?;
    let write = |object: &str, bytes: &[u8]| {
        let path = folder.path().join(object);
        std::fs::write(&path, bytes).at("writing", &path)
    };
    durable::make_folder(&folder.path().join(KEYS))?;
    write(description::FILE, description)?;
    keys.iter().try_for_each(|(object, bytes)| write(object, bytes))?;
    Ok(Vault::open(folder.path(), credentials).is_ok())
}

/// For a vault that is open: the keys of the vault that are damaged here, or all of them where there is none, as they were sent
/// from here. The caller holds the lock.
pub fn mend_keys(vault: &Vault, fetch: &Fetch, damaged: &mut [Damage]) -> Result<()> {
    let of_keys = |damage: &&mut Damage| damage.object == KEYS || Part::of(&damage.object) == Some(Part::Key);
    if !damaged.iter_mut().any(|damage| of_keys(&damage)) {
        return Ok(());
    }
    fetch.look()?;
    let Some(ledger) = Ledger::read(vault.dir()) else { return Ok(()) };
    for damage in damaged.iter_mut().filter(of_keys) {
        let wanted = match damage.object == KEYS {
            true => fetch.known().objects(Part::Key),
            false => vec![damage.object.clone()],
        };
        for object in wanted {
            for copy in fetch.copies(&object).into_iter().filter(|copy| copy.size <= checked_json::MAX_LEN) {
                let target = fetch.name(copy.place);
                let Some((_, Some(sent))) = ledger.has(target, &object)? else { continue };
                let Ok(bytes) = fetch.get(copy.place, &object, 0, copy.size as usize) else { continue };
                if hex::encode(Sha256::digest(&bytes)) == sent {
                    let found =
                        FetchedObject { object: object.clone(), bytes }.put(vault.dir(), target, fetch.control())?;
                    damage.message = format!("{}; {object} was fetched from {target}", damage.message);
                    damage.healed = found.healed;
                    break;
                }
            }
        }
    }
    Ok(())
}

impl FetchedObject {
    /// The caller holds the lock.
    fn put(self, dir: &Path, target: &str, control: &Control) -> Result<Damage> {
        let path = dir.join(&self.object);
        let what = if path.exists() { "it was damaged" } else { "it was missing" };
        durable::make_folder(&dir.join(KEYS))?;
        control.hold()?;
        durable::write_private(&path, &self.bytes)?;
        let message = format!("{what}; it was fetched from {target}");
        Ok(Damage { object: self.object, backups: Vec::new(), healed: true, message })
    }
}
