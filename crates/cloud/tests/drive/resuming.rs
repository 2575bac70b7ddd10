//! An upload that is cut off, killed or refused goes on where it stood, and comes to exactly one file with exactly its bytes.

use std::sync::atomic::Ordering;

use lifeboat_engine::store::{Fault, Kind, Stored, Straight};
use lifeboat_fake_drive::faults::{Act, Plan};

use crate::setting::{Remembering, Setting, noise};

const MB: usize = 1 << 20;
const OBJECT: &str = "packs/ab/abcd";

/// Tries again as long as that may help, each time with a store that remembers nothing, as after a crash; says how often.
fn put_at_last(setting: &Setting, object: &str, bytes: &[u8], course: &Remembering) -> Result<(Stored, usize), Fault> {
    let body = bytes.to_vec();
    for tries in 1..200 {
        match setting.store().put(object, &body, course) {
            Err(fault) if fault.is_transient() => {}
            done => return Ok((done?, tries)),
        }
    }
    panic!("it does not end");
}

fn is_there_once(setting: &Setting, object: &str, bytes: &[u8]) {
    let ids = setting.fake.world().at(&format!("Lifeboat/{object}"));
    assert_eq!(ids.len(), 1, "{object} is there once");
    assert!(setting.fake.world().files[&ids[0]].content == bytes, "{object} has other bytes");
}

#[test]
fn each_fault_in_a_large_upload_is_gone_on_from() {
    let part = "PUT /upload";
    let bytes = noise(9 * MB);
    for (name, plan) in [
        ("a cut inside a part", Plan::new(part, Act::Cut { after: 5 * MB as u64 + 77 })),
        ("a cut in the first bytes", Plan::new(part, Act::Cut { after: 10 })),
        ("a cut before the last answer", Plan::new(part, Act::CutAnswer)),
        ("a cut before the address comes", Plan::new("uploadType=resumable", Act::CutAnswer)),
        ("a cut of the folder's answer", Plan::new("POST /drive", Act::CutAnswer)),
        ("a part of which a part is kept", Plan::new(part, Act::Persist { bytes: 3 * MB as u64 })),
        ("a part of which nothing is kept", Plan::new(part, Act::Persist { bytes: 0 })),
        ("308 without a range", Plan::new(part, Act::HideRange)),
        ("a session that has gone (404)", Plan::new(part, Act::ExpireSession { status: 404 })),
        ("a session that has gone (410)", Plan::new(part, Act::ExpireSession { status: 410 })),
        ("503 with nothing kept", Plan::new(part, Act::refuse(503, "backendError"))),
        (
            "503 with all kept",
            Plan::new(part, Act::Status { status: 503, reason: "backendError".into(), retry_after: None, done: true }),
        ),
        ("500 at its beginning", Plan::new("uploadType=resumable", Act::refuse(500, "internalError"))),
        ("a rate limit", Plan::new("uploadType=resumable", Act::refuse(403, "userRateLimitExceeded"))),
        ("a rate limit while the folder is made", Plan::new("POST /drive", Act::refuse(429, "rateLimitExceeded"))),
        ("a captive portal", Plan::new(part, Act::Portal)),
    ] {
        let setting = Setting::owner();
        setting.fake.plan(plan);
        let course = Remembering::default();
        let (stored, _) =
            put_at_last(&setting, OBJECT, &bytes, &course).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        assert_eq!(stored.size, bytes.len() as u64, "{name}");
        is_there_once(&setting, OBJECT, &bytes);
        assert!(course.session.lock().unwrap().is_none(), "{name}: it has ended, and is remembered");
        assert!(setting.fake.world().plans.is_empty(), "{name}: it did not happen");
        assert_eq!(setting.fake.world().at("Lifeboat").len(), 1, "{name}");
        assert_eq!(setting.fake.world().at("Lifeboat/packs/ab").len(), 1, "{name}");
    }
}

#[test]
fn each_fault_in_a_small_upload_makes_no_second_file() {
    let way = "uploadType=multipart";
    let bytes = noise(MB);
    for (name, plan) in [
        ("a cut inside", Plan::new(way, Act::Cut { after: 5000 })),
        ("a cut before the answer", Plan::new(way, Act::CutAnswer)),
        (
            "500 although it is done",
            Plan::new(way, Act::Status { status: 500, reason: String::new(), retry_after: None, done: true }),
        ),
        ("500", Plan::new(way, Act::refuse(500, "internalError"))),
        ("429", Plan::new(way, Act::refuse(429, "rateLimitExceeded"))),
        ("an answer that is cut short", Plan::new(way, Act::CutShort { bytes: 20 })),
    ] {
        let setting = Setting::owner();
        setting.fake.plan(plan);
        put_at_last(&setting, OBJECT, &bytes, &Remembering::default())
            .unwrap_or_else(|fault| panic!("{name}: {fault}"));
        is_there_once(&setting, OBJECT, &bytes);
    }
}

#[test]
fn a_pack_is_two_requests_that_write_and_short_parts_where_something_was_lost() {
    let setting = Setting::owner();
    let store = setting.store();
    // The folders are there.
    store.put("packs/ab/small", &noise(1000), &Straight).unwrap();
    let written = |setting: &Setting| setting.fake.count("POST /upload") + setting.fake.count("PUT /upload");
    let before = written(&setting);
    store.put(OBJECT, &noise(17 * MB), &Straight).unwrap();
    assert_eq!(written(&setting) - before, 2);
    let (before, careful) = (written(&setting), Remembering { is_careful: true.into(), ..Remembering::default() });
    store.put("packs/ab/other", &noise(17 * MB + 1), &careful).unwrap();
    assert_eq!(written(&setting) - before, 1 + 18);
}

#[test]
fn what_was_kept_is_not_sent_again() {
    let setting = Setting::owner();
    let bytes = noise(40 * MB);
    for place in [7, 13, 22] {
        setting.fake.plan(Plan::new("PUT /upload", Act::Cut { after: place * MB as u64 / 2 + 99 }));
    }
    let (_, tries) = put_at_last(&setting, OBJECT, &bytes, &Remembering::default()).unwrap();
    assert!(tries > 1);
    is_there_once(&setting, OBJECT, &bytes);
    let extra = setting.fake.received() as f64 / bytes.len() as f64 - 1.0;
    assert!(extra < 0.05, "{:.1} % were sent again", extra * 100.0);
}

#[test]
fn a_hundred_random_faults_bring_everything_once_and_with_few_extra_bytes() {
    let setting = Setting::owner();
    let mut seed = 20_261_126_u64;
    let mut random = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let (mut total, mut faults, course) = (0, 0, Remembering::default());
    for index in 0..25 {
        let bytes = noise(match index % 5 {
            0 => 100_000,
            _ => 6 * MB + random(6 * MB as u64) as usize,
        });
        let object = format!("packs/{:02}/{index}", index % 7);
        for _ in 0..4 {
            let on = ["PUT /upload", "POST /upload", "GET /drive", "POST /token"][random(4) as usize];
            let act = match random(8) {
                0 | 1 => Act::Cut { after: random(bytes.len() as u64) },
                2 => Act::CutAnswer,
                3 => Act::refuse(503, "backendError"),
                4 => Act::refuse(403, "userRateLimitExceeded"),
                5 => Act::Status { status: 500, reason: String::new(), retry_after: None, done: true },
                6 => Act::Persist { bytes: random(bytes.len() as u64) },
                _ => Act::refuse(429, "rateLimitExceeded"),
            };
            setting.fake.plan(Plan::new(on, act).after(random(3) as u32));
            faults += 1;
        }
        put_at_last(&setting, &object, &bytes, &course).unwrap();
        is_there_once(&setting, &object, &bytes);
        total += bytes.len();
    }
    assert_eq!(faults, 100);
    let extra = setting.fake.received() as f64 / total as f64 - 1.0;
    println!("{} MB, {faults} faults planned, {:.1} % extra", total / MB, extra * 100.0);
    assert!(extra < 0.10, "{:.1} % were sent again", extra * 100.0);
}

#[test]
fn a_session_that_was_for_other_bytes_is_not_gone_on_with() {
    let setting = Setting::owner();
    let course = Remembering { stop_after: Some(6 * MB as u64), ..Remembering::default() };
    let fault = setting.store().put(OBJECT, &noise(9 * MB), &course).unwrap_err();
    assert_eq!(fault.kind, Kind::Cancelled);
    let course = Remembering { session: course.session, ..Remembering::default() };
    assert!(course.session.lock().unwrap().is_some());
    let other = noise(9 * MB + 1);
    setting.store().put(OBJECT, &other, &course).unwrap();
    is_there_once(&setting, OBJECT, &other);
}

#[test]
fn a_replacement_that_is_cut_off_leaves_the_old_object_and_then_the_new_one() {
    let setting = Setting::owner();
    let (old, new) = (noise(MB), noise(9 * MB));
    setting.store().put(OBJECT, &old, &Straight).unwrap();
    setting.fake.plan(Plan::new("PUT /upload", Act::Cut { after: 2 * MB as u64 }));
    let course = Remembering::default();
    assert!(setting.store().put(OBJECT, &new, &course).unwrap_err().is_transient());
    is_there_once(&setting, OBJECT, &old);
    setting.store().put(OBJECT, &new, &course).unwrap();
    is_there_once(&setting, OBJECT, &new);
}

#[test]
fn a_session_that_is_given_up_is_not_known_any_more() {
    let setting = Setting::owner();
    let course = Remembering { stop_after: Some(6 * MB as u64), ..Remembering::default() };
    let store = setting.store();
    store.put(OBJECT, &noise(9 * MB), &course).unwrap_err();
    assert_eq!(setting.fake.world().uploads.len(), 1);
    let session = course.session.lock().unwrap().clone().unwrap();
    store.abandon(OBJECT, &session).unwrap();
    assert_eq!(setting.fake.world().uploads.len(), 0);
    assert!(course.sent.load(Ordering::Relaxed) > 0);
}
