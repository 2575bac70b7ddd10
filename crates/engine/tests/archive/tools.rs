//! A root with everything that is hard for an archive, other people's tars, and another vault.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use lifeboat_engine::report::*;
use lifeboat_engine::secret::Secret;
use lifeboat_engine::{Control, Engine, Result};

use crate::support::*;

/// Every kind of item and of name, databases among them.
pub fn odd_bot() -> Bot {
    let bot = Bot::new();
    bot.write("uploads/laporan é 漢字.txt", "isi".as_bytes());
    bot.write(&format!("uploads/{}/{}.txt", "panjang-".repeat(20), "x".repeat(200)), b"long");
    bot.write(&format!("uploads/{}.txt", "漢".repeat(60)), b"long, and not ASCII");
    for name in [&b"uploads/\xff\xfe raw"[..], &[b"uploads/".as_slice(), &[0xe9; 180]].concat()] {
        let path = bot.root().join(OsStr::from_bytes(name));
        fs::write(path, b"not UTF-8").unwrap();
    }
    bot.write("uploads/-rf \n*?\\ 'quoted\".txt", b"shell");
    bot.write("uploads/empty.bin", b"");
    for exactly in [99, 100, 101] {
        bot.write(&format!("{:0>exactly$}", "n"), b"at the edge of a header");
    }
    fs::create_dir_all(bot.path("closed/inner")).unwrap();
    bot.write("closed/inner/key", b"secret");
    for (path, mode) in [("closed/inner/key", 0o400), ("closed/inner", 0o500), ("uploads/empty.bin", 0o6755)] {
        fs::set_permissions(bot.path(path), fs::Permissions::from_mode(mode)).unwrap();
    }
    for (link, target) in [("uploads/up", "../config.json"), ("dangling", "nowhere/at/all"), ("loop", "loop")] {
        std::os::unix::fs::symlink(target, bot.path(link)).unwrap();
    }
    std::os::unix::fs::symlink("t/".repeat(90) + "end", bot.path("uploads/far")).unwrap();
    let wal = rusqlite::Connection::open(bot.path("wal.sqlite")).unwrap();
    wal.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE pesan (id INTEGER PRIMARY KEY, isi);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000)
         INSERT INTO pesan SELECT i, 'pesan ' || i FROM n;",
    )
    .unwrap();
    // Left as a process that was killed leaves it: with its log.
    std::mem::forget(wal);
    times(&bot.root());
    bot
}

/// Times of all kinds, to the nanosecond; those of folders last.
fn times(root: &Path) {
    let stamp = |path: &Path, seconds: u64, nanos| {
        let time = std::time::UNIX_EPOCH + std::time::Duration::new(seconds, nanos);
        fs::File::open(path).unwrap().set_modified(time).unwrap();
    };
    stamp(&root.join("config.json"), 1_700_000_000, 0);
    stamp(&root.join(".env"), 1, 1);
    stamp(&root.join("uploads/empty.bin"), 1_600_000_000, 123_456_789);
    stamp(&root.join("closed/inner"), 1_500_000_000, 5);
    stamp(&root.join("uploads/teknisi"), 1_400_000_000, 999_999_999);
    stamp(&root.join("uploads"), 1_300_000_000, 1_000);
}

impl Bot {
    pub fn export(&self, backup: &str, name: &str, encrypt: bool) -> PathBuf {
        self.try_export(backup, name, ExportOptions { encrypt: Some(encrypt), ..ExportOptions::default() }).unwrap()
    }

    pub fn try_export(&self, backup: &str, name: &str, options: ExportOptions) -> Result<PathBuf> {
        let file = self.dir.path().join(name);
        self.engine().export_backup(backup, &file, &options, &Control::silent()).map(|result| result.file)
    }

    pub fn import(&self, file: &Path) -> Result<BackupInfo> {
        self.engine().import_backup(file, None, &Control::silent())
    }

    pub fn names(&self) -> Vec<String> {
        let infos = self.engine().list_backups(&ListFilter::default()).unwrap();
        infos.into_iter().map(|info| info.backup).collect()
    }

    pub fn with_passphrase(mut self, passphrase: &str) -> Bot {
        self.config.passphrase = Some(Secret::new(passphrase));
        self
    }

    /// A vault opened by a key file, so that the passphrase is the archive's alone.
    pub fn with_key_file(mut self) -> Bot {
        self.config.encryption = true;
        let key = self.dir.path().join("key");
        Engine::new(self.config.clone()).init(Some(&key)).unwrap();
        self.config.key_file = Some(key);
        self
    }
}

/// Runs another's program, which must not complain.
#[track_caller]
pub fn quietly(command: &mut Command) -> Vec<u8> {
    let output = command.output().unwrap_or_else(|error| panic!("this test needs {command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{command:?}");
    output.stdout
}

/// Unpacks an archive into a new folder, and takes the manifest away.
#[track_caller]
pub fn unpack(program: &str, locale: &str, file: &Path) -> tempfile::TempDir {
    let target = tempfile::tempdir().unwrap();
    quietly(Command::new(program).env("LC_ALL", locale).arg("-C").arg(target.path()).arg("-xpzf").arg(file));
    fs::remove_dir_all(target.path().join(".lifeboat")).unwrap();
    target
}
