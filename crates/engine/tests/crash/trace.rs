//! Runs a process under `ptrace`, counts its calls that change files, and strikes at one of them.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use libc::{c_int, c_long, pid_t};
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

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
        command.pre_exec(|| Ok(ptrace::traceme()?));
    }
    // The tracer below waits for it.
    #[allow(clippy::zombie_processes)]
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("ptrace is needed here");
    let tracer =
        Tracer { leader: Pid::from_raw(child.id() as pid_t), blows, calls: 0, struck: Vec::new(), dying: false };
    tracer.follow()
}

struct Tracer<'a> {
    leader: Pid,
    blows: &'a [(u64, Blow)],
    calls: u64,
    struck: Vec<&'static str>,
    /// The struck call is a torn write: the process is killed once it is done.
    dying: bool,
}

/// A thread that is inside a call which is to fail, with what it is to return.
type Failing = std::collections::HashMap<Pid, c_int>;

impl Tracer<'_> {
    fn follow(mut self) -> Ended {
        let mut failing = Failing::new();
        let mut begun = false;
        let exit = loop {
            // Only our own children: other tests have some, too.
            let status = waitpid(None, Some(WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD));
            let status = status.expect("the process under trace is gone");
            let pid = status.pid().expect("it is about a process");
            let signal = match status {
                // Its last thread: the others are gone by then. This thread may have other children, which live on.
                WaitStatus::Exited(_, code) if pid == self.leader => break Some(code),
                WaitStatus::Signaled(..) if pid == self.leader => break None,
                WaitStatus::Exited(..) | WaitStatus::Signaled(..) => continue,
                _ if !begun => {
                    begun = true;
                    let all =
                        Options::PTRACE_O_TRACESYSGOOD | Options::PTRACE_O_TRACECLONE | Options::PTRACE_O_EXITKILL;
                    // Whoever was killed meanwhile is waited for next, here and below.
                    let _ = ptrace::setoptions(pid, all);
                    None
                }
                WaitStatus::PtraceSyscall(_) => {
                    self.at_call(pid, &mut failing);
                    None
                }
                // A thread has begun.
                WaitStatus::PtraceEvent(..) | WaitStatus::Stopped(_, Signal::SIGTRAP | Signal::SIGSTOP) => None,
                WaitStatus::Stopped(_, signal) => Some(signal),
                other => panic!("{other:?}"),
            };
            let _ = ptrace::syscall(pid, signal);
        };
        Ended { calls: self.calls, struck: self.struck, exit }
    }

    /// A thread is at the beginning or at the end of a call.
    fn at_call(&mut self, pid: Pid, failing: &mut Failing) {
        let Ok(mut registers) = ptrace::getregs(pid) else { return };
        // The kernel says so until the call has a result.
        let begins = registers.rax as i64 == -i64::from(libc::ENOSYS);
        if !begins || failing.contains_key(&pid) {
            if let Some(errno) = failing.remove(&pid) {
                registers.rax = -i64::from(errno) as u64;
                let _ = ptrace::setregs(pid, registers);
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
                    let _ = ptrace::setregs(pid, registers);
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
        let _ = kill(self.leader, Signal::SIGKILL);
    }
}

/// Lets a call that is about to begin fail.
fn fail(pid: Pid, mut registers: libc::user_regs_struct, errno: c_int, failing: &mut Failing) {
    // No call has this number: nothing is done, and the result is ours to say.
    registers.orig_rax = u64::MAX;
    let _ = ptrace::setregs(pid, registers);
    failing.insert(pid, errno);
}

/// The name of a call that changes a file.
fn changing(pid: Pid, registers: &libc::user_regs_struct) -> Option<&'static str> {
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
fn needs_room(pid: Pid, name: &str, registers: &libc::user_regs_struct) -> bool {
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
fn exists(pid: Pid, fd: c_int, address: u64) -> bool {
    let mut bytes = vec![0; libc::PATH_MAX as usize];
    let memory = std::fs::File::open(format!("/proc/{pid}/mem")).expect("ptrace allows to read it");
    let read = memory.read_at(&mut bytes, address).unwrap_or(0);
    let end = bytes[..read].iter().position(|byte| *byte == 0).unwrap_or(read);
    let path = std::ffi::OsStr::from_bytes(&bytes[..end]);
    let folder = if fd == libc::AT_FDCWD { format!("/proc/{pid}/cwd") } else { format!("/proc/{pid}/fd/{fd}") };
    std::path::Path::new(&folder).join(path).symlink_metadata().is_ok()
}
