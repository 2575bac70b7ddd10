//! Runs a process under `ptrace`, counts its calls that change files, and strikes at one of them.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use libc::{c_int, c_long, c_void, pid_t};

/// What happens at a call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Blow {
    /// The process is killed before it.
    Kill,
    /// Where it is a write of several bytes, half of them are written; then the process is killed.
    Torn,
    /// It fails, once.
    Fail(c_int),
    /// From here on there is no room: every call fails that needs some.
    Full,
}

/// How a process under trace ended.
#[derive(Debug)]
pub struct Ended {
    /// Calls that change a file, up to the end.
    pub calls: u64,
    /// The calls that were struck.
    pub struck: Vec<&'static str>,
    /// `None`: it was killed.
    pub exit: Option<i32>,
}

/// Calls that change what is on a disk, and those that make it last. What changes only memory is not among them.
const CHANGING: [(c_long, &str); 41] = [
    (libc::SYS_write, "write"),
    (libc::SYS_pwrite64, "pwrite"),
    (libc::SYS_writev, "writev"),
    (libc::SYS_pwritev, "pwritev"),
    (libc::SYS_pwritev2, "pwritev2"),
    (libc::SYS_copy_file_range, "copy_file_range"),
    (libc::SYS_sendfile, "sendfile"),
    (libc::SYS_ftruncate, "ftruncate"),
    (libc::SYS_truncate, "truncate"),
    (libc::SYS_fallocate, "fallocate"),
    (libc::SYS_open, "open"),
    (libc::SYS_openat, "openat"),
    (libc::SYS_creat, "creat"),
    (libc::SYS_rename, "rename"),
    (libc::SYS_renameat, "renameat"),
    (libc::SYS_renameat2, "renameat2"),
    (libc::SYS_link, "link"),
    (libc::SYS_linkat, "linkat"),
    (libc::SYS_symlink, "symlink"),
    (libc::SYS_symlinkat, "symlinkat"),
    (libc::SYS_unlink, "unlink"),
    (libc::SYS_unlinkat, "unlinkat"),
    (libc::SYS_mkdir, "mkdir"),
    (libc::SYS_mkdirat, "mkdirat"),
    (libc::SYS_rmdir, "rmdir"),
    (libc::SYS_chmod, "chmod"),
    (libc::SYS_fchmod, "fchmod"),
    (libc::SYS_fchmodat, "fchmodat"),
    (libc::SYS_fchmodat2, "fchmodat2"),
    (libc::SYS_chown, "chown"),
    (libc::SYS_fchown, "fchown"),
    (libc::SYS_lchown, "lchown"),
    (libc::SYS_fchownat, "fchownat"),
    (libc::SYS_utimensat, "utimensat"),
    (libc::SYS_setxattr, "setxattr"),
    (libc::SYS_lsetxattr, "lsetxattr"),
    (libc::SYS_fsetxattr, "fsetxattr"),
    (libc::SYS_fsync, "fsync"),
    (libc::SYS_fdatasync, "fdatasync"),
    (libc::SYS_syncfs, "syncfs"),
    (libc::SYS_sync_file_range, "sync_file_range"),
];

/// Runs `command` to its end. Each blow falls at the call with its number, from 1.
pub fn run(mut command: Command, blows: &[(u64, Blow)]) -> Ended {
    // SAFETY: only a system call between fork and exec.
    unsafe {
        command.pre_exec(|| match libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(()),
        });
    }
    // The tracer below waits for it.
    #[allow(clippy::zombie_processes)]
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("ptrace is needed here");
    let tracer = Tracer { leader: child.id() as pid_t, blows, calls: 0, struck: Vec::new(), dying: false };
    tracer.follow()
}

struct Tracer<'a> {
    leader: pid_t,
    blows: &'a [(u64, Blow)],
    calls: u64,
    struck: Vec<&'static str>,
    /// The struck call is a torn write: the process is killed once it is done.
    dying: bool,
}

/// A thread that is inside a call which is to fail, with what it is to return.
type Failing = std::collections::HashMap<pid_t, c_int>;

impl Tracer<'_> {
    fn follow(mut self) -> Ended {
        let mut failing = Failing::new();
        let mut begun = false;
        let exit = loop {
            let mut status = 0;
            // SAFETY: a system call. Only our own children: other tests have some, too.
            let pid = unsafe { libc::waitpid(-1, &mut status, libc::__WALL | libc::__WNOTHREAD) };
            assert_ne!(pid, -1, "the process under trace is gone");
            if libc::WIFEXITED(status) || libc::WIFSIGNALED(status) {
                // Its last thread: the others are gone by then. This thread may have other children, which live on.
                if pid == self.leader {
                    break libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status));
                }
                continue;
            }
            let mut signal = libc::WSTOPSIG(status);
            if !begun {
                begun = true;
                let options = libc::PTRACE_O_TRACESYSGOOD | libc::PTRACE_O_TRACECLONE | libc::PTRACE_O_EXITKILL;
                ptrace(libc::PTRACE_SETOPTIONS, pid, options as usize);
                signal = 0;
            } else if signal == libc::SIGTRAP | 0x80 {
                self.at_call(pid, &mut failing);
                signal = 0;
            } else if signal == libc::SIGTRAP || signal == libc::SIGSTOP {
                // A thread has begun.
                signal = 0;
            }
            ptrace(libc::PTRACE_SYSCALL, pid, signal as usize);
        };
        Ended { calls: self.calls, struck: self.struck, exit }
    }

    /// A thread is at the beginning or at the end of a call.
    fn at_call(&mut self, pid: pid_t, failing: &mut Failing) {
        // SAFETY: numbers, for which 0 is a value.
        let mut registers: libc::user_regs_struct = unsafe { std::mem::zeroed() };
        if ptrace(libc::PTRACE_GETREGS, pid, &raw mut registers as usize) == -1 {
            return;
        }
        // The kernel says so until the call has a result.
        let begins = registers.rax as i64 == -i64::from(libc::ENOSYS);
        if !begins || failing.contains_key(&pid) {
            if let Some(errno) = failing.remove(&pid) {
                registers.rax = -i64::from(errno) as u64;
                ptrace(libc::PTRACE_SETREGS, pid, &raw const registers as usize);
            }
            if self.dying {
                self.kill();
            }
            return;
        }
        let Some(name) = changing(pid, &registers) else { return };
        self.calls += 1;
        for (at, blow) in self.blows {
            let is_struck = self.calls == *at;
            if is_struck {
                self.struck.push(name);
            }
            match blow {
                Blow::Kill if is_struck => self.kill(),
                Blow::Torn if is_struck && matches!(name, "write" | "pwrite") && registers.rdx > 1 => {
                    registers.rdx /= 2;
                    ptrace(libc::PTRACE_SETREGS, pid, &raw const registers as usize);
                    self.dying = true;
                }
                Blow::Torn if is_struck => self.kill(),
                Blow::Fail(errno) if is_struck => fail(pid, registers, *errno, failing),
                Blow::Full if self.calls >= *at && needs_room(pid, name, &registers) => {
                    fail(pid, registers, libc::ENOSPC, failing);
                }
                _ => {}
            }
        }
    }

    fn kill(&self) {
        // SAFETY: a system call.
        unsafe { libc::kill(self.leader, libc::SIGKILL) };
    }
}

/// Lets a call that is about to begin fail.
fn fail(pid: pid_t, mut registers: libc::user_regs_struct, errno: c_int, failing: &mut Failing) {
    // No call has this number: nothing is done, and the result is ours to say.
    registers.orig_rax = u64::MAX;
    ptrace(libc::PTRACE_SETREGS, pid, &raw const registers as usize);
    failing.insert(pid, errno);
}

/// The name of a call that changes a file.
fn changing(pid: pid_t, registers: &libc::user_regs_struct) -> Option<&'static str> {
    let (_, name) = CHANGING.iter().find(|(number, _)| *number as u64 == registers.orig_rax)?;
    let writes = |flags: u64| flags as c_int & (libc::O_WRONLY | libc::O_RDWR | libc::O_CREAT | libc::O_TRUNC) != 0;
    let changes = match *name {
        "open" => writes(registers.rsi),
        "openat" => writes(registers.rdx),
        // Pipes and terminals are no files.
        "write" | "pwrite" | "writev" | "pwritev" | "pwritev2" => {
            std::fs::metadata(format!("/proc/{pid}/fd/{}", registers.rdi)).is_ok_and(|file| file.is_file())
        }
        _ => true,
    };
    changes.then_some(*name)
}

/// Opening what is there already takes no room, nor does making a folder that is there.
fn needs_room(pid: pid_t, name: &str, registers: &libc::user_regs_struct) -> bool {
    match name {
        "write" | "pwrite" | "writev" | "pwritev" | "pwritev2" | "copy_file_range" | "sendfile" | "fallocate" => true,
        "link" | "linkat" | "symlink" | "symlinkat" => true,
        "open" | "creat" | "mkdir" => !exists(pid, libc::AT_FDCWD, registers.rdi),
        "openat" if registers.rdx as c_int & libc::O_TMPFILE == libc::O_TMPFILE => true,
        "openat" | "mkdirat" => !exists(pid, registers.rdi as c_int, registers.rsi),
        _ => false,
    }
}

/// Is there something at the path whose text lies at `address` in the memory of a process, seen from its folder `fd`?
fn exists(pid: pid_t, fd: c_int, address: u64) -> bool {
    let mut bytes = vec![0; libc::PATH_MAX as usize];
    let memory = std::fs::File::open(format!("/proc/{pid}/mem")).expect("ptrace allows to read it");
    let read = memory.read_at(&mut bytes, address).unwrap_or(0);
    let end = bytes[..read].iter().position(|byte| *byte == 0).unwrap_or(read);
    let path = std::ffi::OsStr::from_bytes(&bytes[..end]);
    let folder = if fd == libc::AT_FDCWD { format!("/proc/{pid}/cwd") } else { format!("/proc/{pid}/fd/{fd}") };
    std::path::Path::new(&folder).join(path).symlink_metadata().is_ok()
}

fn ptrace(request: libc::c_uint, pid: pid_t, data: usize) -> c_long {
    // SAFETY: `data` is a number or points to what the request wants, in the frame of the caller.
    unsafe { libc::ptrace(request, pid, std::ptr::null_mut::<c_void>(), data as *mut c_void) }
}
