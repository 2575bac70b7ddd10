//! Folders that belong together, such as a WhatsApp session or the store of a LevelDB: read until two passes agree.
//!
//! Such a folder is one thing in many files, which must all be of the same moment. A pass walks the folder and reads what is
//! new or changed since the pass before; when a pass finds nothing to read, what was read is what the folder was at one
//! moment. A folder that never rests is stored as it was last seen, and the backup is degraded.
//!
//! What a pass found lies in a [`Spool`], and the next one walks alongside it: both are in path order.

use std::time::{Duration, Instant};

use super::file::{Bundle, FileReader, WholeRead, is_changed};
use super::json::STILL_TORN;
use super::previous::{Previous, still_stands};
use super::settle::PATIENCE;
use super::spool::{FolderMember, FolderMembers, ReadPath, Spool};
use super::stream::Large;
use super::walker;
use crate::Result;
use crate::capture::left::Left;
use crate::capture::stat::FileKind;
use crate::capture::walk::{Walk, WalkEntry, WalkVisitor};
use crate::path::RelPath;
use crate::vault::item::Item;

/// For half-written JSON. Between two looks at a folder that changes there is no pause: the shorter the time from one
/// look to the next, the sooner they agree.
const PAUSE: Duration = Duration::from_millis(25);
/// How long a folder may go on changing after it was first read, and how many passes it has at least.
const RESTLESS: Duration = Duration::from_secs(5);
const LEAST_PASSES: u32 = 4;
/// So many members may wait for the bundle that one of them is in.
const WAITING: usize = 4096;
const NEVER_AT_REST: &str = "The files of this folder belong together, and changed while they were read, so they may \
 be of different moments. Make a backup while the app is stopped, or at a quieter time.";

/// Captures `folder`. The members come back in path order.
pub fn capture(
    reader: &mut FileReader<'_>,
    walk: &Walk<'_>,
    folder: &WalkEntry,
    previous: &mut Previous<'_>,
    trust: &dyn Fn(&Item) -> Result<bool>,
) -> Result<FolderMembers> {
    let shared = reader.shared;
    let mut known = Spool::new(shared.scratch_dir.clone());
    let mut since = None;
    let mut passes = 0;
    loop {
        shared.check()?;
        passes += 1;
        let mut pass = SetPass {
            reader: &mut *reader,
            known: known.read()?,
            found: Spool::new(shared.scratch_dir.clone()),
            previous: (passes == 1).then_some(&mut *previous),
            trust,
            waiting: Vec::new(),
            bundle: Bundle::default(),
            is_dirty: false,
            torn: Vec::new(),
            left: Vec::new(),
        };
        walk.set(folder, &mut pass)?;
        pass.finish()?;
        let SetPass { found, is_dirty, torn, left, .. } = pass;
        known = found;
        let restless = is_dirty && passes > 1;
        let since = since.get_or_insert_with(Instant::now).elapsed();
        let is_settled = passes > 1 && !is_dirty && torn.is_empty();
        let is_given_up = match restless {
            true => since >= RESTLESS && passes >= LEAST_PASSES,
            false => since >= PATIENCE,
        };
        if !is_settled && !is_given_up {
            if !is_dirty && !torn.is_empty() {
                std::thread::sleep(PAUSE);
            }
            continue;
        }
        torn.iter().for_each(|path| shared.warn(path, STILL_TORN));
        if restless {
            shared.warn_degraded(&folder.path, NEVER_AT_REST);
        }
        left.iter().for_each(|left| shared.warn_left(left));
        return known.read();
    }
}

/// One look at the folder.
struct SetPass<'a, 'f, 'p> {
    reader: &'a mut FileReader<'f>,
    /// By the pass before.
    known: FolderMembers,
    found: Spool,
    /// The backup before, in the first pass.
    previous: Option<&'a mut Previous<'p>>,
    trust: &'a dyn Fn(&Item) -> Result<bool>,
    /// In path order: those whose place in the bundle is not known yet, and those behind them.
    waiting: Vec<FolderMember>,
    bundle: Bundle<usize>,
    /// Something is new, changed or gone.
    is_dirty: bool,
    torn: Vec<RelPath>,
    left: Vec<Left>,
}

impl SetPass<'_, '_, '_> {
    fn push(&mut self, member: FolderMember) -> Result<()> {
        if self.bundle.is_empty() {
            return self.found.push(member);
        }
        self.waiting.push(member);
        if self.waiting.len() >= WAITING { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        let waiting = &mut self.waiting;
        self.bundle.flush(self.reader.shared, &mut self.reader.scratch, |at, place| {
            if let Some(FolderMember::Seen(seen)) = waiting.get_mut(at) {
                seen.item.bundle = Some(place);
                seen.item.chunks.clear();
            }
        })?;
        self.waiting.drain(..).try_for_each(|member| self.found.push(member))
    }

    fn finish(&mut self) -> Result<()> {
        self.flush()?;
        // What the walk did not come to is gone.
        self.is_dirty |= self.known.next()?.is_some();
        Ok(())
    }

    /// What the pass before knew of this path. What lies before it is gone.
    fn take_known(&mut self, path: &RelPath) -> Result<Option<FolderMember>> {
        while self.known.next_if(|known| known < path)?.is_some() {
            self.is_dirty = true;
        }
        self.known.next_if(|known| known == path)
    }

    fn seen(&mut self, seen: ReadPath, path: &RelPath) -> Result<()> {
        if seen.torn {
            self.torn.push(path.clone());
        }
        self.push(FolderMember::Seen(Box::new(seen)))
    }

    fn file(&mut self, entry: WalkEntry, known: Option<Box<ReadPath>>, earlier: Option<Item>) -> Result<()> {
        let stat = entry.stat;
        match known {
            Some(known) if known.stat == stat && !known.hot => return self.seen(*known, &entry.path),
            None => {
                if let Some(earlier) = &earlier
                    && still_stands(earlier, &entry)
                    && (self.trust)(earlier)?
                {
                    let mut item = earlier.clone();
                    item.category = entry.with_earlier(item.category);
                    self.reader.shared.keep(&mut item, &entry);
                    return self.seen(ReadPath { stat, item, changed: false, hot: false, torn: false }, &entry.path);
                }
            }
            Some(_) => {}
        }
        let (mut item, hot, torn) = match self.reader.read(&entry)? {
            WholeRead::Read { item, hot } => (item, hot, false),
            WholeRead::Torn { item, hot } => (item, hot, true),
            WholeRead::TooLarge => return self.large(entry, known, earlier),
            WholeRead::Database => return self.database(entry, earlier),
            // The next pass finds it gone, or there again.
            WholeRead::Gone => return self.gone(known.as_deref()),
        };
        let place = known.as_ref().map(|known| &known.item).or(earlier.as_ref());
        let is_new = !self.reader.keep_place(&mut item, place)? && !self.reader.buffer.is_empty();
        let seen = self.compare(ReadPath { stat, item, changed: false, hot, torn }, known, earlier);
        if !is_new {
            return self.seen(seen, &entry.path);
        }
        let (size, params) = (self.reader.buffer.len(), self.reader.shared.cutter.params());
        if size >= params.small {
            let mut seen = seen;
            self.reader.cut_whole(&mut seen.item)?;
            return self.seen(seen, &entry.path);
        }
        if self.bundle.len() + size > params.bundle {
            self.flush()?;
        }
        self.bundle.add(&self.reader.buffer, self.waiting.len());
        self.seen(seen, &entry.path)
    }

    /// A file that is too large for one piece.
    fn large(&mut self, entry: WalkEntry, known: Option<Box<ReadPath>>, earlier: Option<Item>) -> Result<()> {
        match self.reader.large(&entry, 0, true)? {
            Large::Read { item, content, hot, torn, is_mixture } => {
                let item = content.settled(self.reader.shared, &mut self.reader.scratch, *item)?;
                let seen = ReadPath { stat: entry.stat, item, changed: false, hot: hot || is_mixture, torn };
                let seen = self.compare(seen, known, earlier);
                self.seen(seen, &entry.path)
            }
            Large::Database => self.database(entry, earlier),
            Large::Torn | Large::Gone => self.gone(known.as_deref()),
        }
    }

    fn database(&mut self, entry: WalkEntry, earlier: Option<Item>) -> Result<()> {
        self.push(FolderMember::Database(Box::new((entry, earlier))))
    }

    fn gone(&mut self, known: Option<&ReadPath>) -> Result<()> {
        self.is_dirty |= known.is_some();
        Ok(())
    }

    /// What is new about it, compared with the pass before, or in the first one with the backup before.
    fn compare(&mut self, seen: ReadPath, known: Option<Box<ReadPath>>, earlier: Option<Item>) -> ReadPath {
        let is_same = known.as_ref().is_some_and(|known| {
            known.item.sha256 == seen.item.sha256 && known.item.sha256.is_some() && known.stat == seen.stat
        });
        self.is_dirty |= !is_same;
        let changed = match &known {
            Some(known) => known.changed || is_changed(&seen.item, Some(&known.item)),
            None => is_changed(&seen.item, earlier.as_ref()),
        };
        ReadPath { changed, ..seen }
    }

    /// A folder or a link.
    fn plain(&mut self, entry: WalkEntry, known: Option<Box<ReadPath>>, earlier: Option<Item>) -> Result<()> {
        let Some(item) = walker::plain(self.reader.shared, &entry) else { return self.gone(known.as_deref()) };
        // A folder's time changes with what is in it, which is compared by itself.
        self.is_dirty |= entry.stat.kind == FileKind::Symlink && known.as_ref().is_none_or(|known| known.item != item);
        let changed = match &known {
            Some(known) => known.changed || known.item != item,
            None => earlier.is_none_or(|earlier| earlier != item),
        };
        self.seen(ReadPath { stat: entry.stat, item, changed, hot: false, torn: false }, &entry.path)
    }
}

impl WalkVisitor for SetPass<'_, '_, '_> {
    fn entry(&mut self, entry: WalkEntry) -> Result<()> {
        self.reader.shared.check()?;
        let earlier = self.previous.as_mut().and_then(|previous| previous.take(&entry.path));
        let (known, earlier) = match self.take_known(&entry.path)? {
            Some(FolderMember::Database(database)) => (None, database.1),
            Some(FolderMember::Seen(seen)) => (Some(seen), earlier),
            None => (None, earlier),
        };
        match entry.stat.kind {
            FileKind::File if entry.is_set => self.database(entry, earlier),
            FileKind::File => self.file(entry, known, earlier),
            _ => self.plain(entry, known, earlier),
        }
    }

    fn set(&mut self, folder: WalkEntry) -> Result<()> {
        self.entry(folder)
    }

    fn left(&mut self, left: Left) -> Result<()> {
        if left.why.is_loss() {
            self.left.push(left);
        }
        Ok(())
    }
}
