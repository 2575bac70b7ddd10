//! moto, a server in Python that knows more of S3 than others: versions, locks, policies, unfinished uploads.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub struct Moto {
    process: Child,
    port: u16,
    scheme: &'static str,
}

impl Moto {
    pub fn start() -> Moto {
        let moto = Moto::with("moto_server", "http", &[]);
        assert_eq!(moto.ask("PUT", "/bucket", "").0, 200);
        moto
    }

    /// It answers in place of Amazon's own hosts.
    pub fn as_proxy() -> Moto {
        Moto::with("moto_proxy", "http", &[])
    }

    /// With a certificate that nobody trusts.
    pub fn encrypted() -> Moto {
        Moto::with("moto_server", "https", &["--ssl"])
    }

    fn with(program: &str, scheme: &'static str, options: &[&str]) -> Moto {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Command::new(tool(program))
            .args(["--host", "127.0.0.1", "--port", &port.to_string()])
            .args(options)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let moto = Moto { process, port, scheme };
        let begun = Instant::now();
        while TcpStream::connect(moto.address()).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(60), "moto does not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        moto
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address())
    }

    /// Asks without a signature: its status, and what it said. `path` may be an address, of a proxy.
    pub fn ask(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address()).unwrap();
        let elsewhere = path.strip_prefix("http://").and_then(|path| path.split('/').next());
        let (host, length) = (elsewhere.map_or_else(|| self.address(), String::from), body.len());
        write!(stream, "{method} {path} HTTP/1.0\r\nhost: {host}\r\ncontent-length: {length}\r\n\r\n{body}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        (answer[9..12].parse().unwrap(), answer)
    }

    /// Amazon's own command line, as an administrator uses it.
    pub fn aws(&self, arguments: &[&str]) -> String {
        let done = Command::new(tool("aws"))
            .args(arguments)
            .args(["--endpoint-url", &self.url(), "--region", "us-east-1", "--output", "text"])
            .env("AWS_ACCESS_KEY_ID", "AKIAADMIN")
            .env("AWS_SECRET_ACCESS_KEY", "admin")
            .output()
            .unwrap();
        assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A tool that the tests need: where `.ci/run` installs them, or wherever it is.
pub fn tool(name: &str) -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let here = root.join("target/tools/bin").join(name);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let elsewhere = std::env::split_paths(&path).map(|folder| folder.join(name));
    std::iter::once(here).chain(elsewhere).find(|file| file.exists()).unwrap_or_else(|| {
        panic!(
            "{name} is not here. It comes with\n  python3 -m venv target/tools && target/tools/bin/pip install -r .ci/requirements.txt"
        )
    })
}
