//! Attributes, links, holes and the root folder in archives: out, through other tars, and back.

use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use lifeboat_engine::Control;
use lifeboat_engine::report::*;

use crate::look::*;
use crate::support::*;

fn adorned() -> Bot {
    let bot = Bot::new();
    set(&bot.path("config.json"), "user.note", b"a=b%\n\0\xff");
    set(&bot.path("config.json"), "user.odd=name%", b"x");
    set(&bot.path("logs/out.log"), ACL, &acl(7, 0));
    set(&bot.path("sessions"), DEFAULT_ACL, &acl(7, 5));
    set(&bot.path("uploads/reports/2026/11/T1/a.jpg"), "user.large", &noise(2_000, 1));
    fs::hard_link(bot.path("config.json"), bot.path("uploads/same.json")).unwrap();
    let sparse = fs::File::create_new(bot.path("image")).unwrap();
    sparse.set_len(40 << 20).unwrap();
    sparse.write_all_at(b"middle", 20 << 20).unwrap();
    chown(bot.root(), Some(1234), Some(4321)).unwrap();
    fs::set_permissions(bot.root(), fs::Permissions::from_mode(0o2750)).unwrap();
    bot
}

fn restore_anew(bot: &Bot, backup: &str) -> PathBuf {
    let target = tempfile::Builder::new().prefix("new").tempdir_in(bot.dir.path()).unwrap().keep().join("target");
    let options = RestoreOptions { target: Some(target.clone()), ..RestoreOptions::default() };
    bot.engine().restore(&BackupRef::Name(backup.into()), &options, &Control::silent()).unwrap();
    target
}

#[test]
fn what_a_file_is_besides_goes_into_another_vault_and_comes_out_the_same() {
    let bot = adorned();
    let backup = bot.backup(BackupType::Manual).backup;
    let file = bot.export(&backup, "all.tar.gz", false);
    let other = Bot::empty();
    let imported = other.import(&file).unwrap();
    let out = restore_anew(&other, &imported.backup);
    assert_same_besides(&besides(&bot.root()), &besides(&out));
    assert_same_tree(&tree(&bot.root()), &tree(&out));
    assert!(out.join("image").metadata().unwrap().blocks() * 512 < 1 << 20);
    // It is known again, with all that.
    assert_eq!(other.import(&file).unwrap().backup, imported.backup);
    assert_eq!(other.engine().list_backups(&ListFilter::default()).unwrap().len(), 1);
}

fn unpack(program: &str, arguments: &[&str], file: &Path, folder: &Path) {
    fs::create_dir(folder).unwrap();
    let done = Command::new(program).args(arguments).arg("-xpzf").arg(file).arg("-C").arg(folder).output().unwrap();
    assert!(done.status.success() && done.stderr.is_empty(), "{program}: {done:?}");
}

#[test]
fn gnu_tar_sets_the_attributes_and_without_them_no_tar_allows_more_than_the_acl_did() {
    let bot = adorned();
    let backup = bot.backup(BackupType::Manual).backup;
    let file = bot.export(&backup, "a.tar.gz", false);
    let folder = |name: &str| bot.dir.path().join(name);
    unpack("tar", &["--acls", "--xattrs", "--xattrs-include=*"], &file, &folder("all"));
    for path in ["config.json", "logs/out.log", "sessions", "uploads/reports/2026/11/T1/a.jpg"] {
        let (expected, found) = (bot.path(path), folder("all").join(path));
        assert_eq!(attributes(&found), attributes(&expected), "{path}");
        assert_eq!(found.metadata().unwrap().mode(), expected.metadata().unwrap().mode(), "{path}");
    }
    unpack("tar", &[], &file, &folder("plain"));
    unpack("bsdtar", &[], &file, &folder("bsd"));
    let log = |name: &str| folder(name).join("logs/out.log");
    assert!(!attributes(&log("plain")).contains_key(ACL));
    assert_eq!(log("plain").metadata().unwrap().mode() & 0o777, 0o604);
    // bsdtar sets ACLs with `-p`.
    assert_eq!(attributes(&log("bsd")), attributes(&bot.path("logs/out.log")));
    for name in ["plain", "bsd"] {
        let same = folder(name).join("uploads/same.json");
        assert_eq!(fs::read(same).unwrap(), fs::read(bot.path("config.json")).unwrap());
    }
}
