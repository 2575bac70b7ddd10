//! Prepared under a running app, and applied at its next start.

use lifeboat_engine::Control;
use lifeboat_engine::report::RestoreMode;
use lifeboat_engine::restore::WORKSPACE;

use crate::cases::{DEATHS, FAILURES, has_kept_its_word, strike, strike_again};
use crate::role::Role;
use crate::scene::{Scene, Stage};

const STAGE: Role = Role::Restore(RestoreMode::OnRestart);

fn staged(stage: &Stage<'_>) {
    assert_eq!(stage.play(STAGE, &[]).exit, Some(0));
    assert!(!stage.is_new("staged"));
}

/// The first line of the app's next start.
fn start(stage: &Stage<'_>, what: &str) -> bool {
    stage.engine().apply_pending_restore(&Control::silent()).unwrap();
    assert!(!stage.root().join(WORKSPACE).exists(), "{what}: the workspace is left");
    stage.is_new(what)
}

#[test]
fn killed_or_failing_while_it_prepares_nothing_is_touched() {
    let scene = Scene::new(RestoreMode::OnRestart);
    strike(
        &scene,
        STAGE,
        &[DEATHS, FAILURES].concat(),
        |_| (),
        |stage, ended, what| {
            assert!(!stage.is_new(what), "{what}: it was only to be prepared");
            let is_new = start(stage, what);
            assert!(is_new || ended.exit != Some(0), "{what}: it said that it was prepared");
            stage.check(what);
            stage.restores_at_last(what);
        },
    );
}

#[test]
fn killed_while_it_is_applied_it_is_all_or_nothing() {
    let scene = Scene::new(RestoreMode::OnRestart);
    strike(&scene, Role::Apply, &DEATHS, staged, |stage, _, what| {
        // Anything of Lifeboat, and then the app once more.
        stage.engine().list_backups(&Default::default()).unwrap();
        stage.is_new(what);
        assert!(start(stage, what), "{what}: what waits goes on waiting");
        stage.check(what);
    });
}

#[test]
fn failing_while_it_is_applied_it_is_all_or_nothing() {
    let scene = Scene::new(RestoreMode::OnRestart);
    strike(&scene, Role::Apply, &FAILURES, staged, |stage, ended, what| {
        has_kept_its_word(stage, ended, what);
        start(stage, what);
        stage.check(what);
        stage.restores_at_last(what);
    });
}

#[test]
fn killed_again_while_it_recovers_it_is_all_or_nothing() {
    let scene = Scene::new(RestoreMode::OnRestart);
    strike_again(&scene, Role::Apply, staged, |stage, has_failed, what| {
        stage.engine().list_backups(&Default::default()).unwrap();
        stage.is_new(what);
        // What has failed is undone, and does not wait any more.
        assert!(start(stage, what) || has_failed, "{what}");
        stage.check(what);
    });
}
