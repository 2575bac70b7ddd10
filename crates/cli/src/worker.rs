//! The worker: one operation for a host, in a process of its own. The protocol is `lifeboat_engine::supervise::protocol`.
//!
//! It promises: progress lines at most ten times a second, a sign of life every few seconds in which the work moves on, then
//! exactly one result or error line, also after a panic in the engine; and an end within ten seconds of its host's, so that nothing goes on that nobody asked for any more.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use lifeboat_engine::operations::Call;
use lifeboat_engine::report::Progress;
use lifeboat_engine::store::{self, Fault, Kind, Person, SignInPrompt};
use lifeboat_engine::supervise::protocol::{Failure, Request, Signal, WorkerAnswer};
use lifeboat_engine::{Control, Error, Result};
use zeroize::Zeroizing;

use crate::heartbeat::Heartbeat;
use crate::progress::Relay;
use crate::{engine, exit, interrupt, priority};

/// A request holds a configuration and a list of items: what is longer is not a request.
const LONGEST_REQUEST: u64 = 64 << 20;
const LONGEST_SIGNAL: u64 = 1 << 10;
/// How long a cancelled operation may take to clean up once nobody waits for it.
const LAST_WORDS: Duration = Duration::from_secs(10);

type Line = Zeroizing<Vec<u8>>;

/// Serves one request, and returns the exit code; the host reads the answer and not this.
pub fn run() -> u8 {
    let relay = Relay::start(send_progress);
    // What cannot be said is lost with the host.
    let control = relay.control().clone().with_untold(|news| drop(send(&WorkerAnswer::Untold(news.clone()))));
    let heartbeat = Heartbeat::start(|| send(&WorkerAnswer::Alive));
    let _watch = interrupt::watch(&control);
    let (give, requests) = mpsc::channel();
    let listener = control.clone();
    std::thread::spawn(move || listen(BufReader::new(io::stdin()), give, &listener));
    let outcome = requests
        .recv()
        .map_err(|_| refused("it ended before its first line did"))
        .and_then(|line| parse(line?))
        .and_then(|request| exit::caught(|| serve(request, &control)));
    // Nothing after the result.
    drop((relay, heartbeat));
    let (sent, code) = match outcome {
        Ok(json) => (send_result(&json), exit::DONE),
        Err(error) => (send(&WorkerAnswer::Error(Failure::from(&error))), exit::code_of(&error)),
    };
    if sent.is_ok() { code } else { exit::FAILED }
}

fn serve(request: Request, control: &Control) -> Result<String> {
    let Request { mut config, environment, key, operation } = request;
    config.environment = environment;
    let control = &match config.environment.now {
        Some(now) => {
            let started = Instant::now();
            control.clone().with_clock(move || now + started.elapsed().as_millis() as i64)
        }
        None => control.clone(),
    };
    priority::lower(config.worker.nice);
    let engine = engine::of(config).for_host();
    let engine = match key {
        Some(key) => engine.with_key(key),
        None => engine,
    };
    let call = Call { engine: &engine, control, person: &WorkerHost(control) };
    let outcome = operation.perform(&call);
    // Also after a failure: deriving the key is what costs time, and the host's next worker needs it again.
    // A key that the host has already, and that is this vault's, costs nothing.
    if let Some(key) = engine.unlocked_key()
        && send(&WorkerAnswer::Key(key)).is_err()
    {
        control.cancel();
    }
    outcome
}

/// The person who is to sign in, behind the host.
struct WorkerHost<'a>(&'a Control);

impl Person for WorkerHost<'_> {
    fn show(&self, ask: &SignInPrompt) {
        // A host that is not there any more has left, too.
        let _ = send(&WorkerAnswer::Ask(ask.clone()));
    }

    fn paste(&self) -> store::Result<String> {
        Err(Fault::new(Kind::Refused, "gdrive", "Nothing can be pasted here."))
    }

    fn has_left(&self) -> bool {
        self.0.is_cancelled()
    }
}

/// Reads stdin to its end, on a thread of its own: first the request, then signals. Its end is the host's end.
fn listen(mut stdin: impl BufRead, requests: mpsc::Sender<Result<Line>>, control: &Control) {
    let first = match line(&mut stdin, LONGEST_REQUEST) {
        Ok(line) => line.map(Ok),
        Err(error) => Some(Err(error)),
    };
    if let Some(first) = first
        && requests.send(first).is_ok()
    {
        while let Ok(Some(line)) = line(&mut stdin, LONGEST_SIGNAL) {
            // What a newer host may say besides is not for this worker.
            if let Ok(Signal::Cancel) = serde_json::from_slice(&line) {
                control.cancel();
            }
        }
    }
    // Where no request came, nothing else will tell the main thread.
    drop(requests);
    control.abandon();
    std::thread::sleep(LAST_WORDS);
    std::process::exit(exit::FAILED.into());
}

/// One line without its end; `None` where there is no whole one any more.
fn line(stdin: &mut impl BufRead, longest: u64) -> Result<Option<Line>> {
    let mut line = Line::default();
    stdin.take(longest + 1).read_until(b'\n', &mut line).map_err(|error| Error::io("reading", "stdin", error))?;
    if line.pop() == Some(b'\n') {
        Ok(Some(line))
    } else if line.len() as u64 >= longest {
        Err(refused(&format!("a line is longer than {longest} bytes")))
    } else {
        Ok(None)
    }
}

/// The message tells the place of an error but not the text there: it may be a secret.
fn parse(line: Line) -> Result<Request> {
    serde_json::from_slice(&line).map_err(|error| {
        let kind = match error.classify() {
            serde_json::error::Category::Data => "it is JSON, but not a request of this version",
            _ => "it is not JSON",
        };
        refused(&format!("{kind} (line {}, column {})", error.line(), error.column()))
    })
}

fn refused(why: &str) -> Error {
    Error::Worker {
        message: format!("The worker cannot read its request: {why}. Are host and worker of the same version?"),
    }
}

fn send_progress(progress: &Progress) -> io::Result<()> {
    send(&WorkerAnswer::Progress(progress.clone()))
}

fn send(answer: &WorkerAnswer) -> io::Result<()> {
    let mut line = Zeroizing::new(serde_json::to_vec(answer)?);
    line.push(b'\n');
    write(&[&line])
}

/// As `Answer::Result`, without taking a list of a million items apart into a `Value` first.
fn send_result(json: &str) -> io::Result<()> {
    write(&[b"{\"result\":", json.as_bytes(), b"}\n"])
}

/// Whole lines only: the lock keeps those of other threads out of this one.
fn write(parts: &[&[u8]]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    parts.iter().try_for_each(|part| out.write_all(part))?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_whole_or_not_at_all() {
        let mut input = io::Cursor::new(b"one\n\nlonger\nrest".to_vec());
        assert_eq!(line(&mut input, 5).unwrap().unwrap().as_slice(), b"one");
        assert_eq!(line(&mut input, 5).unwrap().unwrap().as_slice(), b"");
        assert_eq!(line(&mut input, 5).unwrap_err().code(), "E_WORKER");
        assert!(line(&mut io::Cursor::new(b"rest"), 5).unwrap().is_none(), "a host that died in the middle of a line");
        assert!(line(&mut io::Cursor::new(b""), 5).unwrap().is_none());
    }

    #[test]
    fn a_line_of_exactly_the_greatest_length_is_read() {
        assert_eq!(line(&mut io::Cursor::new(b"12345\n"), 5).unwrap().unwrap().as_slice(), b"12345");
        assert!(line(&mut io::Cursor::new(b"123456\n"), 5).is_err());
    }

    #[test]
    fn what_is_wrong_with_a_request_does_not_quote_it() {
        for text in ["{\"config\":{\"passphrase\":\"open sesame\"},\"operation\":{\"op\":\"dance\"}}", "open sesame"] {
            let error = parse(Zeroizing::new(text.as_bytes().to_vec())).unwrap_err();
            assert_eq!(error.code(), "E_WORKER");
            assert!(!error.to_string().contains("sesame"), "{error}");
        }
    }

    #[test]
    fn a_result_is_the_line_that_the_protocol_says() {
        let line = format!("{{\"result\":{}}}", r#"["a","b"]"#);
        let WorkerAnswer::Result(value) = serde_json::from_str(&line).unwrap() else { panic!("not a result: {line}") };
        assert_eq!(value, serde_json::json!(["a", "b"]));
    }
}
