//! A dry run is right: it tells the mode, the plan and the refusal that the restore then has.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use lifeboat_engine::report::*;
use lifeboat_engine::{Config, Control, Engine};

use crate::other::Other;
use crate::support::{Bot, SmallDisk, assert_same_tree, tree};

/// What a scene needs as long as it lasts.
#[derive(Default)]
struct Scene {
    apps: Vec<Other>,
    disks: Vec<SmallDisk>,
    /// Another configuration than the bot's.
    config: Option<Config>,
    options: RestoreOptions,
    fixed: Option<std::path::PathBuf>,
}

impl Drop for Scene {
    fn drop(&mut self) {
        if let Some(path) = &self.fixed {
            chattr("-i", path);
        }
    }
}

fn chattr(flag: &str, path: &Path) -> bool {
    Command::new("chattr").arg(flag).arg(path).status().is_ok_and(|status| status.success())
}

/// The name of the scene, what happens after the backup, and what then becomes of the restore.
type Row = (&'static str, fn(&Bot, &mut Scene), Expected);

enum Expected {
    Mode(RestoreMode),
    /// Words of the refusal.
    Refused(&'static str),
}
use Expected::{Mode, Refused};

fn database(bot: &Bot, pragma: &str) {
    let _ = fs::remove_file(bot.path("database.sqlite"));
    let db = rusqlite::Connection::open(bot.path("database.sqlite")).unwrap();
    db.execute_batch(&format!("{pragma}; CREATE TABLE t (a); INSERT INTO t VALUES (2)")).unwrap();
}

const TABLE: &[Row] = &[
    ("nobody is there", |bot, _| database(bot, ""), Mode(RestoreMode::Offline)),
    (
        "somebody has the database open",
        |bot, scene| {
            scene.apps.push(Other::database(&bot.path("database.sqlite")));
            scene.apps[0].say("INSERT INTO t VALUES (3)");
        },
        Mode(RestoreMode::Live),
    ),
    (
        "its page size is another one",
        |bot, scene| {
            database(bot, "PRAGMA page_size = 8192");
            scene.apps.push(Other::database(&bot.path("database.sqlite")));
        },
        Mode(RestoreMode::OnRestart),
    ),
    (
        "its encoding is another one",
        |bot, scene| {
            database(bot, "PRAGMA encoding = 'UTF-16le'");
            scene.apps.push(Other::database(&bot.path("database.sqlite")));
        },
        Mode(RestoreMode::OnRestart),
    ),
    (
        "its page size is another one, and live is asked for",
        |bot, scene| {
            database(bot, "PRAGMA page_size = 8192");
            scene.options.mode = RestoreMode::Live;
        },
        Refused("page size"),
    ),
    (
        "it is open, and offline is asked for",
        |bot, scene| {
            scene.apps.push(Other::database(&bot.path("database.sqlite")));
            scene.apps[0].say("INSERT INTO t VALUES (3)");
            scene.options.mode = RestoreMode::Offline;
        },
        Refused("is open in process"),
    ),
    (
        "it was deleted under its app",
        |bot, scene| {
            scene.apps.push(Other::database(&bot.path("database.sqlite")));
            fs::remove_file(bot.path("database.sqlite")).unwrap();
        },
        Mode(RestoreMode::Offline),
    ),
    (
        "the safety backup would not hold a file",
        |bot, scene| {
            bot.write("config.json", b"[2]");
            scene.config = Some(Config { exclude: vec!["config.json".into()], ..bot.config.clone() });
        },
        Refused("\"config.json\" would be replaced, and the safety backup"),
    ),
    (
        "the same, for the next start",
        |bot, scene| {
            bot.write("config.json", b"[2]");
            scene.config = Some(Config { exclude: vec!["config.json".into()], ..bot.config.clone() });
            scene.options.mode = RestoreMode::OnRestart;
        },
        Refused("\"config.json\" would be replaced, and the safety backup"),
    ),
    (
        "a file cannot be changed",
        |bot, scene| {
            bot.write("config.json", b"[2]");
            assert!(chattr("+i", &bot.path("config.json")), "this test needs root, and a disk that knows chattr");
            scene.fixed = Some(bot.path("config.json"));
        },
        Refused("chattr -i"),
    ),
    (
        "a folder cannot be changed, and a file in it is gone",
        |bot, scene| {
            fs::remove_file(bot.path("uploads/b.jpg")).unwrap();
            assert!(chattr("+i", &bot.path("uploads")));
            scene.fixed = Some(bot.path("uploads"));
        },
        Refused("chattr -i"),
    ),
    (
        "a folder cannot be changed, and a file in it can",
        |bot, scene| {
            bot.write("uploads/b.jpg", b"new");
            assert!(chattr("+i", &bot.path("uploads")));
            scene.fixed = Some(bot.path("uploads"));
        },
        Mode(RestoreMode::Offline),
    ),
    (
        "another folder lies on a disk that is mounted read-only",
        |bot, scene| {
            bot.write("config.json", b"[2]");
            let disk = {
                fs::remove_dir(bot.path("quiet")).unwrap();
                SmallDisk::mount(&bot.path("quiet"), "size=1m,mode=755")
            };
            assert!(Command::new("mount").args(["-o", "remount,ro"]).arg(&disk.0).status().unwrap().success());
            scene.disks.push(disk);
        },
        Mode(RestoreMode::Offline),
    ),
    (
        "a folder lies on a disk that is mounted read-only",
        |bot, scene| {
            let disk = SmallDisk::mount(&bot.path("mounted"), "size=1m");
            fs::write(bot.path("mounted/a.txt"), "new").unwrap();
            let status = Command::new("mount").args(["-o", "remount,ro"]).arg(&disk.0).status();
            assert!(status.unwrap().success());
            scene.disks.push(disk);
        },
        Refused("mounted read-only"),
    ),
    (
        "a disk in the root has no room",
        |bot, scene| scene.disks.push(SmallDisk::mount(&bot.path("mounted"), "size=128k")),
        Refused("free"),
    ),
];

#[test]
fn what_a_dry_run_predicts_is_what_the_restore_does() {
    for (what, happens, expected) in TABLE {
        let bot = Bot::empty();
        database(&bot, "");
        bot.write("config.json", b"[1]");
        bot.write("uploads/b.jpg", b"old");
        bot.write("mounted/a.txt", &crate::support::noise(300_000, 7));
        fs::create_dir(bot.path("quiet")).unwrap();
        let backup = bot.backup(BackupType::Manual).backup;
        if matches!(expected, Refused(words) if words.contains("read-only") || *words == "free") {
            fs::remove_dir_all(bot.path("mounted")).unwrap();
        }
        let mut scene = Scene::default();
        scene.options.watch = false;
        happens(&bot, &mut scene);
        let engine = Engine::new(scene.config.clone().unwrap_or(bot.config.clone()));
        let run = |dry_run| {
            let options = RestoreOptions { dry_run, ..scene.options.clone() };
            engine.restore(&BackupRef::Name(backup.clone()), &options, &Control::silent())
        };
        let before = tree(&bot.root());
        let (dry, real) = (run(true), run(false));
        match expected {
            Mode(mode) => {
                let (dry, real) = (dry.unwrap(), real.unwrap_or_else(|error| panic!("{what}: {error}")));
                assert_eq!((dry.mode, real.mode), (Some(*mode), Some(*mode)), "{what}: {:?}", real.reason);
                assert_eq!((&dry.plan, &dry.reason), (&real.plan, &real.reason), "{what}");
                assert_eq!(real.staged, *mode == RestoreMode::OnRestart, "{what}");
            }
            Refused(words) => {
                let (dry, real) = (dry.expect_err(what), real.expect_err(what));
                assert_eq!(dry.code(), real.code(), "{what}: {dry} / {real}");
                for error in [&dry, &real] {
                    assert!(error.to_string().contains(words), "{what}: {error}");
                }
                assert_same_tree(&before, &tree(&bot.root()));
            }
        }
    }
}

#[test]
fn a_folder_that_this_user_may_not_write_is_named_before_anything_is_done() {
    let bot = Bot::empty();
    bot.write("config.json", b"[1]");
    let backup = bot.backup(BackupType::Manual).backup;
    bot.write("config.json", b"[2]");
    // Root may write everywhere: another user is made to try.
    fs::set_permissions(bot.dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let tried = Command::new(std::env::current_exe().unwrap())
        .args(["foresight::as_another_user", "--exact", "--ignored", "--nocapture"])
        .env("LIFEBOAT_TRY_ROOT", bot.root())
        .env("LIFEBOAT_TRY_VAULT", bot.vault())
        .env("LIFEBOAT_TRY_BACKUP", &backup)
        .output()
        .unwrap();
    assert!(tried.status.success(), "{}", String::from_utf8_lossy(&tried.stdout));
    assert_eq!(fs::read(bot.path("config.json")).unwrap(), b"[2]");
}

/// Not a test: what that other user does.
#[test]
#[ignore = "run by the test above, in another process"]
fn as_another_user() {
    let Some(root) = std::env::var_os("LIFEBOAT_TRY_ROOT") else { return };
    let config = Config {
        backup_dir: std::env::var_os("LIFEBOAT_TRY_VAULT").unwrap().into(),
        encryption: false,
        ..Config::default()
    };
    let config = config.resolved(Path::new(&root)).unwrap();
    assert!(Command::new("chown").args(["-R", "65534"]).arg(&config.backup_dir).status().unwrap().success());
    // SAFETY: plain system calls; nothing else runs in this process that needs its rights.
    assert_eq!(unsafe { libc::setresuid(65534, 65534, 65534) }, 0, "this test needs root");
    for dry_run in [true, false] {
        let options = RestoreOptions { dry_run, ..RestoreOptions::default() };
        let backup = BackupRef::Name(std::env::var("LIFEBOAT_TRY_BACKUP").unwrap());
        let error = Engine::new(config.clone()).restore(&backup, &options, &Control::silent()).unwrap_err();
        assert_eq!(error.code(), "E_RESTORE", "{error}");
        assert!(error.to_string().contains("cannot be written") && error.to_string().contains("chown"), "{error}");
    }
}

#[test]
fn a_vault_on_a_read_only_disk_can_be_restored_from() {
    let bot = Bot::empty();
    bot.write("config.json", b"[1]");
    bot.write("session/creds.json", b"{}");
    let backup = bot.backup(BackupType::Manual).backup;
    bot.write("config.json", b"[2]");
    let disk = SmallDisk::mount(&bot.dir.path().join("disk"), "size=16m");
    let vault = disk.0.join("vault");
    let copied = Command::new("cp").arg("-a").args([&bot.vault(), &vault]).status().unwrap();
    assert!(copied.success());
    // As it is after a migration, or on a disk that was copied: nobody has locked it yet.
    fs::remove_file(vault.join("lock")).unwrap();
    assert!(Command::new("mount").args(["-o", "remount,ro"]).arg(&disk.0).status().unwrap().success());
    let engine = Engine::new(Config { backup_dir: vault, ..bot.config.clone() });
    let run = |options: RestoreOptions| {
        engine.restore(
            &BackupRef::Name(backup.clone()),
            &RestoreOptions { watch: false, ..options },
            &Control::silent(),
        )
    };
    let into = bot.dir.path().join("out");
    run(RestoreOptions { target: Some(into.clone()), ..RestoreOptions::default() }).unwrap();
    assert_eq!(fs::read(into.join("config.json")).unwrap(), b"[1]");
    let dry = run(RestoreOptions { dry_run: true, ..RestoreOptions::default() }).unwrap();
    assert!(dry.warnings[0].message.contains("--no-safety"), "{:?}", dry.warnings);
    let error = run(RestoreOptions::default()).unwrap_err();
    assert_eq!((error.code(), error.to_string()), ("E_RESTORE", dry.warnings[0].message.clone()));
    assert_eq!(fs::read(bot.path("config.json")).unwrap(), b"[2]");
    run(RestoreOptions { create_backup_first: false, ..RestoreOptions::default() }).unwrap();
    assert_eq!(fs::read(bot.path("config.json")).unwrap(), b"[1]");
}

#[test]
fn a_backup_that_is_known_to_lack_something_says_so_before_and_after() {
    let bot = Bot::empty();
    bot.write("config.json", b"[1]");
    let good = bot.backup(BackupType::Manual).backup;
    std::os::unix::fs::symlink("/usr/share", bot.path("data")).unwrap();
    fs::remove_file(bot.path("data")).unwrap();
    let outside = bot.dir.path().join("elsewhere");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("x"), "x").unwrap();
    std::os::unix::fs::symlink(&outside, bot.path("data")).unwrap();
    let degraded = bot.backup(BackupType::Manual);
    assert!(degraded.degraded);
    bot.write("config.json", b"[2]");
    let run = |options: RestoreOptions| {
        bot.engine().restore(
            &BackupRef::Name(degraded.backup.clone()),
            &RestoreOptions { watch: false, ..options },
            &Control::silent(),
        )
    };
    let into = RestoreOptions {
        target: Some(bot.dir.path().join("out")),
        allow_outside_links: true,
        ..RestoreOptions::default()
    };
    for options in [RestoreOptions { dry_run: true, ..RestoreOptions::default() }, RestoreOptions::default(), into] {
        let result = run(options).unwrap();
        let told = &result.warnings[0].message;
        assert!(told.contains("not whole") && told.contains("data") && told.contains(&good), "{told}");
    }
}

#[test]
fn a_backup_that_took_the_way_to_the_vault_for_a_link_can_be_restored() {
    let bot = Bot::empty();
    bot.write("config.json", b"[1]");
    // The vault is somewhere else while the backup is made, and moves to where the link leads.
    let disk = bot.dir.path().join("disk");
    fs::create_dir(&disk).unwrap();
    std::os::unix::fs::symlink(&disk, bot.path("backups")).unwrap();
    let backup = bot.backup(BackupType::Manual).backup;
    fs::remove_dir(&disk).unwrap();
    fs::rename(bot.vault(), &disk).unwrap();
    bot.write("config.json", b"[2]");
    let config = Config { backup_dir: bot.path("backups"), encryption: false, ..Config::default() };
    let engine = Engine::new(config.resolved(&bot.root()).unwrap());
    let has_link = engine.list_items(&backup, &[]).unwrap().iter().any(|item| item.path == "backups");
    assert!(has_link, "the backup is of the kind that is meant");
    let run = |target| {
        let options = RestoreOptions { target, watch: false, ..RestoreOptions::default() };
        engine.restore(&BackupRef::Name(backup.clone()), &options, &Control::silent()).unwrap()
    };
    run(None);
    assert_eq!(fs::read(bot.path("config.json")).unwrap(), b"[1]");
    assert_eq!(fs::read_link(bot.path("backups")).unwrap(), disk);
    let out = bot.dir.path().join("out");
    run(Some(out.clone()));
    assert!(out.join("config.json").exists() && fs::symlink_metadata(out.join("backups")).is_err());
}
