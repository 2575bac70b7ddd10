//! Reading back what a target has: a part of it each week, so that what rots there is found, and sent again while it is here.

use super::push::Push;
use crate::error::IoContext;
use crate::mutex::lock;
use crate::pulse;
use crate::report::SyncFailure;
use crate::store::{Kind, Result, WholeFile};
use crate::vault::durable;

const WEEK: i64 = 7 * 24 * 3_600_000;
/// Of what is there, a part of this size is read in a week, and at most so many bytes: a download costs money.
const PARTS: u64 = 26;
const MOST: u64 = 256 << 20;
/// Bytes that are compared at a time.
const STRETCH: u64 = 1 << 20;

impl Push<'_> {
    /// Compares some of what was not read for the longest time with what is here, once a week. What differs is sent again.
    pub(super) fn read_back(&self) -> Result<()> {
        let now = self.control.now();
        let key = format!("read.{}", self.name());
        let last = lock(self.ledger).noted(&key)?;
        if last.is_none() {
            // What has just been sent was just compared.
            return Ok(lock(self.ledger).note(&key, now)?);
        }
        if last.is_some_and(|last| (0..WEEK).contains(&(now - last))) {
            return Ok(());
        }
        let unread = lock(self.ledger).unread(self.name(), now - WEEK)?;
        let mut left = (unread.iter().map(|(_, size)| size).sum::<u64>() / PARTS).min(MOST);
        let mut damaged = Vec::new();
        for (object, size) in unread {
            match self.is_as_it_is_here(&object, size)? {
                None => continue,
                Some(true) => lock(self.ledger).was_read(self.name(), &object, now)?,
                Some(false) => damaged.push(object),
            }
            if left <= size {
                break;
            }
            left -= size;
        }
        for object in damaged {
            self.send_again(object)?;
        }
        Ok(lock(self.ledger).note(&key, now)?)
    }

    /// In the place of what is damaged there.
    fn send_again(&self, object: String) -> Result<()> {
        let file =
            std::fs::File::open(self.vault.dir().join(&object)).and_then(WholeFile::new).at("reading", &object)?;
        self.put(&object, &file, None)?;
        let message = format!(
            "{}: {object} had other content than was written there, and was sent again. Check the health of this \
             target.",
            self.name()
        );
        let (target, code) = (self.name().to_owned(), "E_CORRUPT".to_owned());
        lock(&self.tally.failed).push(SyncFailure { object, target, code, message });
        Ok(())
    }

    /// `None`: it is not here, so there is nothing to compare it with.
    fn is_as_it_is_here(&self, object: &str, size: u64) -> Result<Option<bool>> {
        let Ok(file) = std::fs::File::open(self.vault.dir().join(object)) else { return Ok(None) };
        if file.metadata().map(|metadata| metadata.len()).unwrap_or(0) != size {
            return Ok(None);
        }
        let mut offset = 0;
        while offset < size {
            pulse::beat();
            let length = STRETCH.min(size - offset) as usize;
            let theirs = self.retry(|| self.store.get(object, offset, length));
            let theirs = match theirs {
                Err(fault) if matches!(fault.kind, Kind::Missing | Kind::Damaged) => return Ok(Some(false)),
                theirs => theirs?,
            };
            let mut ours = vec![0; length];
            durable::read_at(&file, &mut ours, offset).at("reading", object)?;
            if ours != theirs {
                return Ok(Some(false));
            }
            offset += length as u64;
        }
        Ok(Some(true))
    }
}
