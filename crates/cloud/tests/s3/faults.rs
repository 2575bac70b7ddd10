use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lifeboat_cloud::s3::Limits;
use lifeboat_engine::store::{Course, Fault, Kind, Result, Store, Straight};

use crate::proxy::{Act, Proxy, answer};
use crate::server::Server;
use crate::{Kept, noise, said, store};

const MB: u64 = 1 << 20;

#[test]
fn what_a_service_cannot_take_now_is_told_with_how_long_to_wait() {
    let server = Server::start();
    let bytes = noise(3 << 20, 1);
    for (act, after) in [
        (Act::status(503, "retry-after: 7\r\n", "<Error><Code>SlowDown</Code></Error>"), Some(Duration::from_secs(7))),
        (Act::status(429, "retry-after: 1\r\n", ""), Some(Duration::from_secs(1))),
        (Act::code(500, "InternalError"), None),
        (Act::Instead(answer(502, "", "<html>bad gateway</html>")), None),
        (Act::Cut(MB), None),
        (Act::Cut(0), None),
        (Act::Unheard, None),
    ] {
        let one = act.clone();
        let proxy = Proxy::before(&server.address, move |number, _| if number == 0 { one.clone() } else { Act::Pass });
        let store = store(&proxy.url(), Limits::default());
        let fault = said(store.put("packs/ab/ab1", &bytes, &Straight));
        assert_eq!(fault.kind, Kind::Transient { after }, "{act:?}: {fault}");
        // It is tried once: nothing else was asked.
        assert_eq!(proxy.requests().len(), 1, "{:?}", proxy.requests());
        store.put("packs/ab/ab1", &bytes, &Straight).unwrap();
        assert_eq!(store.get("packs/ab/ab1", 0, bytes.len()).unwrap(), bytes);
        store.delete("packs/ab/ab1").unwrap();
    }
}

#[test]
fn a_service_that_refuses_is_not_sent_everything_each_time() {
    let server = Server::start();
    let busy = "<Error><Code>SlowDown</Code></Error>";
    let proxy = Proxy::before(&server.address, move |number, _| match number {
        0 => Act::status(503, "", busy),
        1..=3 => Act::Early(answer(503, "", busy)),
        _ => Act::Pass,
    });
    let store = store(&proxy.url(), Limits::default());
    let bytes = noise(8 << 20, 5);
    for _ in 0..4 {
        let fault = said(store.put("packs/ab/ab1", &bytes, &Straight));
        assert!(fault.message.contains("busy"), "{fault}");
        assert_eq!(proxy.sent(), bytes.len() as u64, "only the first time");
    }
    store.put("packs/ab/ab1", &bytes, &Straight).unwrap();
    assert_eq!(store.get("packs/ab/ab1", 0, bytes.len()).unwrap(), bytes);
}

#[test]
fn half_an_object_is_none() {
    let server = Server::start();
    let proxy =
        Proxy::before(&server.address, |_, line| if line.starts_with("PUT") { Act::Cut(MB) } else { Act::Pass });
    let store = store(&proxy.url(), Limits::default());
    said(store.put("packs/ab/ab1", &noise(2 << 20, 2), &Straight));
    assert_eq!(store.head("packs/ab/ab1").unwrap(), None);
    store.list("", &mut |stored| panic!("{stored:?}")).unwrap();
}

#[test]
fn an_answer_that_breaks_off_is_tried_again_and_never_taken_for_the_object() {
    let server = Server::start();
    let bytes = noise(MB as usize, 3);
    store(&server.url(), Limits::default()).put("packs/ab/ab1", &bytes, &Straight).unwrap();
    let half =
        "HTTP/1.1 206 X\r\ncontent-range: bytes 0-1048575/1048576\r\ncontent-length: 1048576\r\n\r\nhalf".to_owned();
    let proxy = Proxy::before(&server.address, move |_, _| Act::Answer(half.clone()));
    let fault = said(store(&proxy.url(), Limits::default()).get("packs/ab/ab1", 0, bytes.len()));
    assert!(fault.is_transient(), "{fault}");
}

#[test]
fn a_connection_that_stands_still_is_given_up() {
    let server = Server::start();
    let proxy = Proxy::before(&server.address, |_, _| Act::Stall);
    let store = store(&proxy.url(), Limits { patience: Duration::from_millis(300), ..Limits::default() });
    for outcome in [
        store.put("vault.json", &b"{}".to_vec(), &Straight).map(drop),
        store.get("vault.json", 0, 1000).map(drop),
        store.head("vault.json").map(drop),
        store.delete("vault.json"),
        store.put_if_absent("vault.json", b"{}").map(drop),
    ] {
        let fault = said(outcome);
        assert!(fault.is_transient() && fault.message.contains("stopped answering"), "{fault}");
    }
}

#[test]
fn a_put_is_stopped_in_its_middle_and_while_it_waits() {
    struct Stops {
        asked: AtomicU64,
        at: u64,
    }
    impl Course for Stops {
        fn send(&self, bytes: u64) -> Result<()> {
            // Waiting asks, too, with no bytes.
            match self.asked.fetch_add(bytes.max(1), Ordering::SeqCst) + bytes > self.at {
                true => Err(Fault::new(Kind::Cancelled, "office", "stopped")),
                false => Ok(()),
            }
        }
    }
    let server = Server::start();
    let proxy = Proxy::before(&server.address, |_, line| if line.contains("stalled") { Act::Stall } else { Act::Pass });
    let store = store(&proxy.url(), Limits::default());
    let bytes = noise(8 << 20, 4);
    let fault = said(store.put("packs/ab/ab1", &bytes, &Stops { asked: AtomicU64::new(0), at: 4 * MB }));
    assert_eq!(fault.kind, Kind::Cancelled);
    assert!(proxy.sent() <= 4 * MB, "it had leave for 4 MB, and sent {}", proxy.sent());
    assert_eq!(store.head("packs/ab/ab1").unwrap(), None);
    // All bytes may leave, and nobody takes them.
    let fault = said(store.put("stalled", &bytes, &Stops { asked: AtomicU64::new(0), at: 8 * MB + 2 }));
    assert_eq!(fault.kind, Kind::Cancelled);
}

#[test]
fn over_a_link_of_many_faults_everything_arrives_bit_for_bit() {
    let server = Server::start();
    let state = AtomicU64::new(12_345);
    let random = move || {
        let next = state
            .load(Ordering::SeqCst)
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        state.store(next, Ordering::SeqCst);
        next >> 33
    };
    let proxy = Proxy::before(&server.address, move |_, _| match random() % 12 {
        0 => Act::Cut(random() % (6 * MB)),
        1 => Act::Unheard,
        2 => Act::code(503, "SlowDown"),
        3 => Act::Instead(answer(500, "", "")),
        4 => Act::status(429, "retry-after: 0\r\n", ""),
        _ => Act::Pass,
    });
    let limits = Limits { single: 6 * MB, part: 5 * MB, ..Limits::default() };
    let (store, direct) = (store(&proxy.url(), limits), store(&server.url(), limits));
    for number in 0..20_u64 {
        let (object, bytes) = (format!("packs/{number}"), noise(((number % 4) * 4 + 1) as usize * MB as usize, number));
        let kept = Kept::default();
        let mut tries = 0;
        while let Err(fault) = store.put(&object, &bytes, &kept) {
            assert!(fault.is_transient(), "{fault}");
            tries += 1;
            assert!(tries < 100, "{fault}");
        }
        assert_eq!(direct.get(&object, 0, bytes.len()).unwrap(), bytes, "{object}");
        assert!(kept.session().is_none());
    }
    let mut listed = 0;
    direct.list("", &mut |_| listed += 1).unwrap();
    assert_eq!(listed, 20);
}
