//! Archives made by hand, to do harm. Each is refused with the right code and a sentence, and no backup comes of it.

use std::fs;
use std::io::Write;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use lifeboat_engine::report::*;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tar::{EntryType, Header};

use crate::support::*;

const NAME: &str = "backup_MANUAL_2026-11-23T02-00-00-000Z";

/// A tar in the making.
#[derive(Default)]
struct Forged {
    lines: Vec<Value>,
    facts: Value,
    members: Vec<u8>,
}

fn header(kind: EntryType, path: &[u8], size: u64) -> Vec<u8> {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.as_old_mut().name[..path.len()].copy_from_slice(path);
    header.set_size(size);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_cksum();
    header.as_bytes().to_vec()
}

fn padded(bytes: &[u8]) -> Vec<u8> {
    let mut padded = bytes.to_vec();
    padded.resize(bytes.len().next_multiple_of(512), 0);
    padded
}

fn line(path: &str, kind: &str, more: Value) -> Value {
    let mut line = json!({
        "path": path, "type": kind, "category": "data", "mode": 0o644, "uid": 0, "gid": 0, "mtime": [0, 0], "size": 0
    });
    line.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    line
}

impl Forged {
    fn file(mut self, path: &str, content: &[u8]) -> Forged {
        let sha256 = hex::encode(Sha256::digest(content));
        self.lines.push(line(path, "file", json!({ "size": content.len(), "sha256": sha256 })));
        self.member(EntryType::Regular, path, content)
    }

    fn folder(mut self, path: &str) -> Forged {
        self.lines.push(line(path, "dir", json!({})));
        self.member(EntryType::Directory, &format!("{path}/"), b"")
    }

    fn link(mut self, path: &str, target: &str) -> Forged {
        self.lines.push(line(path, "symlink", json!({ "link": target })));
        let mut bytes = header(EntryType::Symlink, path.as_bytes(), 0);
        bytes[157..157 + target.len()].copy_from_slice(target.as_bytes());
        let mut header = Header::new_ustar();
        header.as_mut_bytes().copy_from_slice(&bytes);
        header.set_cksum();
        self.members.extend_from_slice(header.as_bytes());
        self
    }

    fn line(mut self, line: Value) -> Forged {
        self.lines.push(line);
        self
    }

    fn member(mut self, kind: EntryType, path: &str, content: &[u8]) -> Forged {
        self.members.extend(header(kind, path.as_bytes(), content.len() as u64));
        self.members.extend(padded(content));
        self
    }

    /// Says something else on the first line.
    fn saying(mut self, facts: Value) -> Forged {
        self.facts = facts;
        self
    }

    fn manifest(&self) -> Vec<u8> {
        let mut facts = json!({
            "format": "lifeboat archive", "version": { "major": 1, "minor": 0 }, "backup": NAME, "type": "MANUAL",
            "timestamp": 1795399200000i64, "engine": "0", "root": "/", "full": false, "degraded": false,
            "items": self.lines.len(), "categories": {}, "partial": false,
            "totalSize": self.lines.iter().map(|line| line["size"].as_u64().unwrap_or(0)).fold(0, u64::saturating_add),
        });
        if let Some(other) = self.facts.as_object() {
            facts.as_object_mut().unwrap().extend(other.clone());
        }
        let lines = std::iter::once(&facts).chain(&self.lines).map(|line| format!("{line}\n"));
        lines.collect::<String>().into_bytes()
    }

    fn tar(&self) -> Vec<u8> {
        let manifest = self.manifest();
        let first = header(EntryType::Regular, b".lifeboat/manifest.ndjson", manifest.len() as u64);
        [first, padded(&manifest), self.members.clone(), vec![0; 1024]].concat()
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A vault with one backup, which outlives every attempt.
struct Target {
    bot: Bot,
    backup: String,
}

impl Target {
    fn new() -> Target {
        let bot = Bot::empty();
        bot.write("mine.txt", b"mine");
        let backup = bot.backup(BackupType::Manual).backup;
        Target { bot, backup }
    }

    #[track_caller]
    fn refuses(&self, code: &str, words: &str, gz: &[u8]) {
        let file = self.bot.dir.path().join("forged.tar.gz");
        fs::write(&file, gz).unwrap();
        let started = Instant::now();
        let error = self.bot.import(&file).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().contains(words), "{error}");
        assert!(started.elapsed() < Duration::from_secs(20), "it took {:?}", started.elapsed());
        assert_eq!(self.bot.names(), [self.backup.as_str()]);
        assert_eq!(fs::read_dir(self.bot.vault().join("tmp")).unwrap().count(), 0);
        let beside: Vec<_> = fs::read_dir(self.bot.dir.path()).unwrap().map(|one| one.unwrap().file_name()).collect();
        assert_eq!(beside.len(), 3, "something was written beside the vault: {beside:?}");
    }

    #[track_caller]
    fn refuses_tar(&self, code: &str, words: &str, forged: Forged) {
        self.refuses(code, words, &gzip(&forged.tar()));
    }
}

#[test]
fn what_is_forged_here_is_accepted_where_nothing_is_wrong_with_it() {
    let target = Target::new();
    let good = Forged::default().file("a.txt", b"a").folder("b").link("b/c", "../a.txt").file("b/d", b"");
    let file = target.bot.dir.path().join("forged.tar.gz");
    fs::write(&file, gzip(&good.tar())).unwrap();
    let info = target.bot.import(&file).unwrap();
    assert_eq!((info.backup.as_str(), info.items, info.total_size), (NAME, 4, 1));
    let out = target.bot.restore(NAME);
    assert_eq!(fs::read(out.join("b/c")).unwrap(), b"a");
}

#[test]
fn paths_that_lead_out_are_refused_in_the_manifest_and_in_the_members() {
    let target = Target::new();
    for path in ["../x", "/tmp/lifeboat-forged", "a/../../x", "a//b", ".", ".."] {
        target.refuses_tar("E_UNSAFE_PATH", "Nothing was written", Forged::default().file(path, b"x"));
        let honest = line("a.txt", "file", json!({ "size": 1, "sha256": hex::encode(Sha256::digest(b"x")) }));
        let member = Forged::default().line(honest).member(EntryType::Regular, path, b"x");
        target.refuses_tar("E_UNSAFE_PATH", "Nothing was written", member);
    }
}

#[test]
fn nothing_lies_over_a_link_or_a_file_or_is_there_twice_or_out_of_order() {
    let target = Target::new();
    let refuse = |forged| target.refuses_tar("E_UNSAFE_PATH", "", forged);
    refuse(Forged::default().link("a", "/tmp").file("a/b", b"x"));
    refuse(Forged::default().file("a", b"x").file("a/b", b"x"));
    refuse(Forged::default().file("a", b"x").file("a", b"y"));
    refuse(Forged::default().link("a", "b").link("a", "c"));
    refuse(Forged::default().file("b", b"x").file("a", b"x"));
    refuse(Forged::default().folder("a").file("b", b"").file("a/c", b"x"));
}

#[test]
fn devices_pipes_and_hard_links_are_refused() {
    let target = Target::new();
    for kind in [EntryType::Char, EntryType::Block, EntryType::Fifo, EntryType::Link, EntryType::GNUSparse] {
        let honest = line("a.txt", "file", json!({ "sha256": hex::encode(Sha256::digest(b"")) }));
        let forged = Forged::default().line(honest).member(kind, "a.txt", b"");
        target.refuses_tar("E_UNSAFE_PATH", "neither a file, a folder nor a symbolic link", forged);
    }
}

#[test]
fn links_and_names_that_only_a_restore_can_judge_are_taken_and_judged_there() {
    let target = Target::new();
    let forged = Forged::default().file("A.txt", b"1").file("a.txt", b"2").link("out", "../../etc");
    let file = target.bot.dir.path().join("forged.tar.gz");
    fs::write(&file, gzip(&forged.tar())).unwrap();
    assert_eq!(target.bot.import(&file).unwrap().items, 3);
    assert_eq!(target.bot.try_restore(NAME, &[]).unwrap_err().code(), "E_UNSAFE_PATH");
    let out = target.bot.try_restore(NAME, &["A.txt", "a.txt"]).unwrap();
    assert_eq!(fs::read_dir(out).unwrap().count(), 2);
}

#[test]
fn a_bomb_is_stopped_where_it_is_more_than_it_says() {
    let target = Target::new();
    const HUGE: u64 = 4 << 30;
    let hash = hex::encode([7; 32]);
    // The manifest says so itself, but not at its beginning.
    let boasting = line("a.bin", "file", json!({ "size": HUGE, "sha256": hash }));
    let forged = Forged::default().line(boasting.clone()).saying(json!({ "totalSize": 4096 }));
    target.refuses_tar("E_CORRUPT", "more than its manifest says", forged);
    // The header says so.
    let small = line("a.bin", "file", json!({ "size": 4096, "sha256": hash }));
    let mut forged = Forged::default().line(small);
    forged.members.extend(header(EntryType::Regular, b"a.bin", HUGE));
    forged.members.extend(vec![0; 64 << 20]);
    target.refuses_tar("E_CORRUPT", "is not what its manifest says", forged);
    // Both say so, and nothing comes.
    let mut forged = Forged::default().line(boasting);
    forged.members.extend(header(EntryType::Regular, b"a.bin", HUGE));
    target.refuses_tar("E_CORRUPT", "cut off", forged);
    // Sums that overflow.
    let largest = json!({ "size": u64::MAX, "sha256": hash });
    let forged = Forged::default().line(line("a", "file", largest.clone())).line(line("b", "file", largest));
    target.refuses_tar("E_CORRUPT", "", forged.saying(json!({ "totalSize": 5 })));
}

#[test]
fn names_attributes_and_lines_without_end_take_no_memory() {
    let target = Target::new();
    for kind in [EntryType::GNULongName, EntryType::GNULongLink, EntryType::XHeader] {
        let mut forged = Forged::default().file("a.txt", b"a");
        forged.members = [header(kind, b"././@LongLink", 4 << 30), vec![b'x'; 64 << 20]].concat();
        target.refuses_tar("E_CORRUPT", "bytes", forged);
    }
    let endless = vec![b'x'; 128 << 20];
    let first = header(EntryType::Regular, b".lifeboat/manifest.ndjson", endless.len() as u64);
    target.refuses("E_CORRUPT", "too long", &gzip(&[&first[..], &endless].concat()));
    let mut manifest = Forged::default().saying(json!({ "items": 1 })).manifest();
    manifest.extend(&endless);
    let first = header(EntryType::Regular, b".lifeboat/manifest.ndjson", manifest.len() as u64);
    target.refuses("E_CORRUPT", "too long", &gzip(&[first, padded(&manifest)].concat()));
}

#[test]
fn a_million_empty_folders_are_refused_where_they_were_not_announced_and_bounded_where_they_were() {
    let target = Target::new();
    let mut many = Forged::default().saying(json!({ "items": 1 }));
    many.lines = (0..1_000_000).map(|n| line(&format!("{n:07}"), "dir", json!({}))).collect();
    many = many.member(EntryType::Directory, "0000000/", b"");
    target.refuses_tar("E_CORRUPT", "more than its manifest says", many);

    let all = (0..100_000).fold(Forged::default(), |forged, n| forged.folder(&format!("{n:07}")));
    let file = target.bot.dir.path().join("forged.tar.gz");
    fs::write(&file, gzip(&all.tar())).unwrap();
    assert_eq!(target.bot.import(&file).unwrap().items, 100_000);
}

#[test]
fn a_pax_record_that_changes_what_a_member_is_is_refused() {
    let target = Target::new();
    for record in ["19 size=4294967296\n", "23 GNU.sparse.major=1\n\n"] {
        let record = format!("{} {}", record.len(), record.split_once(' ').unwrap().1);
        let mut forged = Forged::default().file("a.txt", b"a");
        let before = [header(EntryType::XHeader, b"x", record.len() as u64), padded(record.as_bytes())].concat();
        forged.members.splice(0..0, before);
        target.refuses_tar("E_CORRUPT", "", forged);
    }
    let record = "17 path=../../x\n";
    let record = format!("{} {}", record.len(), record.split_once(' ').unwrap().1);
    let mut forged = Forged::default().file("a.txt", b"a");
    forged
        .members
        .splice(0..0, [header(EntryType::XHeader, b"x", record.len() as u64), padded(record.as_bytes())].concat());
    target.refuses_tar("E_UNSAFE_PATH", "", forged);
}

#[test]
fn members_and_manifest_must_agree() {
    let target = Target::new();
    let refuse = |words, forged| target.refuses_tar("E_CORRUPT", words, forged);
    let good = || Forged::default().file("a.txt", b"a").file("b.txt", b"b");
    // Somebody changed a file.
    let mut edited = good();
    edited.members[512] = b'A';
    refuse("\"a.txt\" has another hash", edited);
    refuse("\"c.txt\" is not in its manifest", good().member(EntryType::Regular, "c.txt", b"c"));
    refuse("\"c.txt\" is missing", good().line(line("c.txt", "dir", json!({}))));
    let mut swapped = good();
    swapped.members.rotate_left(1024);
    refuse("it has \"b.txt\" where its manifest says \"a.txt\"", swapped);
    let mut renamed = Forged::default().line(line("a", "dir", json!({})));
    renamed.members = header(EntryType::Regular, b"a", 0);
    refuse("is not what its manifest says", renamed);
    refuse("less than its manifest says", good().saying(json!({ "items": 3 })));
    refuse("less than its manifest says", good().saying(json!({ "totalSize": 3 })));
    refuse("does not name a backup", good().saying(json!({ "backup": "../../x" })));
    refuse("does not name a backup", good().saying(json!({ "type": "DAILY" })));
    refuse("does not name a backup", good().saying(json!({ "timestamp": 5 })));
    refuse("does not say what the archive is", good().saying(json!({ "format": "zip" })));
    refuse("not understood", good().saying(json!({ "items": -1 })));
    let hash = hex::encode(Sha256::digest(b"a"));
    for (wrong, more) in [
        ("no hash", json!({ "size": 1 })),
        ("no hash", json!({ "size": 1, "sha256": "zz" })),
        ("places in a vault", json!({ "size": 1, "sha256": hash, "chunks": ["00".repeat(32)] })),
        ("places in a vault", json!({ "size": 1, "sha256": hash, "bundle": ["00".repeat(32), 0] })),
        ("places in a vault", json!({ "size": 1, "sha256": hash, "ino": 5 })),
        ("mode or its time", json!({ "size": 1, "sha256": hash, "mode": 0o170_777 })),
        ("mode or its time", json!({ "size": 1, "sha256": hash, "mtime": [0, 1_000_000_000] })),
        ("mode or its time", json!({ "size": 1, "sha256": hash, "mtime": [i64::MIN, 0] })),
        ("no database", json!({ "sha256": hash, "sides": [{ "suffix": "-wal", "size": 0, "sha256": hash }] })),
    ] {
        refuse(wrong, Forged::default().line(line("a", "file", more)));
    }
    let side = |suffix: &str| json!({ "suffix": suffix, "size": 1, "sha256": hash });
    for sides in [json!([side("/../../x")]), json!([side("-wal"), side("-wal")])] {
        let more = json!({ "size": 1, "sha256": hash, "db": { "journal": "raw" }, "sides": sides });
        refuse("beside it", Forged::default().line(line("a", "file", more)));
    }
    refuse("content", Forged::default().line(line("a", "dir", json!({ "size": 5 }))));
}

#[test]
fn another_version_is_refused_and_a_newer_minor_one_is_read() {
    let target = Target::new();
    let good = || Forged::default().file("a.txt", b"a");
    target.refuses_tar("E_FORMAT", "version 2", good().saying(json!({ "version": { "major": 2, "minor": 0 } })));
    let file = target.bot.dir.path().join("forged.tar.gz");
    let newer = json!({ "version": { "major": 1, "minor": 9 }, "weather": "fine" });
    fs::write(&file, gzip(&good().saying(newer).tar())).unwrap();
    assert_eq!(target.bot.import(&file).unwrap().items, 1);
}

#[test]
fn what_is_no_archive_of_ours_is_said_to_be_none() {
    let target = Target::new();
    let foreign = |bytes: &[u8]| target.refuses("E_SOURCE", "is not an archive that Lifeboat wrote", bytes);
    foreign(b"");
    foreign(b"PK\x03\x04 some zip");
    foreign(&gzip(b"only text"));
    foreign(&gzip(&"a text that is longer than a block of a tar ".repeat(100).into_bytes()));
    let mut other = tar::Builder::new(Vec::new());
    other.append_path_with_name("Cargo.toml", "Cargo.toml").unwrap();
    foreign(&gzip(&other.into_inner().unwrap()));
    foreign(&gzip(&[0; 10240]));
    let lone = [header(EntryType::Fifo, b".lifeboat/manifest.ndjson", 0), vec![0; 1024]].concat();
    foreign(&gzip(&lone));
    let error = target.bot.import(&target.bot.root()).unwrap_err();
    assert_eq!(error.code(), "E_SOURCE");
    assert_eq!(target.bot.import(&target.bot.path("nothing")).unwrap_err().code(), "E_NOT_FOUND");
}

#[test]
fn wherever_an_archive_is_cut_off_or_goes_on_it_is_damaged() {
    let bot = Bot::empty();
    bot.write("a.bin", &noise(2_300_000, 5));
    bot.write("b/c.txt", b"c");
    let backup = bot.backup(BackupType::Manual).backup;
    let whole = fs::read(bot.export(&backup, "a.tar.gz", false)).unwrap();
    let target = Target::new();
    for length in
        [2, 9, 18, 19, 500, 5000, 1_048_000, whole.len() / 2, whole.len() - 9, whole.len() - 8, whole.len() - 1]
    {
        target.refuses("E_CORRUPT", "", &whole[..length]);
    }
    for at in [3000, 1_200_000, whole.len() - 5] {
        let mut changed = whole.clone();
        changed[at] ^= 0x10;
        target.refuses("E_CORRUPT", "", &changed);
    }
    target.refuses("E_CORRUPT", "", &[&whole[..], b"more"].concat());
    target.refuses("E_CORRUPT", "follows its end", &[&whole[..], &gzip(b"more")].concat());
    target.refuses("E_CORRUPT", "follows its end", &[&whole[..], &gzip(&vec![0; 2 << 20])].concat());
    target.refuses("E_CORRUPT", "", &[&whole[..], &whole].concat());
}

#[test]
fn whatever_is_changed_inside_is_refused_or_harmless_and_never_a_panic() {
    let bot = Bot::empty();
    bot.write("a.bin", &noise(3000, 6));
    bot.write(&"long-name-".repeat(20), b"x");
    bot.database("b.sqlite", 10);
    fs::create_dir(bot.path("c")).unwrap();
    std::os::unix::fs::symlink("../a.bin", bot.path("c/link")).unwrap();
    let backup = bot.backup(BackupType::Manual).backup;
    let expected = tree(&bot.restore(&backup));
    let file = bot.export(&backup, "whole.tar.gz", false);
    let mut whole = Vec::new();
    let mut decoder = flate2::read::MultiGzDecoder::new(fs::File::open(&file).unwrap());
    std::io::Read::read_to_end(&mut decoder, &mut whole).unwrap();
    let (mut refused, mut seed) = (0, 7u64);
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (seed >> 33) as usize % below
    };
    for round in 0..300 {
        let mut bytes = whole.clone();
        let (at, length) = (random(bytes.len() - 600), 1 + random(600));
        match round % 4 {
            0 => bytes[at] ^= 1 << random(8),
            1 => drop(bytes.drain(at..at + length)),
            2 => drop(bytes.splice(at..at, whole[at..at + length].to_vec())),
            _ => bytes[at..at + length].fill(0),
        }
        let other = Bot::empty();
        let forged = other.dir.path().join("forged.tar.gz");
        fs::write(&forged, gzip(&bytes)).unwrap();
        match other.import(&forged) {
            Ok(info) => {
                // Such as a byte of the note, or of a header's padding: the content is what its hash says.
                for (path, seen) in tree(&other.restore(&info.backup)) {
                    assert!(
                        seen.content.is_none() || seen.content == expected[&path].content,
                        "round {round}: {path:?}"
                    );
                }
            }
            Err(error) => {
                refused += 1;
                let known = ["E_CORRUPT", "E_UNSAFE_PATH", "E_FORMAT", "E_SOURCE"];
                assert!(known.contains(&error.code()), "round {round}: {error}");
                assert!(other.names().is_empty());
            }
        }
    }
    assert!(refused > 200, "{refused}");
}
