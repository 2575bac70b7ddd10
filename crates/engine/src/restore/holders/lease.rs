//! Whether anybody has a file open at all, also in other containers: the kernel gives a write lease on it to whoever has it
//! open alone, and refuses it otherwise. <https://man7.org/linux/man-pages/man2/F_SETLEASE.2const.html>
//!
//! It opens and closes the file, so it is not for moments when this process has it open through SQLite.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::Path;

use crate::capture::stat::open_file;

/// As Linux has it on every machine that Node runs on; the crate does not name it.
const F_SETSIG: i32 = 10;

/// File systems of other machines, as `statfs` names them: NFS, both SMB, Ceph, AFS, 9p. They give a lease only where the server
/// has given one to this machine, and refuse all others as if somebody had the file open.
const REMOTE: [u32; 6] = [0x6969, 0xff53_4d42, 0xfe53_4d42, 0x00c3_6400, 0x5346_414f, 0x0102_1997];

/// `None`: the system does not tell, because the file is not ours, or its file system knows no leases.
pub fn is_open_elsewhere(path: &Path) -> Option<bool> {
    let (file, _) = open_file(path).ok()?;
    // The type of the field differs from one machine to another.
    #[allow(clippy::unnecessary_cast)]
    let kind = rustix::fs::fstatfs(&file).ok()?.f_type as u32;
    if REMOTE.contains(&kind) {
        return None;
    }
    // Who opens it at this very moment breaks the lease, of which we are told by a signal. The default one would end us.
    control(&file, F_SETSIG, libc::SIGURG).ok()?;
    match control(&file, libc::F_SETLEASE, libc::F_WRLCK) {
        Ok(()) => {
            let _ = control(&file, libc::F_SETLEASE, libc::F_UNLCK);
            Some(false)
        }
        Err(error) if error.raw_os_error() == Some(libc::EAGAIN) => Some(true),
        Err(_) => None,
    }
}

fn control(file: &File, command: i32, argument: i32) -> std::io::Result<()> {
    // SAFETY: a plain system call on an open descriptor.
    match unsafe { libc::fcntl(file.as_raw_fd(), command, argument) } {
        -1 => Err(std::io::Error::last_os_error()),
        _ => Ok(()),
    }
}
