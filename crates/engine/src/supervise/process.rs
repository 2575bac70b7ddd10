//! One worker process: its pipes, its last words, its end. It does not outlive this value.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;

use zeroize::Zeroizing;

use super::protocol::Failure;

/// A list of a million items is 200 MB; what is longer than this is not an answer.
const LONGEST_ANSWER: u64 = 512 << 20;
/// How much of what the worker wrote to stderr is kept for the error message: its last lines.
const LAST_WORDS: usize = 2 << 10;

pub(super) struct Process {
    child: Child,
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    last_words: Option<JoinHandle<Vec<u8>>>,
}

impl Process {
    pub fn start(executable: &Path) -> Result<Process, Failure> {
        let mut command = Command::new(executable);
        command
            .arg("worker")
            // Secrets go through the pipe. An environment can be read in /proc and is inherited by what comes after.
            .env_remove("BACKUP_PASSPHRASE")
            .env_remove("BACKUP_KEY_FILE")
            .env_remove("BACKUP_ARCHIVE_PASSPHRASE")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        #[cfg(windows)]
        {
            use std::os::windows::process::CommandExt;
            const CREATE_NO_WINDOW: u32 = 0x0800_0000;
            command.creation_flags(CREATE_NO_WINDOW);
        }
        let failed = |error: std::io::Error| {
            Failure::worker(format!("The worker {} cannot be started: {error}.", executable.display()))
        };
        let mut child = command.spawn().map_err(|error| unusable(executable, &error))?;
        let requests = child.stdin.take();
        let (Some(stdout), Some(mut stderr)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(failed(std::io::Error::other("it has no pipes")));
        };
        let last_words = std::thread::Builder::new()
            .name("lifeboat-stderr".into())
            .stack_size(128 << 10)
            .spawn(move || tail(&mut stderr))
            .map_err(|error| {
                let _ = child.kill();
                let _ = child.wait();
                failed(error)
            })?;
        Ok(Process { child, requests, answers: BufReader::new(stdout), last_words: Some(last_words) })
    }

    pub fn requests(&mut self) -> impl std::io::Write + '_ {
        Requests(self.requests.as_mut())
    }

    pub fn take_requests(&mut self) -> Option<ChildStdin> {
        self.requests.take()
    }

    /// The next whole line; `None` where there is none any more. Wiped when dropped: it may be a key.
    pub fn line(&mut self) -> Result<Option<Zeroizing<Vec<u8>>>, String> {
        let mut line = Zeroizing::new(Vec::new());
        let read = (&mut self.answers).take(LONGEST_ANSWER).read_until(b'\n', &mut line);
        match read {
            Err(error) => Err(error.to_string()),
            Ok(_) if line.last() == Some(&b'\n') => Ok(Some(line)),
            Ok(length) if length as u64 >= LONGEST_ANSWER => Err(format!("it is longer than {LONGEST_ANSWER} bytes")),
            // Half a line is what a worker leaves that died while it wrote.
            Ok(_) => Ok(None),
        }
    }

    pub fn wait(&mut self) -> Option<ExitStatus> {
        self.requests = None;
        self.child.wait().ok()
    }

    fn last_words(&mut self) -> String {
        let bytes = self.last_words.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        match text.trim() {
            "" => String::new(),
            words => format!(" Its last words: {words}"),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail where it has ended already, which is the usual case.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Requests<'a>(Option<&'a mut ChildStdin>);

impl std::io::Write for Requests<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match &mut self.0 {
            Some(stdin) => stdin.write(bytes),
            None => Err(std::io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Why an executable does not start: not built, built for another platform, or not to be executed. One sentence, with the
/// one command that mends it; `js/binary.js` says the same for the command line.
fn unusable(executable: &Path, error: &std::io::Error) -> Failure {
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

/// The error of an operation whose worker ended without an answer.
pub(super) fn died(mut worker: Process) -> Failure {
    let how = worker.wait().map_or_else(|| "in an unknown way".into(), describe);
    let words = worker.last_words();
    Failure::worker(format!("The worker died ({how}) before it answered; the vault is whole. Try again.{words}"))
}

/// The error of an operation whose worker said something that is no answer.
pub(super) fn unreadable(mut worker: Process, why: &str) -> Failure {
    let _ = worker.child.kill();
    worker.wait();
    let words = worker.last_words();
    Failure::worker(format!(
        "The worker's answer cannot be read: {why}. It was stopped, and the vault is whole. Are the addon and its worker \
         of the same version? Run `npm run build` in Lifeboat's folder.{words}"
    ))
}

#[cfg(unix)]
fn describe(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.signal(), status.code()) {
        (Some(signal), _) => format!("signal {signal}"),
        (None, Some(code)) => format!("exit code {code}"),
        (None, None) => status.to_string(),
    }
}

#[cfg(not(unix))]
fn describe(status: ExitStatus) -> String {
    status.code().map_or_else(|| status.to_string(), |code| format!("exit code {code}"))
}

/// Reads to the end, so that the worker never waits for a reader, and keeps the end of it.
fn tail(stream: &mut impl Read) -> Vec<u8> {
    let mut kept = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = stream.read(&mut buffer) {
        kept.extend_from_slice(&buffer[..read]);
        let surplus = kept.len().saturating_sub(LAST_WORDS);
        kept.drain(..surplus);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_of_a_long_stderr_is_kept() {
        let long = [vec![b'x'; 100_000], b"the end".to_vec()].concat();
        let kept = tail(&mut long.as_slice());
        assert_eq!(kept.len(), LAST_WORDS);
        assert!(kept.ends_with(b"the end"));
    }

    #[test]
    fn an_executable_that_cannot_be_started_says_why_and_what_to_do() {
        let why = |path: &Path| {
            let error = Process::start(path).err().unwrap();
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

    #[cfg(unix)]
    #[test]
    fn the_death_of_a_worker_names_its_signal() {
        // `sleep worker` refuses its argument: an exit without an answer, with words on stderr.
        let mut worker = Process::start(Path::new("/bin/sleep")).unwrap();
        assert!(worker.line().unwrap().is_none());
        let failure = died(worker);
        assert_eq!(failure.code, "E_WORKER");
        assert!(failure.message.contains("exit code 1") && failure.message.contains("worker"), "{}", failure.message);
    }
}
