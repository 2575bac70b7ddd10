//! Objects on their way to a target: several at a time, and a record only once every pack is there that stands before it.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Condvar, Mutex};

use crate::mutex::lock;
use crate::pulse;
use crate::store::{Fault, Result};
use crate::vault::layout::{Object, Part};

/// What became of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    Done,
    /// It is not here any more. What stands behind it may need it, and waits.
    NotHere,
    /// It is damaged here. Records behind it may need it, and wait; packs do not.
    Damaged,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<(usize, Object)>,
    /// Those of packs.
    under_way: BTreeSet<usize>,
    stopped: bool,
    is_damaged: bool,
    fault: Option<Fault>,
}

/// Sends `objects` in order by `send`, so many at a time. False: one was not here, or damaged, and what may need it was not sent.
pub fn send_all(
    objects: Vec<Object>,
    at_a_time: usize,
    send: impl Fn(&Object) -> Result<Delivery> + Sync,
) -> Result<bool> {
    let waiting: VecDeque<_> = objects.into_iter().enumerate().collect();
    let threads = at_a_time.min(waiting.len());
    let state = Mutex::new(State { waiting, ..State::default() });
    let moved = Condvar::new();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((number, object)) = next(&state, &moved) {
                    let sent = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| send(&object)));
                    let mut state = lock(&state);
                    state.under_way.remove(&number);
                    match sent {
                        Ok(Ok(Delivery::Done)) => {}
                        Ok(Ok(Delivery::NotHere)) => state.stopped = true,
                        Ok(Ok(Delivery::Damaged)) => {
                            state.is_damaged = true;
                            state.waiting.retain(|(behind, other)| other.part != Part::Snapshot || *behind < number);
                        }
                        Ok(Err(fault)) => {
                            state.stopped = true;
                            state.fault.get_or_insert(fault);
                        }
                        Err(_) => {
                            state.stopped = true;
                            let error = crate::Error::internal(format!("sending {} panicked", object.name));
                            state.fault.get_or_insert(error.into());
                        }
                    }
                    moved.notify_all();
                }
            });
        }
    });
    let State { stopped, is_damaged, fault, .. } =
        state.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    fault.map_or(Ok(!stopped && !is_damaged), Err)
}

fn next(state: &Mutex<State>, moved: &Condvar) -> Option<(usize, Object)> {
    let mut state = lock(state);
    loop {
        pulse::beat();
        if state.stopped || state.waiting.is_empty() {
            return None;
        }
        // Packs behind a record that waits need not wait for it.
        let may_go = |(number, object): &(usize, Object)| {
            object.part != Part::Snapshot || state.under_way.range(..number).next().is_none()
        };
        if let Some(place) = state.waiting.iter().position(may_go) {
            let next = state.waiting.remove(place)?;
            if next.1.part == Part::Pack {
                state.under_way.insert(next.0);
            }
            return Some(next);
        }
        state = moved.wait(state).unwrap_or_else(std::sync::PoisonError::into_inner);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(part: Part, name: &str) -> Object {
        Object { part, name: name.into(), size: 1 }
    }

    #[test]
    fn a_record_waits_for_the_packs_before_it_and_for_no_other() {
        let objects = vec![
            object(Part::Pack, "a"),
            object(Part::Pack, "b"),
            object(Part::Snapshot, "of a and b"),
            object(Part::Pack, "c"),
            object(Part::Snapshot, "of c"),
        ];
        for _ in 0..200 {
            let arrived = Mutex::new(Vec::new());
            let sent = send_all(objects.clone(), 4, |object| {
                std::thread::yield_now();
                lock(&arrived).push(object.name.clone());
                Ok(Delivery::Done)
            });
            assert!(sent.unwrap());
            let arrived = arrived.into_inner().unwrap();
            let place = |name: &str| arrived.iter().position(|one| one == name).unwrap();
            assert!(place("of a and b") > place("a").max(place("b")), "{arrived:?}");
            assert!(place("of c") > place("c"), "{arrived:?}");
        }
    }

    #[test]
    fn what_stands_behind_one_that_is_not_here_is_not_sent() {
        let objects = vec![object(Part::Pack, "a"), object(Part::Snapshot, "of a"), object(Part::Pack, "b")];
        let arrived = Mutex::new(Vec::new());
        let sent = send_all(objects, 1, |object| {
            lock(&arrived).push(object.name.clone());
            Ok(if object.name == "a" { Delivery::NotHere } else { Delivery::Done })
        });
        assert!(!sent.unwrap());
        assert_eq!(arrived.into_inner().unwrap(), ["a"]);
    }

    #[test]
    fn one_that_is_damaged_holds_up_records_behind_it_and_nothing_else() {
        let objects = vec![
            object(Part::Pack, "a"),
            object(Part::Snapshot, "of a"),
            object(Part::Pack, "b"),
            object(Part::Snapshot, "of b"),
            object(Part::Pack, "c"),
        ];
        for at_a_time in [1, 4] {
            let arrived = Mutex::new(Vec::new());
            let sent = send_all(objects.clone(), at_a_time, |object| {
                if object.name == "b" {
                    return Ok(Delivery::Damaged);
                }
                lock(&arrived).push(object.name.clone());
                Ok(Delivery::Done)
            });
            assert!(!sent.unwrap());
            let mut arrived = arrived.into_inner().unwrap();
            arrived.sort();
            assert_eq!(arrived, ["a", "c", "of a"]);
        }
    }
}
