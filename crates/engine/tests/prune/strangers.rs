//! What lies in `snapshots/` under a name that nobody knows may need packs: they stay, and somebody is told.

use std::fs;
use std::path::PathBuf;

use lifeboat_engine::Control;
use lifeboat_engine::report::*;

use crate::support::*;

/// A vault whose first record is to be called otherwise; what it needs no other backup does.
fn bot() -> (Bot, PathBuf, String) {
    let bot = Bot::empty();
    bot.write("uploads/a.jpg", &noise(1 << 20, 1));
    let first = bot.backup(BackupType::Manual).backup;
    fs::remove_file(bot.path("uploads/a.jpg")).unwrap();
    bot.backup(BackupType::Manual);
    let folder = bot.vault().join("snapshots");
    (bot, folder, first)
}

fn prune(bot: &Bot) -> PruneReport {
    bot.engine().prune(&PruneOptions { at_once: true, ..PruneOptions::default() }, &Control::silent()).unwrap()
}

#[test]
fn a_record_under_a_name_that_nobody_knows_keeps_what_it_needs_and_is_told() {
    let names = ["backup_YEARLY_2026-01-01T00-00-00-000Z", "backup (conflicted copy)", ".backup.Xa3b2", "old.bak"];
    for name in names {
        let (bot, folder, first) = bot();
        fs::rename(folder.join(&first), folder.join(name)).unwrap();
        let packs = bot.packs();
        let report = prune(&bot);
        assert_eq!(bot.packs(), packs, "{name}");
        let told = |warning: &Warning| warning.path == format!("snapshots/{name}");
        assert!(report.warnings.iter().any(told), "{name}: {:?}", report.warnings);
        fs::rename(folder.join(name), folder.join(&first)).unwrap();
        assert!(bot.verify(true).ok, "{name}");
        bot.restore(&first);
    }
}

#[test]
fn a_record_in_a_folder_keeps_what_it_needs_and_is_told() {
    for name in ["old", "old/2026", "@eaDir"] {
        let (bot, folder, first) = bot();
        let moved = folder.join(name).join(&first);
        fs::create_dir_all(folder.join(name)).unwrap();
        fs::rename(folder.join(&first), &moved).unwrap();
        let packs = bot.packs();
        let report = prune(&bot);
        assert_eq!(bot.packs(), packs, "{name}");
        let told = |warning: &Warning| warning.message.contains(&format!("snapshots/{name}/{first}"));
        assert!(report.warnings.iter().any(told), "{name}: {:?}", report.warnings);
        fs::rename(moved, folder.join(&first)).unwrap();
        fs::create_dir(folder.join("empty")).unwrap();
        assert!(bot.verify(true).ok, "{name}");
        assert!(prune(&bot).warnings.iter().all(|warning| !warning.path.starts_with("snapshots")), "{name}");
    }
}

#[test]
fn nor_does_anything_go_for_the_sake_of_room() {
    let (mut bot, folder, first) = bot();
    fs::rename(folder.join(&first), folder.join("backup_YEARLY_2026-01-01T00-00-00-000Z")).unwrap();
    bot.config.max_local_storage = lifeboat_engine::config::Size(4 << 20);
    bot.write("uploads/b.jpg", &noise(3 << 20, 2));
    let error = bot.try_backup(BackupType::Manual).unwrap_err();
    assert!(error.code() == "E_STORAGE_LIMIT" && error.to_string().contains("YEARLY"), "{error}");
    fs::rename(folder.join("backup_YEARLY_2026-01-01T00-00-00-000Z"), folder.join(&first)).unwrap();
    assert!(bot.verify(true).ok);
}

#[test]
fn what_a_system_lays_into_any_folder_is_in_nobodys_way() {
    let (bot, folder, first) = bot();
    fs::write(folder.join(".DS_Store"), b"\x00\x00\x00\x01Bud1").unwrap();
    fs::write(folder.join("desktop.ini"), b"").unwrap();
    fs::create_dir(folder.join("@eaDir")).unwrap();
    fs::write(folder.join(format!("@eaDir/{first}@SynoEAStream")), b"of a NAS").unwrap();
    let delete = bot.engine().delete_backup(&first, &Control::silent()).unwrap();
    assert!(delete.warnings.is_empty() && delete.waiting > 1 << 20, "{delete:?}");
    assert!(prune(&bot).freed > 1 << 20);
}

#[test]
fn an_archive_goes_with_its_backup_also_where_a_kill_came_between() {
    let (bot, _, first) = bot();
    let archives = bot.vault().join("archives");
    fs::create_dir_all(&archives).unwrap();
    let orphan = archives.join("backup_WEEKLY_2026-01-01T00-00-00-000Z.tar.gz");
    let kept = archives.join(format!("{first}.tar.gz"));
    for archive in [&orphan, &kept] {
        fs::write(archive, noise(1000, 1)).unwrap();
    }
    prune(&bot);
    assert!(orphan.exists(), "somebody may just have put it there, to import it");
    let tomorrow = jiff::Timestamp::now().as_millisecond() + 25 * 3_600_000;
    let control = Control::silent().with_clock(move || tomorrow);
    bot.engine().prune(&PruneOptions::default(), &control).unwrap();
    assert!(!orphan.exists() && kept.exists());
}
