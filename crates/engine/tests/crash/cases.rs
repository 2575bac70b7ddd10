//! Playing a role again and again, struck at another call each time.

use crate::role::Role;
use crate::sample::{Random, each, is_torture, numbers};
use crate::scene::{Scene, Stage};
use crate::trace::{Blow, Ended};

pub const DEATHS: [Blow; 2] = [Blow::Kill, Blow::Torn];
pub const FAILURES: [Blow; 2] = [Blow::Fail(libc::EIO), Blow::Full];

/// Plays `role` once for each call and blow. `prepare` sets the stage; `settle` looks at what has become of it.
pub fn strike(
    scene: &Scene,
    role: Role,
    blows: &[Blow],
    prepare: impl Fn(&Stage<'_>) + Sync,
    settle: impl Fn(&Stage<'_>, &Ended, &str) + Sync,
) {
    let counted = scene.stage();
    prepare(&counted);
    let calls = counted.count(role);
    let cases: Vec<(u64, Blow)> = blows
        .iter()
        .zip(1..)
        .flat_map(|(blow, salt)| numbers(calls, 25, salt).into_iter().map(move |at| (at, *blow)))
        .collect();
    println!("{role:?}: {calls} calls, {} cases", cases.len());
    each(&cases, |(at, blow)| {
        let stage = scene.stage();
        prepare(&stage);
        let ended = stage.play(role, Some((*at, *blow)));
        let what = format!("{role:?}: {blow:?} at call {at}, {:?}, exit {:?}", ended.struck, ended.exit);
        settle(&stage, &ended, &what);
    });
}

/// Plays `role` until it is killed, then what recovers it until that is killed, too.
pub fn strike_twice(
    scene: &Scene,
    role: Role,
    prepare: impl Fn(&Stage<'_>) + Sync,
    settle: impl Fn(&Stage<'_>, &str) + Sync,
) {
    let counted = scene.stage();
    prepare(&counted);
    let calls = counted.count(role);
    let pairs = if is_torture() { 2000 } else { 40 };
    let mut random = Random::new(99);
    // Most of the calls come before the journal: only from there on there is something to recover.
    let cases: Vec<(u64, u64)> =
        (0..pairs).map(|_| (calls / 2 + random.below(calls - calls / 2), 1 + random.below(calls / 3))).collect();
    println!("{role:?}, and its recovery: {} cases", cases.len());
    each(&cases, |(first, second)| {
        let stage = scene.stage();
        prepare(&stage);
        let one = stage.play(role, Some((*first, Blow::Kill)));
        let two = stage.play(Role::Recover, Some((*second, Blow::Kill)));
        settle(
            &stage,
            &format!("{role:?}: killed at {first} ({:?}), and its recovery at {second} ({:?})", one.struck, two.struck),
        );
    });
}
