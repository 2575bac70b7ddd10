//! Ringing for the hosts: somebody has put something into the logbook that they should look at now, and not in a minute.
//!
//! The bell is a file in the folder of the hosts that is written anew. Linux tells whoever watches the folder; elsewhere it
//! is looked at again and again.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{FOLDER, give_to_owner};
use crate::error::IoContext;
use crate::vault::durable;
use crate::{Error, Result};

pub(super) const NAME: &str = "bell";

/// Asks all hosts to look into the logbook now. Where it cannot be asked, they do so within a minute.
pub fn ring(vault: &Path) {
    let bell = vault.join(FOLDER).join(NAME);
    if durable::write_private(&bell, b"").is_ok()
        && let Ok(file) = File::open(&bell)
    {
        give_to_owner(&file, vault);
    }
}

/// Somebody who listens, until the folder is gone.
pub struct Listener {
    hears: Arc<AtomicBool>,
}

impl Listener {
    /// `rung` is called on a thread of its own.
    pub fn start(vault: &Path, rung: impl Fn() + Send + 'static) -> Result<Listener> {
        let folder = vault.join(FOLDER);
        let mut wait = platform::watch(&folder).map_err(std::io::Error::from).at("watching", &folder)?;
        let hears = Arc::new(AtomicBool::new(true));
        let still = hears.clone();
        let listen = move || {
            while wait() {
                rung();
            }
            still.store(false, Ordering::Relaxed);
        };
        std::thread::Builder::new()
            .name("lifeboat-bell".into())
            .spawn(listen)
            .map_err(|error| Error::internal(format!("no thread can be started: {error}")))?;
        Ok(Listener { hears })
    }

    /// False: the folder is gone.
    pub fn hears(&self) -> bool {
        self.hears.load(Ordering::Relaxed)
    }
}

#[cfg(target_os = "linux")]
mod platform {
    use std::mem::MaybeUninit;
    use std::path::Path;

    use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
    use rustix::io::Errno;

    /// Returns what waits for the next ring; false: none will come any more.
    pub fn watch(folder: &Path) -> Result<impl FnMut() -> bool + Send + 'static, Errno> {
        let watch = inotify::init(CreateFlags::CLOEXEC)?;
        let events = WatchFlags::MOVED_TO | WatchFlags::CLOSE_WRITE | WatchFlags::MOVE_SELF | WatchFlags::ONLYDIR;
        inotify::add_watch(&watch, folder, events)?;
        Ok(move || {
            let mut buffer = [MaybeUninit::uninit(); 4096];
            let mut reader = Reader::new(&watch, &mut buffer);
            loop {
                match reader.next() {
                    Ok(event) if event.events().intersects(ReadFlags::IGNORED | ReadFlags::MOVE_SELF) => return false,
                    Ok(event) if event.file_name().is_some_and(|name| name.to_bytes() == super::NAME.as_bytes()) => {
                        return true;
                    }
                    Ok(_) | Err(Errno::INTR) => {}
                    Err(_) => return false,
                }
            }
        })
    }
}

#[cfg(not(target_os = "linux"))]
mod platform {
    use std::path::Path;
    use std::time::Duration;

    const PAUSE: Duration = Duration::from_millis(250);

    /// Returns what waits for the next ring; false: none will come any more.
    pub fn watch(folder: &Path) -> std::io::Result<impl FnMut() -> bool + Send + 'static> {
        let folder = folder.to_path_buf();
        let rung = move || std::fs::metadata(folder.join(super::NAME)).and_then(|metadata| metadata.modified()).ok();
        let mut last = rung();
        Ok(move || {
            loop {
                std::thread::sleep(PAUSE);
                let now = rung();
                if now.is_some() && now != last {
                    last = now;
                    return true;
                }
                if now.is_none() && last.is_some() {
                    return false;
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::{Duration, Instant};

    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn who_listens_hears_each_ring_until_the_folder_is_gone() {
        let vault = tempfile::tempdir().unwrap();
        let folder = vault.path().join(FOLDER);
        assert!(Listener::start(vault.path(), || {}).is_err() || cfg!(not(target_os = "linux")));
        std::fs::create_dir(&folder).unwrap();
        let (tell, rings) = mpsc::channel();
        let listener = Listener::start(vault.path(), move || tell.send(()).unwrap()).unwrap();
        for _ in 0..3 {
            ring(vault.path());
            rings.recv_timeout(LONG).unwrap();
        }
        assert!(listener.hears());
        std::fs::remove_dir_all(&folder).unwrap();
        let until = Instant::now() + LONG;
        while listener.hears() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(!listener.hears());
    }
}
