//! Names and ids. Drive knows files by ids, and lets many have one name; a store knows objects by names.
//!
//! `packs/ab/x` is the file `x` in the folder `ab` in the folder `packs`, as a person sees it, and so as it comes when the folder is
//! downloaded by Drive's own page. What has been seen is remembered, for as long as the store lives. Of several files with one
//! name the oldest counts, which is the same one for everybody.

mod query;

use std::collections::HashMap;
use std::sync::Mutex;

use google_drive3::api::{File, GeneratedIds};
use google_drive3::hyper::Method;
use lifeboat_engine::config::cloud;
use lifeboat_engine::mutex::lock;
use lifeboat_engine::store::{Fault, Kind, Result, Stored};
use serde_json::json;

use super::client::LONGEST_ANSWER;
use super::places::with;
use super::wire::{Wire, WireRequest};
use super::words::{self, Who};

use query::quoted;

pub const FOLDER: &str = "application/vnd.google-apps.folder";
/// What is made where no folder is named.
const HOME: &str = "Lifeboat";
/// What is asked of a file.
pub const FIELDS: &str =
    "id,name,mimeType,parents,size,md5Checksum,sha256Checksum,createdTime,modifiedTime,trashed,driveId";
/// Folders within folders: an object of a vault lies in two, and the vault in a third.
const DEEPEST: usize = 8;
/// Ids that are asked for at a time.
const IDS: usize = 100;

#[derive(Default)]
pub struct DriveTree {
    state: Mutex<KnownTree>,
    /// Held by whoever makes folders: two of one name would come of it otherwise.
    making: Mutex<()>,
}

#[derive(Default)]
struct KnownTree {
    top: Option<Top>,
    /// By path, with the oldest first; "" is the top.
    folders: HashMap<String, Vec<String>>,
    files: HashMap<String, Stored>,
    /// Everything was listed: what is not remembered is not there.
    is_complete: bool,
    /// Ids that were given out, and not used yet.
    spare: Vec<String>,
    /// Folders that may have been made, or not: the answer did not come.
    begun: HashMap<String, String>,
}

/// Where everything lies.
#[derive(Clone)]
struct Top {
    id: String,
    drive: Option<String>,
}

impl DriveTree {
    /// What is remembered of an object, or found; `None` where there is none.
    pub fn find(&self, wire: &Wire, config: &cloud::Drive, object: &str) -> Result<Option<Stored>> {
        {
            let state = lock(&self.state);
            if let Some(known) = state.files.get(object) {
                return Ok(Some(known.clone()));
            }
            if state.is_complete {
                return Ok(None);
            }
        }
        Ok(self.look(wire, config, object)?.into_iter().next())
    }

    /// All that have its name, the oldest first, whatever is remembered.
    pub fn look(&self, wire: &Wire, config: &cloud::Drive, object: &str) -> Result<Vec<Stored>> {
        let (folder, name) = split(wire, object)?;
        let Some(folders) = self.folders(wire, config, folder)? else { return Ok(Vec::new()) };
        let query = format!("name = {} and mimeType != '{FOLDER}'", quoted(name));
        let mut found = Vec::new();
        self.query(wire, &folders, &query, &mut |file| found.push(file))?;
        let mut found: Vec<Stored> = oldest_first(found).iter().filter_map(|file| stored(object, file)).collect();
        found.retain(|one| one.id.is_some());
        if let Some(first) = found.first() {
            self.remember(first.clone());
        }
        Ok(found)
    }

    pub fn remember(&self, stored: Stored) {
        lock(&self.state).files.insert(stored.object.clone(), stored);
    }

    pub fn recall(&self, known: &[Stored]) {
        let mut state = lock(&self.state);
        for one in known.iter().filter(|one| one.id.as_deref().is_some_and(is_id)) {
            state.files.entry(one.object.clone()).or_insert_with(|| one.clone());
        }
    }

    pub fn forget(&self, object: &str) {
        lock(&self.state).files.remove(object);
    }

    /// A folder has gone: somebody has tidied up.
    pub fn forget_folders(&self) {
        let mut state = lock(&self.state);
        state.folders.clear();
        state.top = None;
    }

    pub fn remembered(&self, object: &str) -> Option<Stored> {
        lock(&self.state).files.get(object).cloned()
    }

    /// An id that nobody uses: what is created with it is created once, however often it is tried.
    pub fn fresh_id(&self, wire: &Wire) -> Result<String> {
        if let Some(id) = lock(&self.state).spare.pop() {
            return Ok(id);
        }
        let url = with(&format!("{}/files/generateIds", wire.places.api), &[("count", IDS.to_string().as_str())]);
        let given: GeneratedIds = wire.ask(&WireRequest::get(&url), "asking for ids")?;
        let mut ids = given.ids.unwrap_or_default();
        if ids.is_empty() || ids.len() > IDS || !ids.iter().all(|id| is_id(id)) {
            return Err(wire.fault(Kind::Damaged, "Asking for ids: the answer makes no sense."));
        }
        let id = ids.pop();
        lock(&self.state).spare.append(&mut ids);
        id.ok_or_else(|| wire.fault(Kind::Damaged, "Asking for ids: none came."))
    }

    /// The folder that an object is to be created in; it is made where it is missing.
    pub fn folder_for(&self, wire: &Wire, config: &cloud::Drive, object: &str) -> Result<String> {
        let _making = lock(&self.making);
        let top = self.top(wire, config, true)?;
        let Some(mut parent) = top.map(|top| top.id) else {
            return Err(wire.fault(Kind::Missing, "The folder in Google Drive is not there."));
        };
        let (folder, _) = split(wire, object)?;
        let mut path = String::new();
        for name in folder.split('/').filter(|name| !name.is_empty()) {
            path = join(&path, name);
            parent = match self.folders(wire, config, &path)?.and_then(|ids| ids.into_iter().next()) {
                Some(id) => id,
                None => self.make(wire, &path, name, &parent)?,
            };
        }
        Ok(parent)
    }

    fn make(&self, wire: &Wire, path: &str, name: &str, parent: &str) -> Result<String> {
        let begun = lock(&self.state).begun.get(path).cloned();
        let id = match begun {
            Some(id) => id,
            None => self.fresh_id(wire)?,
        };
        lock(&self.state).begun.insert(path.into(), id.clone());
        let json = json!({ "id": id, "name": name, "mimeType": FOLDER, "parents": [parent] });
        let url = with(&format!("{}/files", wire.places.api), &[("supportsAllDrives", "true"), ("fields", "id")]);
        let doing = format!("making the folder {path}");
        let answer =
            wire.send(&WireRequest { json: Some(&json), ..WireRequest::new(Method::POST, &url) }, LONGEST_ANSWER)?;
        // 409: it was made by the time before, whose answer did not come.
        if answer.status != 409 {
            if !answer.is_good() {
                return Err(wire.refused(&doing, &answer));
            }
            let made: File = wire.parse(&answer, &doing)?;
            if made.id.as_ref() != Some(&id) {
                return Err(words::nonsense(wire.target(), &doing, &answer));
            }
        }
        let mut state = lock(&self.state);
        state.begun.remove(path);
        state.folders.insert(path.into(), vec![id.clone()]);
        Ok(id)
    }

    /// The ids of the folders with this path; `None` where there are none.
    fn folders(&self, wire: &Wire, config: &cloud::Drive, path: &str) -> Result<Option<Vec<String>>> {
        let Some(top) = self.top(wire, config, false)? else { return Ok(None) };
        let (mut found, mut so_far) = (vec![top.id], String::new());
        for name in path.split('/').filter(|name| !name.is_empty()) {
            so_far = join(&so_far, name);
            let (known, is_complete) = {
                let state = lock(&self.state);
                (state.folders.get(&so_far).cloned(), state.is_complete)
            };
            found = match known {
                Some(known) => known,
                None if is_complete => return Ok(None),
                None => {
                    let query = format!("name = {} and mimeType = '{FOLDER}'", quoted(name));
                    let mut all = Vec::new();
                    self.query(wire, &found, &query, &mut |file| all.push(file))?;
                    let ids: Vec<String> = oldest_first(all).into_iter().filter_map(|file| file.id).collect();
                    if ids.is_empty() {
                        return Ok(None);
                    }
                    lock(&self.state).folders.insert(so_far.clone(), ids.clone());
                    ids
                }
            };
        }
        Ok(Some(found))
    }

    /// Everything whose name begins with `prefix`.
    pub fn list(&self, wire: &Wire, config: &cloud::Drive, prefix: &str, visit: &mut dyn FnMut(Stored)) -> Result<()> {
        let Some(top) = self.top(wire, config, false)? else { return Ok(()) };
        let mut paths = HashMap::from([(top.id, String::new())]);
        // By path, the oldest of each: a file is told once, whichever page has it.
        let mut files: HashMap<String, File> = HashMap::new();
        let mut seen: HashMap<String, Vec<File>> = HashMap::new();
        for _ in 0..DEEPEST {
            let mut below: HashMap<String, String> = HashMap::new();
            let ids: Vec<String> = paths.keys().cloned().collect();
            self.query(wire, &ids, "", &mut |file| {
                let parent = file.parents.iter().flatten().find_map(|id| paths.get(id));
                let (Some(parent), Some(name)) = (parent, file.name.as_deref().filter(|name| is_name(name))) else {
                    return;
                };
                let path = join(parent, name);
                if file.mime_type.as_deref() == Some(FOLDER) {
                    let within = format!("{path}/");
                    if within.starts_with(prefix) || prefix.starts_with(&within) {
                        below.extend(file.id.clone().map(|id| (id, path.clone())));
                    }
                    seen.entry(path).or_default().push(file);
                } else if path.starts_with(prefix) && stored(&path, &file).is_some() {
                    match files.get(&path) {
                        Some(known) if age(known) <= age(&file) => {}
                        _ => drop(files.insert(path, file)),
                    }
                }
            })?;
            if below.is_empty() {
                break;
            }
            paths = below;
        }
        let mut state = lock(&self.state);
        for (path, folders) in seen {
            state.folders.insert(path, oldest_first(folders).into_iter().filter_map(|folder| folder.id).collect());
        }
        // What was put meanwhile stays remembered; what has gone meanwhile is found to have.
        state.is_complete |= prefix.is_empty();
        let found: Vec<Stored> = files.iter().filter_map(|(path, file)| stored(path, file)).collect();
        state.files.extend(found.iter().map(|one| (one.object.clone(), one.clone())));
        drop(state);
        found.into_iter().for_each(visit);
        Ok(())
    }

    /// The folder that everything lies in: the one that is named, or our own, which may have to be made.
    fn top(&self, wire: &Wire, config: &cloud::Drive, make: bool) -> Result<Option<Top>> {
        let known = lock(&self.state).top.clone();
        let top = match (known, &config.folder_id) {
            (Some(top), _) => Some(top),
            (None, Some(id)) => Some(named(wire, id)?),
            (None, None) if wire.who() == Who::Service => None,
            (None, None) => self.home(wire, make)?,
        };
        if make && wire.who() == Who::Service && top.as_ref().is_none_or(|top| top.drive.is_none()) {
            return Err(wire.fault(Kind::Full, words::service_has_no_room()));
        }
        if let Some(top) = &top {
            lock(&self.state).top = Some(top.clone());
        }
        Ok(top)
    }

    fn home(&self, wire: &Wire, make: bool) -> Result<Option<Top>> {
        let mut found = Vec::new();
        let query = format!("name = '{HOME}' and mimeType = '{FOLDER}' and trashed = false and 'root' in parents");
        self.pages(wire, &query, None, &mut |file| found.push(file))?;
        let id = match oldest_first(found).into_iter().find_map(|folder| folder.id) {
            None if make => Some(self.make(wire, "", HOME, "root")?),
            id => id,
        };
        Ok(id.map(|id| Top { id, drive: None }))
    }
}

fn named(wire: &Wire, id: &str) -> Result<Top> {
    let refuse = |message: String| wire.fault(Kind::Refused, message);
    if !is_id(id) {
        let message = "`folderId` is what stands at the end of the folder's address in a browser, after /folders/.";
        return Err(refuse(message.into()));
    }
    let url = with(&format!("{}/files/{id}", wire.places.api), &[("supportsAllDrives", "true"), ("fields", FIELDS)]);
    let answer = wire.send(&WireRequest::get(&url), LONGEST_ANSWER)?;
    if answer.status == 404 {
        return Err(wire.fault(Kind::Denied, match wire.who() {
            Who::Service => format!("The folder {id} is not there, or is not shared with this service account. Share it with the address that stands in the key file as client_email."),
            _ => words::foreign(&format!("The folder {id}")),
        }));
    }
    if !answer.is_good() {
        return Err(wire.refused("looking at the folder", &answer));
    }
    let folder: File = wire.parse(&answer, "looking at the folder")?;
    if folder.mime_type.as_deref() != Some(FOLDER) {
        return Err(refuse(format!("{id} is a file. `folderId` names a folder.")));
    }
    if folder.trashed == Some(true) {
        return Err(refuse(format!(
            "The folder {id} lies in the trash. Restore it at drive.google.com, or name another one."
        )));
    }
    Ok(Top { id: id.into(), drive: folder.drive_id.filter(|drive| is_id(drive)) })
}

/// What is known of an object by what Drive says of a file; `None` where it is none that has bytes.
pub fn stored(object: &str, file: &File) -> Option<Stored> {
    let checksum = match (&file.md5_checksum, &file.sha256_checksum) {
        (Some(md5), _) => format!("md5:{md5}"),
        (None, sha256) => format!("sha256:{}", sha256.as_ref()?),
    };
    Some(Stored {
        object: object.into(),
        size: u64::try_from(file.size?).ok()?,
        checksum: Some(checksum),
        id: Some(file.id.clone().filter(|id| is_id(id))?),
        written: file.modified_time.or(file.created_time).map(|time| time.timestamp_millis()),
    })
}

fn age(file: &File) -> (i64, &str) {
    (file.created_time.map_or(i64::MAX, |time| time.timestamp_millis()), file.id.as_deref().unwrap_or_default())
}

fn oldest_first(mut files: Vec<File>) -> Vec<File> {
    files.retain(|file| file.id.as_deref().is_some_and(is_id));
    files.sort_by(|a, b| age(a).cmp(&age(b)));
    files
}

/// Ids go into addresses and queries.
pub fn is_id(id: &str) -> bool {
    (1..=256).contains(&id.len()) && id.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_' || c == b'-')
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\\']) && !name.contains(char::is_control)
}

/// The folder, and the name in it.
pub fn split<'a>(wire: &Wire, object: &'a str) -> Result<(&'a str, &'a str), Fault> {
    let parts: Vec<&str> = object.split('/').collect();
    if parts.len() > DEEPEST || !parts.iter().all(|part| is_name(part)) {
        return Err(wire.fault(Kind::Refused, format!("{object:?} is no name of an object.")));
    }
    Ok(object.rsplit_once('/').unwrap_or(("", object)))
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.into() } else { format!("{folder}/{name}") }
}
