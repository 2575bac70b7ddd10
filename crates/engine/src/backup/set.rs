//! Folders that belong together, such as a WhatsApp session: read until two passes agree.
//!
//! A session is one thing in thousands of files: its keys must all be of the same moment. A pass lists the folder and
//! reads what is new or changed since the pass before; when a pass finds nothing to read, what was read is what the
//! folder was at one moment. A folder that never rests is stored as it was last seen, with a warning.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::file::{Bundle, FileReader, Whole, is_changed};
use super::previous::still_stands;
use super::settle::{PATIENCE, STILL_TORN};
use crate::Result;
use crate::capture::stat::{Kind, Stat};
use crate::capture::walk::{Entry, Walk};
use crate::path::RelPath;
use crate::vault::item::Item;

/// For half-written JSON. Between two looks at a folder that changes there is no pause: the shorter the time from one
/// look to the next, the sooner they agree.
const PAUSE: Duration = Duration::from_millis(25);
/// How long a folder may go on changing.
const RESTLESS: Duration = Duration::from_secs(5);

/// A file of the set, as it was read.
struct Seen {
    stat: Stat,
    item: Item,
    changed: bool,
    /// Written moments before it was read: the time stamp may hide a second write.
    hot: bool,
    /// JSON that was caught half-written.
    torn: bool,
}

/// What became of one path of the set.
pub enum Member {
    /// A folder or a link, or a file that is too large to be read here.
    Other(Entry),
    File {
        item: Box<Item>,
        changed: bool,
    },
}

/// Captures `folder`. The members come back in path order.
pub fn capture(
    reader: &mut FileReader<'_>,
    walk: &Walk<'_>,
    folder: &Entry,
    previous: &HashMap<RelPath, Item>,
    trust: impl Fn(&Item) -> Result<bool>,
) -> Result<Vec<Member>> {
    let mut seen: HashMap<RelPath, Seen> = HashMap::new();
    let started = Instant::now();
    let mut first = true;
    let listing = loop {
        reader.shared.check()?;
        let listing = walk.set(folder);
        let dirty = read_pass(reader, &listing.entries, &mut seen, previous, &trust)?;
        let torn = seen.iter().filter(|(_, seen)| seen.torn);
        if !dirty && !first && torn.clone().next().is_none() {
            break listing;
        }
        if started.elapsed() >= if dirty { RESTLESS } else { PATIENCE } {
            torn.for_each(|(path, _)| reader.shared.warn(path, STILL_TORN));
            if dirty {
                let message = "The folder kept changing while it was read; its files may be of different moments.";
                reader.shared.warn(&folder.path, message);
            }
            break listing;
        }
        first = false;
        if !dirty {
            std::thread::sleep(PAUSE);
        }
    };
    for left in &listing.left {
        reader.shared.warn_left(left);
    }
    let members = listing.entries.into_iter().map(|entry| match seen.remove(&entry.path) {
        Some(seen) => Member::File { item: Box::new(seen.item), changed: seen.changed },
        None => Member::Other(entry),
    });
    Ok(members.collect())
}

/// Reads what is new or changed. True if anything was.
fn read_pass(
    reader: &mut FileReader<'_>,
    listing: &[Entry],
    seen: &mut HashMap<RelPath, Seen>,
    previous: &HashMap<RelPath, Item>,
    trust: &impl Fn(&Item) -> Result<bool>,
) -> Result<bool> {
    let mut dirty = false;
    let mut bundle: Bundle<RelPath> = Bundle::default();
    let mut placed = Vec::new();
    let before = seen.len();
    let mut still_there = 0;
    for entry in listing.iter().filter(|entry| entry.stat.kind == Kind::File) {
        if entry.is_set {
            // A database has its own way to be of one moment.
            continue;
        }
        let known = seen.get(&entry.path);
        still_there += usize::from(known.is_some());
        if known.is_some_and(|known| known.stat == entry.stat && !known.hot) {
            continue;
        }
        let earlier = previous.get(&entry.path);
        if known.is_none()
            && let Some(earlier) = earlier
            && still_stands(earlier, entry)
            && trust(earlier)?
        {
            let mut item = earlier.clone();
            reader.shared.keep(&mut item, entry);
            seen.insert(entry.path.clone(), Seen { stat: entry.stat, item, changed: false, hot: false, torn: false });
            continue;
        }
        let (mut item, hot, torn) = match reader.read(entry)? {
            Whole::Read { item, hot } => (item, hot, false),
            Whole::Torn { item } => (item, true, true),
            // A database among session files, a huge file, or one that just vanished: not part of the agreement.
            Whole::Database | Whole::TooLarge | Whole::Gone => continue,
        };
        let same = known.is_some_and(|known| known.item.sha256 == item.sha256 && known.stat == entry.stat);
        dirty |= !same;
        let changed = is_changed(&item, earlier);
        let place = known.filter(|known| known.item.sha256 == item.sha256).map(|known| &known.item).or(earlier);
        if !reader.keep_place(&mut item, place)? && !reader.buffer.is_empty() {
            if bundle.len() + reader.buffer.len() > reader.shared.cutter.params().bundle {
                bundle.flush(reader.shared, &mut reader.scratch, |path, place| placed.push((path, place)))?;
            }
            bundle.add(&reader.buffer, entry.path.clone());
        }
        seen.insert(entry.path.clone(), Seen { stat: entry.stat, item, changed, hot, torn });
    }
    bundle.flush(reader.shared, &mut reader.scratch, |path, place| placed.push((path, place)))?;
    for (path, place) in placed {
        if let Some(seen) = seen.get_mut(&path) {
            seen.item.bundle = Some(place);
            seen.item.chunks.clear();
        }
    }
    if still_there < before {
        let listed: std::collections::HashSet<&RelPath> = listing.iter().map(|entry| &entry.path).collect();
        seen.retain(|path, _| listed.contains(path));
        dirty = true;
    }
    Ok(dirty)
}
