//! Which other processes have a file open.
//!
//! Linux tells: `/proc/<pid>/fd` names every open file of a process. What may not be looked at is not taken for nothing:
//! [`Holders::complete`] says whether an empty answer means that nobody has it open.

use std::path::{Path, PathBuf};

pub struct Holder {
    /// The path that was asked about, also where it is a side file of it that is open.
    pub path: PathBuf,
    pub pid: u32,
    pub name: String,
}

pub struct Holders {
    pub holders: Vec<Holder>,
    /// Everybody who could have it open could be looked at.
    pub complete: bool,
}

/// Who has these databases, or their `-wal`, `-shm` or `-journal`, open; this process aside. `None`: this system does
/// not tell.
#[cfg(target_os = "linux")]
pub fn holders(paths: &[PathBuf]) -> Option<Holders> {
    linux::holders(paths)
}

/// Another process that works in this root: it has a file of it open, or is a program of Node that was started in it.
/// `vault`: what lies in there does not count. Ours and those that started us are none.
#[cfg(target_os = "linux")]
pub fn app_in(root: &Path, vault: &Path) -> Option<Holder> {
    linux::app_in(root, vault)
}

#[cfg(not(target_os = "linux"))]
pub fn app_in(_root: &Path, _vault: &Path) -> Option<Holder> {
    None
}

#[cfg(not(target_os = "linux"))]
pub fn holders(_paths: &[PathBuf]) -> Option<Holders> {
    None
}

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::HashMap;
    use std::fs;
    use std::io;
    use std::os::unix::fs::MetadataExt;
    use std::path::{Path, PathBuf};

    use super::{Holder, Holders};
    use crate::capture::sqlite::beside;

    /// What the kernel calls the namespace that sees all processes (`PROC_PID_INIT_INO`).
    const ALL_PROCESSES: &str = "pid:[4026531836]";
    /// `PF_KTHREAD`: a thread of the kernel has no files, and shows its empty folder to root only.
    const KERNEL_THREAD: u64 = 0x0020_0000;
    /// Where processes of another machine may have a file open: NFS, SMB, CIFS, SMB2, 9P, FUSE, Ceph, AFS.
    const SHARED: [u64; 8] =
        [0x6969, 0x517B, 0xFF53_4D42, 0xFE53_4D42, 0x0102_1997, 0x6573_5546, 0x00C3_6400, 0x5346_414F];

    type Wanted<'a> = HashMap<(u64, u64), &'a PathBuf>;

    pub fn holders(paths: &[PathBuf]) -> Option<Holders> {
        let mut wanted = Wanted::new();
        for path in paths {
            for place in ["", "-wal", "-shm", "-journal"].map(|suffix| beside(path, suffix)) {
                if let Ok(metadata) = fs::metadata(place) {
                    wanted.insert((metadata.dev(), metadata.ino()), path);
                }
            }
        }
        let mut found = Holders { holders: Vec::new(), complete: sees_all() && !paths.iter().any(|path| shared(path)) };
        for entry in fs::read_dir("/proc").ok()? {
            let entry = entry.ok()?;
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
            if pid == std::process::id() {
                continue;
            }
            match open_in(&entry.path(), &wanted) {
                Ok(open) => found.holders.extend(open.into_iter().map(|path| Holder {
                    path: path.clone(),
                    pid,
                    name: fs::read_to_string(entry.path().join("comm")).unwrap_or_default().trim().to_owned(),
                })),
                // It has ended meanwhile.
                Err(error) if is_gone(&error) => {}
                Err(_) => found.complete &= is_kernel_thread(&entry.path()),
            }
        }
        found.holders.sort_by(|a, b| (&a.path, a.pid).cmp(&(&b.path, b.pid)));
        Some(found)
    }

    pub fn app_in(root: &Path, vault: &Path) -> Option<Holder> {
        let (root, vault) = (root.canonicalize().ok()?, vault.canonicalize().unwrap_or_else(|_| vault.into()));
        let ours = ancestors();
        let mut processes: Vec<u32> = fs::read_dir("/proc")
            .ok()?
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter(|pid| !ours.contains(pid))
            .collect();
        processes.sort_unstable();
        processes.into_iter().find_map(|pid| {
            let process = Path::new("/proc").join(pid.to_string());
            let name = fs::read_to_string(process.join("comm")).unwrap_or_default().trim().to_owned();
            let in_root = |path: &PathBuf| path.starts_with(&root) && !path.starts_with(&vault);
            let open = || {
                let files = fs::read_dir(process.join("fd")).ok()?;
                files.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok()).find(in_root)
            };
            let started = || fs::read_link(process.join("cwd")).ok().filter(in_root);
            // A shell stands in a folder as well, and has nothing of it in memory.
            let path = open().or_else(|| started().filter(|_| name.starts_with("node")))?;
            Some(Holder { path, pid, name })
        })
    }

    /// This process, and those that started it: `npx` is a program of Node in the root, too.
    fn ancestors() -> Vec<u32> {
        let mut found = vec![std::process::id()];
        while let Some(parent) = found.last().and_then(|pid| stat_field(&Path::new("/proc").join(pid.to_string()), 1)) {
            if parent == 0 || found.contains(&(parent as u32)) {
                break;
            }
            found.push(parent as u32);
        }
        found
    }

    /// The wanted files that a process has open, each once.
    fn open_in<'a>(process: &Path, wanted: &Wanted<'a>) -> io::Result<Vec<&'a PathBuf>> {
        let mut open = Vec::new();
        for entry in fs::read_dir(process.join("fd"))? {
            // The link leads to the open file itself, also where that has no name any more.
            match fs::metadata(entry?.path()) {
                Ok(metadata) => open.extend(wanted.get(&(metadata.dev(), metadata.ino()))),
                Err(error) if is_gone(&error) => {}
                Err(error) => return Err(error),
            }
        }
        open.sort();
        open.dedup();
        Ok(open)
    }

    fn is_gone(error: &io::Error) -> bool {
        error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(libc::ESRCH)
    }

    fn is_kernel_thread(process: &Path) -> bool {
        stat_field(process, 6).is_some_and(|flags| flags & KERNEL_THREAD != 0)
    }

    /// pid (name) state ppid pgrp session tty tpgid flags, counted from the state; the name may hold anything.
    fn stat_field(process: &Path, number: usize) -> Option<u64> {
        let stat = fs::read_to_string(process.join("stat")).ok()?;
        stat[stat.rfind(')')? + 1..].split_whitespace().nth(number)?.parse().ok()
    }

    /// In a container the processes outside are invisible, and so are those of others with `hidepid`; both may have a
    /// shared file open.
    fn sees_all() -> bool {
        fs::read_link("/proc/self/ns/pid").is_ok_and(|namespace| namespace == Path::new(ALL_PROCESSES))
            && Path::new("/proc/1").exists()
    }

    fn shared(path: &Path) -> bool {
        // An unknown kind of file system is a local one; a path that is not there is open nowhere.
        rustix::fs::statfs(path).is_ok_and(|stat| SHARED.contains(&(stat.f_type as u64 & 0xFFFF_FFFF)))
    }
}
