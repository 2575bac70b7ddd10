//! What rots is stored again by the next full backup, and then what is damaged goes: no alarm stays for ever.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use lifeboat_engine::Control;
use lifeboat_engine::report::*;

use crate::support::*;

/// A vault of two backups with a pack each, and its packs.
fn bot() -> Bot {
    let bot = Bot::new();
    bot.backup(BackupType::Manual);
    bot.write("uploads/new.jpg", &noise(500_000, 77));
    bot.backup(BackupType::Hourly);
    bot
}

fn nightly(bot: &Bot) -> BackupResult {
    bot.engine().run_scheduled(BackupType::Daily, &[], false, &Control::silent()).unwrap()
}

fn change(path: &Path, change: impl Fn(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

type Damage = (&'static str, fn(&mut Vec<u8>));

const DAMAGES: [Damage; 6] = [
    ("a bit of a chunk", |bytes| bytes[60] ^= 1),
    ("a bit of the index", |bytes| {
        let at = bytes.len() - 60;
        bytes[at] ^= 1;
    }),
    ("a bit of the footer", |bytes| *bytes.last_mut().unwrap() ^= 1),
    ("its end is missing", |bytes| bytes.truncate(bytes.len() / 2)),
    ("nothing is left", |bytes| bytes.clear()),
    ("noise", |bytes| *bytes = noise(bytes.len(), 5)),
];

#[test]
fn one_night_makes_good_what_the_root_still_has_and_then_the_damaged_pack_goes() {
    for ((what, damage), forgets, pack) in cases() {
        let what = format!("{what}, pack {pack}, catalog forgotten: {forgets}");
        let bot = bot();
        let damaged = bot.packs().remove(pack);
        change(&damaged, damage);
        if forgets {
            for end in ["", "-wal", "-shm"] {
                let _ = fs::remove_file(bot.vault().join(format!("catalog.sqlite{end}")));
            }
        }
        assert!(!bot.verify(false).ok, "{what}");
        let made = nightly(&bot);
        assert_same_tree(&tree(&bot.root()), &tree(&bot.restore(&made.backup)));
        // An item list lies in no root: that of an earlier backup may be lost.
        let hurt: BTreeSet<String> = bot.verify(true).damaged.into_iter().flat_map(|damage| damage.backups).collect();
        assert!(!hurt.contains(&made.backup), "{what}: {hurt:?}");
        for backup in &hurt {
            bot.engine().delete_backup(backup, &Control::silent()).unwrap();
        }
        assert!(bot.verify(true).ok, "{what}");
        assert!(!damaged.exists() && bot.engine().status().unwrap().healthy, "{what}");
    }
}

fn cases() -> impl Iterator<Item = (Damage, bool, usize)> {
    DAMAGES
        .into_iter()
        .flat_map(|damage| [(damage, false, 0), (damage, false, 1), (damage, true, 0), (damage, true, 1)])
}

#[test]
fn where_the_catalog_knows_a_pack_whose_index_rots_no_backup_is_lost() {
    for (what, damage) in &DAMAGES[..3] {
        let bot = bot();
        bot.packs().iter().for_each(|pack| change(pack, damage));
        assert!(!bot.verify(false).ok, "{what}");
        nightly(&bot);
        assert!(bot.verify(true).ok, "{what}");
    }
}

#[test]
fn damage_that_nothing_makes_good_stays_where_it_is() {
    for place in [60, usize::MAX] {
        let bot = Bot::empty();
        bot.write("uploads/gone.jpg", &noise(500_000, 1));
        let first = bot.backup(BackupType::Manual).backup;
        let pack = bot.packs().into_iter().max_by_key(|pack| fs::metadata(pack).unwrap().len()).unwrap();
        fs::remove_file(bot.path("uploads/gone.jpg")).unwrap();
        bot.write("uploads/here.jpg", &noise(500_000, 2));
        change(&pack, |bytes| {
            let last = bytes.len() - 1;
            bytes[place.min(last)] ^= 1;
        });
        fs::remove_file(bot.vault().join("catalog.sqlite")).unwrap();
        for _ in 0..2 {
            let made = nightly(&bot).backup;
            let hurt: Vec<String> = bot.verify(false).damaged.into_iter().flat_map(|damage| damage.backups).collect();
            assert!(hurt.contains(&first) && !hurt.contains(&made), "{hurt:?}");
            assert!(pack.exists());
        }
    }
}
