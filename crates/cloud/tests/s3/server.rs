//! An S3 server in this process: `s3s-fs`, with a bucket called `bucket`.

use std::path::PathBuf;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use lifeboat_cloud::runtime;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tokio::net::TcpListener;
use tokio::sync::Mutex;

use crate::{KEY, SECRET};

pub struct Server {
    folder: tempfile::TempDir,
    pub address: String,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    pub fn start() -> Server {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("bucket")).unwrap();
        let mut service = S3ServiceBuilder::new(FileSystem::new(folder.path()).unwrap());
        service.set_auth(SimpleAuth::from_single(KEY, SECRET));
        let service = service.build();
        let listener = runtime::block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let whole = Arc::new(Mutex::new(()));
        let task = runtime::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (service, whole) = (service.clone(), Arc::clone(&whole));
                // `s3s-fs` looks whether there is an object, and writes it afterwards; services do both at once.
                let service = service_fn(move |request: http::Request<Incoming>| {
                    let (service, whole) = (service.clone(), Arc::clone(&whole));
                    async move {
                        let _held = match request.headers().contains_key("if-none-match") {
                            true => Some(whole.lock().await),
                            false => None,
                        };
                        service.call(request.map(s3s::Body::from)).await
                    }
                });
                tokio::spawn(async move {
                    let builder = Builder::new(TokioExecutor::new());
                    let _ = builder.serve_connection(TokioIo::new(socket), service).await;
                });
            }
        });
        Server { folder, address, task }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it keeps an object.
    pub fn file(&self, key: &str) -> PathBuf {
        self.folder.path().join("bucket").join(key)
    }

    /// Uploads that have begun and not ended.
    pub fn uploads(&self) -> usize {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        entries.filter(|entry| entry.as_ref().unwrap().file_name().to_str().unwrap().contains(".upload_id-")).count()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}
