//! Users and groups of this machine: whom restored files are given to, and whether it knows those of a backup.

use std::path::Path;

use crate::report::RestoreOptions;
use crate::{Error, Result};

/// A user and a group, by their numbers.
pub type Ids = (u32, u32);

/// Whom a restore gives everything to, if somebody else than before.
pub fn of(options: &RestoreOptions) -> Result<Option<Ids>> {
    options.owner.as_deref().map(parse).transpose()
}

/// `user`, `user:group`, `uid` or `uid:gid`. A user alone brings their own group.
#[cfg(unix)]
pub fn parse(text: &str) -> Result<Ids> {
    use nix::unistd::{Group, User};
    let refuse = |message: String| Error::Config { message };
    let unknown = |what: &str, name: &str| {
        refuse(format!("This machine has no {what} {name:?}. Make one first, or give a number (`--owner 1000:1000`)."))
    };
    let (user, group) = text.split_once(':').map_or((text, None), |(user, group)| (user, Some(group)));
    let lookup = |error: nix::Error| refuse(format!("The users of this machine cannot be looked up: {error}."));
    let (uid, own) = match user.parse::<u32>() {
        Ok(uid) => (uid, User::from_uid(uid.into()).ok().flatten().map_or(uid, |user| user.gid.as_raw())),
        Err(_) => {
            let found = User::from_name(user).map_err(lookup)?.ok_or_else(|| unknown("user", user))?;
            (found.uid.as_raw(), found.gid.as_raw())
        }
    };
    let gid = match group {
        None => own,
        Some(group) => match group.parse::<u32>() {
            Ok(gid) => gid,
            Err(_) => Group::from_name(group).map_err(lookup)?.ok_or_else(|| unknown("group", group))?.gid.as_raw(),
        },
    };
    if !may_give() && (uid, gid) != (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw()) {
        return Err(refuse("Only root can give files to somebody else. Run it with sudo, or without an owner.".into()));
    }
    Ok((uid, gid))
}

#[cfg(not(unix))]
pub fn parse(_text: &str) -> Result<Ids> {
    Err(Error::Config { message: "This system has no owners in the sense of Unix: leave the owner out.".into() })
}

/// May this process give files to others?
#[cfg(unix)]
pub fn may_give() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(not(unix))]
pub fn may_give() -> bool {
    false
}

/// Has this machine a name for the user?
#[cfg(unix)]
pub fn is_known(uid: u32) -> bool {
    // Where the lookup itself fails, nothing is known, and so nothing is said.
    nix::unistd::User::from_uid(uid.into()).map_or(true, |user| user.is_some())
}

#[cfg(not(unix))]
pub fn is_known(_uid: u32) -> bool {
    true
}

/// Gives one file, folder or link to `ids`; links are not followed.
#[cfg(unix)]
pub fn give(path: &Path, ids: Ids) -> Result<()> {
    use crate::error::IoContext;
    std::os::unix::fs::lchown(path, Some(ids.0), Some(ids.1)).at("changing the owner of", path)
}

#[cfg(not(unix))]
pub fn give(_path: &Path, _ids: Ids) -> Result<()> {
    Ok(())
}

/// The same for a file that is open, whatever its name leads to by now.
#[cfg(unix)]
pub fn give_open(file: &std::fs::File, ids: Ids) -> std::io::Result<()> {
    std::os::unix::fs::fchown(file, Some(ids.0), Some(ids.1))
}

#[cfg(not(unix))]
pub fn give_open(_file: &std::fs::File, _ids: Ids) -> std::io::Result<()> {
    Ok(())
}

/// Whose a folder is, where root runs this and it is not root's: what is made in it is to be theirs.
#[cfg(unix)]
pub fn of_folder_of_another(folder: &Path) -> Option<Ids> {
    use std::os::unix::fs::MetadataExt;
    if !may_give() {
        return None;
    }
    let metadata = folder.metadata().ok().filter(|metadata| metadata.uid() != 0)?;
    Some((metadata.uid(), metadata.gid()))
}

/// What was just made in a folder of somebody else's becomes theirs: after one `sudo lifeboat backup` the app's own user must
/// be able to go on. By the open file, so that no link is followed. A disk that has no owners is no error.
pub fn give_to_owner_of(folder: &Path, made: &std::fs::File) {
    if let Some(ids) = of_folder_of_another(folder) {
        let _ = give_open(made, ids);
    }
}

#[cfg(not(unix))]
pub fn of_folder_of_another(_folder: &Path) -> Option<Ids> {
    None
}

/// Who owns a file or folder, where somebody is not root.
#[cfg(unix)]
pub fn is_roots(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.uid() == 0)
}

#[cfg(not(unix))]
pub fn is_roots(_path: &Path) -> bool {
    false
}

/// Gives a tree that was just made to `ids`. From folder to folder, never by a path: whoever owns what is above could put a
/// link into the path meanwhile, and get what it leads to. The folders come last, so that nobody else is in them before.
#[cfg(unix)]
pub fn give_new(folder: &Path, ids: Ids) -> Result<()> {
    use crate::error::IoContext;
    use rustix::fs::{AtFlags, CWD, Dir, FileType, Gid, Mode, OFlags, Uid, chownat, fchown, openat};
    use rustix::io::Result as Done;
    let ids = (Some(Uid::from_raw(ids.0)), Some(Gid::from_raw(ids.1)));
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    fn give(folder: &rustix::fd::OwnedFd, ids: (Option<Uid>, Option<Gid>), flags: OFlags) -> Done<()> {
        for entry in Dir::read_from(folder)? {
            let entry = entry?;
            match (entry.file_name().to_bytes(), entry.file_type()) {
                (b"." | b"..", _) => {}
                (_, FileType::Directory) => {
                    give(&openat(folder, entry.file_name(), flags, Mode::empty())?, ids, flags)?;
                }
                _ => chownat(folder, entry.file_name(), ids.0, ids.1, AtFlags::SYMLINK_NOFOLLOW)?,
            }
        }
        fchown(folder, ids.0, ids.1)
    }
    let given = openat(CWD, folder, flags, Mode::empty()).and_then(|folder| give(&folder, ids, flags));
    given.map_err(std::io::Error::from).at("changing the owner of", folder)
}

#[cfg(not(unix))]
pub fn give_new(_folder: &Path, _ids: Ids) -> Result<()> {
    Ok(())
}

/// Gives a whole tree to `ids`, whoever may do so.
pub fn give_all(folder: &Path, ids: Ids) -> Result<()> {
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        give(&folder, ids)?;
        for inner in crate::vault::durable::list(&folder)? {
            if inner.is_dir() && !inner.is_symlink() {
                folders.push(inner);
            } else {
                give(&inner, ids)?;
            }
        }
    }
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_become_ids() {
        if !may_give() {
            assert_eq!(parse("0:0").unwrap_err().code(), "E_CONFIG");
            return;
        }
        assert_eq!(parse("root").unwrap(), (0, 0));
        assert_eq!(parse("12:34").unwrap(), (12, 34));
        assert_eq!(parse("4000000:root").unwrap(), (4_000_000, 0));
        // A number that nobody has brings the group of the same number.
        assert_eq!(parse("4000000").unwrap(), (4_000_000, 4_000_000));
        for bad in ["nobody-has-this-name", "0:nor-this", "", ":", "-1"] {
            assert_eq!(parse(bad).unwrap_err().code(), "E_CONFIG", "{bad:?}");
        }
    }
}
