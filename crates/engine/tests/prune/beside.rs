//! Readers in the middle of whose work a pruning removes and writes anew the packs that they read from.

use std::fs;
use std::sync::OnceLock;

use lifeboat_engine::report::*;
use lifeboat_engine::{Control, Engine};

use crate::support::*;

/// A vault whose newest backup leans on a little of each of many packs, which a pruning writes anew.
fn scattered() -> (Bot, String) {
    let mut bot = Bot::empty();
    bot.config.local_retention_days = 0;
    bot.config.worker.threads = 1;
    for n in 0..16 {
        bot.write(&format!("uploads/stays-{n:02}.bin"), &noise(300_000, n));
        bot.write("uploads/goes.bin", &noise(1 << 20, 100 + n));
        bot.backup(BackupType::Safety);
    }
    fs::remove_file(bot.path("uploads/goes.bin")).unwrap();
    let newest = bot.backup(BackupType::Daily).backup;
    (bot, newest)
}

/// At the first sign of progress somebody else prunes; what follows reads from what there is then.
fn pruned_by(bot: &Bot, pruned: std::sync::Arc<OnceLock<PruneReport>>) -> Control {
    let config = bot.config.clone();
    Control::new(move |_| {
        pruned.get_or_init(|| Engine::new(config.clone()).prune(&PruneOptions::default(), &Control::silent()).unwrap());
    })
}

fn beside(read: impl FnOnce(&Bot, &str, &Control)) {
    let (bot, newest) = scattered();
    let pruned = std::sync::Arc::<OnceLock<PruneReport>>::default();
    read(&bot, &newest, &pruned_by(&bot, pruned.clone()));
    let report = pruned.get().expect("it has told of its progress");
    assert_eq!((report.removed, report.packs_rewritten), (16, 16), "{report:?}");
    assert!(bot.verify(true).ok);
}

#[test]
fn a_restore_goes_on() {
    beside(|bot, newest, control| {
        let target = bot.dir.path().join("restored");
        let options = RestoreOptions { target: Some(target.clone()), ..RestoreOptions::default() };
        bot.engine().restore(&BackupRef::Name(newest.into()), &options, control).unwrap();
        assert_same_tree(&tree(&bot.root()), &tree(&target));
    });
}

#[test]
fn a_restore_from_a_vault_without_a_catalog_goes_on() {
    beside(|bot, newest, control| {
        fs::remove_file(bot.vault().join("catalog.sqlite")).unwrap();
        let target = bot.dir.path().join("restored");
        let options = RestoreOptions { target: Some(target.clone()), ..RestoreOptions::default() };
        bot.engine().restore(&BackupRef::Name(newest.into()), &options, control).unwrap();
        assert_same_tree(&tree(&bot.root()), &tree(&target));
    });
}

#[test]
fn an_export_goes_on() {
    beside(|bot, newest, control| {
        let archive = bot.dir.path().join("archive.tar.gz");
        bot.engine().export_backup(newest, &archive, &ExportOptions::default(), control).unwrap();
        let other = Bot::empty();
        other.engine().import_backup(&archive, None, &Control::silent()).unwrap();
        assert_same_tree(&tree(&bot.root()), &tree(&other.restore("latest")));
    });
}

#[test]
fn a_verification_finds_no_damage() {
    beside(|bot, _, control| {
        let report = bot.engine().verify(None, true, control).unwrap();
        assert!(report.ok, "{:?}", report.damaged);
    });
}

#[test]
fn a_verification_of_one_backup_reads_what_it_leans_on_now() {
    beside(|bot, newest, control| {
        let report = bot.engine().verify(Some(newest), true, control).unwrap();
        assert!(report.ok, "{:?}", report.damaged);
    });
}
