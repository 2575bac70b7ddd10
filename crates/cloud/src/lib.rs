//! Google Drive and S3 as stores of the engine ([`lifeboat_engine::store`]). Only the executable links them: the addon loads no
//! TLS and no runtime.

pub mod drive;
mod network;
pub mod runtime;
pub mod s3;
pub mod watchman;

use std::sync::Arc;

use lifeboat_engine::config::cloud::Target;
use lifeboat_engine::store::folder::FolderStore;
use lifeboat_engine::store::within::of_vault;
use lifeboat_engine::store::{Account, Fault, Kind, Opener, Person, Result, Store};

use crate::drive::DriveStore;
use crate::s3::S3Store;

/// Opens every kind of target.
pub struct Clouds;

impl Opener for Clouds {
    fn open(&self, target: &Target, vault_id: &str) -> Result<Arc<dyn Store>> {
        Ok(match target {
            Target::Folder(folder) => of_vault(FolderStore::new(target.name(), &folder.path), vault_id),
            Target::S3(s3) => of_vault(S3Store::open(target.name(), s3)?, vault_id),
            Target::GDrive(drive) => of_vault(DriveStore::open(target.name(), drive)?, vault_id),
        })
    }

    fn sign_in(&self, target: &Target, person: &dyn Person) -> Result<Account> {
        match target {
            Target::GDrive(drive) => drive::sign_in::sign_in(target.name(), drive, person),
            other => Err(Fault::new(
                Kind::Refused,
                other.name(),
                "Nobody signs in there: its keys are in the configuration, or in the environment.",
            )),
        }
    }
}
