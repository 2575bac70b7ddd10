//! The catalog is a cache: whatever it says, pruning removes nothing that a kept backup needs.

use lifeboat_engine::Control;
use lifeboat_engine::report::*;

use crate::support::*;

fn catalog(bot: &Bot, sql: &str) {
    rusqlite::Connection::open(bot.vault().join("catalog.sqlite")).unwrap().execute_batch(sql).unwrap();
}

fn prune(bot: &Bot) -> PruneReport {
    bot.engine().prune(&PruneOptions::default(), &Control::silent()).unwrap()
}

fn is_whole(bot: &Bot) -> bool {
    bot.engine().verify(None, true, &Control::silent()).unwrap().ok
}

#[test]
fn a_pack_whose_chunks_the_catalog_has_lost_is_not_taken_for_an_empty_one() {
    let bot = Bot::new();
    bot.backup(BackupType::Manual);
    bot.write("uploads/new.jpg", &noise(500_000, 77));
    bot.backup(BackupType::Manual);
    let packs = bot.packs();
    catalog(&bot, "DELETE FROM meta; DELETE FROM chunks WHERE pack = (SELECT min(pack) FROM packs)");
    prune(&bot);
    assert_eq!(bot.packs(), packs);
    assert!(is_whole(&bot));
}

#[test]
fn a_pack_of_which_an_index_lists_only_some_chunks_is_not_written_anew_without_the_others() {
    let bot = Bot::empty();
    for n in 0..6 {
        bot.write(&format!("uploads/{n}.jpg"), &noise(1_000_000, n));
    }
    let first = bot.backup(BackupType::Manual).backup;
    for n in 1..6 {
        std::fs::remove_file(bot.path(&format!("uploads/{n}.jpg"))).unwrap();
    }
    bot.backup(BackupType::Manual);
    catalog(
        &bot,
        "PRAGMA writable_schema = 1; DROP INDEX chunks_of_pack;
         CREATE INDEX chunks_of_pack ON chunks (pack) WHERE ordinal > 1;
         UPDATE sqlite_master SET sql = 'CREATE INDEX chunks_of_pack ON chunks (pack)' WHERE name = 'chunks_of_pack';
         PRAGMA writable_schema = RESET;",
    );
    bot.engine().delete_backup(&first, &Control::silent()).unwrap();
    assert!(is_whole(&bot));
}

#[test]
fn the_newest_backup_stays_whatever_the_catalog_says_of_its_age() {
    let mut bot = Bot::empty();
    bot.config.keep_manual = 1;
    bot.config.local_retention_days = 0;
    bot.write("a", b"1");
    let names: Vec<String> = (0..3).map(|_| bot.backup(BackupType::Manual).backup).collect();
    let newest = names.last().unwrap();
    for change in ["'$.timestamp', 1000000000000", "'$.backup', '../../x'"] {
        catalog(&bot, &format!("UPDATE backups SET info = json_set(info, {change}) WHERE name = '{newest}'"));
        prune(&bot);
        let left = bot.engine().list_backups(&ListFilter::default()).unwrap();
        assert!(left.iter().any(|info| info.backup == *newest), "{change}: {left:?}");
    }
}
