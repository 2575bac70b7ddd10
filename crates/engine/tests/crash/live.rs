//! Another process has the databases open, and sees one state or the other.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::Mutex;

use lifeboat_engine::report::RestoreMode;

use crate::cases::{DEATHS, FAILURES, has_kept_its_word, strike, strike_again};
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

    /// What its connections see now, of each database; and whatever the others have seen so far.
    fn sees(&mut self) -> (Vec<String>, Vec<String>) {
        self.input.write_all(b"\n").unwrap();
        let (mut now, mut seen) = (Vec::new(), Vec::new());
        while now.len() < DATABASES.len() {
            let mut line = String::new();
            assert!(self.output.read_line(&mut line).unwrap() > 0, "the app has ended");
            if let Some((_, content)) = line.split_once("@now ") {
                now.push(content.trim().to_owned());
            } else if let Some((_, content)) = line.split_once("@seen ") {
                seen.push(content.trim().to_owned());
            }
        }
        (now, seen)
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

    /// After the recovery, the open connections see what is in the files; and never was anything else seen than the old
    /// content of a database or the new.
    fn check(&self, stage: &Stage<'_>, what: &str) {
        let mut app = self.0.lock().unwrap().remove(&stage.root()).unwrap();
        let (now, seen) = app.sees();
        drop(app);
        let known: Vec<&String> = stage.scene.contents().collect();
        for seen in &seen {
            assert!(known.contains(&seen), "{what}: the app has seen {:.200}", seen);
        }
        for (now, name) in now.iter().zip(DATABASES) {
            let there = content_of(&stage.root().join(name));
            assert!(*now == there, "{what}: {name}: the app sees {now:.200}, and there is {there:.200}");
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
        |stage, _, what| {
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
            has_kept_its_word(stage, ended, what);
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
    strike_again(
        &scene,
        RESTORE,
        |stage| apps.start(stage),
        |stage, _, what| {
            stage.engine().list_backups(&Default::default()).unwrap();
            apps.check(stage, what);
            stage.check(what);
        },
    );
}
