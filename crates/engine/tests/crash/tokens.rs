//! An app that writes without a pause while its root is restored, the restore is killed, and something recovers it.
//!
//! The app says "saved" of a token only after it has committed or saved it: a numbered row in a database with a rollback
//! journal, one in a database in WAL mode, a number in one of many files, which it writes in place or by rename, and a
//! new file in a mirrored folder. Whatever it has said so of is in the root afterwards, or in a backup; only what it has
//! written over itself may be gone.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use lifeboat_engine::report::*;
use lifeboat_engine::restore::WORKSPACE;
use lifeboat_engine::{Control, Engine, Result};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::role::{Role, config};
use crate::sample::{Random, each, is_torture};
use crate::scene::options;
use crate::trace::{self, Blow};

const DATABASES: [(&str, &str); 2] = [("database.sqlite", "delete"), ("database/saldo.sqlite", "wal")];
/// Files that the app writes again and again.
const FILES: u64 = 12;
/// Files that it only reads: all of them are old, or all of them are restored.
const STILL: u64 = 6;
/// Cases of a sample.
const SAMPLE: u64 = 10;
/// How often one case is run that was asked for.
const AGAIN: usize = 100;

/// How an app uses its databases.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Habit {
    /// Opens each once, and keeps it.
    Keeps,
    /// Opens one for each row.
    Opens,
}

/// What the process does that plays the app.
pub fn write_without_a_pause(root: &Path, habit: Habit) -> ! {
    let open = |name: &str| {
        let db = Connection::open(root.join(name))?;
        db.busy_timeout(Duration::from_secs(1))?;
        Ok::<_, rusqlite::Error>(db)
    };
    let say = |kind: &str, n: u64| {
        // In one write, so that a kill leaves whole lines.
        let _ = std::io::stdout().write_all(format!("\n@{kind} {n}\n").as_bytes());
        let _ = std::io::stdout().flush();
    };
    let mut kept = BTreeMap::new();
    if habit == Habit::Keeps {
        for (name, _) in DATABASES {
            kept.insert(name, open(name).unwrap());
        }
    }
    let first: u64 = std::env::var("CRASH_BACKUP").unwrap().parse().unwrap();
    for n in first.. {
        for (name, _) in DATABASES {
            let brief = if habit == Habit::Opens { open(name).ok() } else { None };
            let Some(db) = kept.get(name).or(brief.as_ref()) else { continue };
            if db.execute("INSERT INTO token VALUES (?)", [n as i64]).is_ok() {
                say(name, n);
            }
        }
        let file = root.join(format!("data/{}.json", n % FILES));
        let text = format!("{{\"n\":{n}}}");
        let saved = match n % 2 {
            0 => fs::write(&file, &text),
            _ => {
                let temporary = file.with_extension("tmp");
                fs::write(&temporary, &text).and_then(|()| fs::rename(&temporary, &file))
            }
        };
        if saved.is_ok() {
            say("file", n);
        }
        if n % 5 == 0 && fs::write(root.join(format!("sessions/raf/key-{n}.json")), &text).is_ok() {
            say("key", n);
        }
    }
    unreachable!()
}

struct App {
    child: Child,
    said: JoinHandle<Vec<(String, u64)>>,
}

impl App {
    fn start(folder: &Path, habit: Habit, first: u64) -> App {
        let mut command = Role::Tokens(habit).command(folder, &first.to_string());
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let said = std::thread::spawn(move || {
            let lines = output.lines().map_while(std::result::Result::ok);
            let words = lines.filter_map(|line| {
                let (kind, n) = line.strip_prefix('@')?.split_once(' ')?;
                Some((kind.to_owned(), n.parse().ok()?))
            });
            words.collect()
        });
        App { child, said }
    }

    /// As `kill -9`, and everything that it had said.
    fn kill(mut self) -> Vec<(String, u64)> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.said.join().unwrap()
    }
}

struct Scene {
    folder: TempDir,
    backup: String,
}

impl Scene {
    fn new() -> Scene {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        for inner in ["data", "database", "sessions/raf", "still"] {
            fs::create_dir_all(root.join(inner)).unwrap();
        }
        let write = |text: &str| {
            (0..FILES).for_each(|n| fs::write(root.join(format!("data/{n}.json")), text).unwrap());
            (0..STILL).for_each(|n| fs::write(root.join(format!("still/{n}.txt")), text).unwrap());
        };
        write("{\"n\":0}");
        fs::write(root.join("sessions/raf/key-0.json"), "{}").unwrap();
        for (name, journal) in DATABASES {
            let db = Connection::open(root.join(name)).unwrap();
            db.query_row(&format!("PRAGMA journal_mode = {journal}"), [], |_| Ok(())).unwrap();
            db.execute_batch("CREATE TABLE token (n INTEGER PRIMARY KEY)").unwrap();
        }
        let engine = Engine::new(config(folder.path()));
        let backup = engine.create_backup(BackupType::Daily, &BackupOptions::default(), &Control::silent()).unwrap();
        write("{\"n\":1}");
        Scene { folder, backup: backup.backup }
    }

    fn copy(&self) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        let copied =
            std::process::Command::new("cp").arg("-a").arg(self.folder.path().join(".")).arg(folder.path()).status();
        assert!(copied.unwrap().success());
        folder
    }
}

/// What a root has of what an app writes.
#[derive(Default)]
struct Found {
    rows: BTreeSet<(String, u64)>,
    files: BTreeSet<u64>,
    /// Files that the app was just writing in place.
    torn: BTreeSet<u64>,
    keys: BTreeSet<u64>,
    /// Where rows were found: a line each.
    places: Vec<String>,
}

impl Found {
    fn add(&mut self, root: &Path, what: &str) {
        for (name, _) in DATABASES {
            let db = Connection::open(root.join(name)).unwrap();
            let check: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
            assert_eq!(check, "ok", "{what}: {name}");
            let mut rows = db.prepare("SELECT n FROM token").unwrap();
            let rows = rows.query_map([], |row| row.get::<_, i64>(0)).unwrap();
            let rows: BTreeSet<u64> = rows.map(|row| row.unwrap() as u64).collect();
            self.places.push(format!("{}: {name}: {rows:?}", root.display()));
            self.rows.extend(rows.into_iter().map(|row| (name.to_owned(), row)));
        }
        let number = |text: String| text.strip_prefix("{\"n\":")?.strip_suffix('}')?.parse::<u64>().ok();
        for n in 0..FILES {
            let text = fs::read_to_string(root.join(format!("data/{n}.json"))).unwrap_or_default();
            match number(text) {
                Some(number) => self.files.insert(number),
                None => self.torn.insert(n),
            };
        }
        for entry in fs::read_dir(root.join("sessions/raf")).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            self.keys
                .extend(name.strip_prefix("key-").and_then(|rest| rest.strip_suffix(".json")?.parse::<u64>().ok()));
        }
    }
}

/// Whatever comes next recovers.
fn next(engine: &Engine, which: u64) -> Result<()> {
    let control = Control::silent();
    match which % 4 {
        0 => engine.status().map(drop),
        1 => engine.create_backup(BackupType::Manual, &BackupOptions::default(), &control).map(drop),
        2 => engine.apply_pending_restore(&control).map(drop),
        _ => engine.list_backups(&ListFilter::default()).map(drop),
    }
}

/// `role` is what is killed: a restore in that mode, or what applies it.
fn play(mode: RestoreMode, role: Role, habit: Habit) {
    let scene = Scene::new();
    let stage = |folder: &Path| {
        if role == Role::Apply {
            let staged = trace::run(Role::Restore(mode).command(folder, &scene.backup), &[]);
            assert_eq!(staged.exit, Some(0));
        }
    };
    let calls = {
        let folder = scene.copy();
        stage(folder.path());
        trace::run(role.command(folder.path(), &scene.backup), &[]).calls
    };
    let written = AtomicUsize::new(0);
    let mut random = Random::new(calls);
    // In the first third nothing is touched yet. All of the rest, with each that may recover it; or a sample.
    let first = calls / 3;
    let mut case = |number, at| [number, at, random.below(40), random.below(16)];
    let cases: Vec<[u64; 4]> = match is_torture() {
        true => (0..4 * (calls - first)).map(|number| case(number, first + 1 + number / 4)).collect(),
        false => (0..SAMPLE).map(|number| case(number, first + 1 + number * (calls - first) / SAMPLE)).collect(),
    };
    // One case again and again: what it finds may depend on the moment.
    let only: Option<usize> = std::env::var("LIFEBOAT_CASE").ok().and_then(|number| number.parse().ok());
    let cases = only.map_or(cases.clone(), |number| vec![cases[number]; AGAIN]);
    each(&cases, |case| {
        let [number, at, pause, choice] = *case;
        let what =
            format!("{role:?}, {habit:?}, case {number}: killed at call {at} of {calls}, {pause} ms, choice {choice}");
        let folder = scene.copy();
        let (path, root) = (folder.path(), folder.path().join("root"));
        let engine = Engine::new(config(path));
        // In some cases the app starts in the middle.
        let late = habit == Habit::Opens && choice & 1 == 1;
        let mut app = (!late).then(|| App::start(path, habit, 1000));
        let starter = late.then(|| {
            let path = path.to_owned();
            std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(pause * 8));
                App::start(&path, habit, 1000)
            })
        });
        std::thread::sleep(Duration::from_millis(20 + pause));
        let mut said = Vec::new();
        stage(path);
        if role == Role::Apply {
            // Nothing is open at the first line of an app.
            said.extend(app.take().map(App::kill).unwrap_or_default());
        }
        let ended = trace::run(role.command(path, &scene.backup), &[(at, Blow::Kill)]);
        if let Some(starter) = starter {
            app = Some(starter.join().unwrap());
        }
        // The app goes on; or a power cut ends both; or it is started again.
        match choice / 4 {
            0 => {}
            1 => said.extend(app.take().map(App::kill).unwrap_or_default()),
            _ => {
                said.extend(app.take().map(App::kill).unwrap_or_default());
                app = Some(App::start(path, habit, 1_000_000));
                std::thread::sleep(Duration::from_millis(pause));
            }
        }
        // An app that has a database open may have to be stopped first; that is said.
        let recovered = next(&engine, number);
        std::thread::sleep(Duration::from_millis(10));
        let is_running = app.is_some();
        said.extend(app.map(App::kill).unwrap_or_default());
        if let Err(error) = recovered {
            assert!(is_running && error.to_string().contains("Stop it"), "{what}: {error}");
        }
        written.fetch_add(said.len(), Ordering::Relaxed);
        engine.status().unwrap();
        if mode == RestoreMode::OnRestart {
            engine.apply_pending_restore(&Control::silent()).unwrap();
        }
        engine.list_backups(&ListFilter::default()).unwrap();
        assert!(!root.join(WORKSPACE).exists(), "{what}: the workspace is left");
        check(&engine, &root, &said, &format!("{what}, {:?}, exit {:?}", ended.struck, ended.exit));
    });
    assert!(written.into_inner() > 20 * cases.len(), "the apps have hardly written");
}

fn check(engine: &Engine, root: &Path, said: &[(String, u64)], what: &str) {
    let still: BTreeSet<String> =
        (0..STILL).map(|n| fs::read_to_string(root.join(format!("still/{n}.txt"))).unwrap()).collect();
    assert_eq!(still.len(), 1, "{what}: a mixture");
    let mut found = Found::default();
    found.add(root, what);
    for backup in engine.list_backups(&ListFilter::default()).unwrap() {
        let to: PathBuf = root.parent().unwrap().join("look").join(&backup.backup);
        let options = RestoreOptions { target: Some(to.clone()), ..options(RestoreMode::Auto) };
        let options = RestoreOptions { mirror: Vec::new(), ..options };
        engine.restore(&BackupRef::Name(backup.backup), &options, &Control::silent()).unwrap();
        found.add(&to, what);
    }
    let mut last = BTreeMap::new();
    for (kind, n) in said {
        match kind.as_str() {
            "file" => drop(last.insert(n % FILES, *n)),
            "key" => assert!(found.keys.contains(n), "{what}: the new file {n} is nowhere"),
            name => {
                let places = found.places.join("\n");
                assert!(found.rows.contains(&(name.to_owned(), *n)), "{what}: row {n} of {name} is nowhere\n{places}");
            }
        }
    }
    for (file, n) in last {
        // It may have written over it and not said so yet.
        let has_gone_on = found.files.range(n..).any(|later| later % FILES == file);
        let is_torn = n % 2 == 0 && found.torn.contains(&file);
        assert!(has_gone_on || is_torn, "{what}: what file {file} had is nowhere: {n}");
    }
}

#[test]
fn under_a_live_restore_nothing_that_an_app_saves_is_ever_nowhere() {
    play(RestoreMode::Live, Role::Restore(RestoreMode::Live), Habit::Keeps);
}

#[test]
fn under_an_offline_restore_nothing_that_an_app_saves_is_ever_nowhere() {
    play(RestoreMode::Offline, Role::Restore(RestoreMode::Offline), Habit::Opens);
}

#[test]
fn while_a_restore_is_staged_nothing_that_an_app_saves_is_ever_nowhere() {
    play(RestoreMode::OnRestart, Role::Restore(RestoreMode::OnRestart), Habit::Keeps);
}

#[test]
fn at_the_start_of_an_app_nothing_that_it_has_saved_is_ever_nowhere() {
    play(RestoreMode::OnRestart, Role::Apply, Habit::Keeps);
    play(RestoreMode::OnRestart, Role::Apply, Habit::Opens);
}
