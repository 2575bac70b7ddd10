//! The change of one database, from a staged image to a transaction that waits for its commit.
//!
//! What can be done without the lock is done before: the old content is copied and made durable, and compared. Under the
//! lock only what has changed since is copied again; and where nobody has committed meanwhile, nothing is even compared.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::NamedTempFile;

use super::database::{LiveDatabase, cannot, is_lock_page, wait};
use super::page_one::{self, PageSide};
use crate::capture::sqlite::{DatabaseHeader, HEADER, open_plainly};
use crate::error::IoContext;
use crate::vault::durable;
use crate::{Control, Error, Result};

/// Pages that are copied under one read lock.
const STRETCH: u32 = 256;
/// Pages between two looks at the control.
const LOOK: u32 = 1024;

pub struct LiveChange {
    pub database: LiveDatabase,
    staged: StagedImage,
    purpose: ChangePurpose,
    /// There is something to commit.
    pending: bool,
    kept: KeptImage,
    /// Pages that were written.
    written: u64,
}

enum ChangePurpose {
    Replace { early: Option<Early> },
    PutBack,
}

/// The image of what the database had, on its way to its place.
struct KeptImage {
    place: PathBuf,
    copy: NamedTempFile,
    is_complete: bool,
}

impl KeptImage {
    fn begin(place: &Path) -> Result<KeptImage> {
        let folder = place.parent().unwrap_or(Path::new("."));
        let copy = tempfile::Builder::new().prefix(durable::TEMPORARY).tempfile_in(folder).at("writing in", folder)?;
        Ok(KeptImage { place: place.to_owned(), copy, is_complete: false })
    }

    fn write(&self, page: u32, bytes: &[u8]) -> Result<()> {
        durable::write_at(self.copy.as_file(), bytes, u64::from(page - 1) * bytes.len() as u64)
            .at("writing", self.copy.path())
    }
}

/// What the comparison before the lock found. It holds as long as nobody commits.
struct Early {
    version: u32,
    pages: u32,
    /// A bit for each page of the staged image: is it another one than the live one?
    differs: Vec<u64>,
}

/// A change that can be committed.
pub struct Ready {
    database: LiveDatabase,
    pending: bool,
    pub written: u64,
}

impl Ready {
    /// Is there anything to commit?
    pub fn is_pending(&self) -> bool {
        self.pending
    }

    pub fn commit(&self) -> Result<()> {
        if self.pending { self.database.commit() } else { Ok(()) }
    }
}

/// A complete image, without side files.
struct StagedImage {
    path: PathBuf,
    file: File,
    page_size: u32,
    pages: u32,
}

impl LiveChange {
    /// `cache`: bytes of changed pages in memory.
    pub fn replace(live: &Path, staged: &Path, old: &Path, cache: u64) -> Result<LiveChange> {
        LiveChange::open(live, staged, old, cache, ChangePurpose::Replace { early: None })
    }

    /// `image`: what [`LiveChange::replace`] has kept. `undone`: where what it has now is kept.
    pub fn put_back(live: &Path, image: &Path, undone: &Path, cache: u64) -> Result<LiveChange> {
        LiveChange::open(live, image, undone, cache, ChangePurpose::PutBack)
    }

    fn open(live: &Path, staged: &Path, kept: &Path, cache: u64, purpose: ChangePurpose) -> Result<LiveChange> {
        let kept = KeptImage::begin(kept)?;
        let staged = StagedImage::open(staged)?;
        let database = LiveDatabase::open(live, staged.page_size, cache)?;
        Ok(LiveChange { database, staged, purpose, pending: false, kept, written: 0 })
    }

    /// Copies and compares as much as can be without a lock. `patience` is for the rare moments when others commit.
    pub fn prepare(&mut self, patience: Duration, control: &Control) -> Result<()> {
        let one = self.page_one()?;
        if !one.is_empty() && self.is_settled_by(&one)? {
            return Ok(());
        }
        let ChangePurpose::Replace { early } = &mut self.purpose else { return Ok(()) };
        let (database, staged, kept) = (&self.database, &self.staged, &self.kept);
        let mut found = Early { version: 0, pages: 0, differs: vec![0; staged.pages as usize / 64 + 1] };
        let (mut live, mut new) = (Vec::new(), Vec::new());
        let mut next = 1;
        loop {
            control.check()?;
            wait(patience, control);
            database.begin_reading()?;
            let pages = database.pages()?;
            if next == 1 {
                (found.version, found.pages) = (database.version()?, pages);
            }
            let end = pages.min(next + STRETCH - 1);
            for page in next..=end {
                database.read(page, &mut live)?;
                // A page size that has changed is seen to under the lock.
                kept.write(page, &live)?;
                if page <= staged.pages {
                    staged.read(page, &mut new)?;
                    found.mark(page, live != new);
                }
            }
            database.roll_back();
            next = end + 1;
            if next > pages {
                break;
            }
        }
        (found.pages + 1..=staged.pages).for_each(|page| found.mark(page, true));
        kept.copy.as_file().sync_data().at("writing", kept.copy.path())?;
        *early = Some(found);
        Ok(())
    }

    /// Under the exclusive lock: writes all pages that differ, and keeps the old ones. The commit is left to do. Where
    /// nothing differs the lock is given up.
    pub fn write(&mut self, control: &Control) -> Result<()> {
        self.write_pages(control)?;
        if !self.pending {
            self.database.roll_back();
        }
        Ok(())
    }

    fn write_pages(&mut self, control: &Control) -> Result<()> {
        let mut one = Vec::new();
        self.database.read(1, &mut one)?;
        self.fits(&one)?;
        if self.is_settled_by(&one)? {
            // An earlier commit may have failed, or its process have died in it, its frames whole in the WAL: unseen
            // by whoever has the database open, and found by whoever recovers the WAL after them. A commit of ours
            // overwrites them.
            if page_one::is_wal(&one) {
                self.database.set_cookie(page_one::cookie(&one).wrapping_add(1))?;
                self.database.flush()?;
                (self.written, self.pending) = (1, true);
            }
            return Ok(());
        }
        let pages = self.database.pages()?;
        let version = self.database.version()?;
        let cookie = match &self.purpose {
            ChangePurpose::Replace { .. } => page_one::cookie_when_replaced(page_one::cookie(&one)),
            ChangePurpose::PutBack => page_one::cookie_when_put_back(self.staged.cookie()?),
        };
        if page_one::is_full_auto_vacuum(&one) {
            self.database.suspend_auto_vacuum()?;
        }
        let early = match &self.purpose {
            ChangePurpose::Replace { early } => early.as_ref().filter(|early| early.version == version),
            ChangePurpose::PutBack => None,
        };
        let (mut live, mut new, mut was) = (Vec::new(), Vec::new(), Vec::new());
        let mut written = 0;
        for page in 2..=pages.max(self.staged.pages) {
            if page % LOOK == 0 {
                control.check()?;
            }
            if early.is_some_and(|early| !early.differs(page)) || is_lock_page(page, self.staged.page_size) {
                continue;
            }
            live.clear();
            if page <= pages {
                self.database.read(page, &mut live)?;
                self.keep(page, &live, &mut was)?;
            }
            if page <= self.staged.pages {
                self.staged.read(page, &mut new)?;
                if live != new {
                    self.database.write(page, &new)?;
                    written += 1;
                }
            }
        }
        self.staged.read(1, &mut new)?;
        let merged = page_one::merged(&one, &new, self.staged.pages);
        if written == 0 && merged == one && pages == self.staged.pages {
            return Ok(());
        }
        self.keep(1, &one, &mut was)?;
        let (length, copy) = (u64::from(pages) * u64::from(self.staged.page_size), &self.kept.copy);
        copy.as_file().set_len(length).and_then(|()| copy.as_file().sync_data()).at("writing", copy.path())?;
        self.kept.is_complete = true;
        self.database.write(1, &merged)?;
        if self.staged.pages < pages {
            self.database.cut(self.staged.pages)?;
        }
        self.database.set_cookie(cookie)?;
        self.database.flush()?;
        (self.written, self.pending) = (written + 1, true);
        Ok(())
    }

    /// Gives the image of the old content its name, for good. All changes do this before the first of them commits.
    pub fn ready(self) -> Result<Ready> {
        if self.kept.is_complete {
            durable::persist(self.kept.copy, &self.kept.place)?;
        }
        Ok(Ready { database: self.database, pending: self.pending, written: self.written })
    }

    /// Whether there is nothing to do, or nothing any more: looked up before the lock, to spare others the wait.
    pub fn is_settled(&self) -> Result<bool> {
        let one = self.page_one()?;
        Ok(!one.is_empty() && self.is_settled_by(&one)? && !page_one::is_wal(&one))
    }

    /// Page 1 as it is now; an empty file has none.
    fn page_one(&self) -> Result<Vec<u8>> {
        let mut one = Vec::new();
        self.database.begin_reading()?;
        if self.database.pages()? > 0 {
            self.database.read(1, &mut one)?;
            self.fits(&one)?;
        }
        self.database.roll_back();
        Ok(one)
    }

    /// Is the content already what it is to become?
    fn is_settled_by(&self, one: &[u8]) -> Result<bool> {
        let cookie = page_one::cookie(one);
        match &self.purpose {
            // A crash came after the commit. What the app has written since is its own.
            ChangePurpose::Replace { .. } => match StagedImage::open(&self.kept.place) {
                Ok(old) => Ok(page_one::side(cookie, old.cookie()?) == PageSide::Replaced),
                Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(false),
                Err(error) => Err(error),
            },
            ChangePurpose::PutBack => Ok(page_one::side(cookie, self.staged.cookie()?) != PageSide::Replaced),
        }
    }

    fn fits(&self, one: &[u8]) -> Result<()> {
        let staged = self.staged.header()?;
        page_one::fits(one.first_chunk(), &staged).map_err(|why| cannot(&self.database.path, &why))
    }

    /// Puts a page of the old content into its image, unless it is there already.
    fn keep(&self, page: u32, bytes: &[u8], was: &mut Vec<u8>) -> Result<()> {
        let has_early = matches!(&self.purpose, ChangePurpose::Replace { early: Some(_) });
        let offset = u64::from(page - 1) * bytes.len() as u64;
        was.resize(bytes.len(), 0);
        if has_early && durable::read_at(self.kept.copy.as_file(), was, offset).is_ok() && was == bytes {
            return Ok(());
        }
        self.kept.write(page, bytes)
    }
}

impl Early {
    fn mark(&mut self, page: u32, differs: bool) {
        self.differs[page as usize / 64] |= u64::from(differs) << (page % 64);
    }

    fn differs(&self, page: u32) -> bool {
        self.differs.get(page as usize / 64).is_some_and(|bits| bits >> (page % 64) & 1 == 1)
    }
}

impl StagedImage {
    fn open(path: &Path) -> Result<StagedImage> {
        let file = open_plainly(path).at("reading", path)?;
        let size = file.metadata().at("reading", path)?.len();
        let mut header = [0; HEADER];
        let readable = durable::read_at(&file, &mut header, 0).map_err(|_| "it is no database".to_owned());
        let header = readable.and_then(|()| DatabaseHeader::parse(&header)).and_then(|header| {
            let whole = u32::try_from(size / u64::from(header.page_size)).map_err(|_| "it is too large".to_owned())?;
            match header.pages.unwrap_or(whole) {
                pages if pages > whole || whole == 0 => Err("it is cut off".to_owned()),
                pages => Ok((header.page_size, pages)),
            }
        });
        let (page_size, pages) = header.map_err(|why| Error::Restore {
            message: format!("{} cannot be put into a live database: {why}.", path.display()),
        })?;
        Ok(StagedImage { path: path.to_owned(), file, page_size, pages })
    }

    fn read(&self, page: u32, into: &mut Vec<u8>) -> Result<()> {
        into.resize(self.page_size as usize, 0);
        durable::read_at(&self.file, into, u64::from(page - 1) * u64::from(self.page_size)).at("reading", &self.path)
    }

    fn header(&self) -> Result<[u8; HEADER]> {
        let mut header = [0; HEADER];
        durable::read_at(&self.file, &mut header, 0).at("reading", &self.path)?;
        Ok(header)
    }

    fn cookie(&self) -> Result<u32> {
        Ok(page_one::cookie(&self.header()?))
    }
}
