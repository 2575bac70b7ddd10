//! The set-up of docs/cloud-s3.md against a server that is broken into, from end to end: credentials that may not delete, locks
//! that are put off, and pruning from elsewhere with others.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use lifeboat_cloud::Clouds;
use lifeboat_cloud::s3::Limits;
use lifeboat_engine::config::cloud::{self, Target};
use lifeboat_engine::report::{BackupOptions, BackupType, PruneOptions, SyncReport};
use lifeboat_engine::secret::Secret;
use lifeboat_engine::store::{Kind, Store, Stored, Straight};
use lifeboat_engine::{Config, Control, Engine};

use crate::config;
use crate::moto::Moto;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

fn engine(root: &Path, s3: &cloud::S3) -> Engine {
    let cloud = vec![Target::S3(s3.clone())];
    let config = Config { encryption: false, cloud, ..Config::default() }.resolved(root).unwrap();
    Engine::new(config).with_opener(Arc::new(Clouds))
}

fn bot() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("config.json"), b"{}").unwrap();
    std::fs::write(root.path().join("photo.jpg"), crate::noise(300_000, 1)).unwrap();
    root
}

fn backup(engine: &Engine) -> String {
    engine.create_backup(BackupType::Manual, &BackupOptions::default(), &Control::silent()).unwrap().backup
}

/// So many milliseconds from now.
fn later(millis: i64) -> Control {
    Control::silent().with_clock(move || Timestamp::now().as_millisecond() + millis)
}

#[track_caller]
fn well(report: &SyncReport) {
    assert!(report.failed.is_empty() && report.pending == 0, "{report:?}");
}

/// Makes a user who may do this, and gives his keys.
fn user(moto: &Moto, name: &str, policy: &str) -> (Option<String>, Option<Secret>) {
    moto.aws(&["iam", "create-user", "--user-name", name]);
    moto.aws(&["iam", "put-user-policy", "--user-name", name, "--policy-name", "p", "--policy-document", policy]);
    let query = "[AccessKey.AccessKeyId, AccessKey.SecretAccessKey]";
    let made = moto.aws(&["iam", "create-access-key", "--user-name", name, "--query", query]);
    let mut made = made.split_whitespace().map(String::from);
    (made.next(), made.next().map(Secret::new))
}

/// As it stands in the guide.
fn policy_of_the_guide() -> String {
    let guide = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/cloud-s3.md")).unwrap();
    let policy = guide.split("cat > policy.json <<END\n").nth(1).unwrap().split("\nEND\n").next().unwrap();
    policy.replace("$BUCKET", "bucket")
}

#[test]
fn with_the_policy_of_the_guide_nothing_is_deleted_nor_tried_and_another_key_prunes_from_elsewhere() {
    let moto = Moto::start();
    let (id, secret) = user(&moto, "bot", &policy_of_the_guide());
    let all = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}"#;
    let (admin, admin_secret) = user(&moto, "pruner", all);
    // From now on every request is judged.
    assert_eq!(moto.ask("POST", "/moto-api/reset-auth", "0").0, 200);
    let s3 = cloud::S3 {
        access_key_id: id.map(Secret::new),
        secret_access_key: secret,
        append_only: true,
        ..config(&moto.url())
    };
    let root = bot();
    let server = engine(root.path(), &s3);
    let first = backup(&server);
    server.pin(&first, true).unwrap();
    well(&server.sync(None, &Control::silent()).unwrap());
    server.pin(&first, false).unwrap();
    backup(&server);
    well(&server.sync(None, &later(25 * HOUR)).unwrap());
    // Who does not say so tries it, and is told.
    let careless = engine(root.path(), &cloud::S3 { append_only: false, ..s3.clone() });
    let failed = careless.sync(None, &later(26 * HOUR)).unwrap().failed;
    assert!(failed.iter().any(|failure| failure.message.contains("s3:DeleteObject")), "{failed:?}");
    let error = server.prune_target("s3", None, &PruneOptions::default(), &Control::silent()).unwrap_err();
    assert!(error.to_string().contains("appendOnly"), "{error}");
    // From a machine that has nothing but credentials: what no backup needs goes, in two steps, and all backups stay.
    let s3 =
        cloud::S3 { access_key_id: admin.map(Secret::new), secret_access_key: admin_secret, ..config(&moto.url()) };
    let vault = lifeboat_engine::vault::list_snapshots(&root.path().join("backups")).unwrap();
    let id = server.vaults("s3", &Control::silent()).unwrap().remove(0).prefix;
    let store = lifeboat_engine::store::Opener::open(&Clouds, &Target::S3(s3.clone()), &id).unwrap();
    let spare = format!("packs/ab/{}", "ab".repeat(32));
    store.put(&spare, &vec![0; 5000], &Straight).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let pruner = engine(elsewhere.path(), &s3);
    let prune = |control| pruner.prune_target("s3", None, &PruneOptions::default(), &control).unwrap();
    assert_eq!(prune(later(2 * DAY)).packs_removed, 0);
    let report = prune(later(4 * DAY));
    assert_eq!((report.packs_removed, report.removed, report.backups.len()), (1, 0, vault.len()), "{report:?}");
    assert!(store.head(&spare).unwrap().is_none());
    // The server goes on.
    well(&server.sync(None, &later(5 * DAY)).unwrap());
}

#[test]
fn what_a_kept_backup_needs_does_not_lose_its_lock_and_no_lock_is_shortened() {
    let moto = Moto::start();
    moto.aws(&["s3api", "create-bucket", "--bucket", "locked", "--object-lock-enabled-for-bucket"]);
    let rule = r#"{"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 30}}}"#;
    moto.aws(&["s3api", "put-object-lock-configuration", "--bucket", "locked", "--object-lock-configuration", rule]);
    let locking =
        |days| cloud::S3 { bucket: "locked".into(), append_only: true, lock_days: Some(days), ..config(&moto.url()) };
    let root = bot();
    let server = engine(root.path(), &locking(90));
    backup(&server);
    well(&server.sync(None, &Control::silent()).unwrap());
    let id = server.vaults("s3", &Control::silent()).unwrap().remove(0).prefix;
    let store = lifeboat_engine::store::Opener::open(&Clouds, &Target::S3(locking(90)), &id).unwrap();
    let spare = format!("packs/ab/{}", "ab".repeat(32));
    store.put(&spare, &vec![0; 5000], &Straight).unwrap();
    let names = |prefix: &str| {
        let mut names = Vec::new();
        store.list(prefix, &mut |stored| names.push(stored.object)).unwrap();
        names
    };
    let needed: Vec<String> = ["packs/", "snapshots/", "keys/", "vault.json"]
        .iter()
        .flat_map(|prefix| names(prefix))
        .filter(|object| *object != spare)
        .collect();
    assert!(needed.len() >= 4, "{needed:?}");
    let days = |object: &str| {
        let key = format!("vault/{id}/{object}");
        let query = ["--query", "ObjectLockRetainUntilDate"];
        let said = moto.aws(&["s3api", "head-object", "--bucket", "locked", "--key", &key, query[0], query[1]]);
        let until: Timestamp = said.trim().parse().unwrap_or_else(|error| panic!("{said}: {error}"));
        (until.as_millisecond() - Timestamp::now().as_millisecond()) as f64 / DAY as f64
    };
    assert!(needed.iter().all(|object| (29.0..31.0).contains(&days(object))));
    well(&server.sync(None, &later(25 * HOUR)).unwrap());
    for object in &needed {
        assert!((90.9..91.2).contains(&days(object)), "{object}: {}", days(object));
    }
    assert!(days(&spare) < 31.0, "what no backup needs is left to run out");
    // Nothing is to be done for a while, and a shorter time shortens nothing.
    let short = engine(root.path(), &locking(10));
    well(&short.sync(None, &later(51 * HOUR)).unwrap());
    assert!(needed.iter().all(|object| (90.9..91.2).contains(&days(object))));
}

#[test]
fn what_somebody_has_written_over_is_not_locked_in_the_place_of_what_was_there() {
    let moto = Moto::start();
    moto.aws(&["s3api", "create-bucket", "--bucket", "locked", "--object-lock-enabled-for-bucket"]);
    let s3 = cloud::S3 { bucket: "locked".into(), ..config(&moto.url()) };
    let store = lifeboat_cloud::s3::S3Store::with("office", &s3, Limits::default(), &|_| None).unwrap();
    let stored = store.put("packs/ab", &b"one".to_vec(), &Straight).unwrap();
    let now = Timestamp::now().as_millisecond();
    assert!(store.keep_until(&stored, now + 9 * DAY, now + 5 * DAY).unwrap(), "it had no lock");
    assert!(!store.keep_until(&stored, now + 9 * DAY, now + 5 * DAY).unwrap());
    assert!(!store.keep_until(&stored, now + 2 * DAY, now + 20 * DAY).unwrap(), "never shortened");
    let earlier = Stored { written: stored.written.map(|at| at - 3_600_000), ..stored.clone() };
    for other in [earlier, Stored { size: 4, ..stored.clone() }] {
        let fault = crate::said(store.keep_until(&other, now + 90 * DAY, now + 90 * DAY));
        assert!(fault.kind == Kind::Damaged && fault.message.contains("written over"), "{fault}");
    }
    let none = Stored { object: "packs/cd".into(), ..stored };
    assert_eq!(crate::said(store.keep_until(&none, now + DAY, now + DAY)).kind, Kind::Missing);
}

#[test]
fn the_clock_of_the_service_is_told_with_the_account() {
    let moto = Moto::start();
    let ahead = crate::store(&moto.url(), Limits::default()).account().unwrap().ahead.unwrap();
    assert!(ahead.abs() < 60_000, "{ahead}");
}
