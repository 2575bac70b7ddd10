//! This process leaves no core where it crashes: what opens the vault and the targets would be in it.
//!
//! Where the system hands cores to a program (`kernel.core_pattern` with a `|`), that program is told the limit, too.

#[cfg(unix)]
pub fn leave_none() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Core);
    // Lowering one's own limit is always allowed; if not, all else works the same.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum });
}

#[cfg(not(unix))]
pub fn leave_none() {}
