//! Another process has the databases open, and sees one state or the other.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::Mutex;

use lifeboat_engine::report::RestoreMode;

use crate::cases::{DEATHS, FAILURES, strike, strike_twice};
use crate::role::Role;
use crate::scene::{DATABASES, Scene, Stage, content_of};

const RESTORE: Role = Role::Restore(RestoreMode::Live);

/// An app that has read from both databases, and keeps its connections.
struct App {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl App {
    fn start(stage: &Stage<'_>) -> App {
        let mut command = Role::App.command(stage.folder.path(), "");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let input = child.stdin.take().unwrap();
        let mut app = App { input, output: BufReader::new(child.stdout.take().unwrap()), child };
        app.sees();
        app
    }

    /// What its connections see now, of each database.
    fn sees(&mut self) -> Vec<String> {
        self.input.write_all(b"\n").unwrap();
        let mut lines = Vec::new();
        while lines.len() < DATABASES.len() {
            let mut line = String::new();
            assert!(self.output.read_line(&mut line).unwrap() > 0, "the app has ended");
            if let Some(at) = line.find('@') {
                lines.push(line[at + 1..].trim().to_owned());
            }
        }
        lines
    }
}

impl Drop for App {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The app of each stage, by its folder.
#[derive(Default)]
struct Apps(Mutex<std::collections::HashMap<std::path::PathBuf, App>>);

impl Apps {
    fn start(&self, stage: &Stage<'_>) {
        let app = App::start(stage);
        self.0.lock().unwrap().insert(stage.root(), app);
    }

    /// After the recovery, the open connections see what is in the files.
    fn check(&self, stage: &Stage<'_>, what: &str) {
        let mut app = self.0.lock().unwrap().remove(&stage.root()).unwrap();
        let sees = app.sees();
        drop(app);
        let there: Vec<String> = DATABASES.iter().map(|name| content_of(&stage.root().join(name))).collect();
        for ((sees, there), name) in sees.iter().zip(&there).zip(DATABASES) {
            let at = sees.bytes().zip(there.bytes()).take_while(|(a, b)| a == b).count();
            let part = |text: &str| text.get(at..).unwrap_or_default().chars().take(80).collect::<String>();
            let (sees_part, there_part) = (part(sees), part(there));
            assert!(sees == there, "{what}: {name}: the app sees {sees_part:?} where {there_part:?} is");
        }
    }
}

#[test]
fn killed_at_any_call_it_is_all_or_nothing() {
    let scene = Scene::new(RestoreMode::Live);
    let apps = Apps::default();
    strike(
        &scene,
        RESTORE,
        &DEATHS,
        |stage| apps.start(stage),
        |stage, ended, what| {
            assert_eq!(ended.exit, None, "{what}");
            stage.engine().list_backups(&Default::default()).unwrap();
            apps.check(stage, what);
            stage.check(what);
            stage.restores_at_last(what);
        },
    );
}

#[test]
fn failing_at_any_call_it_is_all_or_nothing_and_says_which() {
    let scene = Scene::new(RestoreMode::Live);
    let apps = Apps::default();
    strike(
        &scene,
        RESTORE,
        &FAILURES,
        |stage| apps.start(stage),
        |stage, ended, what| {
            if ended.exit == Some(0) {
                assert!(stage.is_new(what), "{what}: it said that it had succeeded");
            }
            stage.engine().list_backups(&Default::default()).unwrap();
            apps.check(stage, what);
            stage.check(what);
            stage.restores_at_last(what);
        },
    );
}

#[test]
fn killed_again_while_it_recovers_it_is_all_or_nothing() {
    let scene = Scene::new(RestoreMode::Live);
    let apps = Apps::default();
    strike_twice(
        &scene,
        RESTORE,
        |stage| apps.start(stage),
        |stage, what| {
            stage.engine().list_backups(&Default::default()).unwrap();
            apps.check(stage, what);
            stage.check(what);
        },
    );
}
