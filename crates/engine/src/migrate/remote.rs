//! A source that is no folder with a vault in it, but stores to fetch one from: a target, or what somebody has downloaded.
//!
//! `vault.json` and the keys come first, into a folder of their own that goes at the end: with them the vault is opened, and what
//! the chosen backup needs is known. Its packs come into the new vault's place, each proved; so the restore reads them there, and
//! a migration that was cut off fetches none of them twice.

use std::path::Path;
use std::sync::Arc;

use super::Source;
use super::history;
use crate::config::cloud::Target;
use crate::replica::fetch::{self, Fetch, read_description};
use crate::replica::patience::patiently;
use crate::replica::whole::bring;
use crate::seal::keyring::Credentials;
use crate::store::downloaded::Download;
use crate::store::folder::FolderStore;
use crate::store::{Fault, Kind, Opener, Store};
use crate::vault::elsewhere::Elsewhere;
use crate::vault::layout::{KEYS, Object, Part};
use crate::vault::list::{self, ListReader};
use crate::vault::lock::Lock;
use crate::vault::name::BackupName;
use crate::vault::{Vault, checked_json, description, durable};
use crate::{Control, Error, Result};

/// No vault has so many.
const MOST_KEYS: usize = 100;

type Sites = Vec<(String, Arc<dyn Store>)>;

pub struct Remote {
    /// What it is called.
    pub name: String,
    /// Of a download: why something may be missing, and what to do about it.
    pub hint: Option<String>,
    /// Holds `vault.json` and the keys.
    shell: tempfile::TempDir,
    sites: Sites,
}

impl Remote {
    /// The vault of a target: the one that is there, or the one of this id.
    pub fn of_target(opener: &dyn Opener, target: &Target, vault: Option<&str>, control: &Control) -> Result<Remote> {
        let id = match vault {
            Some(id) => id.to_owned(),
            None => the_only_one(opener.open(target, "")?.as_ref(), target.name(), control)?,
        };
        let store = opener.open(target, &id)?;
        Remote::of(target.name().to_owned(), vec![(target.name().to_owned(), store)], control)
    }

    /// What lies in this folder, whatever was made of the names: the vault that is there, or the one of this id. `None`: no vault
    /// does.
    pub fn downloaded(folder: &Path, vault: Option<&str>, control: &Control) -> Result<Option<Remote>> {
        let found = Download::look(folder);
        let Some(id) = choose(&found, folder, vault)? else { return Ok(None) };
        let name = folder.display().to_string();
        let site = |(at, store)| (format!("{name} {at}"), Arc::new(store) as Arc<dyn Store>);
        let sites = found.stores(&id).into_iter().enumerate().map(site).collect();
        Remote::of(name.clone(), sites, control).map(|remote| Some(Remote { hint: Some(found.hint()), ..remote }))
    }

    fn of(name: String, sites: Sites, control: &Control) -> Result<Remote> {
        let shell = tempfile::tempdir().map_err(|error| Error::io("making a folder", std::env::temp_dir(), error))?;
        let mut found = Err(Fault::missing(&name, description::FILE));
        for (_, store) in &sites {
            found = read_description(store.as_ref(), control);
            if found.as_ref().is_ok_and(|bytes| description::id_in(bytes).is_ok()) {
                break;
            }
        }
        let found = match found {
            Err(fault) if fault.kind == Kind::Missing => return Err(nothing_at(&name)),
            found => found?,
        };
        description::id_in(&found)?;
        durable::write_private(&shell.path().join(description::FILE), &found)?;
        history::make_folder(&shell.path().join(KEYS))?;
        for (_, store) in &sites {
            let mut keys = Vec::new();
            patiently(control, || {
                keys.clear();
                store.list(&format!("{KEYS}/"), &mut |stored| {
                    let is_one = Part::of(&stored.object) == Some(Part::Key) && stored.size <= checked_json::MAX_LEN;
                    if is_one && keys.len() < MOST_KEYS {
                        keys.push((stored.object, stored.size as usize));
                    }
                })
            })?;
            for (object, size) in keys {
                let bytes = patiently(control, || store.get(&object, 0, size))?;
                if checked_json::from_bytes::<serde_json::Value>(&object, &bytes).is_ok() {
                    durable::write_private(&shell.path().join(&object), &bytes)?;
                }
            }
        }
        Ok(Remote { name, hint: None, shell, sites })
    }

    pub fn path(&self) -> &Path {
        self.shell.path()
    }

    /// The vault, as it can be read from there.
    pub fn open(&self, credentials: &Credentials, control: &Control) -> Result<Vault> {
        let vault = Vault::open_untouched(self.shell.path(), credentials)?;
        let fetch = self.fetch(&vault, None, control)?;
        Ok(vault.with_elsewhere(Arc::new(fetch)))
    }

    /// `first`: where some of it lies already.
    fn fetch(&self, vault: &Vault, first: Option<&Path>, control: &Control) -> Result<Fetch> {
        let here = first.map(|place| ("here".to_owned(), Arc::new(FolderStore::new("here", place)) as Arc<dyn Store>));
        let target = |(name, store): (String, Arc<dyn Store>)| {
            let open: fetch::Opening = Box::new(move || Ok(store.clone()));
            fetch::FetchTarget { name, open }
        };
        let fetch =
            Fetch::new(vault, here.into_iter().chain(self.sites.iter().cloned()).map(target).collect(), control)?;
        fetch.look()?;
        Ok(fetch)
    }

    /// All that is there, in the order in which it has to arrive here. The pages for people are not taken: a script is run.
    pub fn objects(&self, vault: &Vault, control: &Control) -> Result<Vec<Object>> {
        let mut objects = self.fetch(vault, None, control)?.objects();
        objects.retain(|object| !matches!(object.part, Part::Page | Part::Archive));
        history::in_order(&mut objects);
        Ok(objects)
    }

    /// Fetches the packs that the chosen backup needs into `place`. The vault, as it is read from there first.
    pub fn bring_needed(&self, source: &Source, place: &Path, control: &Control) -> Result<Vault> {
        history::make_folder(place)?;
        let lock = Lock::acquire(place, "MIGRATE", false, control)?;
        let control = &lock.told(control);
        let temporary = history::temporary(place)?;
        let elsewhere = source.vault.elsewhere().ok_or_else(|| Error::internal("there is nothing to fetch from"))?;
        let mut packs = std::collections::BTreeSet::new();
        let mut reader = source.vault.reader()?;
        let mut lists = reader.another();
        let mut need = |id| -> Result<()> {
            packs.extend(elsewhere.places(id)?.first().map(|place| place.pack.object()));
            Ok(())
        };
        source.snapshot.list.chunks.iter().try_for_each(|id| need(*id))?;
        for item in ListReader::forwards(&mut reader, &source.snapshot.list) {
            control.check()?;
            let item = item?;
            item.named_chunks().into_iter().try_for_each(&mut need)?;
            for ids in &item.lists {
                list::ids(&lists.get(*ids)?)?.into_iter().try_for_each(&mut need)?;
            }
        }
        let fetch = self.fetch(&source.vault, None, control)?;
        let objects: Vec<Object> = fetch.objects().into_iter().filter(|object| packs.contains(&object.name)).collect();
        bring_all(&fetch, &source.vault, &objects, place, &temporary, control)?;
        Ok(source.vault.with_elsewhere(Arc::new(self.fetch(&source.vault, Some(place), control)?)))
    }

    /// Fetches what is not in `to` yet, and returns its bytes. What is nowhere whole is left out, for the verification to tell. The
    /// caller holds the lock of `to`.
    pub fn copy(
        &self,
        source: &Source,
        objects: &[Object],
        to: &Path,
        temporary: &Path,
        control: &Control,
    ) -> Result<u64> {
        let fetch = self.fetch(&source.vault, None, control)?;
        let copied = bring_all(&fetch, &source.vault, objects, to, temporary, control)?;
        for folder in ["packs", "snapshots", KEYS] {
            history::make_folder(&to.join(folder))?;
        }
        Vault::write_pages(to)?;
        Ok(copied)
    }
}

fn bring_all(
    fetch: &Fetch,
    vault: &Vault,
    objects: &[Object],
    to: &Path,
    temporary: &Path,
    control: &Control,
) -> Result<u64> {
    history::bring("fetching", objects, to, control, |object| {
        Ok(bring(fetch, vault, &object.name, to, temporary)?.map_or(0, |(_, size)| size))
    })
}

/// Which of the vaults in a download is meant; `None` where there is none. `E_NOT_FOUND` with what to type where there are several.
fn choose(found: &Download, folder: &Path, wanted: Option<&str>) -> Result<Option<String>> {
    let folder = folder.display();
    if let Some(mixed) = found.mixed() {
        return Err(Error::NotFound {
            message: format!(
                "The files of several vaults are together in {}, and cannot be told apart. Download the folder of \
                 each vault separately, and name one of them.",
                mixed.display()
            ),
        });
    }
    let mut ids = found.vaults.keys();
    match (ids.next(), ids.next(), wanted) {
        (None, ..) => return Ok(None),
        (Some(only), None, None) => return Ok(Some(only.clone())),
        (.., Some(wanted)) if found.vaults.contains_key(wanted) => return Ok(Some(wanted.to_owned())),
        _ => {}
    }
    let lines: Vec<String> = found
        .vaults
        .iter()
        .map(|(id, homes)| {
            let (backups, newest) = found.backups(id);
            let home = homes.first().map(|home| home.display().to_string()).unwrap_or_default();
            line(id, backups as u64, newest.as_ref()) + &format!(" in {home}")
        })
        .collect();
    let message = match wanted {
        None => format!("{folder} has {} vaults. Say which one: {}.", lines.len(), lines.join(", or ")),
        Some(wanted) => format!("{folder} has no vault {wanted}. It has: {}.", lines.join(", and ")),
    };
    Err(Error::NotFound { message })
}

/// How one of several vaults is chosen.
fn line(id: &str, backups: u64, newest: Option<&BackupName>) -> String {
    let newest = newest.map_or("none", |newest| newest.as_str());
    format!("--vault-id {id} ({backups} backups, the newest is {newest})")
}

/// A vault at a target, as its listing tells.
#[derive(Default)]
struct Found {
    is_one: bool,
    backups: u64,
    newest: Option<BackupName>,
}

/// The id of the vault that lies there; empty where it lies there without a folder of its own. `E_NOT_FOUND` with what to type
/// where there are several, or none.
fn the_only_one(store: &dyn Store, name: &str, control: &Control) -> Result<String> {
    let mut vaults = std::collections::BTreeMap::<String, Found>::new();
    patiently(control, || {
        vaults.clear();
        store.list("", &mut |stored| {
            let id = match stored.object.split_once('/') {
                Some((id, _)) if id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) => id,
                _ => "",
            };
            let object = stored.object.get(if id.is_empty() { 0 } else { 33 }..).unwrap_or_default();
            let Some(part) = Part::of(object) else { return };
            let found = vaults.entry(id.to_owned()).or_default();
            found.is_one |= part == Part::Description;
            if let Some(name) = object.strip_prefix("snapshots/").and_then(|name| name.parse::<BackupName>().ok()) {
                found.backups += 1;
                let newest = found.newest.take().filter(|newest| newest.millis() >= name.millis());
                found.newest = Some(newest.unwrap_or(name));
            }
        })
    })?;
    vaults.retain(|_, found| found.is_one);
    let mut ids = vaults.keys();
    match (ids.next(), ids.next()) {
        (None, _) => Err(nothing_at(name)),
        (Some(only), None) => Ok(only.clone()),
        _ => {
            let of = |(id, found): (&String, &Found)| line(id, found.backups, found.newest.as_ref());
            let lines: Vec<String> = vaults.iter().map(of).collect();
            Err(Error::NotFound {
                message: format!("{name} has {} vaults. Say which one: {}.", vaults.len(), lines.join(", or ")),
            })
        }
    }
}

fn nothing_at(name: &str) -> Error {
    Error::NotFound {
        message: format!(
            "There is no vault at {name}. Is it the right bucket or folder, and the right prefix? A vault there has a file \
             vault.json."
        ),
    }
}
