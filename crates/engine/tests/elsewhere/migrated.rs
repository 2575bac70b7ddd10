//! A server that burned down, from nothing but what opens the target and the vault.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use lifeboat_engine::migrate::From;
use lifeboat_engine::report::*;
use lifeboat_engine::store::{Fault, Kind, Store, Straight};
use lifeboat_engine::{Config, Control, Engine, Result};

use crate::places::*;
use crate::support::*;

struct NewServer {
    dir: tempfile::TempDir,
    place: Arc<Place>,
}

impl NewServer {
    fn new(place: &Arc<Place>) -> NewServer {
        NewServer { dir: tempfile::tempdir().unwrap(), place: place.clone() }
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("srv/bot")
    }

    fn engine(&self) -> Engine {
        let config = Config { encryption: false, ..Config::default() }.resolved(&self.root()).unwrap();
        let places = HashMap::from([("gdrive".to_string(), self.place.clone())]);
        Engine::new(config).with_opener(Arc::new(Places(places)))
    }

    fn migrate(&self, options: &MigrateOptions) -> Result<MigrateReport> {
        self.engine().migrate_from(From::Target(&target("gdrive")), options, &Control::silent())
    }

    fn restored(&self) -> BTreeMap<PathBuf, Seen> {
        if self.root().exists() { as_app(tree(&self.root())) } else { BTreeMap::new() }
    }
}

/// Without what is Lifeboat's.
fn as_app(mut tree: BTreeMap<PathBuf, Seen>) -> BTreeMap<PathBuf, Seen> {
    let ours = ["backups", ".lifeboat.json", ".lifeboat-migrate.json"];
    tree.retain(|path, _| !ours.iter().any(|ours| path.starts_with(ours)));
    tree
}

fn two_backups() -> (Synced, BTreeMap<PathBuf, Seen>) {
    let synced = Synced::new(Bot::new(), &["gdrive"]);
    synced.bot.backup(BackupType::Manual);
    synced.bot.write("config.json", b"{}");
    synced.bot.write("uploads/reports/2026/11/T2/c.jpg", &noise(500_000, 9));
    synced.bot.backup(BackupType::Manual);
    synced.sync();
    let before = as_app(tree(&synced.bot.root()));
    (synced, before)
}

#[test]
fn a_server_comes_back_from_a_target_with_its_history() {
    let (synced, before) = two_backups();
    let server = NewServer::new(&synced.places[0]);
    let report = server.migrate(&MigrateOptions::default()).unwrap();
    assert_eq!(server.restored(), before);
    assert_eq!((report.backups, report.damaged.len(), report.resumed), (2, 0, false), "{report:?}");
    assert_eq!(report.source, PathBuf::from("gdrive"));
    // What only the new server has is enough from now on.
    synced.places[0].spoil(no_network("gdrive"));
    let engine = server.engine();
    assert!(engine.verify(None, true, &Control::silent()).unwrap().ok);
    assert_eq!(engine.list_backups(&ListFilter::default()).unwrap().len(), 2);
    engine.create_backup(BackupType::Manual, &BackupOptions::default(), &Control::silent()).unwrap();
    // Whatever script lies at the target, the one in the vault is ours.
    let script = |vault: PathBuf| fs::read(vault.join("recover.mjs")).unwrap();
    assert!(script(server.root().join("backups")) == script(synced.bot.vault()));
}

#[test]
fn without_the_history_only_what_the_backup_needs_is_fetched() {
    let (synced, before) = two_backups();
    let server = NewServer::new(&synced.places[0]);
    let report = server.migrate(&MigrateOptions { history: false, ..MigrateOptions::default() }).unwrap();
    assert_eq!(server.restored(), before);
    assert!(report.vault.is_none() && !server.root().join("backups/packs").exists());
}

#[test]
fn a_migration_that_was_cut_off_goes_on_and_fetches_no_pack_twice() {
    let (synced, before) = two_backups();
    let place = &synced.places[0];
    let server = NewServer::new(place);
    // At each of its reads the target is lost for good.
    let mut fails_at = 3;
    let mut tries = 0;
    let whole = Arc::new(Mutex::new(HashMap::<String, u32>::new()));
    let size = |object: &str| place.memory.head(object).unwrap().unwrap().size as usize;
    let sizes: HashMap<String, usize> =
        place.names("packs/").into_iter().map(|name| (name.clone(), size(&name))).collect();
    loop {
        let mut reads = 0;
        let (whole, sizes) = (whole.clone(), sizes.clone());
        place.spoil(move |object, _, bytes| {
            reads += 1;
            if reads > fails_at {
                return Err(Fault::new(Kind::Refused, "gdrive", "It is gone."));
            }
            if sizes.get(object) == Some(&bytes.len()) {
                *whole.lock().unwrap().entry(object.to_owned()).or_default() += 1;
            }
            Ok(())
        });
        tries += 1;
        match server.migrate(&MigrateOptions::default()) {
            Ok(report) => {
                assert!(report.resumed && report.backups == 2 && report.damaged.is_empty(), "{report:?}");
                break;
            }
            Err(error) => assert_eq!(error.code(), "E_CLOUD", "{error}"),
        }
        fails_at += 5;
        assert!(tries < 30, "it never ends");
    }
    assert!(tries > 3, "{tries}");
    let whole = whole.lock().unwrap();
    assert!(whole.len() == sizes.len() && whole.values().all(|times| *times == 1), "{whole:?} of {}", sizes.len());
    assert_eq!(server.restored(), before);
}

#[test]
fn of_several_vaults_one_is_named_and_one_that_is_not_there_is_an_error() {
    let (synced, _) = two_backups();
    let dir = tempfile::tempdir().unwrap();
    let other = Bot::new();
    other.backup(BackupType::Manual);
    let mut ids = Vec::new();
    for vault in [synced.bot.vault(), other.vault()] {
        let id = lifeboat_engine::vault::description::id_in(&fs::read(vault.join("vault.json")).unwrap()).unwrap();
        let folder = lifeboat_engine::store::folder::FolderStore::new("office", dir.path());
        let store = lifeboat_engine::store::within::of_vault(folder, &id);
        let opened = lifeboat_engine::vault::Vault::open(&vault, &Default::default()).unwrap();
        for object in lifeboat_engine::vault::layout::objects(&opened).unwrap() {
            store.put(&object.name, &fs::read(vault.join(&object.name)).unwrap(), &Straight).unwrap();
        }
        ids.push(id);
    }
    let office = lifeboat_engine::config::cloud::Target::Folder(lifeboat_engine::config::cloud::Folder {
        name: Some("office".into()),
        path: dir.path().into(),
        ..Default::default()
    });
    let new = tempfile::tempdir().unwrap();
    let engine = || {
        let config = Config { encryption: false, ..Config::default() };
        Engine::new(config.resolved(&new.path().join("bot")).unwrap())
    };
    let error =
        engine().migrate_from(From::Target(&office), &MigrateOptions::default(), &Control::silent()).unwrap_err();
    for id in &ids {
        assert!(error.to_string().contains(&format!("--vault-id {id}")), "{error}");
    }
    assert!(!new.path().join("bot").exists());
    let options = MigrateOptions { vault_id: Some("0".repeat(32)), ..MigrateOptions::default() };
    let error = engine().migrate_from(From::Target(&office), &options, &Control::silent()).unwrap_err();
    assert_eq!(error.code(), "E_NOT_FOUND", "{error}");
    let options = MigrateOptions { vault_id: Some(ids[1].clone()), ..MigrateOptions::default() };
    let report = engine().migrate_from(From::Target(&office), &options, &Control::silent()).unwrap();
    assert_eq!(report.backups, 1);
}

#[test]
fn damage_in_the_history_is_told_and_damage_in_what_is_needed_is_an_error_with_an_empty_root() {
    let (synced, before) = two_backups();
    let place = &synced.places[0];
    let server = NewServer::new(place);
    let oldest = &place.names("snapshots/")[0];
    place.replace(oldest, |bytes| bytes[..30].to_vec());
    let report = server.migrate(&MigrateOptions::default()).unwrap();
    assert_eq!((server.restored(), report.backups), (before, 1));
    place.names("packs/").iter().for_each(|pack| place.replace(pack, |bytes| bytes[..bytes.len() / 3].to_vec()));
    let server = NewServer::new(place);
    let error = server.migrate(&MigrateOptions::default()).unwrap_err();
    assert_eq!(error.code(), "E_CORRUPT", "{error}");
    assert!(server.restored().is_empty(), "{:?}", server.restored());
}
