//! A worker that is silent, deaf, or dies.

use std::time::{Duration, Instant};

use lifeboat_engine::operations::{AnyOperation, ListItems, ReadStatus};
use lifeboat_engine::report::ItemFilter;
use lifeboat_engine::supervise::protocol::Failure;
use lifeboat_engine::supervise::{Cancel, Supervisor, WorkerPatience};

use super::{Place, is_alive, patience, until};

const SOON: Duration = Duration::from_millis(400);
/// A machine may be busy; what is given up only after a quarter of an hour takes longer.
const LATE: Duration = Duration::from_secs(15);

fn run(place: &Place, patience: WorkerPatience, cancel: &Cancel) -> (Result<String, Failure>, Duration) {
    let supervisor = Supervisor::new(place.executable.clone(), place.config.clone(), patience);
    let begun = Instant::now();
    let answer = supervisor.run(AnyOperation::ReadStatus(ReadStatus {}), Default::default(), cancel, &mut |_| ());
    (answer, begun.elapsed())
}

#[test]
fn a_worker_that_is_silent_is_killed_and_says_so() {
    let place = Place::new("exec sleep 600");
    let (answer, took) = run(&place, WorkerPatience { silent: SOON, ..patience() }, &Cancel::default());
    let failure = answer.unwrap_err();
    assert_eq!(failure.code, "E_WORKER");
    assert!(failure.message.contains("no sign of life for 0.4 seconds, and was killed"), "{}", failure.message);
    assert!(took >= SOON && took < LATE, "{took:?}");
    assert!(!is_alive(place.pids()[0]));
}

#[test]
fn signs_of_life_keep_a_worker_that_takes_its_time() {
    let place = Place::new("for n in 1 2 3 4 5 6; do sleep 0.2; echo '\"alive\"'; done\necho '{\"result\":[1]}'");
    let (answer, took) =
        run(&place, WorkerPatience { silent: Duration::from_secs(5), ..patience() }, &Cancel::default());
    assert_eq!(answer.unwrap(), "[1]");
    assert!(took >= Duration::from_millis(1200), "{took:?}");
}

#[test]
fn one_that_was_cancelled_has_less_time() {
    let place = Place::new("exec sleep 600");
    let cancel = Cancel::default();
    let canceller = cancel.clone();
    let thread = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(100));
        canceller.cancel();
    });
    let (answer, took) = run(&place, WorkerPatience { cancelled: SOON, ..patience() }, &cancel);
    thread.join().unwrap();
    let failure = answer.unwrap_err();
    assert_eq!(failure.code, "E_WORKER");
    assert!(failure.message.contains("was cancelled") && failure.message.contains("killed"), "{}", failure.message);
    assert!(took < LATE, "{took:?}");
}

#[test]
fn a_cancel_reaches_a_worker_that_listens() {
    let place = Place::new(
        "read request; read signal; echo \"$signal\" > \"$DIR/signal\"; echo '{\"error\":{\"code\":\"E_ABORTED\",\"message\":\"\"}}'",
    );
    let cancel = Cancel::default();
    let (canceller, pids) = (cancel.clone(), place.file("pids"));
    let thread = std::thread::spawn(move || {
        until("the worker", || pids.exists());
        canceller.cancel();
    });
    let (answer, _) = run(&place, patience(), &cancel);
    thread.join().unwrap();
    assert_eq!(answer.unwrap_err().code, "E_ABORTED");
    assert_eq!(std::fs::read_to_string(place.file("signal")).unwrap().trim(), "\"cancel\"");
}

#[test]
fn a_request_that_nobody_reads_holds_nobody() {
    // More than a pipe takes.
    let place = Place::new("exec sleep 600");
    let supervisor =
        Supervisor::new(place.executable.clone(), place.config.clone(), WorkerPatience { silent: SOON, ..patience() });
    let operation = AnyOperation::ListItems(ListItems {
        backup: "latest".into(),
        filter: ItemFilter { items: vec!["x".repeat(1 << 20)] },
    });
    let answer = supervisor.run(operation, Default::default(), &Cancel::default(), &mut |_| ());
    assert_eq!(answer.unwrap_err().code, "E_WORKER");
}

#[test]
fn a_worker_that_does_not_end_after_its_answer_is_ended() {
    let place = Place::new("echo '{\"result\":7}'; exec sleep 600");
    let (answer, took) = run(&place, WorkerPatience { cancelled: SOON, ..patience() }, &Cancel::default());
    assert_eq!(answer.unwrap(), "7");
    assert!(took < LATE, "{took:?}");
    assert!(!is_alive(place.pids()[0]));
}

#[test]
fn the_death_of_a_worker_names_its_end_and_its_last_words() {
    let place = Place::new("echo 'no memory' >&2; kill -9 $$");
    let failure = run(&place, patience(), &Cancel::default()).0.unwrap_err();
    assert_eq!(failure.code, "E_WORKER");
    assert!(failure.message.contains("signal 9") && failure.message.ends_with("no memory"), "{}", failure.message);
    let place = Place::new("exit 3");
    let failure = run(&place, patience(), &Cancel::default()).0.unwrap_err();
    assert!(failure.message.contains("exit code 3"), "{}", failure.message);
}

#[test]
fn what_is_no_answer_is_told_without_quoting_it() {
    let place = Place::new("echo '{\"key\":\"a secret\"}'; exec sleep 600");
    let failure = run(&place, patience(), &Cancel::default()).0.unwrap_err();
    assert!(failure.message.contains("cannot be read") && !failure.message.contains("secret"), "{}", failure.message);
    assert!(!is_alive(place.pids()[0]));
}
