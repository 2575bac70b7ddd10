//! Links that lead out of the root: told where they are not followed, and followed where they are named.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use lifeboat_engine::Control;
use lifeboat_engine::config::Source;
use lifeboat_engine::report::*;
use rusqlite::Connection;

use crate::support::*;

/// A root whose `data/` and `app.db` lie on a volume.
fn on_a_volume() -> (Bot, PathBuf) {
    let bot = Bot::empty();
    let volume = bot.dir.path().canonicalize().unwrap().join("volume");
    fs::create_dir_all(volume.join("data/photos")).unwrap();
    fs::write(volume.join("data/photos/1.jpg"), b"photo").unwrap();
    fs::write(volume.join("data/state.json"), b"[1]").unwrap();
    symlink(volume.join("data"), bot.path("data")).unwrap();
    let db = Connection::open(volume.join("app.db")).unwrap();
    db.execute_batch("CREATE TABLE t (x); INSERT INTO t VALUES (1);").unwrap();
    symlink(volume.join("app.db"), bot.path("app.db")).unwrap();
    bot.write("index.js", b"x");
    (bot, volume)
}

fn following(bot: &mut Bot) {
    bot.config.follow_links = vec!["data".into(), "app.db".into()];
}

fn paths(bot: &Bot, backup: &str) -> Vec<String> {
    bot.engine().list_items(backup, &[]).unwrap().into_iter().map(|item| item.path).collect()
}

/// Nobody has anything open, which not every system tells.
fn in_place(bot: &Bot, backup: &str) -> RestoreResult {
    let options = RestoreOptions { mode: RestoreMode::Offline, ..RestoreOptions::default() };
    bot.engine().restore(&BackupRef::Name(backup.into()), &options, &Control::silent()).unwrap()
}

fn rows(path: &Path) -> i64 {
    Connection::open(path).unwrap().query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap()
}

#[test]
fn what_is_behind_a_link_is_told_with_a_remedy_and_the_backup_is_degraded_until_it_is_heeded() {
    let (mut bot, volume) = on_a_volume();
    let result = bot.backup(BackupType::Manual);
    assert!(result.degraded);
    let told: Vec<_> = result.warnings.iter().map(|warning| warning.path.as_str()).collect();
    assert_eq!(told, ["app.db", "data"]);
    let message = &result.warnings[1].message;
    for part in
        [&volume.join("data").display().to_string(), "not in this backup", "\"followLinks\": [\"data\"]", "exclude"]
    {
        assert!(message.contains(part), "{message}");
    }
    let run = &bot.engine().history(&HistoryFilter::default()).unwrap()[0];
    assert_eq!(run.result, RunResult::Degraded);
    assert_eq!(run.warnings[0].path, "app.db");
    let status = bot.engine().status().unwrap();
    assert!(!status.healthy);
    assert!(status.problems.iter().any(|problem| problem.message.contains("app.db")), "{:?}", status.problems);

    bot.config.exclude = vec!["data".into()];
    following(&mut bot);
    let result = bot.backup(BackupType::Manual);
    assert!(!result.degraded && result.warnings.is_empty(), "{:?}", result.warnings);
    assert!(bot.engine().status().unwrap().healthy);
}

#[test]
fn the_event_of_a_degraded_backup_is_no_success() {
    let (bot, _) = on_a_volume();
    bot.backup(BackupType::Daily);
    let events = lifeboat_engine::watch::Watch::new(&bot.config).events().unwrap();
    let names: Vec<&str> = events.iter().map(|event| event.event.as_str()).collect();
    assert_eq!(names, ["backup:degraded"]);
}

#[test]
fn links_to_the_systems_places_and_to_nothing_are_no_loss() {
    let bot = Bot::empty();
    for (name, target) in [("sh", "/bin/sh"), ("zone", "/etc/localtime"), ("out", "/dev/stdout"), ("gone", "nowhere")] {
        symlink(target, bot.path(name)).unwrap();
    }
    bot.write("releases/1/a", b"x");
    symlink("releases/1", bot.path("current")).unwrap();
    let result = bot.backup(BackupType::Manual);
    assert!(!result.degraded && result.warnings.is_empty(), "{:?}", result.warnings);
}

#[test]
fn a_link_that_is_followed_is_a_folder_of_its_own_and_comes_back_as_one() {
    let (mut bot, volume) = on_a_volume();
    following(&mut bot);
    // Commits that lie beside the real file, and nowhere near the link.
    let db = Connection::open(volume.join("app.db")).unwrap();
    db.execute_batch("PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; INSERT INTO t VALUES (2);").unwrap();
    let result = bot.backup(BackupType::Manual);
    assert!(!result.degraded, "{:?}", result.warnings);
    let all = ["app.db", "data", "data/photos", "data/photos/1.jpg", "data/state.json", "index.js"];
    assert_eq!(paths(&bot, &result.backup), all);
    assert_eq!(bot.backup(BackupType::Manual).changed, 0);
    let diff = bot.engine().diff(&BackupRef::Name(result.backup.clone()), None, &Control::silent()).unwrap();
    assert_eq!((diff.added.len(), diff.removed.len(), diff.changed.len()), (0, 0, 0));

    let out = bot.restore(&result.backup);
    assert!(out.join("data").symlink_metadata().unwrap().is_dir());
    assert_eq!(fs::read(out.join("data/photos/1.jpg")).unwrap(), b"photo");
    assert!(out.join("app.db").symlink_metadata().unwrap().is_file());
    assert_eq!(rows(&out.join("app.db")), 2);
    drop(db);
}

#[test]
fn in_place_it_takes_the_place_of_the_link_and_what_the_link_led_to_stays() {
    let (mut bot, volume) = on_a_volume();
    following(&mut bot);
    let backup = bot.backup(BackupType::Manual).backup;
    fs::write(volume.join("data/state.json"), b"[1, 2]").unwrap();
    fs::remove_file(volume.join("data/photos/1.jpg")).unwrap();
    let result = in_place(&bot, &backup);
    assert!(bot.path("data").symlink_metadata().unwrap().is_dir());
    assert_eq!(fs::read(bot.path("data/state.json")).unwrap(), b"[1]");
    assert_eq!(fs::read(bot.path("data/photos/1.jpg")).unwrap(), b"photo");
    assert_eq!(rows(&bot.path("app.db")), 1);
    assert_eq!(fs::read(volume.join("data/state.json")).unwrap(), b"[1, 2]");
    let told: Vec<_> = result.warnings.iter().map(|warning| warning.path.as_str()).collect();
    assert_eq!(told, ["app.db", "data"], "{:?}", result.warnings);

    let safety = result.safety_backup.unwrap();
    in_place(&bot, &safety);
    assert_eq!(fs::read(bot.path("data/state.json")).unwrap(), b"[1, 2]", "what was behind it was backed up first");
}

#[test]
fn a_mirror_removes_nothing_behind_a_link() {
    let (mut bot, volume) = on_a_volume();
    fs::create_dir(volume.join("raf")).unwrap();
    fs::write(volume.join("raf/creds.json"), b"{}").unwrap();
    fs::create_dir(bot.path("sessions")).unwrap();
    bot.write("sessions/a/creds.json", b"{}");
    let backup = bot.backup(BackupType::Manual).backup;
    bot.config.follow_links = vec!["sessions/raf".into(), "data".into(), "app.db".into()];
    symlink(volume.join("raf"), bot.path("sessions/raf")).unwrap();
    bot.write("sessions/a/new.json", b"{}");
    let items = vec!["sessions".to_string()];
    let options = RestoreOptions { items, ..RestoreOptions::default() };
    bot.engine().restore(&BackupRef::Name(backup), &options, &Control::silent()).unwrap();
    assert!(!bot.path("sessions/a/new.json").exists());
    assert!(volume.join("raf/creds.json").exists() && bot.path("sessions/raf/creds.json").exists());
}

#[test]
fn links_within_what_was_followed_are_followed_only_where_they_are_named() {
    let (mut bot, volume) = on_a_volume();
    let far = volume.join("far");
    fs::create_dir(&far).unwrap();
    fs::write(far.join("a"), b"a").unwrap();
    symlink(&far, volume.join("data/far")).unwrap();
    symlink("photos", volume.join("data/beside")).unwrap();
    following(&mut bot);
    let result = bot.backup(BackupType::Manual);
    let told: Vec<_> = result.warnings.iter().map(|warning| warning.path.as_str()).collect();
    assert_eq!(told, ["data/far"], "and not the link that stays among what was taken");
    bot.config.follow_links.push("data/far".into());
    let result = bot.backup(BackupType::Manual);
    assert!(!result.degraded && paths(&bot, &result.backup).contains(&"data/far/a".to_string()));
}

#[test]
fn loops_end_the_vault_stays_out_and_the_same_folder_may_be_reached_twice() {
    let mut bot = Bot::empty();
    let around = bot.dir.path().canonicalize().unwrap();
    // The vault and the root lie in what the link leads to, and so does the link.
    symlink(&around, bot.path("around")).unwrap();
    bot.config.follow_links = vec!["**".into()];
    bot.write("a", b"a");
    fs::create_dir(around.join("other")).unwrap();
    fs::write(around.join("other/b"), b"b").unwrap();
    symlink(around.join("other"), bot.path("one")).unwrap();
    symlink(around.join("other"), bot.path("two")).unwrap();
    symlink(&around, around.join("other/back")).unwrap();
    bot.backup(BackupType::Manual);
    let result = bot.backup(BackupType::Manual);
    let paths = paths(&bot, &result.backup);
    for wanted in ["a", "around/other/b", "one/b", "two/b"] {
        assert!(paths.iter().any(|path| path == wanted), "{wanted}: {paths:?}");
    }
    assert!(!paths.iter().any(|path| path.contains("vault") || path.starts_with("around/root")), "{paths:?}");
    let out = bot.try_restore(&result.backup, &["one", "two"]).unwrap();
    assert_eq!(fs::read(out.join("two/b")).unwrap(), b"b");
}

#[test]
fn a_source_follows_the_links_that_it_names() {
    let (mut bot, _) = on_a_volume();
    bot.config.sources = vec![Source {
        category: Category::Media,
        include: vec!["data".into()],
        exclude: vec!["data/*.json".into()],
        follow_links: true,
        set: false,
    }];
    let result = bot.backup(BackupType::Manual);
    assert_eq!(paths(&bot, &result.backup), ["data", "data/photos", "data/photos/1.jpg"]);
    assert!(!result.degraded, "nobody asked for app.db");
}

#[test]
fn a_database_behind_a_link_that_somebody_has_open_is_not_replaced_under_him() {
    let (mut bot, volume) = on_a_volume();
    following(&mut bot);
    let backup = bot.backup(BackupType::Manual).backup;
    let mut sleeper = std::process::Command::new("sleep");
    let open = fs::File::open(volume.join("app.db")).unwrap();
    let mut child = sleeper.arg("60").stdin(open).spawn().unwrap();
    let options = RestoreOptions { items: vec!["app.db".into()], ..RestoreOptions::default() };
    let result = bot.engine().restore(&BackupRef::Name(backup), &options, &Control::silent());
    child.kill().unwrap();
    child.wait().unwrap();
    let result = result.unwrap();
    assert_eq!((result.mode, result.staged), (Some(RestoreMode::OnRestart), true));
    assert!(bot.path("app.db").is_symlink());
}

#[test]
fn a_restore_that_is_undone_puts_the_link_back_and_touches_nothing_behind_it() {
    let (mut bot, volume) = on_a_volume();
    following(&mut bot);
    bot.write("zone.json", b"[1]");
    let backup = bot.backup(BackupType::Manual).backup;
    bot.write("zone.json", b"[2]");
    let before = (tree(&bot.root()), tree(&volume));
    let options = RestoreOptions { mode: RestoreMode::Offline, ..RestoreOptions::default() };
    let zone = bot.path("zone.json");
    let kept = bot.dir.path().join("zone.json");
    let control = Control::new({
        let (zone, kept) = (zone.clone(), kept.clone());
        move |progress| {
            // A folder comes into the way of what is put there last.
            if progress.phase == "replacing" {
                let _ = fs::rename(&zone, &kept).and_then(|()| fs::create_dir(&zone));
            }
        }
    });
    let result = bot.engine().restore(&BackupRef::Name(backup), &options, &control);
    fs::remove_dir(&zone).and_then(|()| fs::rename(&kept, &zone)).unwrap();
    let after = (tree(&bot.root()), tree(&volume));
    assert_eq!(result.unwrap_err().code(), "E_ROLLED_BACK");
    assert_same_tree(&before.1, &after.1);
    assert_same_tree(&before.0, &after.0);
}

#[test]
fn a_volume_that_is_gone_makes_a_backup_degraded_and_pushes_no_good_one_out() {
    let (mut bot, volume) = on_a_volume();
    following(&mut bot);
    let whole = bot.backup(BackupType::Hourly);
    assert!(!whole.degraded, "{:?}", whole.warnings);
    fs::rename(&volume, volume.with_extension("unmounted")).unwrap();
    let without = bot.backup(BackupType::Hourly);
    assert!(without.degraded);
    assert!(without.warnings.iter().any(|one| one.path == "data" && one.message.contains("Mount")), "{without:?}");
}

#[test]
fn sources_that_name_what_is_behind_a_link_follow_it_or_say_that_it_is_missing() {
    let (mut bot, _volume) = on_a_volume();
    let source = |follow_links| Source {
        category: Category::Data,
        include: vec!["data/**".into()],
        exclude: Vec::new(),
        follow_links,
        set: false,
    };
    bot.config.sources = vec![source(false)];
    let told = bot.backup(BackupType::Manual);
    assert!(told.degraded && told.warnings[0].path == "data", "{:?}", told.warnings);
    bot.config.sources = vec![source(true)];
    let followed = bot.backup(BackupType::Manual);
    assert!(!followed.degraded, "{:?}", followed.warnings);
    assert!(paths(&bot, &followed.backup).contains(&"data/state.json".into()));
}

#[test]
fn a_link_whose_name_looks_like_a_pattern_is_followed_by_its_name() {
    let (mut bot, volume) = on_a_volume();
    symlink(volume.join("data"), bot.path("data[1]")).unwrap();
    following(&mut bot);
    bot.config.follow_links.push("data[1]".into());
    let backup = bot.backup(BackupType::Manual);
    assert!(!backup.degraded, "{:?}", backup.warnings);
    assert!(paths(&bot, &backup.backup).contains(&"data[1]/state.json".into()));
}
