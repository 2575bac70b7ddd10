//! What lay behind a link that was followed, on a server that has neither the link nor what it led to.

use std::fs;
use std::os::unix::fs::symlink;

use crate::server::*;
use crate::support::*;
use lifeboat_engine::report::BackupType;

#[test]
fn what_was_behind_a_link_is_a_folder_on_the_new_server() {
    let mut bot = Bot::empty();
    let volume = bot.dir.path().join("volume");
    fs::create_dir_all(volume.join("photos")).unwrap();
    fs::write(volume.join("photos/1.jpg"), b"photo").unwrap();
    symlink(&volume, bot.path("data")).unwrap();
    bot.write("index.js", b"x");
    bot.config.follow_links = vec!["data".into()];
    assert!(!bot.backup(BackupType::Manual).degraded);
    let vault = bot.vault();
    fs::rename(&volume, bot.dir.path().join("unplugged")).unwrap();

    let server = Server::new();
    server.migrate(&vault).unwrap();
    assert!(server.root().join("data").symlink_metadata().unwrap().is_dir());
    assert_eq!(fs::read(server.root().join("data/photos/1.jpg")).unwrap(), b"photo");
}
