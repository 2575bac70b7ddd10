//! Sparse files: what was never written is neither read nor stored nor written back.

use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::time::{Duration, Instant};

use lifeboat_engine::Control;
use lifeboat_engine::report::*;

use crate::support::*;

fn sparse(path: &std::path::Path, size: u64, data: &[(u64, &[u8])]) {
    let file = fs::File::create_new(path).unwrap();
    file.set_len(size).unwrap();
    data.iter().for_each(|(at, bytes)| file.write_all_at(bytes, *at).unwrap());
}

#[test]
fn holes_take_no_room_when_they_come_back_and_every_byte_is_the_same() {
    let bot = Bot::empty();
    let noise = noise(300_000, 1);
    sparse(&bot.path("image"), 60 << 20, &[(0, b"begin"), (20 << 20, &noise), ((60 << 20) - 3, b"end")]);
    sparse(&bot.path("all"), 9 << 20, &[]);
    sparse(&bot.path("small"), 100_000, &[(50_000, b"x")]);
    bot.write("zeros", &vec![0; 1 << 20]);
    let backup = bot.backup(BackupType::Manual);
    assert!(backup.size < 1 << 20, "{} bytes were stored", backup.size);
    let out = bot.restore(&backup.backup);
    assert_same_tree(&tree(&bot.root()), &tree(&out));
    for (name, most) in [("image", 400_000), ("all", 0), ("small", 8192), ("zeros", 0)] {
        let taken = out.join(name).metadata().unwrap().blocks() * 512;
        assert!(taken <= most, "{name} takes {taken} bytes");
    }
}

/// On a disk that has no room for it, and in no time in which so much could be read.
#[test]
fn a_hole_of_hundreds_of_gigabytes_costs_neither_time_nor_room() {
    let bot = Bot::empty();
    let size = 1 << 38;
    sparse(&bot.path("huge"), size, &[(5 << 30, b"middle"), (size - 4, b"last")]);
    let started = Instant::now();
    let backup = bot.backup(BackupType::Manual).backup;
    let again = bot.backup(BackupType::Daily);
    let place = bot.restore(&again.backup).join("huge");
    assert_eq!(place.metadata().unwrap().len(), size);
    assert!(place.metadata().unwrap().blocks() * 512 <= 64 << 10);
    let file = fs::File::open(&place).unwrap();
    for (at, bytes) in [(5 << 30, &b"middle"[..]), (size - 4, b"last"), (1 << 37, b"\0\0\0")] {
        let mut found = vec![1; bytes.len()];
        file.read_exact_at(&mut found, at).unwrap();
        assert_eq!(found, bytes);
    }
    // In place as well: it differs, and is staged, read back and swapped.
    fs::File::options().write(true).open(bot.path("huge")).unwrap().write_all_at(b"MIDDLE", 5 << 30).unwrap();
    let options = RestoreOptions { mode: RestoreMode::Offline, ..RestoreOptions::default() };
    let restored = bot.engine().restore(&BackupRef::Name(backup), &options, &Control::silent()).unwrap();
    assert_eq!(restored.restored, ["huge"]);
    assert!(bot.path("huge").metadata().unwrap().blocks() * 512 <= 64 << 10);
    assert!(started.elapsed() < Duration::from_secs(120), "it took {:?}", started.elapsed());
}
