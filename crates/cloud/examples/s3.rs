//! For `bench/s3.mjs`: an S3 server on loopback (`s3s-fs`), and a client that brings the files of a folder to one.
//!
//! ```text
//! s3 serve FOLDER                      prints its address; FOLDER has a folder for each bucket
//! s3 put ADDRESS BUCKET FOLDER N       N files at a time; prints the seconds
//! ```

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Instant;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use lifeboat_cloud::runtime;
use lifeboat_cloud::s3::S3Store;
use lifeboat_engine::config::cloud;
use lifeboat_engine::secret::Secret;
use lifeboat_engine::store::{Store, Straight, WholeFile};
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tokio::net::TcpListener;

const KEY: &str = "AKIABENCH";
const SECRET: &str = "bench-secret-key";

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", folder] => serve(Path::new(folder)),
        ["put", address, bucket, folder, at_a_time] => {
            put(address, bucket, Path::new(folder), at_a_time.parse().expect("N is a number"));
        }
        _ => {
            eprintln!("s3 serve FOLDER, or s3 put ADDRESS BUCKET FOLDER N");
            std::process::exit(2);
        }
    }
}

fn serve(folder: &Path) {
    let mut service = S3ServiceBuilder::new(FileSystem::new(folder).expect("the folder is there"));
    service.set_auth(SimpleAuth::from_single(KEY, SECRET));
    let service = service.build();
    runtime::block_on(async move {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        println!("http://{}", listener.local_addr().expect("it has an address"));
        while let Ok((socket, _)) = listener.accept().await {
            let service = service.clone();
            tokio::spawn(async move {
                let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(socket), service).await;
            });
        }
    });
}

fn put(address: &str, bucket: &str, folder: &Path, at_a_time: usize) {
    let s3 = cloud::S3 {
        bucket: bucket.into(),
        endpoint: Some(address.into()),
        access_key_id: Some(Secret::new(KEY)),
        secret_access_key: Some(Secret::new(SECRET)),
        ..cloud::S3::default()
    };
    let store = S3Store::open("bench", &s3).expect("the configuration is right");
    let files = std::fs::read_dir(folder).expect("the folder can be read");
    let files: Mutex<Vec<PathBuf>> = Mutex::new(files.map(|file| file.expect("a file").path()).collect());
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..at_a_time {
            scope.spawn(|| {
                while let Some(path) = { files.lock().expect("no thread has died").pop() } {
                    let name = path.file_name().and_then(|name| name.to_str()).expect("a plain name");
                    let body =
                        WholeFile::new(std::fs::File::open(&path).expect("it can be opened")).expect("it has a size");
                    store.put(name, &body, &Straight).expect("it arrives");
                }
            });
        }
    });
    println!("{:.3}", begun.elapsed().as_secs_f64());
}
