//! One small file out of a backup of 5 GB costs less than 5 MB of traffic.

use lifeboat_engine::report::*;

use crate::places::*;
use crate::support::*;

const GB: u64 = 1 << 30;

#[test]
fn one_small_file_out_of_five_gigabytes_costs_less_than_five_megabytes() {
    // A bot in small: a fifth of its bytes in databases, in blocks of 64 KiB, which take more of an index than anything else; the
    // rest in photos.
    let bot = Bot::empty();
    bot.write("config.json", br#"{"ownerNumber":["62811@s.whatsapp.net"]}"#);
    // Its session does not grow with it: six thousand files in all.
    for n in 0..80 {
        bot.write(&format!("sessions/raf/pre-key-{n}.json"), format!(r#"{{"key":"{n:0300}"}}"#).as_bytes());
    }
    for n in 0..160 {
        bot.write(&format!("uploads/reports/2026/11/T{n}/foto.jpg"), &noise(350_000, n));
    }
    let db = rusqlite::Connection::open(bot.path("database.sqlite")).unwrap();
    db.execute_batch(
        "CREATE TABLE t (b BLOB);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 14000) INSERT INTO t SELECT randomblob(1000) FROM n;",
    )
    .unwrap();
    drop(db);
    let synced = Synced::new(bot, &["gdrive"]);
    let backup = synced.bot.backup(BackupType::Manual);
    synced.sync();
    let packs = synced.places[0].names("packs/").len() as u64;
    assert!(packs >= 4, "{packs} packs");
    synced.lose_all_objects();

    // What grows with the backup is what has to be known before: the indexes, 40 bytes for each chunk (and 2 KiB at least for each
    // pack), and the item list, some hundred bytes for each item.
    let items = synced.engine().list_items(&backup.backup, &[]).unwrap();
    assert_eq!(items.len() as u64, backup.items);
    let (grows, asked) = synced.places[0].read();
    // What does not is the bundle that the file is in, and what is read ahead of it.
    let restored = synced.restore(&["config.json"], None).unwrap();
    assert!(restored.join("config.json").exists());
    let (stays, more) = synced.places[0].read();
    let scale = 5 * GB / backup.total_size;
    let all = grows * scale + stays;
    eprintln!(
        "{} items, {} MB, {packs} packs: {grows} bytes in {asked} requests, and {stays} in {more}; of 5 GB: {} kB",
        backup.items,
        backup.total_size >> 20,
        all >> 10
    );
    assert!(all < 5_000_000, "{grows} bytes of {}, and {stays}, are {all} of 5 GB", backup.total_size);
}
