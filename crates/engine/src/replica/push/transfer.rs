//! One object on its way to a target.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::Push;
use crate::chunk::gzip::Inflater;
use crate::mutex::lock;
use crate::replica::bandwidth::sleep_until;
use crate::report::Progress;
use crate::secret::Secret;
use crate::store::{Course, Fault, Kind, Result};
use crate::vault::pack::PackId;
use crate::{Error, verify};

/// How one object is sent.
struct ObjectTransfer<'a> {
    push: &'a Push<'a>,
    object: &'a str,
    /// Bytes of it that are there.
    reached: AtomicU64,
}

impl Push<'_> {
    /// What is damaged is not carried on.
    pub(super) fn damage(&self, pack: PackId) -> Result<Option<String>> {
        let advice = "`lifeboat backup --full` stores the data again that the root still has.";
        match verify::read_pack(self.vault, pack, false, &mut Inflater::default()) {
            Ok(Some(bad)) if bad.is_empty() => Ok(None),
            Ok(Some(_)) => Ok(Some(format!("A chunk in it is damaged. {advice}"))),
            Ok(None) => Ok(None),
            Err(error @ (Error::Corrupt { .. } | Error::Format { .. })) => Ok(Some(format!("{error} {advice}"))),
            Err(error) => Err(error.into()),
        }
    }

    /// `content`: the hash of an object that may be replaced; any other of its name and size is the same.
    pub(in crate::replica) fn put(
        &self,
        object: &str,
        body: &dyn crate::store::Body,
        content: Option<&str>,
    ) -> Result<()> {
        let way = ObjectTransfer { push: self, object, reached: AtomicU64::new(0) };
        let mut has_failed = false;
        let mut attempt = || {
            let _turn = self.care.turn();
            // What failed may have arrived all the same.
            if has_failed
                && content.is_none()
                && let Some(stored) = self.store.head(object)?.filter(|stored| stored.size == body.size())
            {
                return Ok(stored);
            }
            let stored = self.store.put(object, body, &way);
            has_failed = stored.is_err();
            stored
        };
        let stored = self.retry(|| {
            loop {
                let before = way.reached.load(Ordering::Relaxed);
                match attempt() {
                    // What gets a little further each time gets there: it is not given up, and need not wait longer and longer.
                    Err(Fault { kind: Kind::Transient { after: None }, .. })
                        if way.reached.load(Ordering::Relaxed) > before =>
                    {
                        sleep_until(Instant::now() + self.patience.least, self.control)?;
                    }
                    outcome => return outcome,
                }
            }
        })?;
        if stored.size != body.size() || stored.object != object {
            let message = format!("{object} has {} bytes there, and {} here.", stored.size, body.size());
            return Err(Fault::new(Kind::Damaged, self.name(), message));
        }
        lock(self.ledger).arrived(self.name(), &stored, content, self.control.now())?;
        self.care.arrived(stored.size);
        self.tally.uploaded.fetch_add(1, Ordering::Relaxed);
        self.tally.bytes.fetch_add(stored.size, Ordering::Relaxed);
        Ok(())
    }
}

impl Course for ObjectTransfer<'_> {
    fn session(&self) -> Option<Secret> {
        lock(self.push.ledger).session(self.push.name(), self.object).ok().flatten()
    }

    fn keep(&self, session: Option<&Secret>) -> Result<()> {
        Ok(lock(self.push.ledger).keep_session(self.push.name(), self.object, session)?)
    }

    fn is_careful(&self) -> bool {
        self.push.care.is_on()
    }

    fn reached(&self, bytes: u64) {
        self.reached.fetch_max(bytes, Ordering::Relaxed);
    }

    fn lost(&self) {
        self.push.care.begin();
    }

    fn send(&self, bytes: u64) -> Result<()> {
        self.push.pace.wait(bytes, self.push.control)?;
        let sent = self.push.tally.sent.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.push.control.report(&Progress {
            phase: "sending".into(),
            items: self.push.tally.uploaded.load(Ordering::Relaxed),
            total_items: None,
            bytes: sent,
            total_bytes: None,
            path: None,
            eta_ms: None,
        });
        Ok(())
    }
}
