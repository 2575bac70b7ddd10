//! The fake as a program: for tests that are not written in Rust.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

#[test]
fn it_says_where_it_listens_takes_settings_and_ends_with_whoever_started_it() {
    let (mut fake, url) = start(&[]);
    let host = url.strip_prefix("http://").unwrap();
    let answer = ask(host, "POST", "/fake/settings", r#"{"pending":7,"outcome":"deny"}"#);
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains(r#""pending":7"#), "{answer}");
    drop(fake.stdin.take());
    assert!(fake.wait().unwrap().success());
}

#[test]
fn what_there_is_outlives_the_process_in_a_folder_and_it_is_reached_where_it_is_told() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kept");
    let _ = std::fs::remove_dir_all(&folder);
    let elsewhere = "http://drive.example:1";
    for pending in ["1", "9"] {
        let (mut fake, url) = start(&[folder.to_str().unwrap(), elsewhere]);
        let host = url.strip_prefix("http://").unwrap();
        let answer = ask(host, "POST", "/fake/settings", "{}");
        assert!(answer.contains(&format!(r#""pending":{pending}"#)), "{answer}");
        ask(host, "POST", "/fake/settings", r#"{"pending":9}"#);
        let key = ask(host, "GET", "/fake/service-account", "");
        assert!(key.contains("http://drive.example:1/token"), "{key}");
        drop(fake.stdin.take());
        assert!(fake.wait().unwrap().success());
    }
}

fn start(arguments: &[&str]) -> (Child, String) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_fake-drive"));
    let mut fake = program.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut url = String::new();
    BufReader::new(fake.stdout.take().unwrap()).read_line(&mut url).unwrap();
    (fake, url.trim().to_owned())
}

fn ask(host: &str, method: &str, path: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(host).unwrap();
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
