//! What a file or folder is besides its content: owner, mode, time, extended attributes, ACLs.
//!
//! The order is that of what undoes what: a change of the owner clears set-uid bits and capabilities; attributes of users
//! need a file that may be written; and the ACL comes after a mode that allows no more than it does, so that a disk that
//! takes no ACL, or a kill in between, leaves nothing wider than it was. What may not be set is noted, and no failure.

use std::fs::File;
use std::io;
use std::path::Path;

use super::metadata;
use super::unset::{Unset, What};
use crate::Result;
use crate::capture::attributes::{On, of_file, of_place};
#[cfg(unix)]
use crate::capture::stat::Stat;
use crate::error::IoContext;
use crate::vault::attribute::{self, Attribute};
use crate::vault::item::Item;

/// Gives a file that was just written all that its item says.
pub fn finish_file(file: &File, place: &Path, item: &Item, unset: &Unset) -> Result<()> {
    let on = On::File(file);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{PermissionsExt, fchown};
        let now = Stat::of_file(file).at("reading", place)?;
        if (item.uid, item.gid) != (now.uid, now.gid) {
            tolerate(fchown(file, Some(item.uid), Some(item.gid)), What::Owner, item, unset)
                .at("setting the owner of", place)?;
        }
        give(on, item, Attribute::is_users, unset);
        let mode = std::fs::Permissions::from_mode(item.mode_without_acl() & 0o7777);
        tolerate(file.set_permissions(mode), What::Mode, item, unset).at("setting the mode of", place)?;
        give(on, item, |attribute| !attribute.is_users(), unset);
    }
    tolerate(metadata::set_time(file, item.mtime), What::Time, item, unset).at("setting the time of", place)
}

/// The same for a folder, after everything in it.
pub fn finish_folder(place: &Path, item: &Item, unset: &Unset) -> Result<()> {
    let on = On::Place(place);
    give(on, item, Attribute::is_users, unset);
    let narrow = metadata::Meta { mode: item.mode_without_acl() & 0o7777, ..metadata::Meta::of_item(item) };
    if let Some(refused) = narrow.apply(place)? {
        unset.note_why(What::of(refused.what), item.display_path(), refused.why);
    }
    give(on, item, |attribute| !attribute.is_users(), unset);
    Ok(())
}

/// Sets the attributes of something that is in its place already, and takes away those that are not wanted: a step of a
/// restore in place, or its undoing. Done again, it does only what was not done.
pub fn put(place: &Path, wanted: &[Attribute], mut failed: impl FnMut(What, io::Error)) {
    // A link may have taken its place meanwhile: what that leads to is none of ours.
    if !place.is_symlink() {
        change(On::Place(place), wanted, |_| true, |name, error| failed(what(name), error));
    }
}

/// May this user set what differs here?
pub fn may_set(attribute: &Attribute) -> bool {
    #[cfg(unix)]
    return metadata::may_chown() || !attribute.name.starts_with(b"security.");
    #[cfg(not(unix))]
    return attribute.is_users();
}

/// Gives those attributes of the item that `which` says. An item of an earlier Lifeboat says nothing of attributes, and
/// so those that are there stay.
fn give(on: On<'_>, item: &Item, which: impl Fn(&Attribute) -> bool, unset: &Unset) {
    let Some(wanted) = &item.xattrs else { return };
    change(on, wanted, which, |name, error| unset.note(what(name), item.display_path(), &error));
}

/// Makes the attributes of the kind `which` those that are wanted: only what differs is set. A folder may have given its
/// own ACL to what was made in it: that goes.
fn change(
    on: On<'_>,
    wanted: &[Attribute],
    which: impl Fn(&Attribute) -> bool,
    mut failed: impl FnMut(&[u8], io::Error),
) {
    let present = match on {
        On::File(file) => of_file(file),
        On::Place(place) => of_place(place),
    };
    let present = present.attributes;
    for attribute in present.iter().filter(|attribute| which(attribute) && !has(wanted, &attribute.name)) {
        // What the machine gives each new file by itself is no gift of ours.
        if attribute.name != attribute::SELINUX
            && let Err(error) = remove(on, &attribute.name)
        {
            failed(&attribute.name, error);
        }
    }
    for attribute in wanted.iter().filter(|attribute| which(attribute) && !present.contains(attribute)) {
        // A vault may be forged: nothing is set that no backup keeps.
        if !attribute::is_kept(&attribute.name) {
            failed(&attribute.name, io::ErrorKind::Unsupported.into());
        } else if let Err(error) = set(on, attribute) {
            failed(&attribute.name, error);
        }
    }
}

fn has(attributes: &[Attribute], name: &[u8]) -> bool {
    attributes.iter().any(|attribute| attribute.name == name)
}

#[cfg(target_os = "linux")]
fn set(on: On<'_>, attribute: &Attribute) -> io::Result<()> {
    Ok(on.set(attribute)?)
}

#[cfg(target_os = "linux")]
fn remove(on: On<'_>, name: &[u8]) -> io::Result<()> {
    Ok(on.remove(name)?)
}

#[cfg(not(target_os = "linux"))]
fn set(_: On<'_>, _: &Attribute) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(not(target_os = "linux"))]
fn remove(_: On<'_>, _: &[u8]) -> io::Result<()> {
    Ok(())
}

fn what(name: &[u8]) -> What {
    match name {
        attribute::ACL_ACCESS | attribute::ACL_DEFAULT => What::Acl,
        attribute::CAPABILITY => What::Capabilities,
        attribute::SELINUX => What::Label,
        _ => What::Attributes,
    }
}

/// What this user may not set, or this file system does not have, is noted. Any other error means that the disk is in
/// trouble.
fn tolerate(result: io::Result<()>, what: What, item: &Item, unset: &Unset) -> io::Result<()> {
    match result {
        Err(error) if metadata::is_refusal(&error) => {
            unset.note(what, item.display_path(), &error);
            Ok(())
        }
        other => other,
    }
}
