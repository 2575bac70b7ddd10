//! What lies at a target and is not ours, or says that it is something else.

use std::sync::atomic::Ordering;

use lifeboat_engine::report::BackupType;
use lifeboat_engine::store::Store;

use crate::shaky::*;
use crate::support::Bot;

#[test]
fn another_vault_under_our_prefix_is_refused_in_words_and_left_as_it_is() {
    let mut bot = Bot::new();
    bot.backup(BackupType::Manual);
    let other = Bot::new();
    other.backup(BackupType::Manual);
    let stores = synced(&mut bot, &["s3"]);
    let description = std::fs::read(other.vault().join("vault.json")).unwrap();
    stores.0["s3"].put_here("vault.json", &description);
    let synced = sync(&bot, &stores);
    assert!(synced.report.failed[0].message.contains("Another vault"), "{:?}", synced.report);
    assert_eq!(synced.report.uploaded, 0);
    assert_eq!(stores.0["s3"].objects().len(), 1);
    assert!(stores.0["s3"].objects()["vault.json"] == description);
}

#[test]
fn a_target_that_answers_with_a_web_page_is_refused_in_words() {
    let mut bot = Bot::new();
    bot.backup(BackupType::Manual);
    for page in ["<html>Please log in</html>".repeat(10), "x".repeat(1 << 20), String::new()] {
        let stores = synced(&mut bot, &["s3"]);
        stores.0["s3"].put_here("vault.json", page.as_bytes());
        let synced = sync(&bot, &stores);
        assert_eq!(synced.report.uploaded, 0, "{:?}", synced.report);
        assert!(synced.report.failed[0].code == "E_CLOUD", "{:?}", synced.report);
        assert_eq!(stores.0["s3"].objects().len(), 1);
    }
}

#[test]
fn two_roots_with_copies_of_one_vault_do_not_share_a_prefix() {
    let mut bot = Bot::new();
    bot.backup(BackupType::Manual);
    // As after an image of the machine was copied, and the copy was adopted.
    let mut copy = Bot::empty();
    copy_folder(&bot.vault(), &copy.vault());
    copy.write("config.json", b"{}");
    copy.engine().adopt_vault().unwrap();
    let stores = synced(&mut bot, &["s3"]);
    copy.config.cloud = bot.config.cloud.clone();
    sync(&bot, &stores);
    copy.write("config.json", b"{\"other\": 1}");
    copy.backup(BackupType::Manual);
    let before = stores.0["s3"].objects();
    let refused = sync(&copy, &stores);
    assert!(refused.report.failed[0].message.contains("Another root"), "{:?}", refused.report);
    assert!(stores.0["s3"].objects() == before);
    // That one is dead, and this one is to go on.
    copy.engine().adopt_vault().unwrap();
    let adopted = sync(&copy, &stores);
    assert!(adopted.report.failed.is_empty() && adopted.report.pending == 0, "{:?}", adopted.report);
    let refused = sync(&bot, &stores);
    assert!(refused.report.failed[0].message.contains("Another root"), "{:?}", refused.report);
}

#[test]
fn what_others_have_put_there_stays_and_is_nobodys_backup() {
    let mut bot = Bot::new();
    bot.backup(BackupType::Manual);
    let stores = synced(&mut bot, &["s3"]);
    let foreign = ["holiday.jpg", "packs/readme.txt", "snapshots/notes", "keys/.hidden", "packs/ab/tooshort"];
    for name in foreign {
        stores.0["s3"].put_here(name, b"theirs");
    }
    let synced = sync(&bot, &stores);
    assert_eq!(synced.report.pending, 0);
    assert!(foreign.iter().all(|name| stores.0["s3"].objects()[*name] == b"theirs"));
    assert!(!known(&bot, "s3").keys().any(|object| foreign.contains(&object.as_str())));
}

#[test]
fn a_bucket_that_was_emptied_gets_everything_again() {
    let mut bot = Bot::new();
    bot.backup(BackupType::Manual);
    let stores = synced(&mut bot, &["s3"]);
    sync(&bot, &stores);
    let store = &stores.0["s3"];
    for object in store.objects().keys() {
        store.inner().delete(object).unwrap();
    }
    sync(&bot, &stores);
    let mut there = store.objects();
    assert!(there.remove("about.json").is_some(), "whoever looks after the others finds whose it is");
    assert!(there == wanted(&bot));
    assert!(store.lists.load(Ordering::Relaxed) >= 2);
}

fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let place = to.join(path.file_name().unwrap());
        if path.is_dir() { copy_folder(&path, &place) } else { assert!(std::fs::copy(&path, &place).is_ok()) }
    }
}
