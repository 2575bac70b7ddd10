//! What writes is stopped at every one of its file-system operations in turn: a restore, what recovers it, and whatever
//! writes to a vault (see [`writers`]).
//!
//! Each case runs in a process of its own under `ptrace`. The N-th call that changes a file kills the process before it
//! is made (which is after the one before), kills it in the middle of a write, or fails; or it fails, and a later one,
//! while it is undone, kills. Then anything of Lifeboat is started in that root, and the root must be, byte for byte,
//! what it was or what the backup has, with nothing left beside it. In live mode an app reads the databases all the
//! time, and must never see anything else than the old content of one or the new.
//!
//! Why not a library that is preloaded: rustix makes its system calls without libc, and would have to be built in
//! another way than it is shipped. `ptrace` sees every call of every thread, whoever makes it: the standard library,
//! rustix, SQLite. A process may trace its own children also in a container, without any privilege. What is written to
//! mapped memory is no call: SQLite's `-shm`, which is rebuilt after a crash.
//!
//! `npm run torture` goes through all calls (LIFEBOAT_TORTURE). Otherwise it is a sample that depends on LIFEBOAT_SEED,
//! which is printed.
//!
//! In [`tokens`] an app writes through the whole of it.
//!
//! Power that is cut can also lose what was written and not yet synced; that is not simulated here.

#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

#[allow(dead_code)]
#[path = "../vault/support.rs"]
mod support;

mod cases;
mod live;
mod offline;
mod restart;
mod role;
mod sample;
mod scene;
mod tokens;
mod trace;
mod writers;
