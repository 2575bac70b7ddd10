//! The fuzz targets on stable Rust: the whole corpus of `fuzz/corpus`, and mutations of it for some seconds.
//!
//! A failure prints LIFEBOAT_SEED, the target, and the input in hex. LIFEBOAT_FUZZ_SECONDS is for each target; with
//! LIFEBOAT_SEEDS=write the corpus is written anew from a vault of its own. `cargo fuzz run <target>` in `fuzz/` goes
//! further.

mod mutate;
mod seeds;
mod targets;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mutate::Mutator;
use targets::{TARGETS, Target};

/// One input may take this long: what takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(5);

fn corpus(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target)
}

fn try_one(name: &str, target: Target, input: &[u8]) {
    let begun = Instant::now();
    let outcome = catch_unwind(AssertUnwindSafe(|| target(input)));
    let shown = hex::encode(&input[..input.len().min(4000)]);
    assert!(outcome.is_ok(), "{name} panics on {shown}");
    assert!(begun.elapsed() < PATIENCE, "{name} takes {:?} for {shown}", begun.elapsed());
}

#[test]
fn nothing_that_is_read_panics_or_hangs() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seed = number("LIFEBOAT_SEED").unwrap_or_else(|| jiff::Timestamp::now().as_second() as u64);
    let millis = number("LIFEBOAT_FUZZ_SECONDS").map_or(700, |seconds| seconds * 1000);
    println!("LIFEBOAT_SEED={seed}");
    std::thread::scope(|scope| {
        for (name, target) in TARGETS {
            scope.spawn(move || {
                let files = fs::read_dir(corpus(name)).unwrap_or_else(|_| panic!("{name} has no corpus"));
                let corpus: Vec<Vec<u8>> = files.map(|file| fs::read(file.unwrap().path()).unwrap()).collect();
                assert!(!corpus.is_empty(), "{name} has an empty corpus");
                corpus.iter().for_each(|input| try_one(name, target, input));
                let mut mutator = Mutator::new(seed, &corpus);
                let (begun, mut runs) = (Instant::now(), 0);
                while begun.elapsed() < Duration::from_millis(millis) {
                    try_one(name, target, &mutator.next());
                    runs += 1;
                }
                println!("{name}: {} in the corpus, {runs} mutations", corpus.len());
            });
        }
    });
}

#[test]
fn the_corpus_is_of_this_version() {
    if std::env::var("LIFEBOAT_SEEDS").is_ok_and(|what| what == "write") {
        for (name, seeds) in seeds::all() {
            fs::create_dir_all(corpus(name)).unwrap();
            for (number, seed) in seeds.iter().enumerate() {
                fs::write(corpus(name).join(format!("seed-{number}")), seed).unwrap();
            }
        }
    }
    // A seed that is no longer understood would only test the first line of its parser.
    let text = |target: &str| fs::read(corpus(target).join("seed-0")).unwrap();
    assert!(lifeboat_engine::restore::journal::RestoreJournal::parse(&text("journal")).is_ok());
    assert!(!lifeboat_engine::vault::list::parse(&text("item_list"), true).unwrap().is_empty());
    assert!(serde_json::from_slice::<lifeboat_engine::vault::snapshot::Snapshot>(&text("snapshot")).is_ok());
    assert!(serde_json::from_slice::<lifeboat_engine::supervise::protocol::Request>(&text("protocol")).is_ok());
}
