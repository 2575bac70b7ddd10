use std::sync::atomic::Ordering;

use lifeboat_cloud::s3::Limits;
use lifeboat_engine::secret::Secret;
use lifeboat_engine::store::{Store, Straight};

use crate::moto::Moto;
use crate::proxy::{Act, Proxy};
use crate::server::Server;
use crate::{Kept, noise, said, store};

const MB: u64 = 1 << 20;
const PARTS: Limits =
    Limits { single: 8 * MB, part: 5 * MB, short_part: 5 * MB, patience: std::time::Duration::from_secs(10) };

#[test]
fn an_upload_that_was_cut_off_goes_on_where_it_was_and_sends_little_twice() {
    let server = Server::start();
    let proxy = Proxy::before(&server.address, |_, line| match line.contains("partNumber=4&") {
        true => Act::Cut(2 * MB),
        false => Act::Pass,
    });
    let (bytes, kept) = (noise(42 << 20, 1), Kept::default());
    let fault = said(store(&proxy.url(), PARTS).put("archives/a", &bytes, &kept));
    assert!(fault.is_transient() && fault.message.contains("broke off"), "{fault}");
    assert_eq!(store(&proxy.url(), PARTS).head("archives/a").unwrap(), None);
    // As after a crash: nothing is left but what was kept.
    proxy.decide(|_, _| Act::Pass);
    store(&proxy.url(), PARTS).put("archives/a", &bytes, &kept).unwrap();
    assert_eq!(store(&server.url(), PARTS).get("archives/a", 0, bytes.len()).unwrap(), bytes);
    assert!(kept.session().is_none() && server.uploads() == 0);
    let extra = proxy.sent() - bytes.len() as u64;
    assert!(extra <= 5 * MB, "{extra} bytes were sent twice");
    let begun = proxy.requests().iter().filter(|line| line.starts_with("POST") && line.contains("?uploads")).count();
    assert_eq!(begun, 1);
    assert_eq!(proxy.count("partNumber=3&"), 1, "{:?}", proxy.requests());
}

#[test]
fn an_upload_that_was_completed_unheard_is_not_sent_again() {
    let server = Server::start();
    let proxy =
        Proxy::before(&server.address, |_, line| match line.starts_with("POST") && !line.contains("?uploads") {
            true => Act::Unheard,
            false => Act::Pass,
        });
    let (bytes, kept) = (noise(11 << 20, 2), Kept::default());
    let fault = said(store(&proxy.url(), PARTS).put("archives/a", &bytes, &kept));
    assert!(fault.is_transient(), "{fault}");
    proxy.decide(|_, _| Act::Pass);
    let before = proxy.sent();
    assert_eq!(store(&proxy.url(), PARTS).put("archives/a", &bytes, &kept).unwrap().size, 11 * MB);
    assert!(proxy.sent() - before < 4096, "{} bytes were sent again", proxy.sent() - before);
    assert!(kept.session().is_none());
}

#[test]
fn an_upload_that_the_service_has_ended_begins_anew() {
    let moto = Moto::start();
    let cut =
        Proxy::before(&moto.address(), |_, line| if line.contains("partNumber=2&") { Act::Cut(1) } else { Act::Pass });
    let (bytes, kept) = (noise(11 << 20, 3), Kept::default());
    said(store(&cut.url(), PARTS).put("archives/a", &bytes, &kept));
    let store = store(&moto.url(), PARTS);
    store.abandon("archives/a", &kept.session().unwrap()).unwrap();
    let (_, left) = moto.ask("GET", "/bucket?uploads=", "");
    assert!(!left.contains("archives/a"), "{left}");
    let fault = said(store.put("archives/a", &bytes, &kept));
    assert!(fault.is_transient() && fault.message.contains("begins anew"), "{fault}");
    store.put("archives/a", &bytes, &kept).unwrap();
    assert_eq!(store.get("archives/a", 0, bytes.len()).unwrap(), bytes);
    // That it is gone is no error, nor that it never was.
    store.abandon("archives/a", &Secret::new("nonsense")).unwrap();
}

#[test]
fn a_session_of_other_bytes_is_not_gone_on_with() {
    let server = Server::start();
    let cut =
        Proxy::before(&server.address, |_, line| if line.contains("partNumber=2&") { Act::Cut(1) } else { Act::Pass });
    let kept = Kept::default();
    said(store(&cut.url(), PARTS).put("archives/a", &noise(11 << 20, 4), &kept));
    for other in [noise(12 << 20, 5), noise(1 << 20, 6)] {
        store(&server.url(), PARTS).put("archives/a", &other, &kept).unwrap();
        assert_eq!(store(&server.url(), PARTS).get("archives/a", 0, other.len()).unwrap(), other);
        assert!(kept.session().is_none() && server.uploads() == 0, "the other upload has ended");
        said(store(&cut.url(), PARTS).put("archives/a", &noise(11 << 20, 4), &kept));
    }
}

#[test]
fn a_link_that_cuts_off_a_whole_object_gets_it_in_short_parts() {
    let server = Server::start();
    let limits = Limits::default();
    let proxy =
        Proxy::before(&server.address, |_, line| if line.starts_with("PUT") { Act::Cut(7 * MB) } else { Act::Pass });
    let (bytes, kept) = (noise(16 << 20, 6), Kept::default());
    // It never gets more than 7 MB through at a time.
    let mut tries = 0;
    while let Err(fault) = store(&proxy.url(), limits).put("packs/ab/ab1", &bytes, &kept) {
        assert!(fault.is_transient(), "{fault}");
        tries += 1;
        assert!(tries < 10, "it never gets there");
        proxy.decide(|_, line| match line.starts_with("PUT") && !line.contains("partNumber") {
            true => Act::Cut(7 * MB),
            false => Act::Pass,
        });
    }
    assert_eq!(tries, 1);
    assert_eq!(store(&server.url(), limits).get("packs/ab/ab1", 0, bytes.len()).unwrap(), bytes);
    assert_eq!(proxy.count("partNumber"), 4, "{:?}", proxy.requests());
}

#[test]
fn where_something_was_lost_an_object_goes_in_short_parts() {
    let server = Server::start();
    let proxy = Proxy::before(&server.address, |_, _| Act::Pass);
    let (bytes, careful) = (noise(16 << 20, 8), Kept { is_careful: true, ..Kept::default() });
    store(&proxy.url(), Limits::default()).put("packs/ab/ab1", &bytes, &careful).unwrap();
    assert_eq!(proxy.count("partNumber"), 4, "{:?}", proxy.requests());
    assert_eq!(store(&server.url(), Limits::default()).get("packs/ab/ab1", 0, bytes.len()).unwrap(), bytes);
    // What is cut off is told, so that the next one goes so, too.
    let careful = Kept { is_careful: true, ..Kept::default() };
    proxy.decide(|_, line| if line.contains("partNumber=2&") { Act::Cut(4 * MB) } else { Act::Pass });
    said(store(&proxy.url(), Limits::default()).put("packs/ab/ab2", &bytes, &careful));
    assert_eq!(careful.losses.load(Ordering::SeqCst), 1);
    assert_eq!(careful.reached.load(Ordering::SeqCst), 5 * MB);
}

#[test]
fn a_part_that_arrived_unheard_is_not_sent_again() {
    let moto = Moto::start();
    let proxy = Proxy::before(&moto.address(), |_, line| match line.contains("partNumber=2&") {
        true => Act::Unheard,
        false => Act::Pass,
    });
    let (bytes, kept) = (noise(17 << 20, 9), Kept::default());
    said(store(&proxy.url(), PARTS).put("archives/a", &bytes, &kept));
    proxy.decide(|_, _| Act::Pass);
    store(&proxy.url(), PARTS).put("archives/a", &bytes, &kept).unwrap();
    assert_eq!(proxy.count("partNumber=2&"), 1, "{:?}", proxy.requests());
    assert_eq!(store(&moto.url(), PARTS).get("archives/a", 0, bytes.len()).unwrap(), bytes);
}

#[test]
fn an_upload_whose_beginning_was_unheard_is_ended() {
    let moto = Moto::start();
    let proxy = Proxy::before(&moto.address(), |_, line| match line.starts_with("POST") && line.contains("?uploads") {
        true => Act::Unheard,
        false => Act::Pass,
    });
    let (bytes, careful) = (noise(11 << 20, 10), Kept { is_careful: true, ..Kept::default() });
    // One store, which looks only once for what was forgotten: in moto every upload is old.
    let store = store(&proxy.url(), PARTS);
    said(store.put("archives/a", &bytes, &careful));
    assert_eq!(moto.ask("POST", "/bucket/vault/archives/ab?uploads=", "").0, 200);
    proxy.decide(|_, _| Act::Pass);
    store.put("archives/a", &bytes, &careful).unwrap();
    let (_, left) = moto.ask("GET", "/bucket?uploads=", "");
    assert!(!left.contains("archives/a<") && left.contains("archives/ab<"), "{left}");
}

#[test]
fn a_pack_is_one_request_that_writes() {
    let server = Server::start();
    let proxy = Proxy::before(&server.address, |_, _| Act::Pass);
    store(&proxy.url(), Limits::default()).put("packs/ab/ab1", &noise(17 << 20, 7), &Straight).unwrap();
    assert_eq!(proxy.requests().iter().filter(|line| !line.starts_with("HEAD")).count(), 1, "{:?}", proxy.requests());
}

#[test]
fn uploads_that_nobody_goes_on_with_are_ended_and_those_of_others_are_not() {
    let moto = Moto::start();
    for key in ["vault/archives/a", "vault/archives/b", "other/archives/c"] {
        assert_eq!(moto.ask("POST", &format!("/bucket/{key}?uploads="), "").0, 200);
    }
    let store = store(&moto.url(), PARTS);
    // In moto every upload began in 2010.
    assert_eq!(store.end_begun_before("2009-01-01T00:00:00Z".parse().unwrap()).unwrap(), 0);
    assert_eq!(store.end_forgotten().unwrap(), 2);
    assert_eq!(store.end_forgotten().unwrap(), 0);
    let (_, left) = moto.ask("GET", "/bucket?uploads=", "");
    assert!(left.contains("other/archives/c") && !left.contains("vault/archives"), "{left}");
}
