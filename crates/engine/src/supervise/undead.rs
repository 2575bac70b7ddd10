//! Processes that were killed and do not die: the kernel lets nobody go who waits for a disk that does not answer.
//!
//! Nobody waits for them. They are counted, so that a disk that hangs for a day costs the host a few processes, and not one
//! more each minute; and whoever would start one more is told what is wrong. Once the disk answers they are gone, and all
//! goes on by itself.

use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::Mutex;

use super::process::WorkerMode;
use super::protocol::Failure;
use crate::mutex::lock as locked;

struct Undead {
    mode: WorkerMode,
    /// The folder that is named for the vault.
    vault: PathBuf,
    child: Child,
}

/// Of all engines of this process: each new one would begin to count from nothing.
static ALL: Mutex<Vec<Undead>> = Mutex::new(Vec::new());

pub(super) fn keep(mode: WorkerMode, vault: &Path, child: Child) {
    locked(&ALL).push(Undead { mode, vault: vault.to_path_buf(), child });
}

/// May one more be started for this vault? `E_WORKER` where too many hang already.
pub(super) fn check(mode: WorkerMode, vault: &Path) -> Result<(), Failure> {
    let mut all = locked(&ALL);
    // Whatever has died since is taken off the kernel's hands.
    all.retain_mut(|undead| matches!(undead.child.try_wait(), Ok(None)));
    let hang = all.iter().filter(|undead| undead.mode == mode && undead.vault == vault);
    let pids: Vec<String> = hang.map(|undead| undead.child.id().to_string()).collect();
    if pids.len() < mode.most_undead() {
        return Ok(());
    }
    let what = if pids.len() == 1 { "process" } else { "processes" };
    Err(Failure::worker(format!(
        "A disk does not answer: the {what} {} of the vault {} wait for it and cannot be ended. Nothing more is started \
         until it answers. Look at the disk (`dmesg`, `mount`); all goes on by itself then.",
        pids.join(", "),
        vault.display()
    )))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn what_hangs_and_cannot_be_ended_is_not_added_to() {
        let vault = tempfile::tempdir().unwrap();
        let hang = || std::process::Command::new("sleep").arg("600").spawn().unwrap();
        for mode in [WorkerMode::Clerk, WorkerMode::Worker] {
            for _ in 0..mode.most_undead() {
                check(mode, vault.path()).unwrap();
                keep(mode, vault.path(), hang());
            }
            let failure = check(mode, vault.path()).unwrap_err();
            assert_eq!(failure.code, "E_WORKER");
            assert!(failure.message.contains("A disk does not answer"), "{}", failure.message);
            check(mode, Path::new("/another/vault")).unwrap();
            let ours = |undead: &&mut Undead| undead.vault == vault.path();
            locked(&ALL).iter_mut().filter(ours).for_each(|undead| undead.child.kill().unwrap());
            let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
            while check(mode, vault.path()).is_err() {
                assert!(std::time::Instant::now() < until, "they have died");
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
        }
    }
}
