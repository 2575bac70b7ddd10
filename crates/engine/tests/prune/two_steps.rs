//! A pack goes a day after nothing needs it any more, so that a copy of the vault that is being made misses nothing.

use std::fs;
use std::path::Path;

use lifeboat_engine::Control;
use lifeboat_engine::report::*;

use crate::support::*;

/// So many hours from now.
fn in_hours(hours: i64) -> Control {
    let at = jiff::Timestamp::now().as_millisecond() + hours * 3_600_000;
    Control::silent().with_clock(move || at)
}

fn prune(bot: &Bot, control: &Control) -> PruneReport {
    bot.engine().prune(&PruneOptions::default(), control).unwrap()
}

/// A vault in which a pack is unneeded, and another one mostly.
fn with_dead_packs() -> Bot {
    let mut bot = Bot::empty();
    bot.config.local_retention_days = 0;
    for n in 0..4 {
        bot.write(&format!("uploads/stays-{n}.bin"), &noise(200_000, n));
        bot.write("uploads/goes.bin", &noise(2 << 20, 100 + n));
        bot.backup(BackupType::Safety);
    }
    fs::remove_file(bot.path("uploads/goes.bin")).unwrap();
    bot.backup(BackupType::Daily);
    bot
}

#[test]
fn it_stays_for_a_day_and_goes_with_the_next_pruning() {
    let bot = with_dead_packs();
    let before = bot.packs();
    let report = prune(&bot, &Control::silent());
    assert_eq!((report.removed, report.packs_removed, report.packs_rewritten), (4, 0, 4), "{report:?}");
    assert!(report.waiting > 8 << 20 && report.freed == 0, "{report:?}");
    let both = bot.packs();
    assert!(before.iter().all(|pack| both.contains(pack)) && both.len() > before.len());
    for hours in [1, 23] {
        let report = prune(&bot, &in_hours(hours));
        assert_eq!((report.packs_removed, report.packs_rewritten), (0, 0), "{hours}: {report:?}");
        assert_eq!(bot.packs(), both, "nothing is written anew twice");
    }
    let report = prune(&bot, &in_hours(25));
    assert!(report.packs_removed == 4 && report.freed > 8 << 20 && report.waiting == 0, "{report:?}");
    assert!(bot.packs().iter().all(|pack| !before[..4].contains(pack) || pack.exists()));
    assert!(bot.verify(true).ok);
    bot.restore("latest");
}

/// Copies as rsync does, in the order of names. `meanwhile`: what happens in the middle.
fn copy(from: &Path, to: &Path, meanwhile: &mut dyn FnMut()) {
    fs::create_dir_all(to).unwrap();
    let names = |folder: &Path| {
        let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let all = names(from);
    let half = all.get(all.len() / 2).cloned();
    let mut last = None;
    loop {
        // What came behind the copy's back is not seen.
        let Some(name) = names(from).into_iter().find(|name| last.as_ref().is_none_or(|last| name > last)) else {
            return;
        };
        if from.ends_with("packs") && Some(&name) == half.as_ref() {
            meanwhile();
        }
        let (source, target) = (from.join(&name), to.join(&name));
        match source.is_dir() {
            true => copy(&source, &target, &mut || ()),
            false => drop(fs::copy(&source, &target)),
        }
        last = Some(name);
    }
}

#[test]
fn a_copy_that_takes_the_records_first_has_all_that_they_need() {
    let bot = with_dead_packs();
    let copied = bot.dir.path().join("copied");
    for first in ["keys", "snapshots"] {
        copy(&bot.vault().join(first), &copied.join(first), &mut || ());
    }
    fs::copy(bot.vault().join("vault.json"), copied.join("vault.json")).unwrap();
    let mut rewritten = 0;
    copy(&bot.vault().join("packs"), &copied.join("packs"), &mut || {
        // Also the backups go whose records have been copied.
        rewritten = prune(&bot, &Control::silent()).packs_rewritten;
        bot.write("uploads/new.bin", &noise(300_000, 900));
        bot.backup(BackupType::Hourly);
    });
    assert_eq!(rewritten, 4);
    let mut other = Bot::empty();
    other.config.backup_dir = copied;
    let report = other.verify(true);
    assert!(report.ok && report.backups == 5, "{report:?}");
    other.restore("latest");
}

#[test]
fn what_a_backup_leans_on_again_stays() {
    let bot = Bot::empty();
    bot.write("a.json", b"{}");
    bot.backup(BackupType::Manual);
    bot.write("uploads/huge.bin", &noise(1 << 20, 7));
    let second = bot.backup(BackupType::Manual).backup;
    fs::remove_file(bot.path("uploads/huge.bin")).unwrap();
    bot.engine().delete_backup(&second, &Control::silent()).unwrap();
    bot.write("uploads/again.bin", &noise(1 << 20, 7));
    let again = bot.backup(BackupType::Hourly);
    assert!(again.size < 100_000, "it is there already: {}", again.size);
    for hours in [1, 25, 50] {
        prune(&bot, &in_hours(hours));
        assert_eq!(fs::read(bot.restore(&again.backup).join("uploads/again.bin")).unwrap(), noise(1 << 20, 7));
    }
    assert!(bot.verify(true).ok);
}

#[test]
fn what_a_backup_has_leaned_on_again_stays_for_a_day_once_more() {
    let bot = Bot::empty();
    bot.write("a.json", b"{}");
    bot.backup(BackupType::Manual);
    bot.write("uploads/huge.bin", &noise(1 << 20, 7));
    let second = bot.backup(BackupType::Manual).backup;
    fs::remove_file(bot.path("uploads/huge.bin")).unwrap();
    bot.engine().delete_backup(&second, &Control::silent()).unwrap();
    bot.write("uploads/again.bin", &noise(1 << 20, 7));
    let again = bot.backup(BackupType::Hourly).backup;
    fs::remove_file(bot.path("uploads/again.bin")).unwrap();
    let packs = bot.packs();
    let report = bot.engine().delete_backup(&again, &in_hours(30)).unwrap();
    assert!(report.packs_removed == 0 && report.waiting > 1 << 20, "{report:?}");
    assert!(packs.iter().all(|pack| pack.exists()));
    assert_eq!(prune(&bot, &in_hours(53)).packs_removed, 0);
    assert!(prune(&bot, &in_hours(55)).freed > 1 << 20);
}

#[test]
fn where_the_catalog_is_deleted_the_day_begins_anew() {
    let bot = with_dead_packs();
    prune(&bot, &Control::silent());
    let both = bot.packs();
    for end in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(bot.vault().join(format!("catalog.sqlite{end}")));
    }
    assert_eq!(prune(&bot, &in_hours(30)).packs_removed, 0);
    assert!(both.iter().all(|pack| pack.exists()));
    assert!(prune(&bot, &in_hours(60)).packs_removed >= 4);
    assert!(bot.verify(true).ok);
}

#[test]
fn a_clock_that_was_ahead_keeps_nothing_for_ever() {
    let bot = with_dead_packs();
    prune(&bot, &in_hours(24 * 300));
    assert_eq!(prune(&bot, &Control::silent()).packs_removed, 0);
    assert_eq!(prune(&bot, &in_hours(25)).packs_removed, 4);
}

#[test]
fn at_once_is_at_once_and_said() {
    let bot = with_dead_packs();
    let options = PruneOptions { at_once: true, ..PruneOptions::default() };
    let report = bot.engine().prune(&options, &Control::silent()).unwrap();
    assert!(report.freed > 8 << 20 && report.waiting == 0, "{report:?}");
    assert!(report.warnings.iter().any(|warning| warning.message.contains("make it again")), "{report:?}");
    assert!(bot.verify(true).ok);
    // Of what has waited long enough nobody need be told.
    let bot = with_dead_packs();
    prune(&bot, &Control::silent());
    let report = bot.engine().prune(&options, &in_hours(30)).unwrap();
    assert!(report.packs_removed == 4 && report.warnings.is_empty(), "{report:?}");
}
