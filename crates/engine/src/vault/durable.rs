//! Writing so that it lasts: temporary file, fsync, rename, fsync of the folder.
//!
//! A kill at any line leaves either the old file or the new one, and at worst a temporary file that the next
//! operation removes.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::error::IoContext;
use crate::{Error, Result, owner, pulse};

/// How temporary files beside their destination are called.
pub const TEMPORARY: &str = ".lifeboat-";

/// Is this the name of such a file? Of an archive, it also says which.
pub fn is_temporary(name: &[u8]) -> bool {
    let is_random = |tail: &[u8]| tail.len() == 6 && tail.iter().all(u8::is_ascii_alphanumeric);
    let Some(rest) = name.strip_prefix(TEMPORARY.as_bytes()) else { return false };
    is_random(rest)
        || rest.split_at_checked(16).is_some_and(|(which, tail)| {
            which.iter().all(u8::is_ascii_hexdigit) && tail.strip_prefix(b"-").is_some_and(is_random)
        })
}

/// Writes a file that only its owner can read, all or nothing.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut temporary = temporary_in(parent_of(path))?;
    temporary.write_all(bytes).at("writing", path)?;
    persist(temporary, path)
}

/// A file with a temporary name that only its owner can read. As everything that is made here, it belongs to the folder's
/// owner, where root makes it.
pub fn temporary_in(folder: &Path) -> Result<tempfile::NamedTempFile> {
    let temporary = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(folder).at("writing in", folder)?;
    owner::give_to_owner_of(folder, temporary.as_file());
    Ok(temporary)
}

/// Makes a folder, and those above it that are not there.
pub fn make_folder(folder: &Path) -> Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = parent_of(folder);
    make_folder(parent)?;
    match fs::create_dir(folder) {
        // At the same moment by somebody else.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && folder.is_dir() => return Ok(()),
        made => made.at("making the folder", folder)?,
    }
    give(folder);
    Ok(())
}

/// Gives a file or folder that was just made to whom the folder belongs that it lies in.
pub fn give(made: &Path) {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NOFOLLOW | libc::O_NONBLOCK);
    if let Ok(file) = options.open(made) {
        owner::give_to_owner_of(parent_of(made), &file);
    }
}

fn parent_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// fsync, rename to `path`, fsync of the folder.
pub fn persist(temporary: tempfile::NamedTempFile, path: &Path) -> Result<()> {
    temporary.as_file().sync_all().at("writing", path)?;
    temporary.persist(path).map_err(|error| Error::io("writing", path, error.error))?;
    sync_dir(path.parent().unwrap_or(Path::new(".")))
}

/// Makes the names in a folder last.
#[cfg(unix)]
pub fn sync_dir(dir: &Path) -> Result<()> {
    File::open(dir).and_then(|dir| dir.sync_all()).at("syncing the folder", dir)
}

/// As [`sync_dir`], for a folder around the vault, which one may only be allowed to pass through.
pub fn sync_parent(dir: &Path) -> Result<()> {
    match sync_dir(dir) {
        // Then the system itself sees to it, a little later.
        Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::PermissionDenied => Ok(()),
        synced => synced,
    }
}

/// Windows keeps names in its journal; a folder cannot be flushed there.
#[cfg(not(unix))]
pub fn sync_dir(_dir: &Path) -> Result<()> {
    Ok(())
}

/// A new file that must not exist yet.
pub fn create_new(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).read(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path).at("creating", path)?;
    owner::give_to_owner_of(parent_of(path), &file);
    Ok(file)
}

/// Reads a file of at most `max` bytes; a larger one is not what it claims to be.
pub fn read_small(path: &Path, max: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(max + 1).read_to_end(&mut bytes)).at("reading", path)?;
    if bytes.len() as u64 > max {
        return Err(Error::Format { message: format!("{} is far too large for what it is.", path.display()) });
    }
    Ok(bytes)
}

/// The entries of a folder, sorted; empty where there is no such folder.
pub fn list(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut names = names(dir)?;
    names.sort_unstable();
    Ok(names.into_iter().map(|name| dir.join(name)).collect())
}

/// The names of a folder's entries, in no order; none where there is no such folder.
pub fn names(dir: &Path) -> Result<Vec<OsString>> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("reading the folder", dir, error)),
    };
    entries.map(|entry| Ok(entry.at("reading the folder", dir)?.file_name())).collect()
}

/// Removes a tree, even where it holds folders that nobody may write to.
pub fn remove_tree(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            #[cfg(unix)]
            unlock(folder);
            fs::remove_dir_all(folder).at("removing", folder)
        }
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("removing", folder, error)),
        _ => Ok(()),
    }
}

#[cfg(unix)]
fn unlock(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let _ = fs::set_permissions(folder, fs::Permissions::from_mode(0o700));
    for inner in list(folder).unwrap_or_default() {
        if inner.is_dir() && !inner.is_symlink() {
            unlock(&inner);
        }
    }
}

/// The disk cannot read this place any more: damage, which a full backup makes good, and no failure of the moment.
pub fn is_bad_sector(error: &std::io::Error) -> bool {
    #[cfg(unix)]
    return error.raw_os_error() == Some(libc::EIO);
    // ERROR_CRC
    #[cfg(windows)]
    return error.raw_os_error() == Some(23);
}

/// Reads exactly `buffer.len()` bytes at `offset`, without a file position, so that threads can share the file.
pub fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> std::io::Result<()> {
    #[cfg(unix)]
    return std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset);
    #[cfg(windows)]
    {
        let mut done = 0;
        while done < buffer.len() {
            match std::os::windows::fs::FileExt::seek_read(file, &mut buffer[done..], offset + done as u64)? {
                0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
                n => done += n,
            }
        }
        Ok(())
    }
}

/// Writes all of `bytes` at `offset`, without a file position, so that threads can share the file.
pub fn write_at(file: &File, bytes: &[u8], offset: u64) -> std::io::Result<()> {
    #[cfg(unix)]
    return std::os::unix::fs::FileExt::write_all_at(file, bytes, offset);
    #[cfg(windows)]
    {
        let mut done = 0;
        while done < bytes.len() {
            done += std::os::windows::fs::FileExt::seek_write(file, &bytes[done..], offset + done as u64)?;
        }
        Ok(())
    }
}

/// The SHA-256 of a whole file, in hex; empty, which no hash is, where it got shorter while it was read.
pub fn sha256(file: &File) -> std::io::Result<String> {
    sha256_of(file, file.metadata()?.len())
}

/// The SHA-256 of a file's first `length` bytes, in hex; empty where it has fewer.
pub fn sha256_of(file: &File, length: u64) -> std::io::Result<String> {
    let (mut hasher, mut offset, mut rest) = (Sha256::new(), 0, length);
    let mut buffer = vec![0; 1 << 20];
    while rest > 0 {
        pulse::beat();
        let length = rest.min(buffer.len() as u64) as usize;
        match read_at(file, &mut buffer[..length], offset) {
            // Its app has just truncated it.
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(String::new()),
            read => read?,
        }
        hasher.update(&buffer[..length]);
        offset += length as u64;
        rest -= length as u64;
    }
    Ok(hex::encode(hasher.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_got_shorter_has_no_hash_and_is_no_error() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"abc").unwrap();
        assert!(sha256(&file).unwrap().starts_with("ba7816bf"));
        assert_eq!(sha256_of(&file, 3).unwrap(), sha256(&file).unwrap());
        assert_eq!(sha256_of(&file, 4).unwrap(), "");
    }
}
