//! Whoever writes to a vault is stopped at any of its file-system operations: backups, prunings, exports, imports.
//!
//! Afterwards the vault is sound, every backup that anybody was told of restores exactly, and the same thing done again
//! succeeds without help and leaves nothing behind.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use lifeboat_engine::report::*;
use lifeboat_engine::{Control, Engine};
use tempfile::TempDir;

use crate::role::{EXPORTED, IMPORTED, NO_SPACE, Role, Writer, config};
use crate::sample::{Random, each, is_torture, numbers};
use crate::support::{Seen, assert_same_tree, noise, tree};
use crate::trace::{self, Blow, Ended};

type Tree = BTreeMap<PathBuf, Seen>;

/// A root that has changed since its last backup, and a vault that has something to prune.
struct Harbour {
    folder: TempDir,
    /// What each backup restores to.
    trees: BTreeMap<String, Tree>,
    /// Backups that the next pruning removes.
    goes: Vec<String>,
    /// A backup that lies in an archive and not in the vault.
    elsewhere: String,
    newest: String,
    now: Tree,
}

/// A copy of it, in which one process is struck.
struct Berth<'a> {
    harbour: &'a Harbour,
    writer: Writer,
    folder: TempDir,
}

impl Harbour {
    fn new() -> Harbour {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        let engine = Engine::new(config(folder.path()));
        let mut trees = BTreeMap::new();
        let mut backup = |kind| {
            let name = engine.create_backup(kind, &BackupOptions::default(), &Control::silent()).unwrap().backup;
            trees.insert(name.clone(), tree(&root));
            name
        };
        let write = |path: &str, bytes: &[u8]| {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        };
        let sql = |sql: &str| {
            rusqlite::Connection::open(root.join("database.sqlite")).unwrap().execute_batch(sql).unwrap();
        };
        write("config.json", b"{}");
        write("uploads/stays.jpg", &noise(60_000, 1));
        write("uploads/first.jpg", &noise(300_000, 2));
        for n in 0..8 {
            write(&format!("sessions/raf/key-{n}.json"), format!("{{\"n\":{n}}}").as_bytes());
        }
        sql("CREATE TABLE saldo (id INTEGER PRIMARY KEY, jumlah INTEGER);
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
             INSERT INTO saldo SELECT i, i * 1000 FROM n");
        // Of its pack little is needed later on.
        backup(BackupType::Safety);
        fs::remove_file(root.join("uploads/first.jpg")).unwrap();
        write("uploads/second.jpg", &noise(200_000, 3));
        sql("UPDATE saldo SET jumlah = 7 WHERE id > 1900");
        // Of its pack, nothing.
        backup(BackupType::Safety);
        fs::remove_file(root.join("uploads/second.jpg")).unwrap();
        sql("UPDATE saldo SET jumlah = 8 WHERE id > 1900");
        write("config.json", b"{\"a\":1}");
        let elsewhere = backup(BackupType::Manual);
        write("uploads/third.jpg", &noise(90_000, 4));
        backup(BackupType::Daily);
        fs::remove_file(root.join("sessions/raf/key-3.json")).unwrap();
        let newest = backup(BackupType::Hourly);

        write("uploads/fourth.jpg", &noise(150_000, 5));
        write("sessions/raf/key-20.json", b"{}");
        sql("INSERT INTO saldo SELECT id + 5000, 1 FROM saldo");
        let now = tree(&root);
        fs::create_dir(folder.path().join("out")).unwrap();
        let archive = folder.path().join(IMPORTED);
        engine.export_backup(&elsewhere, &archive, &ExportOptions::default(), &Control::silent()).unwrap();
        engine.delete_backup(&elsewhere, &Control::silent()).unwrap();
        let dry_run = PruneOptions { dry_run: true, at_once: true, ..PruneOptions::default() };
        let plan = engine.prune(&dry_run, &Control::silent()).unwrap();
        assert!(plan.packs_removed > 0 && plan.packs_rewritten > 0, "{plan:?}");
        let goes: Vec<String> = plan.backups.into_iter().filter(|one| !one.keep).map(|one| one.backup).collect();
        assert_eq!(goes.len(), 2, "{goes:?}");
        Harbour { folder, trees, goes, elsewhere, newest, now }
    }

    fn berth(&self, writer: Writer) -> Berth<'_> {
        let folder = tempfile::tempdir().unwrap();
        let from = self.folder.path().join(".");
        assert!(Command::new("cp").arg("-a").arg(from).arg(folder.path()).status().unwrap().success());
        Berth { harbour: self, writer, folder }
    }
}

impl Berth<'_> {
    fn engine(&self) -> Engine {
        Engine::new(config(self.folder.path()))
    }

    fn play(&self, blows: &[(u64, Blow)]) -> Ended {
        trace::run(Role::Write(self.writer).command(self.folder.path(), &self.harbour.newest), blows)
    }

    /// Of a backup that is new: the root as it is now.
    fn expected(&self, backup: &str) -> &Tree {
        self.harbour.trees.get(backup).unwrap_or(&self.harbour.now)
    }

    fn listed(&self) -> Vec<String> {
        let backups = self.engine().list_backups(&ListFilter::default()).unwrap();
        backups.into_iter().map(|info| info.backup).collect()
    }

    /// Deep, so that each byte of each chunk is compared with what it was.
    fn is_sound(&self, what: &str) {
        let report = self.engine().verify(None, true, &Control::silent()).unwrap();
        assert!(report.ok, "{what}: {:?}", report.damaged);
    }

    fn restores(&self, backup: &str) {
        restores(&self.engine(), backup, self.expected(backup));
    }

    /// An archive is there as a whole or not at all: another vault can take it.
    fn is_whole(&self, archive: &Path) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("root")).unwrap();
        let engine = Engine::new(config(folder.path()));
        let backup = engine.import_backup(archive, None, &Control::silent()).unwrap().backup;
        restores(&engine, &backup, self.expected(&backup));
    }

    fn archives(&self) -> Vec<PathBuf> {
        let shelf = fs::read_dir(self.folder.path().join("vault/archives"));
        let mut found: Vec<PathBuf> = shelf.into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
        found.retain(|path| path.extension() == Some("gz".as_ref()));
        found.push(self.folder.path().join(IMPORTED));
        found.extend(Some(self.folder.path().join(EXPORTED)).filter(|path| path.exists()));
        found
    }

    /// What the process has left, however it ended.
    fn check(&self, exit: Option<i32>, what: &str) {
        self.is_sound(what);
        let (listed, told) = (self.listed(), exit == Some(0));
        let prunes = matches!(self.writer, Writer::Prune | Writer::Weekly);
        for (backup, goes) in self.harbour.trees.keys().map(|name| (name, self.harbour.goes.contains(name))) {
            let is_there = listed.contains(backup);
            if *backup == self.harbour.elsewhere {
                assert!(is_there || self.writer != Writer::Import || !told, "{what}: it was not imported");
            } else if goes && prunes {
                assert!(!is_there || !told || self.writer == Writer::Weekly, "{what}: {backup} is still there");
            } else if goes && matches!(self.writer, Writer::Hourly | Writer::Daily) {
                // On a full disk a backup takes the room of what no rule keeps.
            } else {
                assert!(is_there, "{what}: {backup} is gone");
            }
        }
        listed.iter().for_each(|backup| self.restores(backup));
        let new = listed.iter().filter(|backup| !self.harbour.trees.contains_key(*backup)).count();
        let makes_one = matches!(self.writer, Writer::Hourly | Writer::Daily | Writer::Weekly);
        assert!(new <= usize::from(makes_one), "{what}: {listed:?}");
        assert!(new == 1 || !makes_one || !told, "{what}: the new backup is not there");
        self.archives().iter().for_each(|archive| self.is_whole(archive));
        assert!(
            !told || self.writer != Writer::Export || self.folder.path().join(EXPORTED).exists(),
            "{what}: no archive"
        );
    }

    /// The next run succeeds without help, and nothing is left of the one before.
    fn goes_on(&self, what: &str) {
        self.writer
            .work(self.folder.path(), &self.harbour.newest)
            .unwrap_or_else(|error| panic!("{what}: the next run failed: {error}"));
        let engine = self.engine();
        let report = engine.prune(&PruneOptions::default(), &Control::silent()).unwrap();
        assert_eq!(report.warnings, [], "{what}");
        let again = engine.prune(&PruneOptions::default(), &Control::silent()).unwrap();
        assert_eq!((again.removed, again.freed), (0, 0), "{what}: {again:?}");
        self.is_sound(what);
        self.listed().iter().for_each(|backup| self.restores(backup));
        let runs = engine.history(&HistoryFilter::default()).unwrap();
        assert!(runs.iter().all(|run| run.result != RunResult::Running), "{what}: {runs:?}");
        let leftovers = tree(self.folder.path()).into_keys().find(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            (name.starts_with(".lifeboat") && name != ".lifeboat.json") || path.parent() == Some(Path::new("vault/tmp"))
        });
        assert_eq!(leftovers, None, "{what}: something is left");
    }
}

fn restores(engine: &Engine, backup: &str, expected: &Tree) {
    let target = tempfile::tempdir().unwrap();
    let options = RestoreOptions { target: Some(target.path().join("restored")), ..RestoreOptions::default() };
    engine.restore(&BackupRef::Name(backup.into()), &options, &Control::silent()).unwrap();
    assert_same_tree(expected, &tree(&target.path().join("restored")));
}

/// How many calls each of them makes.
fn calls(harbour: &Harbour) -> Vec<(Writer, u64)> {
    let count = |writer| {
        let berth = harbour.berth(writer);
        let ended = berth.play(&[]);
        assert_eq!(ended.exit, Some(0), "{writer:?}");
        berth.check(ended.exit, &format!("{writer:?}"));
        println!("{writer:?}: {} calls", ended.calls);
        (writer, ended.calls)
    };
    Writer::ALL.into_iter().map(count).collect()
}

fn strike(harbour: &Harbour, cases: &[(Writer, u64, Blow)]) {
    each(cases, |(writer, at, blow)| {
        let berth = harbour.berth(*writer);
        let ended = berth.play(&[(*at, *blow)]);
        let what = format!("{writer:?}: {blow:?} at call {at}, {:?}, exit {:?}", ended.struck, ended.exit);
        println!("{what}");
        assert!(ended.exit != Some(101), "{what}: it has panicked");
        if ended.struck.is_empty() {
            assert_eq!(ended.exit, Some(0), "{what}");
        } else if matches!(blow, Blow::Kill | Blow::Torn) {
            assert_eq!(ended.exit, None, "{what}");
        } else if *blow == Blow::Full {
            assert!(matches!(ended.exit, Some(0 | NO_SPACE)), "{what}: it does not say that there is no room");
        }
        berth.check(ended.exit, &what);
        berth.goes_on(&what);
    });
}

#[test]
fn killed_at_random_nothing_is_lost_and_the_next_run_succeeds() {
    let harbour = Harbour::new();
    let calls = calls(&harbour);
    let mut random = Random::new(7);
    let kills = std::env::var("LIFEBOAT_KILLS").map_or(24, |kills| kills.parse().unwrap());
    let cases: Vec<_> = (0..kills)
        .map(|case| {
            let (writer, calls) = calls[case % calls.len()];
            (writer, 1 + random.below(calls), if case % 4 == 0 { Blow::Torn } else { Blow::Kill })
        })
        .collect();
    strike(&harbour, &cases);
}

#[test]
fn where_the_disk_is_full_or_fails_nothing_is_lost_and_the_next_run_succeeds() {
    let harbour = Harbour::new();
    let mut cases = Vec::new();
    for (salt, (writer, calls)) in (20..).zip(calls(&harbour)) {
        for blow in [Blow::Full, Blow::Fail(libc::EIO)] {
            cases.extend(numbers(calls, 4, salt).into_iter().map(|at| (writer, at, blow)));
        }
    }
    println!("{} cases{}", cases.len(), if is_torture() { "" } else { ", a sample" });
    strike(&harbour, &cases);
}
