use lifeboat_cloud::Clouds;
use lifeboat_cloud::s3::{Limits, S3Store};
use lifeboat_engine::config::cloud::{self, Target};
use lifeboat_engine::store::{Opener, Store, Straight, conformance};

use crate::moto::Moto;
use crate::server::Server;
use crate::{config, store};

#[test]
fn s3_is_a_store() {
    let server = Server::start();
    conformance::check(&store(&server.url(), Limits::default()));
    assert_eq!(server.uploads(), 0);
}

#[test]
fn s3_in_parts_is_a_store() {
    let server = Server::start();
    conformance::check(&store(&server.url(), Limits { single: 1 << 20, part: 5 << 20, ..Limits::default() }));
    assert_eq!(server.uploads(), 0);
}

#[test]
fn moto_is_a_store_in_parts_and_whole() {
    let moto = Moto::start();
    conformance::check(&store(&moto.url(), Limits::default()));
    conformance::check(&store(&moto.url(), Limits { single: 1 << 20, part: 5 << 20, ..Limits::default() }));
}

#[test]
fn many_vaults_share_a_bucket_and_none_sees_the_others() {
    let server = Server::start();
    let open = |prefix: &str| {
        let s3 = cloud::S3 { prefix: Some(prefix.into()), ..config(&server.url()) };
        S3Store::with("s3", &s3, Limits::default(), &|_| None).unwrap()
    };
    let (one, two) = (open("one"), open("two"));
    one.put("vault.json", &b"1".to_vec(), &Straight).unwrap();
    assert_eq!(two.head("vault.json").unwrap(), None);
    two.list("", &mut |stored| panic!("{stored:?}")).unwrap();
    two.put("vault.json", &b"22".to_vec(), &Straight).unwrap();
    assert_eq!(one.get("vault.json", 0, 1).unwrap(), b"1");
    let named = open("/two/");
    assert_eq!(named.head("vault.json").unwrap().unwrap().size, 2);
    assert!(server.file("two/vault.json").is_file(), "the key is what one would look for");
}

#[test]
fn a_target_of_the_configuration_is_opened_and_says_whose_it_is() {
    let server = Server::start();
    let target = Target::S3(cloud::S3 { prefix: Some("vault".into()), ..config(&server.url()) });
    let store = Clouds.open(&target, "").unwrap();
    store.put("vault.json", &b"{}".to_vec(), &Straight).unwrap();
    assert_eq!(store.account().unwrap().name, Some(format!("bucket at {}", server.address)));
    let folder = tempfile::tempdir().unwrap();
    let target = cloud::Folder { path: folder.path().into(), ..cloud::Folder::default() };
    conformance::check(&*Clouds.open(&Target::Folder(target), "").unwrap());
}

#[test]
fn a_thousand_and_more_objects_are_listed_page_by_page() {
    let moto = Moto::start();
    let store = store(&moto.url(), Limits::default());
    for number in 0..1003 {
        assert_eq!(moto.ask("PUT", &format!("/bucket/vault/packs/{number:04}"), "x").0, 200);
    }
    let mut names = Vec::new();
    store.list("packs/", &mut |stored| names.push(stored.object)).unwrap();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 1003);
}
