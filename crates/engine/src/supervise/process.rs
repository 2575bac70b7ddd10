//! One process of ours: its pipes, its last words, its end. It does not outlive this value, if it can be ended at all.
//!
//! Nothing here waits for the process without an end: its pipes have threads of their own, and one that cannot be killed,
//! because a disk does not answer, is left to [`undead`].

use std::io::{BufRead, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::pieces::Pieces;
use super::protocol::Failure;
use super::{undead, unusable::unusable};

/// A list of a million items is 200 MB; what is longer than this is not an answer.
const LONGEST_ANSWER: u64 = 512 << 20;
/// How much of what the process wrote to stderr is kept for the error message: its last lines.
const LAST_WORDS: usize = 2 << 10;
/// A thread of a pipe copies lines and nothing else.
const STACK: usize = 128 << 10;
/// A process that was killed is gone at once, or hangs in the kernel.
const DEATH: Duration = Duration::from_secs(1);

/// What the executable is started as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WorkerMode {
    /// One operation.
    Worker,
    /// Reads the vault for the host, question after question.
    Clerk,
}

impl WorkerMode {
    fn command(self) -> &'static str {
        match self {
            WorkerMode::Worker => "worker",
            WorkerMode::Clerk => "clerk",
        }
    }

    /// So many that hang in a disk are borne with.
    pub fn most_undead(self) -> usize {
        match self {
            WorkerMode::Worker => 3,
            WorkerMode::Clerk => 1,
        }
    }
}

/// What comes out of a process.
pub(super) enum Heard {
    /// Without its end.
    Line(Vec<u8>),
    Unreadable(String),
    /// Nothing more will come: it has ended.
    End,
}

pub(super) struct Process {
    mode: WorkerMode,
    vault: PathBuf,
    child: Option<Child>,
    words: Option<Sender<Zeroizing<Vec<u8>>>>,
    last_words: Receiver<Vec<u8>>,
}

impl Process {
    /// `vault`: the folder that it is about. `hear` is called on a thread of its own, until it returns false.
    pub fn start(
        executable: &Path,
        mode: WorkerMode,
        vault: &Path,
        hear: impl FnMut(Heard) -> bool + Send + 'static,
    ) -> Result<Process, Failure> {
        undead::check(mode, vault)?;
        let mut command = Command::new(executable);
        command
            .arg(mode.command())
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
        let mut child = command.spawn().map_err(|error| unusable(executable, &error))?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (words, said) = mpsc::channel();
        let (leave, last_words) = mpsc::channel();
        let process = Process { mode, vault: vault.to_path_buf(), child: Some(child), words: Some(words), last_words };
        let failed = |why: std::io::Error| {
            Failure::worker(format!("The {} {} cannot be started: {why}.", mode.command(), executable.display()))
        };
        let (Some(stdin), Some(stdout), Some(stderr)) = (stdin, stdout, stderr) else {
            return Err(failed(std::io::Error::other("it has no pipes")));
        };
        on_thread("lifeboat-stdin", move || speak(stdin, &said)).map_err(failed)?;
        on_thread("lifeboat-stdout", move || listen(stdout, hear)).map_err(failed)?;
        on_thread("lifeboat-stderr", move || drop(leave.send(tail(stderr)))).map_err(failed)?;
        Ok(process)
    }

    /// Hands it a line, with its end. Never blocks; what it does not take any more is lost.
    pub fn say(&self, line: Zeroizing<Vec<u8>>) {
        let _ = self.words.as_ref().map(|words| words.send(line));
    }

    /// The end of its stdin, after all that was said: nobody needs anything more of it.
    pub fn hang_up(&mut self) {
        self.words = None;
    }

    /// Waits for it to end, and kills it where that takes too long. `None`: it cannot be ended now.
    pub fn end(&mut self, within: Duration) -> Option<ExitStatus> {
        self.hang_up();
        self.ended(within).or_else(|| self.kill())
    }

    pub fn kill(&mut self) -> Option<ExitStatus> {
        self.hang_up();
        // It fails where it has ended already.
        let _ = self.child.as_mut()?.kill();
        let status = self.ended(DEATH);
        if let Some(child) = self.child.take().filter(|_| status.is_none()) {
            undead::keep(self.mode, &self.vault, child);
        }
        status
    }

    fn ended(&mut self, within: Duration) -> Option<ExitStatus> {
        let child = self.child.as_mut()?;
        let until = Instant::now() + within;
        let mut pause = Duration::from_micros(200);
        loop {
            match child.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if Instant::now() < until => std::thread::sleep(pause),
                _ => return None,
            }
            pause = (pause * 2).min(Duration::from_millis(20));
        }
    }

    /// What it wrote to stderr at last, as the end of a message. It has ended.
    pub fn last_words(&self) -> String {
        let bytes = self.last_words.recv_timeout(DEATH).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        match text.trim() {
            "" => String::new(),
            words => format!(" Its last words: {words}"),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn on_thread(name: &str, work: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    std::thread::Builder::new().name(name.into()).stack_size(STACK).spawn(work).map(drop)
}

/// Until nobody has anything more to say, or it does not listen any more: what it died of says more than a broken pipe.
fn speak(mut stdin: impl Write, words: &Receiver<Zeroizing<Vec<u8>>>) {
    while let Ok(line) = words.recv() {
        if stdin.write_all(&line).is_err() {
            return;
        }
    }
}

fn listen(stdout: impl Read, mut hear: impl FnMut(Heard) -> bool) {
    let mut stdout = Pieces::of(stdout);
    loop {
        // As long as a key's line: one that grows leaves unwiped copies behind.
        let mut line = Vec::with_capacity(1 << 10);
        let heard = match (&mut stdout).take(LONGEST_ANSWER).read_until(b'\n', &mut line) {
            Err(error) => Heard::Unreadable(error.to_string()),
            Ok(_) if line.pop_if(|last| *last == b'\n').is_some() => Heard::Line(line),
            Ok(length) if length as u64 >= LONGEST_ANSWER => {
                Heard::Unreadable(format!("it is longer than {LONGEST_ANSWER} bytes"))
            }
            // Half a line is what a process leaves that died while it wrote.
            Ok(_) => Heard::End,
        };
        let is_last = !matches!(heard, Heard::Line(_));
        if !hear(heard) || is_last {
            return;
        }
    }
}

/// Reads to the end, so that the process never waits for a reader, and keeps the end of it.
fn tail(mut stream: impl Read) -> Vec<u8> {
    let mut kept = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = stream.read(&mut buffer) {
        kept.extend_from_slice(&buffer[..read]);
        let surplus = kept.len().saturating_sub(LAST_WORDS);
        kept.drain(..surplus);
    }
    kept
}

#[cfg(unix)]
pub(super) fn describe(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.signal(), status.code()) {
        (Some(signal), _) => format!("signal {signal}"),
        (None, Some(code)) => format!("exit code {code}"),
        (None, None) => status.to_string(),
    }
}

#[cfg(not(unix))]
pub(super) fn describe(status: ExitStatus) -> String {
    status.code().map_or_else(|| status.to_string(), |code| format!("exit code {code}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_of_a_long_stderr_is_kept() {
        let long = [vec![b'x'; 100_000], b"the end".to_vec()].concat();
        let kept = tail(long.as_slice());
        assert_eq!(kept.len(), LAST_WORDS);
        assert!(kept.ends_with(b"the end"));
    }

    #[test]
    fn lines_are_heard_whole_and_half_a_one_is_the_end() {
        let mut heard = Vec::new();
        listen(&b"one\n\ntwo\nhal"[..], |said| {
            heard.push(match said {
                Heard::Line(line) => String::from_utf8(line).unwrap(),
                Heard::Unreadable(why) => why,
                Heard::End => "the end".into(),
            });
            true
        });
        assert_eq!(heard, ["one", "", "two", "the end"]);
    }
}
