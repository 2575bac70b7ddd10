//! Writing an object unless there is one. Services have a header for it, `If-None-Match`, that some ignore; and one that ignores it
//! overwrites. So it is relied on only with a service that has been seen to refuse a second put of the very same object; and what
//! is there afterwards is read back.

use lifeboat_engine::store::{Kind, Result, Store};
use object_store::{ObjectStore, PutMode, PutOptions, PutPayload};

use super::S3Store;
use super::fault::{Doing, Failed};

impl S3Store {
    pub(super) fn put_unless_there(&self, object: &str, bytes: &[u8]) -> Result<bool> {
        if self.known(object)?.is_some() {
            return Ok(false);
        }
        let written = match self.honours.get() {
            Some(false) => self.create(object, bytes, PutMode::Overwrite).map(|()| true),
            _ => self.create(object, bytes, PutMode::Create).map(|()| true),
        };
        match written {
            Err(failed) if is_there(&failed) => return Ok(false),
            // It says that it does not know the header.
            Err(failed) if failed.is_status(501) => {
                let _ = self.honours.set(false);
                self.create(object, bytes, PutMode::Overwrite).map_err(|failed| failed.fault)?;
            }
            written => {
                written.map_err(|failed| failed.fault)?;
            }
        }
        if self.honours.get().is_none() {
            match self.create(object, bytes, PutMode::Create) {
                Err(failed) if is_there(&failed) => _ = self.honours.set(true),
                // It was written again, with the same bytes.
                Ok(()) => _ = self.honours.set(false),
                // Whatever it is: this object is read back, and the next one asks again.
                Err(_) => {}
            }
        }
        // What counts is what is there: of several at a time, it may be another one's.
        match self.get(object, 0, bytes.len()) {
            Ok(found) => Ok(found == bytes),
            Err(fault) if fault.kind == Kind::Damaged => Ok(false),
            Err(fault) => Err(fault),
        }
    }

    fn create(&self, object: &str, bytes: &[u8], mode: PutMode) -> Result<(), Failed> {
        let doing = Doing { what: "Writing", object, permission: "s3:PutObject" };
        let key = self.key(object)?;
        let options = PutOptions { mode, ..PutOptions::default() };
        let put = self.store.put_opts(&key, PutPayload::from(bytes.to_vec()), options);
        self.attempt(doing, bytes.len() as u64, put).map(drop)
    }
}

/// It refuses, because there is one.
fn is_there(failed: &Failed) -> bool {
    failed.is_status(412) || failed.is_status(304)
}
