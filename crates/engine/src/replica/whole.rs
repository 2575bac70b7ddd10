//! Whole objects from a target, proved before they count: written beside, authenticated, synced and renamed. A kill leaves the
//! object as it was, and at worst a file in `tmp/` that the next operation removes.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use super::fetch::{Fetch, PIECE};
use super::known::Copy;
use crate::error::IoContext;
use crate::store::{self, Kind};
use crate::vault::elsewhere::Elsewhere;
use crate::vault::layout::Part;
use crate::vault::pack::{PackCipher, PackId};
use crate::vault::snapshot::{self, Snapshot};
use crate::vault::{Vault, checked_json, description, durable};
use crate::{Error, Result, verify};

/// Fetches an object to its place in `to`, by way of the folder `temporary`, from the first place that has it whole. The name of
/// that place; `None`: none has. The caller holds the lock of `to`.
pub fn bring(fetch: &Fetch, vault: &Vault, object: &str, to: &Path, temporary: &Path) -> Result<Option<(String, u64)>> {
    // What is remembered of a target may be old: then it is asked, once.
    let found = bring_known(fetch, vault, object, to, temporary)?;
    if found.is_some() || fetch.has_looked() {
        return Ok(found);
    }
    fetch.look()?;
    bring_known(fetch, vault, object, to, temporary)
}

fn bring_known(
    fetch: &Fetch,
    vault: &Vault,
    object: &str,
    to: &Path,
    temporary: &Path,
) -> Result<Option<(String, u64)>> {
    let mut fault = None;
    for copy in fetch.copies(object) {
        fetch.control().check()?;
        let mut file = tempfile::NamedTempFile::new_in(temporary).at("writing in", temporary)?;
        match download(fetch, copy, object, file.as_file_mut())? {
            Ok(()) => {}
            Err(other) if matches!(other.kind, Kind::Missing | Kind::Damaged) => continue,
            Err(other) => {
                fault = fault.or(Some(other));
                continue;
            }
        }
        if !is_whole(vault, object, file.path())? {
            fetch.distrust(copy.place);
            continue;
        }
        let place = to.join(object);
        if let Some(folder) = place.parent().filter(|folder| !folder.is_dir()) {
            durable::make_folder(folder)?;
            durable::sync_dir(folder.parent().unwrap_or(folder))?;
        }
        fetch.control().hold()?;
        durable::persist(file, &place)?;
        durable::give(&place);
        return Ok(Some((fetch.name(copy.place).to_owned(), copy.size)));
    }
    fetch.control().check()?;
    fault.map_or(Ok(None), |fault| Err(fault.into()))
}

/// Reads an object back from the first place that has it, and proves it. Its bytes; `None`: it is not what was written.
pub fn read_back(fetch: &Fetch, vault: &Vault, object: &str, temporary: &Path) -> Result<Option<u64>> {
    let Some(copy) = fetch.copies(object).into_iter().next() else { return Ok(None) };
    let mut file = tempfile::NamedTempFile::new_in(temporary).at("writing in", temporary)?;
    match download(fetch, copy, object, file.as_file_mut())? {
        Err(fault) if matches!(fault.kind, Kind::Missing | Kind::Damaged) => return Ok(None),
        other => other.map_err(Error::from)?,
    }
    Ok(is_whole(vault, object, file.path())?.then_some(copy.size))
}

fn download(fetch: &Fetch, copy: Copy, object: &str, file: &mut File) -> Result<store::Result<()>> {
    let mut offset = 0;
    while offset < copy.size {
        let length = (PIECE as u64).min(copy.size - offset) as usize;
        match fetch.get(copy.place, object, offset, length) {
            Ok(bytes) => file.write_all(&bytes).at("writing", object)?,
            Err(fault) => return Ok(Err(fault)),
        }
        offset += length as u64;
    }
    Ok(Ok(()))
}

/// Is the file what this vault has written under the name of this object? Nothing of a page that is only for people can be proved.
pub fn is_whole(vault: &Vault, object: &str, file: &Path) -> Result<bool> {
    let proved = match Part::of(object) {
        Some(Part::Pack) => {
            let Some(id) = PackId::of_object(object) else { return Ok(false) };
            let opened = File::open(file).at("reading", file)?;
            verify::bad_chunks(&PackCipher::new(vault.keys(), id), &opened, None).map(|bad| bad.is_empty())
        }
        Some(Part::Snapshot) => {
            let Some(name) = object.strip_prefix("snapshots/").and_then(|name| name.parse().ok()) else {
                return Ok(false);
            };
            let read = durable::read_small(file, snapshot::MAX_LEN);
            read.and_then(|mut bytes| Snapshot::open(vault.keys(), &name, &mut bytes)).map(|_| true)
        }
        Some(Part::Description) => durable::read_small(file, description::MAX_LEN)
            .and_then(|bytes| description::id_in(&bytes))
            .map(|id| id == vault.id()),
        Some(Part::Key) => durable::read_small(file, checked_json::MAX_LEN)
            .and_then(|bytes| checked_json::from_bytes::<serde_json::Value>(object, &bytes))
            .map(|_| true),
        Some(Part::Mark | Part::Page | Part::Archive) => Ok(true),
        None => Ok(false),
    };
    match proved {
        Err(Error::Corrupt { .. } | Error::Format { .. }) => Ok(false),
        other => other,
    }
}
