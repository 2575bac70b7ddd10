//! Many vaults at one target, each of which looks after the others.

use lifeboat_engine::Control;
use lifeboat_engine::config::cloud::{Folder, Target};
use lifeboat_engine::report::BackupType;

use crate::shaky::opened;
use crate::support::Bot;

const DAY: i64 = 24 * 3_600_000;

#[test]
fn each_vault_of_a_target_is_told_with_its_owner_and_one_that_is_late_is_told_once() {
    let disk = tempfile::tempdir().unwrap();
    let sharing = |consumer: &str| {
        let mut bot = Bot::new();
        bot.config.consumer = Some(consumer.into());
        bot.config.monitor.neighbours = true;
        bot.config.cloud = vec![Target::Folder(Folder { path: disk.path().into(), ..Folder::default() })];
        bot.backup(BackupType::Manual);
        bot.engine().sync(None, &Control::silent()).unwrap();
        bot
    };
    let (alive, dead) = (sharing("alive"), sharing("dead"));
    std::fs::write(disk.path().join("holiday.jpg"), "theirs").unwrap();
    let vaults = alive.engine().vaults("folder", &Control::silent()).unwrap();
    assert_eq!(vaults.len(), 2);
    for bot in [&alive, &dead] {
        let id = opened(&bot.config).id();
        let found = vaults.iter().find(|vault| vault.prefix == id).unwrap();
        assert!(found.owner.starts_with(bot.config.consumer.as_ref().unwrap()), "{found:?}");
        assert!(!found.late && found.newest.is_some() && found.bytes > 0, "{found:?}");
    }
    let told = |days: i64| {
        let at = jiff::Timestamp::now().as_millisecond() + days * DAY;
        let control = Control::silent().with_clock(move || at);
        alive.write("config.json", days.to_string().as_bytes());
        let made = alive.engine().create_backup(BackupType::Manual, &Default::default(), &control).unwrap();
        assert_eq!(made.cloud, "queued");
        alive.engine().sync(None, &control).unwrap();
        let logbook = lifeboat_engine::watch::Logbook::open(&alive.vault()).unwrap();
        let events = logbook.events().unwrap();
        events.into_iter().filter(|event| event.event == "neighbour:late").map(|event| event.value).collect::<Vec<_>>()
    };
    assert!(told(0).is_empty());
    let late = told(3);
    assert_eq!(late.len(), 1, "{late:?}");
    assert!(late[0]["owner"].as_str().unwrap().starts_with("dead"));
    assert_eq!(told(5).len(), 1, "once");
}
