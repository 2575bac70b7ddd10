//! Backups that authenticate and lie: whoever has the key can seal any item list. A restore refuses what leads out of
//! its folder, writes nothing, and never panics.

use std::fs;

use lifeboat_engine::chunk::ChunkId;
use lifeboat_engine::report::*;
use lifeboat_engine::seal::keyring::Credentials;
use lifeboat_engine::vault::Vault;
use lifeboat_engine::vault::name::BackupName;
use lifeboat_engine::vault::snapshot::{ItemList, Snapshot};
use lifeboat_engine::vault::writer::{Scratch, Writer};
use serde_json::{Value, json};

use crate::support::*;

/// Seals a backup whose item list is `lines`. They may name the chunk that holds `content`.
pub fn forge(bot: &Bot, content: &[u8], lines: impl FnOnce(ChunkId) -> Vec<Value>) -> String {
    forge_with(bot, content, lines, |_| ())
}

/// The same, with a record that says what `change` makes of it.
fn forge_with(
    bot: &Bot,
    content: &[u8],
    lines: impl FnOnce(ChunkId) -> Vec<Value>,
    change: impl FnOnce(&mut Snapshot),
) -> String {
    let vault = Vault::open(&bot.vault(), &Credentials::default()).unwrap();
    let (catalog, _) = vault.catalog_for_writing().unwrap();
    let writer = Writer::new(&vault, catalog, false, None).unwrap();
    let mut scratch = Scratch::new(6);
    let chunk = writer.put(&mut scratch, content).unwrap();
    let lines = lines(chunk);
    let size = |value: &Value| value["size"].as_u64().unwrap_or(0);
    let sides = |line: &Value| line["sides"].as_array().into_iter().flatten().map(size).sum::<u64>();
    let total_size = lines.iter().fold(0_u64, |sum, line| sum.saturating_add(size(line)).saturating_add(sides(line)));
    let list: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let list = ItemList {
        chunks: vec![writer.put(&mut scratch, list.as_bytes()).unwrap()],
        size: list.len() as u64,
        attributes: false,
    };
    let (size, _) = writer.finish().unwrap();
    let name = BackupName::new(BackupType::Api, 4_000_000_000_000).unwrap();
    let mut snapshot = Snapshot {
        backup: name.to_string(),
        kind: BackupType::Api,
        timestamp: name.millis(),
        note: None,
        engine: "0".into(),
        root: "/".into(),
        full: false,
        degraded: false,
        root_id: None,
        suspicious: None,
        selection: None,
        covers: Vec::new(),
        items: lines.len() as u64,
        changed: 0,
        removed: 0,
        size,
        total_size,
        categories: Default::default(),
        warnings: Vec::new(),
        list,
        root_folder: None,
        lease: None,
    };
    change(&mut snapshot);
    snapshot.write(vault.dir(), vault.keys()).unwrap();
    name.to_string()
}

pub fn item(path: &str, kind: &str, more: Value) -> Value {
    let mut item = json!({
        "path": path, "type": kind, "category": "data", "mode": 0o644, "uid": 0, "gid": 0, "mtime": [0, 0], "size": 0
    });
    item.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    item
}

/// Restores a forged list and expects `code`, an empty target, and an untouched world around it.
#[track_caller]
fn refused(code: &str, content: &[u8], lines: impl FnOnce(ChunkId) -> Vec<Value>) {
    let bot = Bot::new();
    bot.backup(BackupType::Manual);
    let backup = forge(&bot, content, lines);
    let outside = bot.dir.path().join("outside");
    fs::create_dir(&outside).unwrap();
    let target = outside.join("target");
    let options = RestoreOptions { target: Some(target.clone()), ..RestoreOptions::default() };
    let control = lifeboat_engine::Control::silent();
    let error = bot.engine().restore(&BackupRef::Name(backup.clone()), &options, &control).unwrap_err();
    assert_eq!(error.code(), code, "{error}");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0, "something was written");
    let before = tree(&bot.root());
    let error = bot.engine().restore(&BackupRef::Name(backup.clone()), &Default::default(), &control).unwrap_err();
    assert_eq!(error.code(), code, "in place: {error}");
    assert_same_tree(&before, &tree(&bot.root()));
    // Looking at it is no more dangerous than restoring it.
    let _ = bot.engine().list_items(&backup, &[]);
    let _ = bot.engine().verify(Some(&backup), true, &control);
    bot.backup(BackupType::Hourly);
}

#[test]
fn paths_that_lead_out_are_refused() {
    for path in ["../x", "/tmp/lifeboat-forged", "a/../../x", "a//b", ".", "..", "", "a\u{0}b"] {
        refused("E_UNSAFE_PATH", b"", |_| vec![item(path, "file", json!({}))]);
    }
    // The true bytes count, not the readable approximation.
    refused("E_UNSAFE_PATH", b"", |_| vec![item("fine", "file", json!({ "raw": "Li4veA==" }))]);
    refused("E_UNSAFE_PATH", b"", |_| vec![item("fine", "file", json!({ "raw": "***" }))]);
}

#[test]
fn what_lies_below_a_link_or_a_file_is_refused() {
    let link = |path| item(path, "symlink", json!({ "link": "/tmp" }));
    refused("E_UNSAFE_PATH", b"", |_| vec![link("a"), item("a/x", "file", json!({}))]);
    refused("E_UNSAFE_PATH", b"", |_| vec![link("a"), item("a/b", "dir", json!({}))]);
    refused("E_UNSAFE_PATH", b"", |_| vec![link("a"), link("a/b")]);
    refused("E_UNSAFE_PATH", b"", |_| vec![link("a"), item("a/b/c/d", "file", json!({}))]);
    refused("E_UNSAFE_PATH", b"", |_| vec![item("a", "file", json!({})), item("a/x", "file", json!({}))]);
}

#[test]
fn paths_that_are_there_twice_or_out_of_order_are_refused() {
    let file = |path| item(path, "file", json!({}));
    refused("E_UNSAFE_PATH", b"", |_| vec![file("a"), file("a")]);
    refused("E_UNSAFE_PATH", b"", |_| vec![file("b"), file("a")]);
    refused("E_UNSAFE_PATH", b"", |_| vec![item("a", "dir", json!({})), item("a", "symlink", json!({ "link": "/" }))]);
}

#[test]
fn links_without_a_target_are_refused() {
    refused("E_UNSAFE_PATH", b"", |_| vec![item("a", "symlink", json!({}))]);
    refused("E_UNSAFE_PATH", b"", |_| vec![item("a", "symlink", json!({ "link": "" }))]);
    refused("E_UNSAFE_PATH", b"", |_| vec![item("a", "symlink", json!({ "link": "a\u{0}b" }))]);
}

#[test]
fn content_that_does_not_fit_its_item_is_damage() {
    let content = b"sixteen bytes ok";
    let file = |more| vec![item("a", "file", more)];
    refused("E_CORRUPT", content, |id| file(json!({ "size": 17, "bundle": [id, 0] })));
    refused("E_CORRUPT", content, |id| file(json!({ "size": 4, "bundle": [id, 13] })));
    refused("E_CORRUPT", content, |id| file(json!({ "size": 4, "bundle": [id, u64::MAX] })));
    refused("E_CORRUPT", content, |id| file(json!({ "size": 15, "chunks": [id] })));
    refused("E_CORRUPT", content, |id| file(json!({ "size": 16, "chunks": [id], "sha256": "00" })));
    refused("E_CORRUPT", content, |_| file(json!({ "size": 16, "chunks": ["ab".repeat(32)] })));
    // A list of ids whose length is no multiple of an id's, and one that names a chunk that is not there.
    refused("E_FORMAT", content, |id| file(json!({ "size": 16, "lists": [id] })));
    refused("E_CORRUPT", &[0xab; 64], |id| file(json!({ "size": 16, "lists": [id] })));
}

#[test]
fn a_list_that_is_no_list_is_refused() {
    let path = "a";
    for line in [json!([]), json!("x"), json!({ "path": path }), json!({ "path": 1 }), item(path, "device", json!({}))]
    {
        refused("E_FORMAT", b"", |_| vec![line]);
    }
    refused("E_FORMAT", b"", |_| vec![item(path, "file", json!({ "chunks": ["zz"] }))]);
    refused("E_FORMAT", b"", |_| vec![item(path, "file", json!({ "size": -1 }))]);
}

#[test]
fn a_size_that_no_disk_has_is_refused_before_anything_is_written() {
    refused("E_RESTORE", b"", |_| vec![item("a", "file", json!({ "size": u64::MAX >> 1 }))]);
    // Two of them overflow a sum.
    refused("E_RESTORE", b"", |_| {
        vec![item("a", "file", json!({ "size": u64::MAX })), item("b", "file", json!({ "size": u64::MAX }))]
    });
}

#[test]
fn files_beside_a_database_are_only_those_that_sqlite_has() {
    for suffix in ["/../../x", "", ".js", "-wal/x"] {
        refused("E_UNSAFE_PATH", b"x", |id| {
            let sides = json!([{ "suffix": suffix, "size": 1, "chunks": [id] }]);
            vec![item("a", "file", json!({ "sides": sides, "db": { "journal": "raw" } }))]
        });
    }
}

#[test]
fn times_and_modes_from_nowhere_do_no_harm() {
    let bot = Bot::new();
    bot.backup(BackupType::Manual);
    let backup = forge(&bot, b"x", |_| {
        vec![
            item("a", "file", json!({ "mode": u32::MAX, "mtime": [i64::MAX, u32::MAX] })),
            item("b", "file", json!({ "mode": 0o4755, "mtime": [i64::MIN, 0] })),
        ]
    });
    let out = bot.restore(&backup);
    assert!(out.join("a").is_file() && out.join("b").is_file());
}

/// A record that says something else of its list than the list holds.
#[track_caller]
fn miscounted(words: &str, change: impl FnOnce(&mut Snapshot)) {
    let bot = Bot::new();
    let whole = bot.backup(BackupType::Manual).backup;
    assert!(bot.verify(false).ok, "what is right is not miscounted");
    let lines = |id: ChunkId| {
        let sides = json!([{ "suffix": "-wal", "size": 1, "chunks": [id] }]);
        vec![
            item("a", "dir", json!({})),
            item("b.db", "file", json!({ "size": 1, "chunks": [id], "sides": sides, "db": { "journal": "raw" } })),
        ]
    };
    let backup = forge_with(&bot, b"x", lines, change);
    let report = bot.verify(false);
    let damage: Vec<_> = report.damaged.iter().map(|damage| (damage.object.clone(), damage.message.clone())).collect();
    assert_eq!(damage.len(), 1, "{damage:?}");
    assert!(damage[0].0 == format!("snapshots/{backup}") && damage[0].1.contains(words), "{damage:?}");
    assert_eq!(report.damaged[0].backups, std::slice::from_ref(&backup));
    let before = tree(&bot.root());
    let error = bot.try_restore(&backup, &[]).unwrap_err();
    assert!(error.code() == "E_CORRUPT" && error.to_string().contains(words), "{error}");
    assert_eq!(bot.try_restore(&backup, &["a"]).unwrap_err().code(), "E_CORRUPT", "also where only a part is wanted");
    assert_same_tree(&before, &tree(&bot.root()));
    let target = bot.dir.path().join("salvaged");
    let options = RestoreOptions { target: Some(target.clone()), salvage: true, ..RestoreOptions::default() };
    let control = lifeboat_engine::Control::silent();
    let result = bot.engine().restore(&BackupRef::Name(backup), &options, &control).unwrap();
    assert!(result.failed.iter().any(|lost| lost.message.contains(words)), "{result:?}");
    assert!(target.join("b.db-wal").is_file(), "a salvage gives what there is");
    bot.restore(&whole);
}

#[test]
fn a_list_that_was_cut_short_or_made_longer_is_noticed() {
    miscounted("7 items, and 2 are in its list", |snapshot| snapshot.items = 7);
    miscounted("1 bytes of content, and 2 are in its list", |snapshot| snapshot.total_size = 1);
    miscounted("it says that it has 9 bytes of list, and ", |snapshot| snapshot.list.size = 9);
}

#[test]
fn an_item_of_an_unknown_type_or_with_an_unknown_side_is_damage() {
    let side = json!([{ "suffix": "-shm", "size": 0, "chunks": [] }]);
    for line in [item("a", "device", json!({})), item("a", "file", json!({ "sides": side }))] {
        let bot = Bot::new();
        bot.backup(BackupType::Manual);
        let backup = forge(&bot, b"", |_| vec![line]);
        let report = bot.verify(false);
        assert_eq!(report.damaged.len(), 1, "{report:?}");
        assert_eq!(report.damaged[0].backups, [backup], "{report:?}");
    }
}
