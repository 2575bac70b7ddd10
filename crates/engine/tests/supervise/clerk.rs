//! A clerk that hangs, dies, rings, or is not needed any more.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use lifeboat_engine::presence::Host;
use lifeboat_engine::supervise::protocol::Failure;
use lifeboat_engine::supervise::question::Ask;
use lifeboat_engine::supervise::{Answered, Clerk, WorkerPatience};

use super::{Place, is_alive, patience, until};

const SOON: Duration = Duration::from_millis(400);
const LATE: Duration = Duration::from_secs(15);
/// Answers each question with its number.
const ANSWERS: &str = r#"while read -r line; do
    echo "$line" >> "$DIR/asked"
    number=$(echo "$line" | sed 's/^{"number":\([0-9]*\),.*/\1/')
    echo "{\"number\":$number,\"result\":$number}"
done"#;

fn ask(place: &Place, what: Ask, patience: WorkerPatience) -> Result<String, Failure> {
    let (tell, answer) = mpsc::channel();
    let clerk = Clerk::of(&place.executable, &place.config.backup_dir);
    clerk.ask(&place.config, what, patience, Answered::new(move |answer| tell.send(answer).unwrap()));
    answer.recv_timeout(Duration::from_secs(60)).expect("an answer, whatever happens")
}

fn app() -> Host {
    Host { id: "1-0123456789ab".into(), applies: true, ..Host::default() }
}

#[test]
fn question_after_question_goes_to_one_process() {
    let place = Place::new(ANSWERS);
    assert_eq!(ask(&place, Ask::Status { now: 5 }, patience()).unwrap(), "1");
    assert_eq!(ask(&place, Ask::Release { id: 5, consumer: "bot/backup:failure/0".into() }, patience()).unwrap(), "2");
    assert_eq!(place.pids().len(), 1);
}

#[test]
fn a_vault_that_does_not_answer_is_an_error_in_time_and_the_next_question_finds_another_process() {
    let place = Place::new(
        "if [ -e \"$DIR/mended\" ]; then read line; echo '{\"number\":3,\"result\":[]}'; fi; exec sleep 600",
    );
    let hasty = WorkerPatience { question: SOON, ..patience() };
    for _ in 0..2 {
        let begun = Instant::now();
        let failure = ask(&place, Ask::Status { now: 5 }, hasty).unwrap_err();
        assert_eq!(failure.code, "E_WORKER");
        assert!(failure.message.contains("does not answer"), "{}", failure.message);
        assert!(begun.elapsed() >= SOON && begun.elapsed() < LATE, "{:?}", begun.elapsed());
    }
    std::fs::write(place.file("mended"), "").unwrap();
    assert_eq!(ask(&place, Ask::Status { now: 5 }, patience()).unwrap(), "[]");
    let pids = place.pids();
    assert_eq!(pids.len(), 3);
    assert!(pids[..2].iter().all(|pid| !is_alive(*pid)));
}

#[test]
fn all_who_wait_for_one_that_hangs_are_told() {
    let place = Place::new("exec sleep 600");
    let (tell, answers) = mpsc::channel();
    let clerk = Clerk::of(&place.executable, &place.config.backup_dir);
    for _ in 0..50 {
        let tell = tell.clone();
        let answered = Answered::new(move |answer| tell.send(answer).unwrap());
        clerk.ask(&place.config, Ask::Status { now: 5 }, WorkerPatience { question: SOON, ..patience() }, answered);
    }
    for _ in 0..50 {
        assert_eq!(answers.recv_timeout(LATE).unwrap().unwrap_err().code, "E_WORKER");
    }
    assert_eq!(place.pids().len(), 1);
}

#[test]
fn a_process_that_dies_or_babbles_is_an_error_and_not_the_end() {
    for (script, said) in
        [("echo 'no memory' >&2; exit 4", "exit code 4"), ("echo nonsense; exec sleep 600", "no answer")]
    {
        let place = Place::new(&format!("if [ ! -e \"$DIR/mended\" ]; then {script}; fi\n{ANSWERS}"));
        let failure = ask(&place, Ask::Status { now: 5 }, patience()).unwrap_err();
        assert_eq!(failure.code, "E_WORKER");
        assert!(failure.message.contains(said), "{}", failure.message);
        std::fs::write(place.file("mended"), "").unwrap();
        assert_eq!(ask(&place, Ask::Status { now: 5 }, patience()).unwrap(), "2");
    }
}

#[test]
fn it_ends_when_nothing_is_asked_any_more() {
    let place = Place::new(ANSWERS);
    let idle = WorkerPatience { idle: SOON, ..patience() };
    ask(&place, Ask::Status { now: 5 }, idle).unwrap();
    until("its end", || !is_alive(place.pids()[0]));
    ask(&place, Ask::Status { now: 5 }, idle).unwrap();
    assert_eq!(place.pids().len(), 2);
}

#[test]
fn an_app_is_to_be_seen_as_long_as_it_is_there_also_where_the_process_is_killed() {
    let place = Place::new(ANSWERS);
    let idle = WorkerPatience { idle: SOON, ..patience() };
    ask(&place, Ask::Enter { host: app() }, idle).unwrap();
    std::thread::sleep(3 * SOON);
    let first = place.pids()[0];
    assert!(is_alive(first), "it holds what others see");
    std::process::Command::new("kill").args(["-9", &first.to_string()]).status().unwrap();
    until("another process", || place.pids().len() == 2);
    let entered = || std::fs::read_to_string(place.file("asked")).unwrap().matches("\"op\":\"enter\"").count();
    until("the app is told to it", || entered() == 2);
    Clerk::of(&place.executable, &place.config.backup_dir).leave(&app().id);
    until("its end", || !is_alive(place.pids()[1]));
}

#[test]
fn a_ring_reaches_who_listens() {
    let place = Place::new(&format!("echo '{{\"rings\":true}}'; {ANSWERS}"));
    let clerk = Clerk::of(&place.executable, &place.config.backup_dir);
    let (tell, rings) = mpsc::channel();
    let bell = clerk.listen(move || tell.send(()).unwrap());
    ask(&place, Ask::Status { now: 5 }, patience()).unwrap();
    rings.recv_timeout(LATE).unwrap();
    clerk.deaf(bell);
    assert!(rings.recv().is_err(), "nobody listens any more");
}

#[test]
fn an_executable_that_is_missing_is_told() {
    let place = Place::new("");
    std::fs::remove_file(&place.executable).unwrap();
    let failure = ask(&place, Ask::Status { now: 5 }, patience()).unwrap_err();
    assert!(failure.code == "E_WORKER" && failure.message.contains("not built"), "{}", failure.message);
}
