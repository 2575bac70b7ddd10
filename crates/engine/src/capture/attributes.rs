//! The extended attributes of files and folders, as a backup keeps them: those of users, POSIX ACLs, capabilities, and as
//! root the labels of SELinux.

use std::fs::File;
use std::path::Path;

use crate::vault::attribute::Attribute;

/// So many bytes of attributes are kept of one file or folder. A kernel allows more in theory; no file system is known
/// that has it in a file of an app.
const MAX: usize = 512 << 10;

/// What was found, in the order of the names; and what is missing of it, in a sentence.
#[derive(Debug, Default)]
pub struct ReadAttributes {
    pub attributes: Vec<Attribute>,
    pub missing: Option<String>,
}

/// Of a file that is open.
pub fn of_file(file: &File) -> ReadAttributes {
    read(On::File(file))
}

/// Of the path itself, not of what a link leads to.
pub fn of_place(place: &Path) -> ReadAttributes {
    read(On::Place(place))
}

/// What attributes are read from and given to.
#[derive(Clone, Copy)]
pub enum On<'a> {
    File(&'a File),
    Place(&'a Path),
}

#[cfg(target_os = "linux")]
fn read(on: On<'_>) -> ReadAttributes {
    let mut found = ReadAttributes::default();
    let mut names = match on.names() {
        Ok(names) => names,
        Err(error) => {
            // Where there are none, or the file has just gone, nothing is missing.
            if !matches!(error, rustix::io::Errno::NOTSUP | rustix::io::Errno::NOENT) {
                found.missing = Some(format!("Its extended attributes cannot be read: {error}."));
            }
            return found;
        }
    };
    names.retain(|name| is_taken(name));
    names.sort_unstable();
    let mut size = 0;
    for name in names {
        match on.get(&name) {
            Ok(value) if size + name.len() + value.len() <= MAX => {
                size += name.len() + value.len();
                found.attributes.push(Attribute { name, value });
            }
            Ok(_) => found.missing = Some("It has more extended attributes than a backup keeps.".into()),
            // It was removed meanwhile.
            Err(rustix::io::Errno::NODATA | rustix::io::Errno::NOENT) => {}
            Err(error) => {
                let name = String::from_utf8_lossy(&name).into_owned();
                found.missing = Some(format!("Its extended attribute {name} cannot be read: {error}."));
            }
        }
    }
    found
}

/// Other systems have attributes of their own kind.
#[cfg(not(target_os = "linux"))]
fn read(on: On<'_>) -> ReadAttributes {
    let (On::File(_) | On::Place(_)) = on;
    ReadAttributes::default()
}

/// A label belongs to the machine, which gives it anew; only root means to move it.
#[cfg(target_os = "linux")]
fn is_taken(name: &[u8]) -> bool {
    use crate::vault::attribute::{SELINUX, is_kept};
    is_kept(name) && (name != SELINUX || rustix::process::geteuid().is_root())
}

#[cfg(target_os = "linux")]
impl On<'_> {
    pub fn names(self) -> rustix::io::Result<Vec<Vec<u8>>> {
        let list = sized(|buffer| match self {
            On::File(file) => rustix::fs::flistxattr(file, buffer),
            On::Place(place) => rustix::fs::llistxattr(place, buffer),
        })?;
        Ok(list.split(|byte| *byte == 0).filter(|name| !name.is_empty()).map(<[u8]>::to_vec).collect())
    }

    pub fn get(self, name: &[u8]) -> rustix::io::Result<Vec<u8>> {
        sized(|buffer| match self {
            On::File(file) => rustix::fs::fgetxattr(file, name, buffer),
            On::Place(place) => rustix::fs::lgetxattr(place, name, buffer),
        })
    }

    pub fn set(self, attribute: &Attribute) -> rustix::io::Result<()> {
        let (name, value, flags) = (&attribute.name[..], &attribute.value, rustix::fs::XattrFlags::empty());
        match self {
            On::File(file) => rustix::fs::fsetxattr(file, name, value, flags),
            On::Place(place) => rustix::fs::lsetxattr(place, name, value, flags),
        }
    }

    pub fn remove(self, name: &[u8]) -> rustix::io::Result<()> {
        match self {
            On::File(file) => rustix::fs::fremovexattr(file, name),
            On::Place(place) => rustix::fs::lremovexattr(place, name),
        }
    }
}

/// Nearly all are short; the kernel says when one is not.
#[cfg(target_os = "linux")]
fn sized(mut ask: impl FnMut(&mut [u8]) -> rustix::io::Result<usize>) -> rustix::io::Result<Vec<u8>> {
    let mut buffer = vec![0; 256];
    loop {
        match ask(&mut buffer) {
            Err(rustix::io::Errno::RANGE) if buffer.len() < MAX => buffer.resize(buffer.len() * 16, 0),
            Ok(size) => {
                buffer.truncate(size);
                return Ok(buffer);
            }
            Err(error) => return Err(error),
        }
    }
}
