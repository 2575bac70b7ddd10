//! The targets as a vault's readers see them: other places of the same objects.

use super::Fetch;
use crate::Result;
use crate::chunk::ChunkId;
use crate::mutex::lock;
use crate::report::BackupInfo;
use crate::vault::catalog::ChunkPlace;
use crate::vault::elsewhere::{Accept, Elsewhere};
use crate::vault::name::BackupName;

impl Elsewhere for Fetch {
    fn backups(&self) -> Vec<BackupName> {
        self.known.backups()
    }

    fn holders(&self, object: &str) -> Vec<String> {
        self.known.holders(object)
    }

    fn info(&self, name: &BackupName) -> Option<BackupInfo> {
        self.known.info(name)
    }

    fn remember(&self, info: &BackupInfo) {
        self.known.remember(info);
    }

    fn is_told(&self) -> bool {
        self.known.is_told()
    }

    fn look(&self) -> Result<()> {
        let mut looked = lock(&self.looked);
        let done = looked.get_or_insert_with(|| {
            let results: Vec<_> = (0..self.sites.len()).map(|place| self.look_at(place)).collect();
            match results.iter().any(|result| result.is_ok()) {
                // The others have nothing, as far as this operation knows.
                true => Ok(()),
                false => results.into_iter().find(|result| result.is_err()).unwrap_or(Ok(())),
            }
        });
        done.clone().map_err(Into::into)
    }

    fn places(&self, chunk: ChunkId) -> Result<Vec<ChunkPlace>> {
        loop {
            let found = self.known.places(chunk)?;
            if !found.is_empty() {
                return Ok(found);
            }
            let turn = lock(&self.indexing);
            let found = self.known.places(chunk)?;
            if !found.is_empty() {
                return Ok(found);
            }
            let batch = self.next_batch();
            if !batch.is_empty() {
                self.read_indexes(&batch)?;
                continue;
            }
            drop(turn);
            if self.has_looked() {
                return Ok(Vec::new());
            }
            self.look()?;
        }
    }

    fn part(&self, object: &str, offset: u64, length: usize, accept: &mut Accept<'_>) -> Result<bool> {
        let turn = lock(self.turn(object));
        if let Some(bytes) = self.windows.get(object, offset, length) {
            if accept(bytes) {
                return Ok(true);
            }
            self.windows.drop_of(object);
        }
        let done = self.twice(|| self.offer(object, offset, length, accept));
        drop(turn);
        done
    }

    fn whole(&self, object: &str, max: u64, accept: &mut Accept<'_>) -> Result<bool> {
        self.twice(|| self.offer_whole(object, max, accept))
    }
}
