//! Files that are too large for one piece: read once through a window, cut by content, sealed by the whole pool. What was
//! never written, the holes, is not read either.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};

use super::database;
use super::file::{ATTEMPTS, FileReader, WHOLE, is_changed};
use super::json::{self, JsonVerdict};
use super::pool::{PendingFile, Task};
use crate::Result;
use crate::capture::attributes::{self, ReadAttributes};
use crate::capture::holes::{self, Extent};
use crate::capture::sqlite;
use crate::capture::stat::{Stat, open_file};
use crate::capture::walk::WalkEntry;
use crate::report::{Category, ItemType};
use crate::vault::item::Item;

/// A file with more bytes of holes than this has no hash, because hashing zeros by the gigabyte takes minutes: its pieces
/// are known by their ids.
const HASHED_HOLES: u64 = 256 << 20;
/// Until the time stamp of what was just written tells it from what is written next.
const PAUSE: Duration = Duration::from_millis(25);

/// What became of a large file.
pub enum Large {
    /// Its chunks are under way.
    Read {
        item: Box<Item>,
        content: Arc<PendingFile>,
        hot: bool,
        torn: bool,
        /// It changed each time it was read.
        is_mixture: bool,
    },
    /// JSON that is being written.
    Torn,
    Database,
    Gone,
}

impl FileReader<'_> {
    /// Stores a large file and emits its item. Gives the task back where it is half-written, unless this is the `last` look.
    pub fn stream(&mut self, task: Task, last: bool) -> Result<Option<Task>> {
        match self.large(&task.entry, task.seq, last)? {
            Large::Read { item, content, torn, is_mixture, .. } => {
                if is_mixture {
                    self.shared.warn(
                        &task.entry.path,
                        "It changed each time it was read. The stored file may be a mix of \
                         several versions.",
                    );
                }
                if torn {
                    self.shared.warn(&task.entry.path, json::STILL_TORN);
                }
                let changed = is_changed(&item, task.previous.as_deref());
                content.complete(self.shared, &mut self.scratch, *item, changed)?;
            }
            Large::Torn => return Ok(Some(task)),
            Large::Database => database::store(self, task)?,
            Large::Gone => self.shared.gone(task.seq),
        }
        Ok(None)
    }

    /// Reads a file that is too large for one piece. `torn`: also where it is JSON that is half-written.
    pub fn large(&mut self, entry: &WalkEntry, seq: u64, torn: bool) -> Result<Large> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let reading = SystemTime::now();
            let looked = json::is_called_so(entry).then(|| json::look(entry)).transpose();
            let (verdict, sound) = match looked {
                Ok(looked) => looked.unzip(),
                Err(error) => return Ok(self.unreadable(entry, &error)),
            };
            if verdict == Some(JsonVerdict::Torn) && !torn {
                return Ok(Large::Torn);
            }
            let content = PendingFile::new(seq);
            let streamed = match self.stream_once(entry, &content) {
                Ok(Ok(Some(streamed))) => streamed,
                Ok(Ok(None)) => return Ok(Large::Database),
                Ok(Err(error)) => return Ok(self.unreadable(entry, &error)),
                Err(error) => return Err(error),
            };
            let Streamed { stat, category, size, sha256, holes, steady, found } = streamed;
            // What was looked at is what was stored.
            let steady = steady && sound.is_none_or(|sound| sound == Some(stat) && !stat.is_hot(reading));
            if !steady && attempt < ATTEMPTS {
                content.drain(self.shared, &mut self.scratch)?;
                if sound.is_some() {
                    std::thread::sleep(PAUSE);
                }
                continue;
            }
            if !steady && sound.is_some() && !torn {
                content.drain(self.shared, &mut self.scratch)?;
                return Ok(Large::Torn);
            }
            if verdict == Some(JsonVerdict::NotJson) {
                self.shared.warn(&entry.path, json::NOT_JSON);
            }
            let mut item = Item::new(&entry.path, ItemType::File, category);
            stat.describe(&mut item);
            self.shared.give_attributes(&mut item, found);
            item.racy = !steady || stat.is_racy(reading);
            (item.size, item.sha256, item.holes) = (size, sha256, holes);
            let torn = verdict == Some(JsonVerdict::Torn);
            return Ok(Large::Read {
                item: Box::new(item),
                content,
                hot: stat.is_hot(reading),
                torn,
                is_mixture: !steady,
            });
        }
    }

    fn unreadable(&self, entry: &WalkEntry, error: &io::Error) -> Large {
        self.shared.warn_unreadable(&entry.path, error);
        Large::Gone
    }

    /// The inner result is the file's, the outer one the vault's. `None`: it is a database.
    fn stream_once(&mut self, entry: &WalkEntry, content: &Arc<PendingFile>) -> Result<io::Result<Option<Streamed>>> {
        let (file, before) = match open_file(&entry.absolute) {
            Ok(opened) => opened,
            Err(error) => return Ok(Err(error)),
        };
        // Only what was there at the beginning: a log that grows faster than it is read would never end.
        let extents = holes::extents(&file, before.size);
        let holes =
            extents.iter().map(|extent| if let Extent::Hole(hole) = extent { hole.end - hole.start } else { 0 });
        let holes = holes.sum();
        let mut window = CutWindow {
            content,
            bytes: std::mem::take(&mut self.buffer),
            index: 0,
            size: 0,
            sha256: (holes <= HASHED_HOLES).then(Sha256::new),
            category: entry.category,
        };
        window.bytes.clear();
        let mut outcome = Ok(Ok(CutProgress::More));
        for extent in extents {
            outcome = match extent {
                Extent::Data(range) => self.data(entry, &file, range, &mut window),
                Extent::Hole(range) => self.hole(range, &mut window).map(|()| Ok(CutProgress::More)),
            };
            if !matches!(outcome, Ok(Ok(CutProgress::More))) {
                break;
            }
        }
        if let Ok(Ok(CutProgress::More | CutProgress::Ended)) = outcome {
            outcome = self.cut(&mut window, true).map(|()| Ok(CutProgress::Ended));
        }
        let CutWindow { bytes, size, sha256, category, .. } = window;
        self.buffer = bytes;
        Ok(match outcome? {
            Err(error) => Err(error),
            Ok(CutProgress::Database) => Ok(None),
            Ok(CutProgress::More | CutProgress::Ended) => {
                let found = attributes::of_file(&file);
                Stat::of_file(&file).map(|after| {
                    let steady = after == before && size == before.size;
                    let sha256 = sha256.map(|sha256| hex::encode(sha256.finalize()));
                    Some(Streamed { stat: before, category, size, sha256, holes, steady, found })
                })
            }
        })
    }

    /// Takes a run of data into the window, and cuts what is ripe.
    fn data(
        &mut self,
        entry: &WalkEntry,
        file: &File,
        range: std::ops::Range<u64>,
        window: &mut CutWindow<'_>,
    ) -> Result<io::Result<CutProgress>> {
        let mut at = range.start;
        while at < range.end {
            self.shared.check()?;
            let from = window.bytes.len();
            let wanted = WHOLE.max(self.shared.cutter.params().max).saturating_sub(from).max(1);
            window.bytes.resize(from + wanted.min((range.end - at) as usize), 0);
            let read = match read_some(file, &mut window.bytes[from..], at) {
                Ok(read) => read,
                Err(error) => return Ok(Err(error)),
            };
            window.bytes.truncate(from + read);
            if read == 0 {
                // It was cut off meanwhile.
                return Ok(Ok(CutProgress::Ended));
            }
            if at == 0 {
                if sqlite::is_database(&window.bytes) {
                    return Ok(Ok(CutProgress::Database));
                }
                window.category = entry.with_head(&window.bytes);
            }
            if let Some(sha256) = &mut window.sha256 {
                sha256.update(&window.bytes[from..]);
            }
            at += read as u64;
            window.size += read as u64;
            self.cut(window, false)?;
        }
        Ok(Ok(CutProgress::More))
    }

    /// Zeros that need not be read: the same chunk again and again.
    fn hole(&mut self, range: std::ops::Range<u64>, window: &mut CutWindow<'_>) -> Result<()> {
        self.cut(window, true)?;
        let zeros = vec![0; self.shared.cutter.params().max];
        let mut whole = None;
        let mut rest = range.end - range.start;
        while rest > 0 {
            self.shared.check()?;
            let length = rest.min(zeros.len() as u64) as usize;
            let id = match whole.filter(|_| length == zeros.len()) {
                Some(id) => id,
                None => self.shared.writer.put(&mut self.scratch, &zeros[..length])?,
            };
            whole = whole.or(Some(id).filter(|_| length == zeros.len()));
            window.content.place(window.index, id);
            window.index += 1;
            if let Some(sha256) = &mut window.sha256 {
                sha256.update(&zeros[..length]);
            }
            rest -= length as u64;
        }
        window.size += range.end - range.start;
        Ok(())
    }

    /// Hands over the chunks that are certain; `all`: what is left as well.
    fn cut(&mut self, window: &mut CutWindow<'_>, all: bool) -> Result<()> {
        let max = self.shared.cutter.params().max;
        let mut done = 0;
        while window.bytes.len() - done >= max || (all && done < window.bytes.len()) {
            let length = self.shared.cutter.next(&window.bytes[done..]);
            let chunk = window.bytes[done..done + length].to_vec();
            window.content.put(self.shared, &mut self.scratch, window.index, chunk)?;
            done += length;
            window.index += 1;
        }
        window.bytes.drain(..done);
        Ok(())
    }
}

/// What was read and is not cut yet, and what all that was read comes to.
struct CutWindow<'a> {
    content: &'a Arc<PendingFile>,
    bytes: Vec<u8>,
    /// Of the next chunk.
    index: usize,
    size: u64,
    sha256: Option<Sha256>,
    category: Category,
}

enum CutProgress {
    More,
    Ended,
    Database,
}

struct Streamed {
    stat: Stat,
    category: Category,
    size: u64,
    sha256: Option<String>,
    holes: u64,
    steady: bool,
    found: ReadAttributes,
}

/// Fills the buffer as far as the file goes.
fn read_some(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        #[cfg(unix)]
        let read = std::os::unix::fs::FileExt::read_at(file, &mut buffer[done..], offset + done as u64);
        #[cfg(windows)]
        let read = std::os::windows::fs::FileExt::seek_read(file, &mut buffer[done..], offset + done as u64);
        match read {
            Ok(0) => break,
            Ok(read) => done += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}
