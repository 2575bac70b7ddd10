//! Nobody has anything open: files are swapped.

use lifeboat_engine::report::RestoreMode;

use crate::cases::{DEATHS, FAILURES, has_kept_its_word, strike, strike_again};
use crate::role::Role;
use crate::scene::Scene;

const RESTORE: Role = Role::Restore(RestoreMode::Offline);

#[test]
fn killed_at_any_call_it_is_all_or_nothing() {
    let scene = Scene::new(RestoreMode::Offline);
    strike(
        &scene,
        RESTORE,
        &DEATHS,
        |_| (),
        |stage, _, what| {
            stage.check(what);
            stage.restores_at_last(what);
        },
    );
}

#[test]
fn failing_at_any_call_it_is_all_or_nothing_and_says_which() {
    let scene = Scene::new(RestoreMode::Offline);
    strike(
        &scene,
        RESTORE,
        &FAILURES,
        |_| (),
        |stage, ended, what| {
            has_kept_its_word(stage, ended, what);
            stage.check(what);
            stage.restores_at_last(what);
        },
    );
}

#[test]
fn killed_again_while_it_recovers_it_is_all_or_nothing() {
    let scene = Scene::new(RestoreMode::Offline);
    strike_again(
        &scene,
        RESTORE,
        |_| (),
        |stage, _, what| {
            stage.check(what);
            stage.restores_at_last(what);
        },
    );
}
