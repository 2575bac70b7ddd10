//! The history of runs goes along; what was the old host's and the old machine's does not.

use std::fs;
use std::path::Path;

use lifeboat_engine::report::*;
use lifeboat_engine::watch::{Logbook, Watch};
use lifeboat_engine::{Control, Engine};
use rusqlite::Connection;

use crate::server::*;
use crate::support::*;

/// A bot with a past: backups, a verification, one backup that failed, and events that nobody has taken.
fn with_a_past() -> Bot {
    let bot = Bot::new();
    bot.backup(BackupType::Daily);
    bot.verify(false);
    let away = bot.dir.path().join("away");
    fs::rename(bot.root(), &away).unwrap();
    assert_eq!(bot.try_backup(BackupType::Hourly).unwrap_err().code(), "E_SOURCE");
    fs::rename(away, bot.root()).unwrap();
    bot.backup(BackupType::Manual);
    Logbook::open(&bot.vault()).unwrap().note("zone", "Asia/Jakarta").unwrap();
    assert!(Watch::new(&bot.config).events().unwrap().len() > 1);
    bot
}

fn history(engine: &Engine) -> Vec<String> {
    let runs = engine.history(&HistoryFilter::default()).unwrap();
    runs.iter().map(|run| serde_json::to_string(run).unwrap()).collect()
}

fn events(server: &Server) -> usize {
    Watch::new(server.engine().config()).events().unwrap().len()
}

fn facts(vault: &Path) -> Vec<(String, serde_json::Value)> {
    Logbook::open_read_only(vault).unwrap().facts("").unwrap()
}

#[test]
fn it_goes_on_wherever_the_vault_comes_from_and_nothing_is_told_or_believed_twice() {
    let bot = with_a_past();
    let past = history(&bot.engine());
    assert_eq!(past.len(), 4);
    let old_root = bot.dir.path().join("old-root");
    copy(&bot.root(), &old_root);
    copy(&bot.vault(), &old_root.join("backups"));
    for how in ["a vault", "an old root", "a vault in its place"] {
        let server = Server::new();
        let vault = server.root().join("backups");
        if how == "a vault in its place" {
            copy(&bot.vault(), &vault);
        }
        let before = tree(&bot.vault());
        let report = match how {
            "a vault" => server.migrate(&bot.vault()),
            "an old root" => server.migrate(&old_root),
            _ => server.migrate(&vault),
        };
        assert_eq!(report.unwrap().warnings.len(), 0, "{how}");
        assert_eq!(history(&server.engine()), past, "{how}");
        assert_eq!(events(&server), 0, "{how}");
        assert_same_tree(&before, &tree(&bot.vault()));
        // What is known is what the migration itself has read back, and the zone in which the app's owner thinks.
        let mut known: Vec<String> = facts(&vault).into_iter().map(|(key, _)| key).collect();
        assert_eq!(known.pop().as_deref(), Some("zone"), "{how}");
        assert!(known.len() == 2 && known.iter().all(|key| key.starts_with("verified.")), "{how}: {known:?}");
        assert!(server.engine().status().unwrap().healthy, "{how}");
        server.engine().create_backup(BackupType::Manual, &BackupOptions::default(), &Control::silent()).unwrap();
        assert_eq!(history(&server.engine()).len(), past.len() + 1, "{how}");
    }
}

#[test]
fn an_archive_has_no_past_and_needs_none() {
    let bot = with_a_past();
    let file = bot.dir.path().join("a.tar.gz");
    let options = ExportOptions { encrypt: Some(false), ..Default::default() };
    bot.engine().export_backup("latest", &file, &options, &Control::silent()).unwrap();
    let server = Server::new();
    assert_eq!(server.migrate(&file).unwrap().warnings.len(), 0);
    let runs = server.engine().history(&HistoryFilter::default()).unwrap();
    assert_eq!((runs.len(), runs[0].operation.as_str()), (1, "IMPORT"));
}

#[test]
fn what_a_host_has_written_a_moment_ago_goes_along_and_its_files_are_only_read() {
    let bot = Bot::new();
    // As long as somebody has it open, what is new is in the log beside it.
    bot.backup(BackupType::Manual);
    let open = Logbook::open(&bot.vault()).unwrap();
    bot.backup(BackupType::Hourly);
    assert!(fs::metadata(bot.vault().join("logbook.sqlite-wal")).unwrap().len() > 0);
    let (past, before) = (history(&bot.engine()), tree(&bot.vault()));
    let server = Server::new();
    server.migrate(&bot.vault()).unwrap();
    assert_same_tree(&before, &tree(&bot.vault()));
    assert_eq!((history(&server.engine()), past.len()), (past, 2));
    drop(open);
}

type Harm = (&'static str, fn(&Path));

#[test]
fn one_that_cannot_be_read_is_left_behind_with_a_warning() {
    let harm: [Harm; 5] = [
        ("noise", |path| fs::write(path, noise(20_000, 1)).unwrap()),
        ("a hole in it", |path| {
            let mut bytes = fs::read(path).unwrap();
            bytes[4096..].fill(0xa5);
            fs::write(path, bytes).unwrap();
        }),
        ("a newer Lifeboat's", |path| Connection::open(path).unwrap().pragma_update(None, "user_version", 99).unwrap()),
        ("a pipe", |path| {
            fs::remove_file(path).unwrap();
            assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
        }),
        ("a link", |path| {
            fs::rename(path, path.with_extension("other")).unwrap();
            std::os::unix::fs::symlink(path.with_extension("other"), path).unwrap();
        }),
    ];
    for (what, harm) in harm {
        let bot = with_a_past();
        harm(&bot.vault().join("logbook.sqlite"));
        let server = Server::new();
        let report = server.migrate(&bot.vault()).unwrap();
        let warned: Vec<_> = report.warnings.iter().map(|warning| warning.path.as_str()).collect();
        assert_eq!(warned, ["logbook.sqlite"], "{what}: {:?}", report.warnings);
        assert!(report.warnings[0].message.contains("A new history begins"), "{what}");
        assert_same_tree(&tree(&bot.root()), &server.restored());
        server.engine().create_backup(BackupType::Manual, &BackupOptions::default(), &Control::silent()).unwrap();
        assert_eq!(history(&server.engine()).len(), 1, "{what}");
    }
}

#[test]
fn a_migration_that_goes_on_brings_it_once_and_not_over_a_newer_one() {
    let bot = with_a_past();
    let past = history(&bot.engine());
    let server = Server::new();
    server.migrate_until("copying the history", &bot.vault()).unwrap_err();
    assert!(server.migrate(&bot.vault()).unwrap().resumed);
    assert_eq!(history(&server.engine()), past);
    // Cut off at its very end; then the bot was started, and worked.
    server.engine().create_backup(BackupType::Manual, &BackupOptions::default(), &Control::silent()).unwrap();
    fs::write(server.root().join(".lifeboat-migrate.json"), "{}").unwrap();
    let report = server.migrate_with(
        &bot.vault(),
        MigrateOptions { backup: Some(BackupRef::Name("latest".into())), ..MigrateOptions::default() },
    );
    assert!(report.unwrap().resumed);
    let now = history(&server.engine());
    assert_eq!((now.len(), &now[1..]), (past.len() + 1, &past[..]));
}
