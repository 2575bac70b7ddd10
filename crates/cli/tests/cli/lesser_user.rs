//! Who is not root gets back what may be theirs, and hears of the rest.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use assert_cmd::cargo::cargo_bin;
use rustix::fs::{XattrFlags, getxattr, setxattr};

use crate::bot::{Bot, document};

const NOBODY: &str = "65534";
/// User 1000 may do all, the owning group nothing, and the mask is rwx.
const ACL: &[u8] = b"\x02\0\0\0\x01\0\x06\0\xff\xff\xff\xff\x02\0\x07\0\xe8\x03\0\0\x04\0\0\0\xff\xff\xff\xff\
    \x10\0\x07\0\xff\xff\xff\xff\x20\0\x04\0\xff\xff\xff\xff";
const CAPABILITY: &[u8] = b"\x01\0\0\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

#[test]
fn attributes_and_acls_come_back_to_a_lesser_user_and_capabilities_are_one_warning() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("not root: nothing can be given to another user here, so this is not tested");
        return;
    }
    let bot = Bot::new();
    let set = |path: &str, name: &str, value: &[u8]| {
        setxattr(bot.root().join(path), name, value, XattrFlags::empty()).unwrap();
    };
    set("config.json", "user.note", b"important");
    std::fs::set_permissions(bot.root().join("config.json"), std::fs::Permissions::from_mode(0o400)).unwrap();
    set("database/accounts.json", "system.posix_acl_access", ACL);
    for tool in ["one", "two"] {
        bot.write(tool, "#!/bin/sh\n");
        set(tool, "security.capability", CAPABILITY);
    }
    std::fs::hard_link(bot.root().join("one"), bot.root().join("three")).unwrap();
    let backup = bot.backup();
    let folder = bot.key_file().parent().unwrap().to_path_buf();
    let given = Command::new("chown").args(["-R", &format!("{NOBODY}:{NOBODY}")]).arg(&folder).status().unwrap();
    assert!(given.success());

    let out = bot.beside("out");
    let mut restore = Command::new("setpriv");
    restore.args([format!("--reuid={NOBODY}"), format!("--regid={NOBODY}"), "--clear-groups".into()]);
    restore.arg(cargo_bin!("lifeboat")).args(["restore", &backup, "--json", "--to"]).arg(&out);
    restore.current_dir(bot.root()).env_remove("BACKUP_PASSPHRASE").env("BACKUP_KEY_FILE", bot.key_file());
    let result = document(&mut assert_cmd::Command::from_std(restore), 0);
    let warnings = result["warnings"].as_array().unwrap();
    let messages: Vec<&str> = warnings.iter().map(|warning| warning["message"].as_str().unwrap()).collect();
    let [owner, capabilities] = messages[..] else { panic!("{messages:?}") };
    assert!(owner.starts_with("The owner could not be given back, and of"), "{owner}");
    assert!(capabilities.starts_with("The capabilities") && capabilities.contains("of 1 more"), "{capabilities}");

    let get = |path: &str, name: &str| {
        let mut value = [0; 256];
        getxattr(out.join(path), name, &mut value[..]).map(|length| value[..length].to_vec())
    };
    assert_eq!(get("config.json", "user.note").unwrap(), b"important");
    assert_eq!(get("database/accounts.json", "system.posix_acl_access").unwrap(), ACL);
    assert!(get("one", "security.capability").is_err());
    let inode = |path: &str| std::os::unix::fs::MetadataExt::ino(&out.join(path).metadata().unwrap());
    assert_eq!(inode("one"), inode("three"));
}

#[test]
fn the_folder_around_a_vault_need_not_be_readable() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("not root: nothing can be given to another user here, so this is not tested");
        return;
    }
    let bot = Bot::new();
    let around = bot.beside("around");
    std::fs::create_dir_all(around.join("vault")).unwrap();
    let folder = bot.key_file().parent().unwrap().to_path_buf();
    let chown = |args: &[&str], path: &std::path::Path| {
        assert!(Command::new("chown").args(args).arg(path).status().unwrap().success())
    };
    chown(&["-R", &format!("{NOBODY}:{NOBODY}")], &folder);
    chown(&["-R", &format!("{NOBODY}:{NOBODY}")], &around);
    chown(&["0:0"], &around);
    std::fs::set_permissions(&around, std::fs::Permissions::from_mode(0o711)).unwrap();
    let mut backup = Command::new("setpriv");
    backup.args([format!("--reuid={NOBODY}"), format!("--regid={NOBODY}"), "--clear-groups".into()]);
    backup.arg(cargo_bin!("lifeboat")).args(["backup", "--json", "--vault"]).arg(around.join("vault"));
    backup.current_dir(bot.root()).env_remove("BACKUP_PASSPHRASE").env("BACKUP_KEY_FILE", bot.key_file());
    assert_eq!(document(&mut assert_cmd::Command::from_std(backup), 0)["success"], true);
}
