//! Where a browser on this machine comes back to after Google's page: a port on loopback, for as long as somebody signs in.

use std::io::{BufRead, BufReader, ErrorKind, Read, Result, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// A request's first line; a code has some hundred bytes.
const LONGEST: u64 = 8 << 10;
const PATIENCE: Duration = Duration::from_secs(5);
const PAGE: &str =
    "<!DOCTYPE html><meta charset=utf-8><title>Lifeboat</title><p>Lifeboat has it. You can close this page.";

pub struct Redirect {
    listener: TcpListener,
    address: SocketAddr,
}

impl Redirect {
    pub fn listen() -> Result<Redirect> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        Ok(Redirect { address: listener.local_addr()?, listener })
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The query of a request that is meant; `None` where none has come within a quarter of a second.
    pub fn next(&self, is_meant: impl Fn(&str) -> bool) -> Option<String> {
        match self.listener.accept() {
            Ok((stream, _)) => serve(stream, is_meant).ok().flatten(),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                std::thread::sleep(Duration::from_millis(250));
                None
            }
            Err(_) => None,
        }
    }
}

fn serve(mut stream: TcpStream, is_meant: impl Fn(&str) -> bool) -> Result<Option<String>> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut line = String::new();
    BufReader::new(Read::take(&stream, LONGEST)).read_line(&mut line)?;
    let query =
        line.strip_prefix("GET ").and_then(|rest| rest.split(' ').next()?.split_once('?')).map(|(_, query)| query);
    let meant = query.filter(|query| is_meant(query)).map(String::from);
    let (status, page) = if meant.is_some() { ("200 OK", PAGE) } else { ("404 Not Found", "") };
    let length = page.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-type: text/html\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{page}"
    )?;
    Ok(meant)
}
