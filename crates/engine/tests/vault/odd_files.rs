//! Files that are nothing like a bot's.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, symlink};

use lifeboat_engine::report::*;

use crate::support::*;

/// Backs up and restores, and expects everything back.
fn comes_back(bot: &Bot) -> BackupResult {
    let expected = tree(&bot.root());
    let result = bot.backup(BackupType::Manual);
    assert_same_tree(&expected, &tree(&bot.restore(&result.backup)));
    result
}

#[test]
fn odd_names_come_back() {
    let bot = Bot::empty();
    let long = "n".repeat(255);
    let names: [&[u8]; 12] = [
        b"new\nline",
        b"\xff\xfe not utf-8",
        b" leading and trailing ",
        b"-rf",
        b"*",
        b"[a].txt",
        b"quote\"and'quote",
        b"back\\slash",
        "Müller 📷".as_bytes(),
        "e\u{301} and \u{e9}".as_bytes(),
        b"..hidden",
        long.as_bytes(),
    ];
    for (at, name) in names.iter().enumerate() {
        let folder = bot.root().join(OsStr::from_bytes(name));
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join(OsStr::from_bytes(name)), format!("{at}")).unwrap();
        symlink(OsStr::from_bytes(name), folder.join("link")).unwrap();
    }
    comes_back(&bot);
    // And a file of that very name can be asked for.
    let backup = bot.backup(BackupType::Manual).backup;
    let out = bot.try_restore(&backup, &["[a].txt/[a].txt"]).unwrap();
    assert!(out.join("[a].txt/[a].txt").is_file());
}

#[test]
fn sizes_around_every_limit_come_back() {
    let bot = Bot::empty();
    let limits = [0usize, 1, 16, 64 << 10, 128 << 10, 512 << 10, 1 << 20, 2 << 20, 4 << 20, 9 << 20];
    for limit in limits {
        for (at, size) in [limit.saturating_sub(1), limit, limit + 1].into_iter().enumerate() {
            bot.write(&format!("{limit}-{at}.bin"), &noise(size, (limit + at) as u64));
        }
    }
    bot.write("empty.json", b"");
    comes_back(&bot);
}

#[test]
fn a_sparse_file_of_5_gb_costs_little_and_comes_back_sparse() {
    let bot = Bot::empty();
    let file = fs::File::create(bot.path("sparse.img")).unwrap();
    file.set_len(5_000_000_000).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"here", 2_500_000_000).unwrap();
    drop(file);
    let result = bot.backup(BackupType::Manual);
    assert!(result.size < 1_000_000, "{} bytes", result.size);
    let out = bot.restore(&result.backup);
    let metadata = fs::metadata(out.join("sparse.img")).unwrap();
    assert_eq!(metadata.len(), 5_000_000_000);
    assert!(metadata.blocks() * 512 < 10_000_000, "{} blocks", metadata.blocks());
    let mut here = [0; 4];
    let file = fs::File::open(out.join("sparse.img")).unwrap();
    std::os::unix::fs::FileExt::read_exact_at(&file, &mut here, 2_500_000_000).unwrap();
    assert_eq!(&here, b"here");
}

#[test]
fn a_folder_with_100_000_files_comes_back() {
    let bot = Bot::empty();
    fs::create_dir(bot.path("many")).unwrap();
    for n in 0..100_000 {
        fs::write(bot.path(&format!("many/{n}")), format!("{n}")).unwrap();
    }
    let result = comes_back(&bot);
    assert_eq!(result.items, 100_001);
}

#[test]
fn links_are_stored_as_links_and_never_followed() {
    let bot = Bot::empty();
    let outside = bot.dir.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret"), "outside").unwrap();
    symlink(&outside, bot.path("to-a-folder")).unwrap();
    symlink(outside.join("secret"), bot.path("to-a-file")).unwrap();
    symlink("nowhere", bot.path("to-nothing")).unwrap();
    symlink(".", bot.path("to-itself")).unwrap();
    let result = bot.backup(BackupType::Manual);
    assert_eq!((result.items, result.total_size), (4, 0));
    assert!(result.degraded, "what is behind them is not in the backup");
    assert_eq!(bot.try_restore(&result.backup, &[]).unwrap_err().code(), "E_UNSAFE_PATH");
    let target = bot.dir.path().join("out");
    let options =
        RestoreOptions { target: Some(target.clone()), allow_outside_links: true, ..RestoreOptions::default() };
    bot.engine().restore(&BackupRef::Name(result.backup), &options, &lifeboat_engine::Control::silent()).unwrap();
    assert_same_tree(&tree(&bot.root()), &tree(&target));
}

#[test]
fn pipes_sockets_and_the_vault_itself_are_not_taken() {
    let mut bot = Bot::empty();
    bot.config.backup_dir = bot.path("backups");
    rustix::fs::mkfifoat(rustix::fs::CWD, bot.path("pipe"), 0o600.into()).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(bot.path("socket")).unwrap();
    bot.write("kept", b"kept");
    bot.backup(BackupType::Manual);
    let second = bot.backup(BackupType::Manual).backup;
    let paths: Vec<String> = bot.engine().list_items(&second, &[]).unwrap().into_iter().map(|item| item.path).collect();
    assert_eq!(paths, ["kept"]);
}

#[test]
fn folders_that_nobody_may_write_to_come_back() {
    let bot = Bot::empty();
    bot.write("locked/inner/file", b"x");
    for path in ["locked/inner/file", "locked/inner", "locked"] {
        fs::set_permissions(bot.path(path), std::os::unix::fs::PermissionsExt::from_mode(0o555)).unwrap();
    }
    comes_back(&bot);
}

#[test]
fn a_torn_json_file_is_waited_for_and_one_that_stays_torn_is_kept_with_a_warning() {
    let bot = Bot::empty();
    bot.write("database/torn.json", b"[{\"saldo\": 1");
    bot.write("database/empty.json", b"");
    bot.write("database/settles.json", b"");
    let path = bot.path("database/settles.json");
    let writer = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(700));
        fs::write(path, b"[1]").unwrap();
    });
    let result = bot.backup(BackupType::Manual);
    writer.join().unwrap();
    let mut warned: Vec<_> = result.warnings.iter().map(|warning| warning.path.as_str()).collect();
    warned.sort_unstable();
    assert_eq!(warned, ["database/empty.json", "database/torn.json"]);
    assert!(!result.degraded);
    let out = bot.restore(&result.backup);
    assert_eq!(fs::read(out.join("database/settles.json")).unwrap(), b"[1]");
    assert_eq!(fs::read(out.join("database/torn.json")).unwrap(), b"[{\"saldo\": 1");
}

#[test]
fn a_session_that_is_being_written_is_stored_as_of_one_moment() {
    let bot = Bot::empty();
    // Two files that always carry the same number, as a session's keys belong together.
    let write = |root: &std::path::Path, n: u32| {
        for name in ["creds", "app-state-sync-key"] {
            let path = root.join("sessions/raf").join(name);
            fs::write(path.with_extension("tmp"), format!("[{n}]")).unwrap();
            fs::rename(path.with_extension("tmp"), path.with_extension("json")).unwrap();
        }
    };
    fs::create_dir_all(bot.path("sessions/raf")).unwrap();
    for n in 0..500 {
        bot.write(&format!("sessions/raf/pre-key-{n}.json"), b"{}");
    }
    write(&bot.root(), 0);
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        // Also where an assertion fails: the writer must not go on for ever.
        let _stop = Stop(&stop);
        scope.spawn(|| {
            for n in 1.. {
                if stop.load(std::sync::atomic::Ordering::Relaxed) {
                    return;
                }
                write(&bot.root(), n);
                std::thread::sleep(std::time::Duration::from_millis(100));
            }
        });
        for _ in 0..10 {
            let result = bot.backup(BackupType::Hourly);
            assert!(result.warnings.is_empty(), "{:?}", result.warnings);
            let out = bot.restore(&result.backup);
            let read = |name: &str| fs::read(out.join("sessions/raf").join(name)).unwrap();
            assert_eq!(read("creds.json"), read("app-state-sync-key.json"));
        }
    });
}

struct Stop<'a>(&'a std::sync::atomic::AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, std::sync::atomic::Ordering::Relaxed);
    }
}

#[test]
fn a_database_that_sqlite_cannot_read_is_still_stored_with_its_journal() {
    let bot = Bot::empty();
    bot.database("database.sqlite", 5_000);
    let mut bytes = fs::read(bot.path("database.sqlite")).unwrap();
    bytes[16..200].fill(0xee);
    bot.write("database.sqlite", &bytes);
    bot.write("database.sqlite-journal", &noise(10_000, 6));
    let result = bot.backup(BackupType::Manual);
    assert!(result.degraded);
    assert_eq!(result.warnings.len(), 1, "{:?}", result.warnings);
    let out = bot.restore(&result.backup);
    assert_eq!(fs::read(out.join("database.sqlite")).unwrap(), bytes);
    assert_eq!(fs::read(out.join("database.sqlite-journal")).unwrap(), noise(10_000, 6));
}

#[test]
fn a_full_backup_finds_a_database_that_is_corrupt_inside() {
    let bot = Bot::empty();
    bot.database("database.sqlite", 20_000);
    let mut bytes = fs::read(bot.path("database.sqlite")).unwrap();
    let middle = bytes.len() / 8192 * 4096;
    bytes[middle..middle + 600].fill(0xee);
    bot.write("database.sqlite", &bytes);
    let result = bot.backup(BackupType::Daily);
    assert!(result.degraded, "quick_check found nothing");
    assert_eq!(fs::read(bot.restore(&result.backup).join("database.sqlite")).unwrap(), bytes);
}
