//! What every store promises. Each runs through this, and through its own tests of what can go wrong with it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Body, Course, Fault, Kind, Result, Store, Straight};
use crate::mutex::lock;
use crate::secret::Secret;

/// Checks a store that is empty, and leaves it so. Panics with what is wrong.
pub fn check(store: &dyn Store) {
    an_object_comes_back_as_it_was_put(store);
    an_object_is_replaced_whole(store);
    a_part_of_an_object_is_read(store);
    what_is_not_there_is_missing(store);
    of_two_that_put_if_absent_one_does(store);
    names_are_listed_by_how_they_begin(store);
    what_is_deleted_is_gone(store);
    a_put_that_is_stopped_leaves_nothing_and_can_be_gone_on_with(store);
    assert_eq!(names(store, ""), Vec::<String>::new(), "the suite has left something");
}

fn an_object_comes_back_as_it_was_put(store: &dyn Store) {
    // Empty, tiny, beyond one chunk of a resumable upload, and beyond what fits one request of a multipart one.
    for (size, name) in
        [(0, "keys/empty"), (1, "keys/é ü%&+?#.json"), (300_000, "packs/ab/ab1.pack"), (17 << 20, "packs/cd/cd2.pack")]
    {
        let bytes = noise(size);
        let stored = store.put(name, &bytes, &Straight).unwrap();
        assert_eq!((stored.object.as_str(), stored.size), (name, size as u64));
        let found = store.head(name).unwrap().unwrap_or_else(|| panic!("{name} is not there"));
        assert_eq!((found.object.as_str(), found.size), (name, size as u64));
        assert_eq!(store.get(name, 0, size).unwrap(), bytes, "{name}");
        store.delete(name).unwrap();
    }
}

fn an_object_is_replaced_whole(store: &dyn Store) {
    store.put("keys/one.json", &b"the first, which is longer".to_vec(), &Straight).unwrap();
    store.put("keys/one.json", &b"the second".to_vec(), &Straight).unwrap();
    assert_eq!(store.head("keys/one.json").unwrap().unwrap().size, 10);
    assert_eq!(store.get("keys/one.json", 0, 10).unwrap(), b"the second");
    assert_eq!(names(store, "keys/"), ["keys/one.json"], "replaced, and not beside");
    store.delete("keys/one.json").unwrap();
    assert_eq!(store.head("keys/one.json").unwrap(), None);
}

fn a_part_of_an_object_is_read(store: &dyn Store) {
    let bytes = noise(300_000);
    store.put("packs/ab/ab1.pack", &bytes, &Straight).unwrap();
    for (offset, length) in [(0, 1), (0, 300_000), (1, 299_999), (299_999, 1), (262_143, 2), (150_000, 0)] {
        let part = store.get("packs/ab/ab1.pack", offset, length).unwrap();
        assert!(part == bytes[offset as usize..][..length], "{length} bytes from {offset} on");
    }
    for (offset, length) in [(299_999, 2), (300_000, 1), (1 << 40, 1)] {
        let fault = store.get("packs/ab/ab1.pack", offset, length).unwrap_err();
        assert_eq!(fault.kind, Kind::Damaged, "{length} bytes from {offset} on: {fault}");
    }
    store.delete("packs/ab/ab1.pack").unwrap();
}

fn what_is_not_there_is_missing(store: &dyn Store) {
    assert_eq!(store.get("packs/no.pack", 0, 1).unwrap_err().kind, Kind::Missing);
    assert_eq!(store.head("packs/no.pack").unwrap(), None);
    store.delete("packs/no.pack").unwrap();
}

fn of_two_that_put_if_absent_one_does(store: &dyn Store) {
    let done = std::thread::scope(|scope| {
        let put = |text: &'static [u8]| scope.spawn(move || store.put_if_absent("vault.json", text).unwrap());
        [put(b"a"), put(b"b")].map(|thread| thread.join().unwrap())
    });
    assert!(done[0] != done[1], "one of two puts it: {done:?}");
    let expected: &[u8] = if done[0] { b"a" } else { b"b" };
    assert_eq!(store.get("vault.json", 0, 1).unwrap(), expected);
    assert!(!store.put_if_absent("vault.json", b"c").unwrap());
    assert_eq!(store.get("vault.json", 0, 1).unwrap(), expected);
    store.delete("vault.json").unwrap();
}

fn names_are_listed_by_how_they_begin(store: &dyn Store) {
    let all = [
        "keys/a.json",
        "packs/ab/1.pack",
        "packs/ac/2.pack",
        "packs-of-others/3",
        "snapshots/backup_DAILY_x",
        "vault.json",
    ];
    for name in all {
        store.put(name, &name.as_bytes().to_vec(), &Straight).unwrap();
    }
    assert_eq!(
        names(store, ""),
        all.map(String::from).into_iter().collect::<std::collections::BTreeSet<_>>().into_iter().collect::<Vec<_>>()
    );
    assert_eq!(names(store, "packs/"), ["packs/ab/1.pack", "packs/ac/2.pack"]);
    assert_eq!(names(store, "packs/ab/1"), ["packs/ab/1.pack"]);
    assert_eq!(names(store, "nothing/"), Vec::<String>::new());
    store.list("packs/ab/", &mut |stored| assert_eq!(stored.size, 15, "{stored:?}")).unwrap();
    all.iter().for_each(|name| store.delete(name).unwrap());
}

fn what_is_deleted_is_gone(store: &dyn Store) {
    store.put("pins/one", &Vec::new(), &Straight).unwrap();
    store.delete("pins/one").unwrap();
    assert_eq!(store.head("pins/one").unwrap(), None);
    assert_eq!(names(store, "pins/"), Vec::<String>::new());
    store.delete("pins/one").unwrap();
}

fn a_put_that_is_stopped_leaves_nothing_and_can_be_gone_on_with(store: &dyn Store) {
    let bytes = noise(20 << 20);
    let course = StoppedPut { session: Mutex::default(), left: AtomicU64::new(9 << 20), sent: AtomicU64::new(0) };
    let fault = store.put("packs/ef/ef3.pack", &bytes, &course).unwrap_err();
    assert_eq!(fault.kind, Kind::Cancelled, "{fault}");
    assert_eq!(store.head("packs/ef/ef3.pack").unwrap(), None, "half an object is none");
    assert_eq!(names(store, ""), Vec::<String>::new(), "half an object is none");
    course.left.store(u64::MAX, Ordering::Relaxed);
    assert_eq!(store.put("packs/ef/ef3.pack", &bytes, &course).unwrap().size, 20 << 20);
    assert!(store.get("packs/ef/ef3.pack", 0, 20 << 20).unwrap() == bytes, "other bytes came back");
    assert!(lock(&course.session).is_none(), "a put that has ended is remembered");
    store.delete("packs/ef/ef3.pack").unwrap();
}

/// Stops a put after some bytes.
struct StoppedPut {
    session: Mutex<Option<Secret>>,
    left: AtomicU64,
    sent: AtomicU64,
}

impl Course for StoppedPut {
    fn session(&self) -> Option<Secret> {
        lock(&self.session).clone()
    }

    fn keep(&self, session: Option<&Secret>) -> Result<()> {
        *lock(&self.session) = session.cloned();
        Ok(())
    }

    fn send(&self, bytes: u64) -> Result<()> {
        if self.sent.fetch_add(bytes, Ordering::Relaxed) + bytes > self.left.load(Ordering::Relaxed) {
            return Err(Fault::new(Kind::Cancelled, "", "stopped"));
        }
        Ok(())
    }
}

fn names(store: &dyn Store, prefix: &str) -> Vec<String> {
    let mut names = Vec::new();
    store.list(prefix, &mut |stored| names.push(stored.object)).unwrap();
    names.sort();
    names
}

/// Bytes that do not repeat.
fn noise(size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    blake3::Hasher::new().finalize_xof().fill(&mut bytes);
    debug_assert_eq!(Body::size(&bytes), size as u64);
    bytes
}
