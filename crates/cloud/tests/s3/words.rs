use lifeboat_cloud::s3::{Limits, S3Store};
use lifeboat_engine::config::cloud;
use lifeboat_engine::secret::Secret;
use lifeboat_engine::store::{Fault, Kind, Store, Straight};

use crate::moto::Moto;
use crate::proxy::{Act, Proxy};
use crate::server::Server;
use crate::{config, said, store};

fn open(s3: &cloud::S3) -> S3Store {
    S3Store::with("office", s3, Limits::default(), &|_| None).unwrap()
}

/// The same from a put, a get, a head, a list, a delete and a look at the account, where `all` can tell.
fn each(store: &dyn Store) -> Vec<Fault> {
    vec![
        said(store.put("vault.json", &b"{}".to_vec(), &Straight)),
        said(store.put_if_absent("vault.json", b"{}")),
        said(store.get("vault.json", 0, 2)),
        said(store.head("vault.json")),
        said(store.list("", &mut |_| ())),
        said(store.account()),
    ]
}

#[test]
fn a_wrong_secret_and_an_unknown_key_are_the_credentials() {
    let server = Server::start();
    let wrong = Some(Secret::new("hush-wrong"));
    for fault in each(&open(&cloud::S3 { secret_access_key: wrong, ..config(&server.url()) })) {
        assert!(fault.kind == Kind::Credentials && fault.message.contains("secret access key"), "{fault}");
    }
    let proxy = Proxy::alone(|_, _| Act::code(403, "InvalidAccessKeyId"));
    let fault = said(store(&proxy.url(), Limits::default()).get("vault.json", 0, 1));
    assert!(fault.kind == Kind::Credentials && fault.message.contains("does not know the access key"), "{fault}");
}

#[test]
fn a_bucket_that_is_not_there_is_no_missing_object() {
    let moto = Moto::start();
    let store = open(&cloud::S3 { bucket: "nobody-has-it".into(), ..config(&moto.url()) });
    let faults = [
        said(store.put("vault.json", &b"{}".to_vec(), &Straight)),
        said(store.get("vault.json", 0, 2)),
        said(store.list("", &mut |_| ())),
        said(store.account()),
    ];
    for fault in faults {
        assert!(fault.kind == Kind::Refused && fault.message.contains("no bucket \"nobody-has-it\""), "{fault}");
    }
}

#[test]
fn a_clock_that_is_wrong_is_named_with_its_offset() {
    let answer = "<Error><Code>RequestTimeTooSkewed</Code><Message>The difference is too large.</Message></Error>";
    let proxy = Proxy::alone(move |_, _| Act::status(403, "date: Mon, 01 Jan 2024 00:00:00 GMT\r\n", answer));
    let fault = said(store(&proxy.url(), Limits::default()).put("vault.json", &b"{}".to_vec(), &Straight));
    assert!(fault.message.contains("days ahead of the service's"), "{fault}");
}

#[test]
fn a_bucket_of_another_region_is_named_with_it() {
    let answers = [
        Act::status(400, "", "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-3</Region></Error>"),
        Act::status(301, "x-amz-bucket-region: eu-west-3\r\n", "<Error><Code>PermanentRedirect</Code></Error>"),
    ];
    for answer in answers {
        let proxy = Proxy::alone(move |_, _| answer.clone());
        for fault in each(&store(&proxy.url(), Limits::default())) {
            assert!(fault.kind == Kind::Refused && fault.message.contains("Set `region` to \"eu-west-3\""), "{fault}");
        }
    }
}

#[test]
fn a_full_bucket_is_full() {
    for act in [
        Act::code(403, "QuotaExceeded"),
        Act::code(507, "XMinioStorageFull"),
        Act::status(403, "", "<Error><Code>AccessDenied</Code><Message>Storage cap exceeded</Message></Error>"),
    ] {
        let proxy = Proxy::alone(move |_, _| act.clone());
        let fault = said(store(&proxy.url(), Limits::default()).put("vault.json", &b"{}".to_vec(), &Straight));
        assert!(fault.kind == Kind::Full && fault.message.contains("used up"), "{fault}");
    }
}

#[test]
fn a_web_page_in_place_of_the_service_is_known_for_one() {
    for act in [
        Act::status(200, "content-type: text/html\r\n", "<html>Please sign in</html>"),
        Act::status(302, "location: http://127.0.0.1:1/login\r\n", ""),
        Act::status(511, "content-type: text/html\r\n", "<html>Please sign in</html>"),
    ] {
        let proxy = Proxy::alone(move |_, _| act.clone());
        for fault in each(&store(&proxy.url(), Limits::default())) {
            assert!(fault.is_transient() && fault.message.contains("web page"), "{fault}");
        }
        // Nobody was followed to where it led.
        said(store(&proxy.url(), Limits::default()).delete("vault.json"));
    }
}

#[test]
fn what_is_wrong_on_the_way_is_told_apart() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for fault in each(&store(&format!("http://{nobody}"), Limits::default())) {
        assert!(fault.is_transient() && fault.message.contains("nothing listens"), "{fault}");
    }
    for fault in each(&store("http://no-such-host.invalid", Limits::default())) {
        assert!(fault.is_transient() && fault.message.contains("no-such-host.invalid is not found"), "{fault}");
    }
    let server = Server::start();
    let fault = said(store(&format!("https://{}", server.address), Limits::default()).account());
    assert!(fault.message.contains("http:// or https://"), "{fault}");
}

#[test]
fn a_certificate_that_nobody_trusts_is_not_trusted() {
    let moto = Moto::encrypted();
    for fault in each(&store(&moto.url(), Limits::default())) {
        assert!(fault.kind == Kind::Refused && fault.message.contains("certificate"), "{fault}");
    }
}

#[test]
fn without_credentials_it_is_said_where_they_could_be() {
    let home = tempfile::tempdir().unwrap();
    let s3 = cloud::S3 { bucket: "b".into(), ..cloud::S3::default() };
    let variables = |name: &str| (name == "HOME").then(|| home.path().to_str().unwrap().to_owned());
    let fault = said(S3Store::with("office", &s3, Limits::default(), &variables));
    assert!(fault.kind == Kind::Credentials && fault.message.contains("AWS_SECRET_ACCESS_KEY"), "{fault}");
}
