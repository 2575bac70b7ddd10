//! A bucket that these credentials can add to, and not remove from: what somebody who breaks into the server cannot undo.

use lifeboat_cloud::s3::{Limits, S3Store};
use lifeboat_engine::config::cloud;
use lifeboat_engine::secret::Secret;
use lifeboat_engine::store::{Kind, Store, Straight};

use crate::config;
use crate::moto::Moto;

#[test]
fn what_was_removed_from_a_bucket_with_versions_is_still_there() {
    let moto = Moto::start();
    moto.aws(&["s3api", "put-bucket-versioning", "--bucket", "bucket", "--versioning-configuration", "Status=Enabled"]);
    let store = crate::store(&moto.url(), Limits::default());
    store.put("packs/ab", &b"one".to_vec(), &Straight).unwrap();
    store.delete("packs/ab").unwrap();
    assert_eq!(store.head("packs/ab").unwrap(), None);
    let (_, versions) = moto.ask("GET", "/bucket?versions=", "");
    assert!(versions.contains("<DeleteMarker>") && versions.contains("<Version>"), "{versions}");
    lifeboat_engine::store::conformance::check(&store);
}

#[test]
fn a_bucket_that_locks_its_objects_takes_them() {
    let moto = Moto::start();
    moto.aws(&["s3api", "create-bucket", "--bucket", "locked", "--object-lock-enabled-for-bucket"]);
    let rule = r#"{"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 30}}}"#;
    moto.aws(&["s3api", "put-object-lock-configuration", "--bucket", "locked", "--object-lock-configuration", rule]);
    let open = |limits| {
        let s3 = cloud::S3 { bucket: "locked".into(), ..config(&moto.url()) };
        S3Store::with("office", &s3, limits, &|_| None).unwrap()
    };
    let store = open(Limits::default());
    store.put("packs/ab", &b"one".to_vec(), &Straight).unwrap();
    assert!(store.put_if_absent("vault.json", b"{}").unwrap());
    let large = crate::noise(11 << 20, 1);
    let in_parts = open(Limits { single: 1, part: 5 << 20, ..Limits::default() });
    in_parts.put("packs/cd", &large, &Straight).unwrap();
    assert_eq!(store.get("packs/cd", 0, large.len()).unwrap(), large);
}

#[test]
fn credentials_that_cannot_delete_add_read_and_list() {
    let moto = Moto::start();
    let policy = r#"{"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": ["s3:PutObject", "s3:GetObject"], "Resource": "arn:aws:s3:::bucket/vault/*"},
        {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::bucket"}]}"#;
    moto.aws(&["iam", "create-user", "--user-name", "bot"]);
    moto.aws(&["iam", "put-user-policy", "--user-name", "bot", "--policy-name", "add", "--policy-document", policy]);
    let query = "[AccessKey.AccessKeyId, AccessKey.SecretAccessKey]";
    let made = moto.aws(&["iam", "create-access-key", "--user-name", "bot", "--query", query]);
    let mut made = made.split_whitespace().map(String::from);
    let s3 = cloud::S3 {
        access_key_id: made.next().map(Secret::new),
        secret_access_key: made.next().map(Secret::new),
        append_only: true,
        ..config(&moto.url())
    };
    // From now on every request is judged.
    assert_eq!(moto.ask("POST", "/moto-api/reset-auth", "0").0, 200);
    let open = |prefix: &str| {
        let s3 = cloud::S3 { prefix: Some(prefix.into()), ..s3.clone() };
        S3Store::with("office", &s3, Limits::default(), &|_| None).unwrap()
    };
    let store = open("vault");
    store.put("packs/ab", &b"one".to_vec(), &Straight).unwrap();
    assert!(store.put_if_absent("vault.json", b"{}").unwrap());
    assert_eq!(store.get("packs/ab", 0, 3).unwrap(), b"one");
    assert_eq!(store.head("packs/none").unwrap(), None);
    store.account().unwrap();
    let fault = crate::said(store.delete("packs/ab"));
    assert!(fault.kind == Kind::Denied && fault.message.contains("s3:DeleteObject"), "{fault}");
    assert_eq!(store.get("packs/ab", 0, 3).unwrap(), b"one");
    let fault = crate::said(open("other").put("packs/ab", &b"one".to_vec(), &Straight));
    assert!(fault.kind == Kind::Denied && fault.message.contains("s3:PutObject"), "{fault}");
}
