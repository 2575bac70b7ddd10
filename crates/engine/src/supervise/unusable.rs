//! Why an executable does not start: not built, built for another platform, or not to be executed. One sentence, with the
//! one command that mends it; `js/binary.js` says the same for the command line.

use std::path::Path;

use super::protocol::Failure;

pub(super) fn unusable(executable: &Path, error: &std::io::Error) -> Failure {
    use std::io::ErrorKind::NotFound;
    let shown = executable.display();
    let why = match (error.kind(), executable.exists()) {
        (NotFound, false) => {
            format!(
                "The worker {shown} is missing: Lifeboat is not built. Were install scripts blocked (--ignore-scripts)?"
            )
        }
        // The file is there: what does not exist is the loader that it is made for.
        (NotFound, true) => format!("The worker {shown} is built for another platform than this."),
        _ if is_foreign(error) => format!("The worker {shown} is built for another platform than this."),
        _ => format!("The worker {shown} cannot be started: {error}."),
    };
    let home = executable.parent().and_then(Path::parent).unwrap_or(Path::new("."));
    Failure::worker(format!("{why} Build it: npm run build --prefix {}", in_words(home)))
}

#[cfg(unix)]
fn is_foreign(error: &std::io::Error) -> bool {
    error.raw_os_error() == Some(libc::ENOEXEC)
}

// ERROR_BAD_EXE_FORMAT, ERROR_EXE_MACHINE_TYPE_MISMATCH
#[cfg(not(unix))]
fn is_foreign(error: &std::io::Error) -> bool {
    matches!(error.raw_os_error(), Some(193 | 216))
}

fn in_words(folder: &Path) -> String {
    let text = folder.display().to_string();
    if text.contains(char::is_whitespace) { format!("\"{text}\"") } else { text }
}

#[cfg(test)]
mod tests {
    use super::super::process::{Process, WorkerMode};
    use super::*;

    #[test]
    fn an_executable_that_cannot_be_started_says_why_and_what_to_do() {
        let why = |path: &Path| {
            let error = Process::start(path, WorkerMode::Worker, Path::new("/nowhere"), |_| true).err().unwrap();
            assert_eq!(error.code, "E_WORKER");
            error.message
        };
        let missing = why(Path::new("/nowhere/bin/lifeboat"));
        assert!(missing.contains("not built") && missing.ends_with("npm run build --prefix /nowhere"), "{missing}");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let dir = tempfile::tempdir().unwrap();
            let with = |bytes: &[u8], mode| {
                let path = dir.path().join("lifeboat");
                std::fs::write(&path, bytes).unwrap();
                std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
                path
            };
            assert!(why(&with(b"\x7fELF of another machine", 0o755)).contains("another platform"));
            assert!(why(&with(b"#!/no/such/loader\n", 0o755)).contains("another platform"));
            assert!(why(&with(b"", 0o644)).contains("cannot be started"));
        }
    }
}
