use lifeboat_cloud::s3::Limits;
use lifeboat_engine::store::{Kind, Store, Straight};

use crate::moto::Moto;
use crate::proxy::{Act, Proxy, answer};
use crate::{said, store};

fn list(store: &dyn Store) -> Vec<String> {
    let mut names = Vec::new();
    store.list("", &mut |stored| names.push(stored.object)).unwrap();
    names
}

#[test]
fn foreign_files_hide_nothing_and_are_none_of_ours() {
    let moto = Moto::start();
    for key in
        ["vault/", "vault/packs//double", "vault/a/../b", "vault/packs/%2561b", "vault/%01", "elsewhere/vault.json"]
    {
        moto.ask("PUT", &format!("/bucket/{key}"), "x");
    }
    let store = store(&moto.url(), Limits::default());
    store.put("packs/ab", &b"ours".to_vec(), &Straight).unwrap();
    let names = list(&store);
    assert!(names.contains(&"packs/ab".into()) && names.contains(&"packs//double".into()), "{names:?}");
    assert!(!names.iter().any(|name| name.contains("elsewhere")), "{names:?}");
    assert_eq!(names.iter().filter(|name| *name == "packs/ab").count(), 1, "no key passes for another: {names:?}");
    // What is no name of an object can be neither read nor removed.
    assert!(store.delete("packs//double").is_err() && store.get("a/../b", 0, 1).is_err());
}

#[test]
fn an_answer_without_sense_is_an_error() {
    let huge = "x".repeat(17 << 20);
    for text in [
        "",
        "nonsense",
        "<ListBucketResult>",
        "<ListBucketResult></ListBucketResult>",
        "<ListBucketResult><Contents><Key>vault/a</Key><Size>-1</Size></Contents></ListBucketResult>",
        "\u{0}\u{1}\u{2}",
        huge.as_str(),
    ] {
        let whole = answer(200, "", text);
        let proxy = Proxy::alone(move |_, _| Act::Answer(whole.clone()));
        let fault = said(store(&proxy.url(), Limits::default()).list("", &mut |_| ()));
        assert!(!fault.is_transient() && fault.message.contains("makes no sense"), "{fault}");
    }
}

#[test]
fn what_is_not_even_http_is_an_error() {
    let proxy = Proxy::alone(|_, _| Act::Answer("SSH-2.0-OpenSSH_9.6\r\n".into()));
    let store = store(&proxy.url(), Limits::default());
    said(store.put("vault.json", &b"{}".to_vec(), &Straight));
    said(store.get("vault.json", 0, 1));
    said(store.list("", &mut |_| ()));
}

#[test]
fn a_list_that_does_not_end_is_given_up() {
    let page = "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>same</NextContinuationToken></ListBucketResult>";
    let whole = answer(200, "", page);
    let proxy = Proxy::alone(move |_, _| Act::Answer(whole.clone()));
    let fault = said(store(&proxy.url(), Limits::default()).list("", &mut |_| ()));
    assert!(fault.message.contains("does not end") && proxy.requests().len() < 10, "{fault}");
    // One that brings a new token each time, and never an object.
    let proxy = Proxy::alone(|number, _| {
        let page = format!(
            "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>{number}</NextContinuationToken></ListBucketResult>"
        );
        Act::Answer(answer(200, "", &page))
    });
    let fault = said(store(&proxy.url(), Limits::default()).list("", &mut |_| ()));
    assert!(fault.message.contains("does not end"), "{fault}");
}

#[test]
fn other_bytes_than_were_asked_for_are_damage() {
    let date = "last-modified: Mon, 01 Jan 2024 00:00:00 GMT\r\netag: \"1\"\r\n";
    for (headers, body) in [
        // All of it, where a part was asked for.
        (String::new(), "0123456789"),
        // Another part.
        ("content-range: bytes 4-6/10\r\n".into(), "456"),
        // Fewer and more bytes than it says.
        ("content-range: bytes 2-4/10\r\n".into(), "2"),
        ("content-range: bytes 2-4/10\r\n".into(), "23456789"),
        ("content-range: nonsense\r\n".into(), "234"),
        ("content-range: bytes 2-18446744073709551615/1\r\n".into(), "234"),
    ] {
        let status = if headers.is_empty() { 200 } else { 206 };
        let whole = answer(status, &format!("{date}{headers}"), body);
        let proxy = Proxy::alone(move |_, _| Act::Answer(whole.clone()));
        let fault = said(store(&proxy.url(), Limits::default()).get("packs/ab", 2, 3));
        assert_eq!(fault.kind, Kind::Damaged, "{headers} {body}: {fault}");
    }
}

#[test]
fn an_object_of_another_size_than_was_sent_is_not_taken_for_it() {
    let proxy = Proxy::alone(|_, line| match line.starts_with("PUT") {
        true => Act::status(200, "etag: \"1\"\r\n", ""),
        false => Act::Answer("HTTP/1.1 200 X\r\netag: \"1\"\r\ncontent-length: 1\r\nconnection: close\r\n\r\n".into()),
    });
    let fault = said(store(&proxy.url(), Limits::default()).put("vault.json", &b"{}".to_vec(), &Straight));
    assert!(fault.kind == Kind::Damaged && fault.message.contains("2 bytes"), "{fault}");
    let proxy = Proxy::alone(|_, line| match line.starts_with("PUT") {
        true => Act::status(200, "etag: \"1\"\r\n", ""),
        false => Act::status(404, "", ""),
    });
    let fault = said(store(&proxy.url(), Limits::default()).put("vault.json", &b"{}".to_vec(), &Straight));
    assert!(fault.kind == Kind::Damaged && fault.message.contains("not there"), "{fault}");
}

#[test]
fn a_service_that_ignores_if_none_match_is_found_out() {
    // It says yes to every put.
    let proxy = Proxy::alone(|_, line| match line.split(' ').next() {
        Some("HEAD") => Act::status(404, "", ""),
        Some("PUT") => Act::status(200, "etag: \"1\"\r\n", ""),
        _ => Act::status(206, "etag: \"1\"\r\ncontent-range: bytes 0-1/2\r\n", "xx"),
    });
    let store = store(&proxy.url(), Limits::default());
    assert!(!store.put_if_absent("vault.json", b"{}").unwrap(), "somebody else's is there");
    let (first, _) = (proxy.count("PUT"), assert!(!store.put_if_absent("vault.json", b"{}").unwrap()));
    assert_eq!((first, proxy.count("PUT")), (2, 3), "it is tried once");
}
