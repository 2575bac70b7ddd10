//! Somebody removes or replaces the file of the lock: then another writer may be there, and nothing is committed.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use lifeboat_engine::report::*;
use lifeboat_engine::{Control, Engine};

use crate::support::*;

/// At the first sign of progress, once.
fn once(work: impl Fn() + Send + Sync + 'static) -> Control {
    let done = Arc::new(AtomicBool::new(false));
    Control::new(move |_| {
        if !done.swap(true, Ordering::Relaxed) {
            work();
        }
    })
}

fn bot() -> (Bot, String) {
    let bot = Bot::empty();
    bot.write("a.json", b"{}");
    let first = bot.backup(BackupType::Manual).backup;
    // Enough for a sign of progress.
    for n in 0..12 {
        bot.write(&format!("uploads/{n}.jpg"), &noise(4 << 20, n));
    }
    (bot, first)
}

fn names(bot: &Bot) -> Vec<String> {
    bot.engine().list_backups(&ListFilter::default()).unwrap().into_iter().map(|info| info.backup).collect()
}

#[test]
fn a_backup_that_has_lost_its_lock_is_none_and_the_next_one_works() {
    for is_replaced in [false, true] {
        let (bot, first) = bot();
        let (vault, config) = (bot.vault(), bot.config.clone());
        let control = once(move || {
            fs::remove_file(vault.join("lock")).unwrap();
            if is_replaced {
                // Another one comes in, and removes what nothing needs as far as it can see.
                let options = PruneOptions { at_once: true, ..PruneOptions::default() };
                Engine::new(config.clone()).prune(&options, &Control::silent()).unwrap();
            }
        });
        let error = bot.engine().create_backup(BackupType::Manual, &BackupOptions::default(), &control).unwrap_err();
        assert!(!error.to_string().contains("Internal"), "{error}");
        assert_eq!(names(&bot), [first], "replaced: {is_replaced}, {error}");
        assert!(bot.verify(true).ok);
        let next = bot.backup(BackupType::Manual).backup;
        assert_same_tree(&tree(&bot.root()), &tree(&bot.restore(&next)));
    }
}

#[test]
fn a_pruning_that_has_lost_its_lock_removes_nothing_more() {
    let mut bot = Bot::empty();
    bot.config.local_retention_days = 0;
    for n in 0..4 {
        bot.write(&format!("uploads/stays-{n}.bin"), &noise(300_000, n));
        bot.write("uploads/goes.bin", &noise(1 << 20, 100 + n));
        bot.backup(BackupType::Safety);
    }
    fs::remove_file(bot.path("uploads/goes.bin")).unwrap();
    bot.backup(BackupType::Daily);
    let (packs, vault) = (bot.packs(), bot.vault());
    // It tells of what it writes anew, before it removes what that came from.
    let control = once(move || fs::remove_file(vault.join("lock")).unwrap());
    let options = PruneOptions { at_once: true, ..PruneOptions::default() };
    let error = bot.engine().prune(&options, &control).unwrap_err();
    assert!(error.to_string().contains("removed or replaced"), "{error}");
    assert!(packs.iter().all(|pack| pack.exists()));
    assert!(bot.verify(true).ok);
    assert!(bot.engine().prune(&options, &Control::silent()).unwrap().freed > 3 << 20);
    assert!(bot.verify(true).ok);
}
