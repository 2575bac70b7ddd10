//! What pruning remembers of item lists spares it the reading, and is never believed where it should not be.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use lifeboat_engine::report::*;
use lifeboat_engine::{Control, Engine};
use rusqlite::Connection;

use crate::support::*;

/// Five hours of a bot, of which each has something of its own.
fn bot() -> (Bot, Vec<String>) {
    let bot = Bot::new();
    let backups = (0..5).map(|hour| an_hour(&bot, hour)).collect();
    (bot, backups)
}

fn an_hour(bot: &Bot, hour: u64) -> String {
    bot.write("config.json", format!("{{\"hour\":{hour}}}").as_bytes());
    bot.write("uploads/latest.jpg", &noise(400_000, 100 + hour));
    bot.backup(BackupType::Hourly).backup
}

fn prune(bot: &Bot) -> PruneReport {
    bot.engine().prune(&PruneOptions::default(), &Control::silent()).unwrap()
}

fn delete(bot: &Bot, backup: &str) -> PruneReport {
    bot.engine().delete_backup(backup, &Control::silent()).unwrap()
}

fn catalog(bot: &Bot) -> Connection {
    Connection::open(bot.vault().join("catalog.sqlite")).unwrap()
}

/// What is remembered: of which pieces, and of how many chunks.
fn remembered(bot: &Bot) -> (BTreeSet<Vec<u8>>, i64) {
    let db = catalog(bot);
    let mut pieces = db.prepare("SELECT piece FROM needs").unwrap();
    let pieces = pieces.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let chunks = db.query_row("SELECT count(DISTINCT chunk) FROM numbers", [], |row| row.get(0)).unwrap();
    (pieces, chunks)
}

fn forget(bot: &Bot) {
    for end in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(bot.vault().join(format!("catalog.sqlite{end}")));
    }
}

/// Flips a bit in the middle of each of these chunks.
fn spoil(bot: &Bot, chunks: impl IntoIterator<Item = Vec<u8>>) {
    let sql = "SELECT packs.id, chunks.offset, chunks.sealed FROM chunks JOIN packs USING (pack) WHERE chunks.id = ?1";
    let db = catalog(bot);
    for chunk in chunks {
        let (pack, offset, sealed): ([u8; 32], i64, i64) =
            db.query_row(sql, [chunk], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
        let middle = (offset + sealed / 2) as u64;
        let name = hex::encode(pack);
        let file = bot.packs().into_iter().find(|path: &PathBuf| path.ends_with(&name)).unwrap();
        let file = fs::File::options().read(true).write(true).open(file).unwrap();
        let mut byte = [0];
        file.read_exact_at(&mut byte, middle).unwrap();
        file.write_all_at(&[byte[0] ^ 1], middle).unwrap();
    }
}

/// Nothing that is needed is gone, and nothing is left that is not needed.
fn assert_exact(bot: &Bot, backups: &[String], what: &str) {
    assert!(bot.verify(true).ok, "{what}");
    backups.iter().for_each(|backup| drop(bot.restore(backup)));
    forget(bot);
    let dry = bot.engine().prune(&PruneOptions { dry_run: true, ..Default::default() }, &Control::silent()).unwrap();
    assert_eq!((dry.packs_removed, dry.packs_rewritten), (0, 0), "{what}");
}

#[test]
fn no_piece_of_an_item_list_is_read_twice() {
    let (bot, backups) = bot();
    prune(&bot);
    let (before, _) = remembered(&bot);
    let newest = an_hour(&bot, 5);
    assert_eq!(prune(&bot).warnings.len(), 0);
    let (all, _) = remembered(&bot);
    assert!(before.is_subset(&all) && all.len() > before.len());
    // Who read one of them now would find it damaged, and say so. The newest good backup is looked at each time.
    delete(&bot, &newest);
    prune(&bot);
    an_hour(&bot, 6);
    spoil(&bot, before);
    let report = prune(&bot);
    assert_eq!((report.removed, report.warnings.len()), (0, 0), "{:?}", report.warnings);
    assert!(!bot.verify(false).ok);
    let report = delete(&bot, &backups[1]);
    assert!(report.waiting > 350_000 && report.warnings.is_empty(), "{report:?}");
    // Where it is not remembered, it is read.
    forget(&bot);
    assert_ne!(prune(&bot).warnings.len(), 0);
}

type Sabotage = (&'static str, fn(&Bot));

#[test]
fn whatever_becomes_of_what_is_remembered_nothing_that_is_needed_goes() {
    let sabotage: [Sabotage; 8] = [
        ("nothing", |_| {}),
        ("the catalog is gone", forget),
        ("the catalog is no database", |bot| {
            forget(bot);
            fs::write(bot.vault().join("catalog.sqlite"), noise(9000, 3)).unwrap();
        }),
        ("it says that nothing is needed", |bot| change(bot, "UPDATE needs SET numbers = x''")),
        ("it says that something else is needed", |bot| change(bot, "UPDATE needs SET numbers = x'01'")),
        ("its numbers mean other chunks", |bot| {
            change(bot, "UPDATE numbers SET number = -number; UPDATE numbers SET number = 1 + abs(number) % 1000");
        }),
        ("half of it is missing", |bot| change(bot, "DELETE FROM needs WHERE substr(piece, 1, 1) < x'80'")),
        ("a table is missing", |bot| change(bot, "DROP TABLE IF EXISTS numbers")),
    ];
    for (what, sabotage) in sabotage {
        let (bot, mut backups) = bot();
        prune(&bot);
        sabotage(&bot);
        delete(&bot, &backups.remove(2));
        sabotage(&bot);
        backups.push(an_hour(&bot, 5));
        let gone = delete(&bot, &backups.remove(1));
        assert!(gone.waiting > 350_000 && gone.warnings.is_empty(), "{what}: {gone:?}");
        assert_exact(&bot, &backups, what);
    }
}

fn change(bot: &Bot, sql: &str) {
    catalog(bot).execute_batch(sql).unwrap();
}

#[test]
fn a_catalog_that_is_older_than_its_vault_does_no_harm() {
    let (bot, mut backups) = bot();
    prune(&bot);
    let old = bot.dir.path().join("catalog.old");
    catalog(&bot).execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    fs::copy(bot.vault().join("catalog.sqlite"), &old).unwrap();
    // Since then: backups came, one went, one came by an archive, one was removed by hand, and packs were written anew.
    backups.extend((5..8).map(|hour| an_hour(&bot, hour)));
    delete(&bot, &backups.remove(1));
    let archive = bot.dir.path().join("a.tar.gz");
    let options = ExportOptions { encrypt: Some(false), ..Default::default() };
    bot.engine().export_backup(&backups[0], &archive, &options, &Control::silent()).unwrap();
    delete(&bot, &backups[0]);
    bot.engine().import_backup(&archive, None, &Control::silent()).unwrap();
    fs::remove_file(bot.vault().join("snapshots").join(backups.remove(1))).unwrap();
    prune(&bot);
    forget(&bot);
    fs::copy(&old, bot.vault().join("catalog.sqlite")).unwrap();
    backups.push(an_hour(&bot, 9));
    delete(&bot, &backups.remove(2));
    // It cannot know that these were removed on purpose, and says once that they are not there.
    assert!(bot.verify(false).damaged.iter().all(|damage| damage.object.starts_with("snapshots/")));
    assert_exact(&bot, &backups, "an old catalog");
}

#[test]
fn what_was_pruned_while_a_copy_was_made_is_not_lost_there() {
    let (bot, backups) = bot();
    let copied = bot.dir.path().join("copy");
    fs::create_dir(&copied).unwrap();
    catalog(&bot).execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    // In the order of names: the catalog before the packs and the records.
    for name in ["catalog.sqlite", "keys", "packs", "snapshots", "vault.json"] {
        if name == "packs" {
            delete(&bot, &backups[0]);
        }
        assert!(
            std::process::Command::new("cp")
                .arg("-r")
                .arg(bot.vault().join(name))
                .arg(copied.join(""))
                .status()
                .unwrap()
                .success()
        );
    }
    let engine = Engine::new(lifeboat_engine::Config { backup_dir: copied, ..bot.config.clone() });
    let report = engine.verify(None, true, &Control::silent()).unwrap();
    assert!(report.ok, "{report:?}");
}

#[test]
fn what_no_backup_uses_any_more_is_forgotten() {
    let (bot, backups) = bot();
    prune(&bot);
    let many = remembered(&bot);
    backups[..4].iter().for_each(|backup| drop(delete(&bot, backup)));
    let few = remembered(&bot);
    assert!(few.0.len() < many.0.len() && few.1 < many.1, "{} {}", few.1, many.1);
    assert_exact(&bot, &backups[4..], "only the newest is left");
    prune(&bot);
    assert_eq!(remembered(&bot), few, "as if it had never known more");
    // A dry run forgets nothing of what is still there.
    an_hour(&bot, 5);
    prune(&bot);
    let before = remembered(&bot);
    let mut config = bot.config.clone();
    config
        .schedules
        .insert(BackupType::Hourly, lifeboat_engine::config::ScheduleConfig { keep: Some(1), ..Default::default() });
    let dry =
        Engine::new(config).prune(&PruneOptions { dry_run: true, ..Default::default() }, &Control::silent()).unwrap();
    assert_eq!(dry.removed, 1);
    assert_eq!(remembered(&bot), before);
}
