//! Lists show where each backup is, and never wait for a network.

use lifeboat_engine::report::*;

use crate::places::*;
use crate::support::*;

#[test]
fn a_list_says_where_each_backup_is_and_asks_no_target() {
    let synced = Synced::new(Bot::new(), &["gdrive"]);
    let first = synced.bot.backup(BackupType::Manual);
    synced.sync();
    let second = synced.bot.backup(BackupType::Manual);
    // Somebody has looked once.
    std::fs::remove_file(synced.bot.vault().join("snapshots").join(&first.backup)).unwrap();
    synced.engine().list_items(&first.backup, &[]).unwrap();
    synced.places[0].read();
    synced.places[0].spoil(no_network("gdrive"));
    let list = synced.engine().list_backups(&ListFilter::default()).unwrap();
    let places: Vec<_> = list.iter().map(|info| (info.backup.clone(), info.location.clone())).collect();
    let (local, gdrive) = ("local".to_string(), "gdrive".to_string());
    assert_eq!(places, [(second.backup, vec![local]), (first.backup, vec![gdrive])]);
    assert_eq!((list[1].items, list[1].total_size), (first.items, first.total_size), "remembered with its facts");
    assert_eq!(synced.places[0].read(), (0, 0));
    let filter = ListFilter { limit: Some(1), ..ListFilter::default() };
    assert_eq!(synced.engine().list_backups(&filter).unwrap().len(), 1);
}
