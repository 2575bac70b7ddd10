//! Open files by way of Linux's `/proc`. <https://man7.org/linux/man-pages/man5/proc_pid_fd.5.html>

use std::borrow::Cow;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::{Hold, Holder, Holders, OpenFile, PARTS, PossiblyOpen};
use crate::capture::databases::{SHM, WAL, beside};
use crate::capture::sqlite;
use crate::restore::WORKSPACE;
use crate::vault::durable;

/// What the kernel calls the namespace that sees all processes (`PROC_PID_INIT_INO`).
const ALL_PROCESSES: &str = "pid:[4026531836]";
/// `PF_KTHREAD`: a thread of the kernel has no files, and shows its empty folder to root only.
const KERNEL_THREAD: u64 = 0x0020_0000;
/// Where processes of another machine may have a file open: NFS, SMB, CIFS, SMB2, 9P, FUSE, Ceph, AFS.
const SHARED: [u64; 8] = [0x6969, 0x517B, 0xFF53_4D42, 0xFE53_4D42, 0x0102_1997, 0x6573_5546, 0x00C3_6400, 0x5346_414F];
/// What the kernel adds to the name of an open file that has lost it.
const DELETED: &[u8] = b" (deleted)";
/// SQLite's own temporary files never had a name for others.
const TEMPORARY: [&[u8]; 2] = [b"etilqs_", b"#"];

/// How a write-ahead log begins. <https://www.sqlite.org/fileformat2.html#the_write_ahead_log>
const WAL_MAGIC: [[u8; 4]; 2] = [[0x37, 0x7f, 0x06, 0x82], [0x37, 0x7f, 0x06, 0x83]];

type Identity = (u64, u64);

/// Which of the files that were asked about, and which of its parts.
type Part = (usize, &'static str);

/// Everything that is looked for, by each way in which it can be found.
#[derive(Default)]
struct SearchedFiles {
    /// What lies there now. One file may have several of the names that are asked about.
    here: HashMap<Identity, Vec<Part>>,
    /// By its true name.
    names: HashMap<PathBuf, Part>,
    /// By the inode that a backup has seen, and the device of its folder.
    earlier: HashMap<Identity, usize>,
}

impl SearchedFiles {
    fn of(asked: &[PossiblyOpen]) -> SearchedFiles {
        let mut wanted = SearchedFiles::default();
        let mut folders: HashMap<PathBuf, PathBuf> = HashMap::new();
        for (index, one) in asked.iter().enumerate() {
            let folder = one.path.parent().unwrap_or(Path::new("/")).to_path_buf();
            let real = folders.entry(folder.clone()).or_insert_with(|| resolved(&folder));
            let name = one.path.file_name().unwrap_or_default();
            let parts = if one.is_database { &PARTS[..] } else { &PARTS[..1] };
            for part in parts {
                if let Ok(metadata) = fs::metadata(beside(&one.path, part)) {
                    wanted.here.entry(identity_of(&metadata)).or_default().push((index, part));
                }
                wanted.names.insert(beside(&real.join(name), part), (index, part));
            }
            if let Some(ino) = one.ino.filter(|_| one.is_database)
                && let Ok(folder) = fs::metadata(&*real)
            {
                wanted.earlier.insert((folder.dev(), ino), index);
            }
        }
        wanted
    }

    /// What an open file is of all that is looked for, and whether it lies there. `link`: what the kernel calls it.
    fn find(&self, link: &Path, open: &Metadata) -> Vec<(Part, bool)> {
        match self.here.get(&identity_of(open)) {
            Some(parts) => parts.iter().map(|part| (*part, true)).collect(),
            None => self.find_by_name(link, open).into_iter().collect(),
        }
    }

    fn find_by_name(&self, link: &Path, open: &Metadata) -> Option<(Part, bool)> {
        let identity = identity_of(open);
        let bytes = link.as_os_str().as_bytes();
        let name = bytes.strip_suffix(DELETED).map_or(link, |name| Path::new(OsStr::from_bytes(name)));
        if let Some(part) = self.names.get(&*out_of_workspace(name)) {
            // It may just have been made; and a file may be called so.
            let leads_there = |path: &Path| fs::metadata(path).is_ok_and(|there| identity_of(&there) == identity);
            return match (leads_there(name), link != name && leads_there(link)) {
                (true, _) => Some((*part, true)),
                (false, true) => None,
                (false, false) => Some((*part, false)),
            };
        }
        self.earlier.get(&identity).map(|index| ((*index, ""), false))
    }
}

pub fn holders(asked: &[PossiblyOpen]) -> Option<Holders> {
    let wanted = SearchedFiles::of(asked);
    let is_local = !asked.iter().any(|one| one.is_database && shared(&one.path));
    let mut found = Holders { holders: Vec::new(), complete: sees_all() && is_local };
    for pid in processes()? {
        let process = folder_of(pid);
        match open_in(&process, &wanted) {
            Ok(open) if open.is_empty() => {}
            Ok(open) => {
                let name = name_of(&process);
                for (index, files) in open {
                    found.holders.extend(hold(&asked[index], pid, &name, &process, files));
                }
            }
            // It has ended meanwhile.
            Err(error) if is_gone(&error) => {}
            Err(_) => found.complete &= is_kernel_thread(&process),
        }
    }
    found.holders.sort_by(|a, b| (&a.path, a.pid).cmp(&(&b.path, b.pid)));
    Some(found)
}

/// What the open files of one process are to what was asked about. It may have both the file that lies there and one that lay
/// there.
fn hold(asked: &PossiblyOpen, pid: u32, name: &str, process: &Path, files: Vec<OpenFile>) -> Vec<Holder> {
    let has = |is_main: bool, is_here: bool| {
        files.iter().any(|file| (file.part.is_empty() == is_main) && file.is_here == is_here)
    };
    let mut holds = Vec::new();
    match (has(true, true), has(false, false)) {
        (true, true) if !has(true, false) => holds.push(Hold::Torn),
        (true, _) => holds.push(Hold::Here),
        // Only SQLite opens a `-shm`, and never without the database: that one has been moved away. Any other file beside
        // it may be read by anybody.
        (false, _) if !has(true, false) && !files.iter().any(|file| file.part == SHM) && asked.path.exists() => {
            holds.push(Hold::Here);
        }
        _ => {}
    }
    if has(true, false) || holds.is_empty() {
        holds.push(Hold::Astray);
    }
    let writes = asked.is_database || files.iter().any(|file| may_write(process, &file.through));
    let one = |hold| Holder { path: asked.path.clone(), pid, name: name.into(), hold, writes, files: files.clone() };
    holds.into_iter().map(one).collect()
}

/// The wanted files that a process has open, each once.
fn open_in(process: &Path, wanted: &SearchedFiles) -> io::Result<HashMap<usize, Vec<OpenFile>>> {
    let mut open: HashMap<usize, Vec<OpenFile>> = HashMap::new();
    for_each_file(process, |through, link, metadata| {
        for ((index, part), is_here) in wanted.find(link, metadata) {
            let identity = identity_of(metadata);
            // A journal is closed and removed at each commit: what is not open any more has lost nothing.
            if !is_here && self::identity(through) != Some(identity) {
                return;
            }
            let files = open.entry(index).or_default();
            if !files.iter().any(|file| file.identity == identity) {
                files.push(OpenFile { part, through: through.to_path_buf(), is_here, identity });
            }
        }
    })?;
    Ok(open)
}

/// Hands over each open file of a process: the way to it, what the kernel calls it, and what it is.
fn for_each_file(process: &Path, mut each: impl FnMut(&Path, &Path, &Metadata)) -> io::Result<()> {
    for entry in fs::read_dir(process.join("fd"))? {
        let through = entry?.path();
        let found = fs::read_link(&through).and_then(|link| {
            // `socket:[1]`, `pipe:[2]`; a file out of reach is `(unreachable)`.
            let is_file = matches!(link.as_os_str().as_bytes().first(), Some(b'/' | b'('));
            // The link leads to the open file itself, also where that has no name any more.
            Ok(if is_file { Some((link, fs::metadata(&through)?)) } else { None })
        });
        match found {
            Ok(Some((link, metadata))) if metadata.is_file() => each(&through, &link, &metadata),
            Ok(_) => {}
            Err(error) if is_gone(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

pub fn app_in(root: &Path, vault: &Path) -> Option<Holder> {
    let (root, vault) = real(root, vault)?;
    let ours = ancestors();
    let mut processes: Vec<u32> = processes()?.filter(|pid| !ours.contains(pid)).collect();
    processes.sort_unstable();
    processes.into_iter().find_map(|pid| {
        let process = folder_of(pid);
        let name = name_of(&process);
        let in_root = |path: &PathBuf| path.starts_with(&root) && !path.starts_with(&vault);
        let open = || {
            let files = fs::read_dir(process.join("fd")).ok()?;
            files.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok()).find(in_root)
        };
        let started = || fs::read_link(process.join("cwd")).ok().filter(in_root);
        // A shell stands in a folder as well, and has nothing of it in memory.
        let path = open().or_else(|| started().filter(|_| name.starts_with("node")))?;
        Some(Holder { path, pid, name, hold: Hold::Here, writes: true, files: Vec::new() })
    })
}

pub fn nameless_databases(root: &Path, vault: &Path) -> Vec<Holder> {
    let Some((root, vault)) = real(root, vault) else { return Vec::new() };
    let mut found = Vec::new();
    for pid in processes().into_iter().flatten() {
        let process = folder_of(pid);
        // Who may not be looked at is no reason to say nothing of the others.
        let _ = for_each_file(&process, |through, link, metadata| {
            let name = link.as_os_str().as_bytes().strip_suffix(DELETED);
            let Some(path) = name.map(|name| PathBuf::from(OsStr::from_bytes(name))) else { return };
            let ours = path.components().any(|part| part.as_os_str() == WORKSPACE);
            if metadata.nlink() > 0 || !path.starts_with(&root) || path.starts_with(&vault) || ours {
                return;
            }
            let Some(part) = part_of_database(&path, through).filter(|_| !is_temporary(&path)) else { return };
            let path = match path.as_os_str().as_bytes().strip_suffix(part.as_bytes()) {
                Some(name) => PathBuf::from(OsStr::from_bytes(name)),
                None => path,
            };
            let file = OpenFile { part, through: through.into(), is_here: false, identity: identity_of(metadata) };
            let (name, files) = (name_of(&process), vec![file]);
            let hold = if part.is_empty() { Hold::Astray } else { Hold::Torn };
            found.push(Holder { path, pid, name, hold, writes: true, files });
        });
    }
    found.sort_by(|a, b| (&a.path, a.pid).cmp(&(&b.path, b.pid)));
    found.dedup_by(|a, b| (&a.path, a.pid) == (&b.path, b.pid));
    found
}

fn is_temporary(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_bytes();
    TEMPORARY.iter().any(|prefix| name.starts_with(prefix)) || durable::is_temporary(name)
}

/// Is it a database, or the write-ahead log of one? Reads the open file itself. Only a worker does so, which uses no database
/// of the root through SQLite meanwhile: whoever closes a file drops the locks that the process has on it.
fn part_of_database(path: &Path, through: &Path) -> Option<&'static str> {
    let mut head = [0; 16];
    let file = fs::File::open(through).ok()?;
    durable::read_at(&file, &mut head, 0).ok()?;
    let is_log =
        path.as_os_str().as_bytes().ends_with(WAL.as_bytes()) && WAL_MAGIC.iter().any(|magic| head.starts_with(magic));
    match is_log {
        true => Some(WAL),
        false => sqlite::is_database(&head).then_some(""),
    }
}

fn real(root: &Path, vault: &Path) -> Option<(PathBuf, PathBuf)> {
    Some((root.canonicalize().ok()?, vault.canonicalize().unwrap_or_else(|_| vault.into())))
}

/// What a restore has displaced had another name before: where it was opened.
fn out_of_workspace(path: &Path) -> Cow<'_, Path> {
    let mut parts = path.components();
    let before: PathBuf = parts.by_ref().take_while(|part| part.as_os_str() != WORKSPACE).collect();
    match parts.next() {
        // The tree of the workspace that it lies in.
        Some(_) => Cow::Owned(before.join(parts.as_path())),
        None => Cow::Borrowed(path),
    }
}

/// The true name of a folder that may be gone.
fn resolved(folder: &Path) -> PathBuf {
    match folder.canonicalize() {
        Ok(real) => real,
        Err(_) => match (folder.parent(), folder.file_name()) {
            (Some(parent), Some(name)) => resolved(parent).join(name),
            _ => folder.to_path_buf(),
        },
    }
}

/// All others, by their number.
fn processes() -> Option<impl Iterator<Item = u32>> {
    let ours = std::process::id();
    let entries = fs::read_dir("/proc").ok()?;
    let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    Some(numbers.filter(move |pid| *pid != ours))
}

fn folder_of(pid: u32) -> PathBuf {
    Path::new("/proc").join(pid.to_string())
}

fn name_of(process: &Path) -> String {
    fs::read_to_string(process.join("comm")).unwrap_or_default().trim().to_owned()
}

fn identity_of(metadata: &Metadata) -> Identity {
    (metadata.dev(), metadata.ino())
}

/// What is open there.
pub fn identity(through: &Path) -> Option<Identity> {
    fs::metadata(through).ok().map(|metadata| identity_of(&metadata))
}

/// Was it opened for writing? `flags` are octal, and its lowest two bits tell.
fn may_write(process: &Path, through: &Path) -> bool {
    let info = process.join("fdinfo").join(through.file_name().unwrap_or_default());
    let text = fs::read_to_string(info).unwrap_or_default();
    let flags = text.lines().find_map(|line| line.strip_prefix("flags:")).map(str::trim);
    flags.and_then(|flags| u32::from_str_radix(flags, 8).ok()).is_none_or(|flags| flags & 0o3 != 0)
}

/// This process, and those that started it: `npx` is a program of Node in the root, too.
fn ancestors() -> Vec<u32> {
    let mut found = vec![std::process::id()];
    while let Some(parent) = found.last().and_then(|pid| stat_field(&folder_of(*pid), 1)) {
        if parent == 0 || found.contains(&(parent as u32)) {
            break;
        }
        found.push(parent as u32);
    }
    found
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
