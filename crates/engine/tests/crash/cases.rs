//! Playing a role again and again, struck at another call each time.

use crate::role::{ROLLED_BACK, Role};
use crate::sample::{Random, each, is_torture, numbers};
use crate::scene::{Scene, Stage};
use crate::trace::{Blow, Ended};

/// A death after a call is a death before the next one.
pub const DEATHS: [Blow; 2] = [Blow::Kill, Blow::Torn];
pub const FAILURES: [Blow; 2] = [Blow::Fail(libc::EIO), Blow::Full];

/// Of each blow, how many cases a sample has.
const SAMPLE: usize = 8;
/// Cases with several blows: in a sample, and in the full run.
const PAIRS: (usize, usize) = (12, 2000);
/// Calls from a failure to the death that follows it: undoing everything takes fewer.
const UNDOING: u64 = 120;

/// Plays `role` once for each call and blow. `prepare` sets the stage; `settle` looks at what has become of it.
pub fn strike(
    scene: &Scene,
    role: Role,
    blows: &[Blow],
    prepare: impl Fn(&Stage<'_>) + Sync,
    settle: impl Fn(&Stage<'_>, &Ended, &str) + Sync,
) {
    let calls = count(scene, role, &prepare);
    let cases: Vec<(u64, Blow)> = blows
        .iter()
        .zip(1..)
        .flat_map(|(blow, salt)| numbers(calls, SAMPLE, salt).into_iter().map(move |at| (at, *blow)))
        .collect();
    println!("{role:?}: {calls} calls, {} cases", cases.len());
    each(&cases, |case| {
        let stage = scene.stage();
        prepare(&stage);
        let ended = stage.play(role, &[*case]);
        let what = format!("{role:?}: {:?} at call {}, {:?}, exit {:?}", case.1, case.0, ended.struck, ended.exit);
        assert!(ended.exit != Some(101), "{what}: it has panicked");
        // Who waits for a lock makes a call more or less; then it is done before the blow.
        if ended.struck.is_empty() {
            assert_eq!(ended.exit, Some(0), "{what}");
        } else if DEATHS.contains(&case.1) {
            assert_eq!(ended.exit, None, "{what}");
        }
        settle(&stage, &ended, &what);
    });
}

/// Plays `role` until it is killed, in half of the cases while it undoes what it did because a call has failed; then
/// what recovers it until that is killed, too. `settle` is told whether a call has failed.
pub fn strike_again(
    scene: &Scene,
    role: Role,
    prepare: impl Fn(&Stage<'_>) + Sync,
    settle: impl Fn(&Stage<'_>, bool, &str) + Sync,
) {
    let calls = count(scene, role, &prepare);
    let mut random = Random::new(99);
    let pairs = if is_torture() { PAIRS.1 } else { PAIRS.0 };
    // Most of the calls come before the journal: only from there on there is something to recover.
    let cases: Vec<(bool, [u64; 3])> = (0..pairs)
        .map(|case| {
            let first = calls / 2 + random.below(calls - calls / 2);
            (case % 2 == 0, [first, first + 1 + random.below(UNDOING), 1 + random.below(calls / 3)])
        })
        .collect();
    println!("{role:?}, and its recovery: {calls} calls, {pairs} cases");
    each(&cases, |(fails, [first, undoing, recovering])| {
        let stage = scene.stage();
        prepare(&stage);
        let one = match fails {
            true => stage.play(role, &[(*first, Blow::Fail(libc::EIO)), (*undoing, Blow::Kill)]),
            false => stage.play(role, &[(*first, Blow::Kill)]),
        };
        let two = stage.play(Role::Recover, &[(*recovering, Blow::Kill)]);
        let what = format!(
            "{role:?}: {} at {first}, killed at {undoing} ({:?}), its recovery at {recovering} ({:?})",
            if *fails { "failed" } else { "killed" },
            one.struck,
            two.struck
        );
        settle(&stage, *fails, &what);
    });
}

/// What a process has said when it ended is true.
pub fn has_kept_its_word(stage: &Stage<'_>, ended: &Ended, what: &str) {
    match ended.exit {
        Some(0) => assert!(stage.is_new(what), "{what}: it said that it had succeeded"),
        Some(ROLLED_BACK) => assert!(!stage.is_new(what), "{what}: it said that everything was as before"),
        // On a full disk not even undoing may succeed: whatever comes next goes on with it.
        _ => {}
    }
}

fn count(scene: &Scene, role: Role, prepare: &impl Fn(&Stage<'_>)) -> u64 {
    let stage = scene.stage();
    prepare(&stage);
    let ended = stage.play(role, &[]);
    assert_eq!(ended.exit, Some(0), "{role:?}");
    ended.calls
}
