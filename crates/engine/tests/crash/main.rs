//! A restore is stopped at every one of its file-system operations in turn, and so is what recovers it.
//!
//! Each case runs in a process of its own under `ptrace`, which sees every system call of every thread, whoever makes it:
//! the standard library, rustix, SQLite. The N-th call that changes a file kills the process before it is made, in the
//! middle of a write, or fails. Then anything of Lifeboat is started in that root, and the root must be, byte for byte,
//! what it was or what the backup has, with nothing left beside it.
//!
//! `npm run torture` goes through all of them. Otherwise it is a sample that depends on LIFEBOAT_SEED, which is printed.
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
mod trace;
