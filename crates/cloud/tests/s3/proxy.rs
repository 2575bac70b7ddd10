//! What stands between a client and a server: it passes requests on, cuts them off, stalls, or answers itself; and counts the
//! bytes that a client has sent.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// What becomes of a request.
#[derive(Clone, Debug)]
pub enum Act {
    Pass,
    /// So many bytes of its body arrive, then the connection ends.
    Cut(u64),
    /// All of it arrives, and the answer does not.
    Unheard,
    /// Nothing arrives, and this is answered.
    Answer(String),
    /// The same, before any byte of its body is read.
    Early(String),
    /// All of it arrives, and this is answered.
    Instead(String),
    /// Nothing more happens.
    Stall,
}

impl Act {
    pub fn status(status: u16, headers: &str, body: &str) -> Act {
        Act::Answer(answer(status, headers, body))
    }

    pub fn code(status: u16, code: &str) -> Act {
        let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>No.</Message></Error>");
        Act::status(status, "content-type: application/xml\r\n", &body)
    }
}

pub fn answer(status: u16, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status} X\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

type Decide = dyn Fn(usize, &str) -> Act + Send + Sync;

struct Shared {
    server: Option<String>,
    decide: Mutex<Arc<Decide>>,
    /// Of bodies.
    sent: AtomicU64,
    requests: Mutex<Vec<String>>,
    ended: AtomicBool,
}

pub struct Proxy {
    pub address: String,
    shared: Arc<Shared>,
}

impl Proxy {
    /// `decide` gets the number of the request, from 0 on, and its first line.
    pub fn before(server: &str, decide: impl Fn(usize, &str) -> Act + Send + Sync + 'static) -> Proxy {
        Proxy::start(Some(server.to_owned()), decide)
    }

    /// With no server behind it.
    pub fn alone(decide: impl Fn(usize, &str) -> Act + Send + Sync + 'static) -> Proxy {
        Proxy::start(None, decide)
    }

    fn start(server: Option<String>, decide: impl Fn(usize, &str) -> Act + Send + Sync + 'static) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let decide: Arc<Decide> = Arc::new(decide);
        let shared = Arc::new(Shared {
            server,
            decide: Mutex::new(decide),
            sent: AtomicU64::new(0),
            requests: Mutex::default(),
            ended: AtomicBool::new(false),
        });
        let of_thread = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                if of_thread.ended.load(Ordering::SeqCst) {
                    return;
                }
                let shared = Arc::clone(&of_thread);
                // A connection that breaks off is what this is for.
                std::thread::spawn(move || client.and_then(|client| serve(&client, &shared)));
            }
        });
        Proxy { address, shared }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn decide(&self, decide: impl Fn(usize, &str) -> Act + Send + Sync + 'static) {
        *self.shared.decide.lock().unwrap() = Arc::new(decide);
    }

    /// Bytes of bodies that a client has sent.
    pub fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::SeqCst)
    }

    /// The first lines of all requests.
    pub fn requests(&self) -> Vec<String> {
        self.shared.requests.lock().unwrap().clone()
    }

    pub fn count(&self, part: &str) -> usize {
        self.requests().iter().filter(|line| line.contains(part)).count()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(&self.address);
    }
}

/// One request; the connection ends with it.
fn serve(client: &TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut reader = BufReader::new(client);
    let mut head = Vec::new();
    let mut length = 0;
    loop {
        let mut line = Vec::new();
        if reader.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&line).to_lowercase();
        if let Some(value) = text.strip_prefix("content-length:") {
            length = value.trim().parse::<u64>().unwrap();
        }
        if line == b"\r\n" {
            break;
        }
        head.push(line);
    }
    let first = String::from_utf8_lossy(&head[0]).trim().to_owned();
    let number = {
        let mut requests = shared.requests.lock().unwrap();
        requests.push(first.clone());
        requests.len() - 1
    };
    let decide = Arc::clone(&shared.decide.lock().unwrap());
    let act = decide(number, &first);
    let take = |reader: &mut BufReader<&TcpStream>, most: u64, server: Option<&TcpStream>| -> std::io::Result<()> {
        let mut left = most;
        let mut buffer = vec![0; 64 << 10];
        while left > 0 {
            let room = buffer.len().min(left as usize);
            let read = reader.read(&mut buffer[..room])?;
            if read == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            shared.sent.fetch_add(read as u64, Ordering::SeqCst);
            left -= read as u64;
            if let Some(mut server) = server {
                server.write_all(&buffer[..read])?;
            }
        }
        Ok(())
    };
    let end = |text: &str| -> std::io::Result<()> {
        let mut client = client;
        client.write_all(text.as_bytes())?;
        client.shutdown(Shutdown::Write)
    };
    match act {
        Act::Stall => {
            while !shared.ended.load(Ordering::SeqCst) {
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            Ok(())
        }
        Act::Early(text) => end(&text),
        Act::Answer(text) => {
            take(&mut reader, length, None)?;
            end(&text)
        }
        Act::Pass | Act::Cut(_) | Act::Unheard | Act::Instead(_) => {
            let server = TcpStream::connect(shared.server.as_ref().unwrap())?;
            // One request a connection, so that the end of an answer is the end of the connection.
            let mut lines = head.into_iter();
            let mut text = lines.next().unwrap();
            text.extend_from_slice(b"connection: close\r\n");
            lines.for_each(|line| text.extend_from_slice(&line));
            text.extend_from_slice(b"\r\n");
            (&server).write_all(&text)?;
            if let Act::Cut(after) = act {
                take(&mut reader, after.min(length), Some(&server))?;
                server.shutdown(Shutdown::Both)?;
                return client.shutdown(Shutdown::Both);
            }
            let passed = take(&mut reader, length, Some(&server));
            if passed.is_err() {
                let _ = server.shutdown(Shutdown::Both);
                return passed;
            }
            let mut answered = Vec::new();
            (&server).read_to_end(&mut answered)?;
            match act {
                Act::Unheard => client.shutdown(Shutdown::Both),
                Act::Instead(text) => end(&text),
                _ => {
                    let mut client = client;
                    // A server may end the connection without saying so.
                    let line = answered.iter().position(|&byte| byte == b'\n').map_or(0, |end| end + 1);
                    client.write_all(&answered[..line])?;
                    client.write_all(b"connection: close\r\n")?;
                    client.write_all(&answered[line..])?;
                    client.shutdown(Shutdown::Write)
                }
            }
        }
    }
}
