//! Copying a vault, so that its history goes on in the new root.
//!
//! Objects never change once they are written, so an object that is there with its length is there: a copy that was cut
//! off goes on where it stopped. Each is written beside, synced and renamed, in the order of [`layout`], but what opens it and
//! `vault.json` last: before that, nobody takes the copy for a vault, and no half of one for somebody else's folder.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::error::IoContext;
use crate::report::Progress;
use crate::vault::layout::{self, Object, Part};
use crate::vault::{Vault, durable};
use crate::{Control, Error, Result};

/// Everything that is worth copying, in the order in which it has to arrive here.
pub fn objects(vault: &Vault) -> Result<Vec<Object>> {
    let mut objects = layout::objects(vault)?;
    in_order(&mut objects);
    Ok(objects)
}

/// As they have to arrive: what opens a vault last.
pub fn in_order(objects: &mut [Object]) {
    objects.sort_by(|a, b| (a.part < Part::Pack, a.part, &a.name).cmp(&(b.part < Part::Pack, b.part, &b.name)));
}

/// The bytes of `objects` that `to` does not have yet.
pub fn missing(objects: &[Object], to: &Path) -> u64 {
    objects.iter().filter(|object| !is_there(object, to)).map(|object| object.size).sum()
}

/// An empty folder for what is not whole yet. The caller holds the lock of `to`.
pub fn temporary(to: &Path) -> Result<PathBuf> {
    let temporary = to.join("tmp");
    match fs::remove_dir_all(&temporary) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(Error::io("removing", temporary, error));
        }
        _ => make_folder(&temporary)?,
    }
    Ok(temporary)
}

/// Copies what is not there yet by way of `temporary`, and returns its bytes. The caller holds the lock of `to`.
pub fn copy(from: &Path, objects: &[Object], to: &Path, temporary: &Path, control: &Control) -> Result<u64> {
    let copy_one = |object: &Object| copy_one(&from.join(&object.name), &to.join(&object.name), temporary);
    let copied = bring("copying the history", objects, to, control, copy_one)?;
    for folder in ["packs", "snapshots", "keys"] {
        make_folder(&to.join(folder))?;
    }
    Ok(copied)
}

/// Has each object brought that is not in `to` yet, and tells how far it is in this phase. Returns the bytes that came.
pub fn bring(
    phase: &str,
    objects: &[Object],
    to: &Path,
    control: &Control,
    mut one: impl FnMut(&Object) -> Result<u64>,
) -> Result<u64> {
    let mut progress = Progress {
        phase: phase.into(),
        total_items: Some(objects.len() as u64),
        total_bytes: Some(objects.iter().map(|object| object.size).sum()),
        ..Progress::default()
    };
    let mut brought = 0;
    for object in objects {
        control.check()?;
        if !is_there(object, to) {
            brought += one(object)?;
        }
        progress.items += 1;
        progress.bytes += object.size;
        control.report(&progress);
    }
    Ok(brought)
}

fn is_there(object: &Object, to: &Path) -> bool {
    fs::metadata(to.join(&object.name)).is_ok_and(|metadata| metadata.is_file() && metadata.len() == object.size)
}

fn copy_one(from: &Path, to: &Path, temporary: &Path) -> Result<u64> {
    if let Some(folder) = to.parent().filter(|folder| !folder.is_dir()) {
        make_folder(folder)?;
        durable::sync_dir(folder.parent().unwrap_or(folder))?;
    }
    let mut source = File::open(from).at("reading", from)?;
    let mut copy = tempfile::NamedTempFile::new_in(temporary).at("writing in", temporary)?;
    let copied = std::io::copy(&mut source, copy.as_file_mut()).at("copying", from)?;
    durable::persist(copy, to)?;
    Ok(copied)
}

/// As a vault's folders are: nobody else looks in.
pub fn make_folder(path: &Path) -> Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).at("making the folder", path)
}
