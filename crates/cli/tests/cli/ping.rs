//! `monitor.pingUrl`: a watchman on the web hears of each backup that was typed, or that cron has made.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::bot::{Bot, document, texts};

/// A watchman who gives these answers, one after the other: his address, and what he was asked.
fn watchman(answers: &'static [&'static str]) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/ping/s3cret?create=1", listener.local_addr().unwrap());
    let (said, heard) = channel();
    std::thread::spawn(move || {
        for (answer, stream) in answers.iter().zip(listener.incoming()) {
            let mut stream = stream.unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            let (mut request, mut buffer) = (Vec::new(), [0; 4096]);
            while !is_whole(&request) {
                let read = stream.read(&mut buffer).unwrap();
                request.extend_from_slice(&buffer[..read]);
            }
            write!(stream, "HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
            said.send(String::from_utf8(request).unwrap()).unwrap();
        }
    });
    (address, heard)
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    body.len() >= length.unwrap_or(0)
}

fn with_ping(url: &str) -> Bot {
    let bot = Bot::new();
    fs::create_dir(bot.root().join("config")).unwrap();
    bot.write("config/backup-config.json", &format!(r#"{{"monitor":{{"pingUrl":"{url}"}}}}"#));
    bot
}

#[test]
fn a_watchman_hears_of_good_backups_and_of_bad_ones() {
    let (url, heard) = watchman(&["200 OK", "503 Later", "200 OK", "200 OK"]);
    let bot = with_ping(&url);
    let next = || heard.recv_timeout(Duration::from_secs(30)).unwrap();
    bot.backup();
    assert!(next().starts_with("GET /ping/s3cret?create=1 HTTP/1.1"));
    // One that has hiccups is asked again.
    bot.backup();
    assert!(next().starts_with("GET ") && next().starts_with("GET "));
    let error = document(&mut bot.locked_out(["backup", "--json"]), 1);
    assert_eq!(error["error"]["code"], "E_PASSPHRASE");
    let request = next();
    assert!(request.starts_with("POST /ping/s3cret/fail?create=1 HTTP/1.1"), "{request}");
    assert!(request.contains("E_PASSPHRASE: "), "{request}");
}

#[test]
fn a_watchman_who_sends_us_to_another_scheme_is_not_followed() {
    let (url, heard) = watchman(&["302 Found\r\nLocation: https://127.0.0.1:1/s3cret"; 3]);
    let bot = with_ping(&url);
    let (_, err) = texts(&mut bot.lifeboat(["backup"]), 0);
    assert_eq!(heard.iter().count(), 3);
    assert!(err.contains("302") && !err.contains("s3cret"), "{err}");
}

#[test]
fn a_watchman_who_is_not_there_harms_nothing_and_his_address_is_not_told() {
    let (url, heard) = watchman(&["404 No", "404 No", "404 No"]);
    let bot = with_ping(&url);
    let (out, err) = texts(&mut bot.lifeboat(["backup"]), 0);
    assert_eq!(heard.iter().count(), 3);
    assert!(out.contains("backup_MANUAL") && err.contains("monitor.pingUrl") && err.contains("404"), "{out}{err}");
    assert!(!err.contains("s3cret") && !out.contains("s3cret"));
    let (_, err) = texts(&mut bot.lifeboat(["backup", "--quiet"]), 0);
    assert_eq!(err, "");
}
