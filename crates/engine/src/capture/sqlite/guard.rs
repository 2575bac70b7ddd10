//! A VFS for SQLite that cannot write: how the promise that a capture leaves no trace in the root is kept.
//!
//! A connection that is opened read-only still makes a `-wal` and a `-shm` beside a WAL database, and deletes a journal
//! that it takes for a leftover. So this VFS is the operating system's own with two doors closed: outside the folder
//! that [`Writable`] names, every named file is opened read-only and must exist, and nothing is deleted. (The `-shm` is
//! not opened through a VFS method; `readonly_shm=1` in the URI is the same for it.) And a third, for root: SQLite gives
//! each `-wal`, `-shm` and `-journal` that it opens to the owner of the database, which moves the file's `ctime` and may
//! move its owner; now only those that it opens for writing.
//!
//! It matters also where SQLite recovers a copy: a rollback journal may name any file as its super-journal, and SQLite
//! deletes that file when it is done. A recent SQLite first looks hard at the name and the content; we need not rely on it.

use std::cell::RefCell;
use std::ffi::{CStr, c_char, c_int};
use std::path::Path;
use std::sync::OnceLock;

use rusqlite::ffi;

use crate::{Error, Result};

const NAME: &CStr = c"lifeboat-guard";

/// The system's VFS, which does the work.
static SYSTEM: OnceLock<usize> = OnceLock::new();

thread_local! {
    /// The folder in which SQLite may write on this thread, as it names files there.
    static WRITABLE: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// The name of the VFS, registered.
pub(super) fn name() -> Result<&'static CStr> {
    // The address is kept as a number because raw pointers are not `Sync`; 0 says that it failed.
    let system = *SYSTEM.get_or_init(|| register().map_or(0, |system| system as usize));
    if system == 0 { Err(Error::internal("SQLite offers no VFS to guard")) } else { Ok(NAME) }
}

fn register() -> Option<*mut ffi::sqlite3_vfs> {
    // SAFETY: `sqlite3_vfs_find` returns null or a VFS that lives as long as the process. The copy is valid because the
    // methods that it shares find their data through `pAppData`, which it shares too. It is leaked: SQLite keeps it.
    unsafe {
        let system = ffi::sqlite3_vfs_find(std::ptr::null());
        if system.is_null() {
            return None;
        }
        let guard = Box::leak(Box::new(*system));
        guard.zName = NAME.as_ptr();
        guard.pNext = std::ptr::null_mut();
        guard.xOpen = Some(open);
        guard.xDelete = Some(delete);
        #[cfg(unix)]
        if let (3.., Some(set)) = ((*system).iVersion, (*system).xSetSystemCall) {
            // SQLite keeps all system calls as functions without arguments, and casts each to its true type to call it.
            type Fchown = unsafe extern "C" fn(c_int, libc::uid_t, libc::gid_t) -> c_int;
            set(system, c"fchown".as_ptr(), Some(std::mem::transmute::<Fchown, unsafe extern "C" fn()>(fchown)));
        }
        (ffi::sqlite3_vfs_register(guard, 0) == ffi::SQLITE_OK).then_some(system)
    }
}

/// For all SQLite of this process: a file that is only read keeps its owner.
#[cfg(unix)]
unsafe extern "C" fn fchown(file: c_int, user: libc::uid_t, group: libc::gid_t) -> c_int {
    // SAFETY: system calls that take numbers only.
    unsafe {
        match libc::fcntl(file, libc::F_GETFL) {
            flags if flags >= 0 && flags & libc::O_ACCMODE == libc::O_RDONLY => 0,
            _ => libc::fchown(file, user, group),
        }
    }
}

fn system() -> *mut ffi::sqlite3_vfs {
    SYSTEM.get().copied().unwrap_or(0) as *mut ffi::sqlite3_vfs
}

/// # Safety
/// `name` is null or a C string.
unsafe fn is_writable(name: *const c_char) -> bool {
    // A file without a name is a temporary one, in the system's temporary folder.
    if name.is_null() {
        return true;
    }
    // SAFETY: not null, and the caller vouches for the rest.
    let name = unsafe { CStr::from_ptr(name) }.to_bytes();
    WRITABLE.with_borrow(|folder| folder.as_deref().is_some_and(|folder| name.starts_with(folder)))
}

unsafe extern "C" fn open(
    _: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    mut flags: c_int,
    flags_out: *mut c_int,
) -> c_int {
    // SAFETY: SQLite calls this as it would call the system's own method, which gets the same arguments, except that
    // it is not asked to write. The guard is registered only after `SYSTEM` was found to be a whole VFS.
    unsafe {
        if !is_writable(name) {
            flags &= !(ffi::SQLITE_OPEN_READWRITE | ffi::SQLITE_OPEN_CREATE | ffi::SQLITE_OPEN_DELETEONCLOSE);
            flags |= ffi::SQLITE_OPEN_READONLY;
        }
        match (*system()).xOpen {
            Some(open) => open(system(), name, file, flags, flags_out),
            None => ffi::SQLITE_CANTOPEN,
        }
    }
}

unsafe extern "C" fn delete(_: *mut ffi::sqlite3_vfs, name: *const c_char, sync: c_int) -> c_int {
    // SAFETY: as in `open`.
    unsafe {
        if !is_writable(name) {
            // Not an error: SQLite would fail a recovery that is complete, for want of tidying up.
            return ffi::SQLITE_OK;
        }
        match (*system()).xDelete {
            Some(delete) => delete(system(), name, sync),
            None => ffi::SQLITE_IOERR_DELETE,
        }
    }
}

/// While this lives, SQLite may write to files in one folder, on this thread.
pub(super) struct Writable(());

impl Writable {
    /// `folder` must be canonical: SQLite names files by their resolved paths.
    pub fn folder(folder: &Path) -> Writable {
        let mut prefix = folder.as_os_str().as_encoded_bytes().to_vec();
        prefix.push(std::path::MAIN_SEPARATOR as u8);
        WRITABLE.set(Some(prefix));
        Writable(())
    }
}

impl Drop for Writable {
    fn drop(&mut self) {
        WRITABLE.set(None);
    }
}
