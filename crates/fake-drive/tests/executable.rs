//! The fake as a program: for tests that are not written in Rust.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

#[test]
fn it_says_where_it_listens_takes_settings_and_ends_with_whoever_started_it() {
    let mut program = Command::new(env!("CARGO_BIN_EXE_fake-drive"));
    let mut fake = program.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut url = String::new();
    BufReader::new(fake.stdout.take().unwrap()).read_line(&mut url).unwrap();
    let host = url.trim().strip_prefix("http://").unwrap();
    let body = r#"{"pending":7,"outcome":"deny"}"#;
    let mut stream = TcpStream::connect(host).unwrap();
    let length = body.len();
    write!(
        stream,
        "POST /fake/settings HTTP/1.1\r\nhost: {host}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains(r#""pending":7"#), "{answer}");
    drop(fake.stdin.take());
    assert!(fake.wait().unwrap().success());
}
