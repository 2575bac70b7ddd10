//! The quiet guest: the app that is backed up goes first, at the processor and at the disk.
//!
//! Best effort: where the system refuses, the work is done at normal priority. Call it before the engine starts its
//! threads, which inherit it.

/// `nice` is Unix niceness, 1 to 19; 0 leaves everything as it is.
pub fn lower(nice: u8) {
    if nice > 0 {
        platform::lower(nice);
    }
}

#[cfg(unix)]
mod platform {
    use rustix::process::{getpriority_process, setpriority_process};

    pub fn lower(nice: u8) {
        let wanted = i32::from(nice);
        // Never raise what a user has already put lower, with `nice lifeboat backup`.
        if getpriority_process(None).is_ok_and(|now| now < wanted) {
            let _ = setpriority_process(None, wanted);
        }
        #[cfg(target_os = "linux")]
        lower_io();
    }

    /// Best-effort class, lowest level. Not the idle class: on a busy disk it can starve, with a lock on a database.
    #[cfg(target_os = "linux")]
    fn lower_io() {
        const WHO_PROCESS: libc::c_long = 1;
        const THIS_THREAD: libc::c_long = 0;
        const CLASS_SHIFT: libc::c_long = 13;
        const BEST_EFFORT: libc::c_long = 2;
        const LOWEST: libc::c_long = 7;
        // SAFETY: both calls take integers and touch no memory of ours.
        unsafe {
            let now = libc::syscall(libc::SYS_ioprio_get, WHO_PROCESS, THIS_THREAD);
            // A class that somebody chose with `ionice` stays.
            if now >> CLASS_SHIFT == 0 {
                let wanted = (BEST_EFFORT << CLASS_SHIFT) | LOWEST;
                libc::syscall(libc::SYS_ioprio_set, WHO_PROCESS, THIS_THREAD, wanted);
            }
        }
    }
}

#[cfg(windows)]
mod platform {
    use windows_sys::Win32::System::Threading::{BELOW_NORMAL_PRIORITY_CLASS, GetCurrentProcess, SetPriorityClass};

    /// Not `PROCESS_MODE_BACKGROUND_BEGIN`: it also squeezes the working set to a few megabytes.
    pub fn lower(_nice: u8) {
        // SAFETY: the pseudo handle of the current process is always valid and needs no closing.
        unsafe {
            SetPriorityClass(GetCurrentProcess(), BELOW_NORMAL_PRIORITY_CLASS);
        }
    }
}

#[cfg(not(any(unix, windows)))]
mod platform {
    pub fn lower(_nice: u8) {}
}
