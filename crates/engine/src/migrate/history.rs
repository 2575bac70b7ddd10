//! Copying a vault, so that its history goes on in the new root.
//!
//! Objects never change once they are written, so an object that is there with its length is there: a copy that was cut
//! off goes on where it stopped. Each is written beside, synced and renamed; packs before the snapshots that name them,
//! and `vault.json` last: before that, nobody takes the copy for a vault.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::error::IoContext;
use crate::report::Progress;
use crate::vault::{self, Vault, durable};
use crate::{Control, Error, Result};

/// Object by object, by its path inside the vault, with its length.
type Object = (PathBuf, u64);

/// Everything that is worth copying, in the order in which it has to arrive: no catalog, no lock, nothing temporary.
pub fn objects(vault: &Vault) -> Result<Vec<Object>> {
    let dir = vault.dir();
    let sized = |object: PathBuf| {
        let path = dir.join(&object);
        Ok((object, fs::metadata(&path).at("reading", &path)?.len()))
    };
    // The snapshots are listed before the packs: a backup that ends meanwhile is left out, and not half taken.
    let snapshots: Vec<_> =
        vault.list_snapshots()?.iter().map(|name| Path::new("snapshots").join(name.as_str())).collect();
    let mut found: Vec<Object> = vault.list_packs()?.iter().map(|(id, size)| (id.object().into(), *size)).collect();
    let within = |folder: &'static str| {
        let files = durable::list(&dir.join(folder)).map(|paths| paths.into_iter().filter(|path| path.is_file()));
        files.map(|paths| {
            paths.filter_map(|path| Some(Path::new(folder).join(path.file_name()?))).filter(|path| is_object(path))
        })
    };
    let rest = snapshots.into_iter().chain(within("archives")?).chain(within("keys")?).chain(within("pins")?);
    let rest = rest.chain(within(vault::ACCEPTED)?);
    let pages = ["RECOVER.md", "recover.mjs"].map(PathBuf::from).into_iter().filter(|page| dir.join(page).is_file());
    for object in rest.chain(pages).chain([PathBuf::from("vault.json")]) {
        found.push(sized(object)?);
    }
    Ok(found)
}

fn is_object(path: &Path) -> bool {
    path.file_name().is_some_and(|name| !name.to_string_lossy().starts_with('.'))
}

/// The bytes of `objects` that `to` does not have yet.
pub fn missing(objects: &[Object], to: &Path) -> u64 {
    objects.iter().filter(|object| !is_there(object, to)).map(|(_, size)| size).sum()
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
    let mut progress = Progress {
        phase: "copying the history".into(),
        total_items: Some(objects.len() as u64),
        total_bytes: Some(objects.iter().map(|(_, size)| size).sum()),
        ..Progress::default()
    };
    let mut copied = 0;
    for object in objects {
        control.check()?;
        if !is_there(object, to) {
            copied += copy_one(&from.join(&object.0), &to.join(&object.0), temporary)?;
        }
        progress.items += 1;
        progress.bytes += object.1;
        control.report(&progress);
    }
    for folder in ["packs", "snapshots", "keys"] {
        make_folder(&to.join(folder))?;
    }
    Ok(copied)
}

fn is_there((object, size): &Object, to: &Path) -> bool {
    fs::metadata(to.join(object)).is_ok_and(|metadata| metadata.is_file() && metadata.len() == *size)
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
