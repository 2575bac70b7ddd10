//! Amazon's own service, as far as it can be had without Amazon: moto answers for all of its names, as a proxy. So the bucket is in
//! the name of the host, and every object goes with a checksum.

use std::process::Command;

use lifeboat_cloud::s3::Limits;
use lifeboat_engine::store::conformance;

use crate::moto::Moto;
use crate::proxy::{Act, Proxy};
use crate::store;

const AMAZON: &str = "http://s3.us-east-1.amazonaws.com";
const PROXY: &str = "http_proxy";

#[test]
fn amazon_is_a_store_by_its_own_names_and_with_its_checksums() {
    let moto = Moto::as_proxy();
    let (status, said) = moto.ask("PUT", "http://bucket.s3.us-east-1.amazonaws.com/", "");
    assert_eq!(status, 200, "{said}");
    let proxy = Proxy::before(&moto.address(), |_, _| Act::Pass);
    // What a process takes for its proxy is in its environment: this is one of its own.
    let done = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "amazon::behind_the_proxy", "--ignored", "--nocapture"])
        .env(PROXY, proxy.url())
        .env_remove("no_proxy")
        .env_remove("NO_PROXY")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stdout) + String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success() && said.contains("1 passed"), "{said}");
    assert!(proxy.count("PUT http://bucket.s3.us-east-1.amazonaws.com/vault/") > 10, "{:?}", proxy.requests());
}

#[test]
#[ignore = "the test above runs it, behind a proxy"]
fn behind_the_proxy() {
    if std::env::var_os(PROXY).is_some() {
        conformance::check(&store(AMAZON, Limits::default()));
        conformance::check(&store(AMAZON, Limits { single: 1 << 20, part: 5 << 20, ..Limits::default() }));
    }
}
