//! Where a symbolic link leads: whether what is behind it is in the backup by another way, is the system's, or would be
//! missing.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Places of the operating system: an app does not keep its data there, and a new server has them.
const SYSTEM: [&str; 10] = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc", "/proc", "/sys", "/dev"];
/// Another one, but for the disks that a desktop mounts in it.
const RUN: (&str, &str) = ("/run", "/run/media");

/// Where a link leads.
#[derive(Debug, PartialEq)]
pub enum Lead {
    /// To something in one of the folders that are walked.
    Inside,
    Out(PathBuf),
    System(PathBuf),
    Nowhere,
    /// It cannot be told, because the way there may not be walked.
    Unknown(io::ErrorKind),
}

/// `walked`: the real paths of the root, and of the folders that were followed to.
pub fn lead(link: &Path, walked: &[PathBuf]) -> Lead {
    let written = fs::read_link(link).unwrap_or_default();
    match fs::canonicalize(link) {
        Ok(real) if walked.iter().any(|folder| real.starts_with(folder)) => Lead::Inside,
        Ok(real) if is_system(&real) || is_system(&written) => Lead::System(real),
        Ok(real) => Lead::Out(real),
        Err(_) if is_system(&written) => Lead::System(written),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Lead::Unknown(error.kind()),
        Err(_) => Lead::Nowhere,
    }
}

fn is_system(path: &Path) -> bool {
    SYSTEM.iter().any(|place| path.starts_with(place)) || (path.starts_with(RUN.0) && !path.starts_with(RUN.1))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_link_is_told_by_where_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        let root = folder.join("bot");
        fs::create_dir_all(root.join("inner")).unwrap();
        fs::create_dir(folder.join("volume")).unwrap();
        let lead = |target: &str| {
            let link = root.join("link");
            let _ = fs::remove_file(&link);
            symlink(target, &link).unwrap();
            super::lead(&link, std::slice::from_ref(&root))
        };
        assert_eq!(lead("inner"), Lead::Inside);
        assert_eq!(lead("../volume/../bot/inner"), Lead::Inside);
        assert_eq!(lead("../volume"), Lead::Out(folder.join("volume")));
        assert!(lead("/bin/sh").is_system());
        assert!(lead("/dev/null").is_system());
        assert!(lead("/run/lock-of-something-that-is-gone").is_system());
        assert_eq!(lead("nothing"), Lead::Nowhere);
        assert_eq!(lead("link"), Lead::Nowhere, "it leads to itself");
        assert!(!is_system(Path::new("/run/media/usb")) && !is_system(Path::new("/library")));
    }

    impl Lead {
        fn is_system(&self) -> bool {
            matches!(self, Lead::System(_))
        }
    }
}
