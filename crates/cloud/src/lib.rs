//! Google Drive and S3 as stores of the engine ([`lifeboat_engine::store`]). Only the executable links them: the addon loads no
//! TLS and no runtime.

mod network;
pub mod runtime;
pub mod s3;

use std::sync::Arc;

use lifeboat_engine::config::cloud::Target;
use lifeboat_engine::store::folder::Folder;
use lifeboat_engine::store::{Fault, Kind, Opener, Result, Store};

/// Opens every kind of target.
pub struct Clouds;

impl Opener for Clouds {
    fn open(&self, target: &Target) -> Result<Arc<dyn Store>> {
        match target {
            Target::Folder(folder) => Ok(Arc::new(Folder::new(target.name(), &folder.path))),
            Target::S3(s3) => Ok(Arc::new(s3::S3::open(target.name(), s3, "")?)),
            other => Err(Fault::new(Kind::Refused, other.name(), "This kind of target is not there yet.")),
        }
    }
}
