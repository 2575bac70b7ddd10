//! Is at a target what the ledger says? Its list is compared once a day; and before a record is sent, the target is asked for the
//! packs that the record leans on and that nobody has seen there since, because they may have been removed from elsewhere.

use std::collections::{HashMap, HashSet};

use super::keep::{self, RemoteBackup};
use super::push::Push;
use crate::mutex::lock;
use crate::report::BackupInfo;
use crate::store::{Fault, Result, Stored};
use crate::vault::layout::{ACCEPTED, Object, PINS, Part};
use crate::vault::name::BackupName;
use crate::vault::snapshot::Snapshot;
use crate::{prune, watch};

/// More objects than any vault has: a target that lists more is not one of ours.
const MOST_OBJECTS: usize = 2_000_000;
/// Objects of a list that are noted at once.
const PART: usize = 1_000;
/// So many packs are asked for one by one; for more than that one list is cheaper.
const ONE_BY_ONE: usize = 16;

impl Push<'_> {
    /// Makes the ledger say what the target lists.
    pub(super) fn compare(&self) -> Result<()> {
        // A list is known by its time. What was sent since the one before has none.
        self.retry(|| {
            let listing = self.control.now().max(1);
            let (mut part, mut count, mut failed) = (Vec::new(), 0, None);
            let note = |part: &mut Vec<Stored>| -> Result<()> {
                Ok(lock(self.ledger).seen(self.name(), &std::mem::take(part), listing)?)
            };
            self.store.list("", &mut |stored| {
                // What others have put there is none of ours.
                if Part::of(&stored.object).is_none() || failed.is_some() {
                    return;
                }
                count += 1;
                part.push(stored);
                if part.len() >= PART {
                    failed = note(&mut part).err();
                }
            })?;
            if let Some(fault) = failed {
                return Err(fault);
            }
            if count > MOST_OBJECTS {
                return Err(self.refuse(format!("It lists {count} objects, which is more than any vault has.")));
            }
            note(&mut part)?;
            self.note_pruned(listing)?;
            lock(self.ledger).listed(self.name(), listing)?;
            Ok(())
        })
    }

    /// Records that were there, are in this list no more, and that the rules of the target do not keep, were pruned from elsewhere:
    /// they are not sent again. Whatever else is gone is.
    fn note_pruned(&self, listing: i64) -> Result<()> {
        let ledger = lock(self.ledger);
        let gone: HashSet<String> = ledger.unseen_records(self.name(), listing)?.into_iter().collect();
        if gone.is_empty() {
            return Ok(());
        }
        let known: HashMap<String, Stored> =
            ledger.known(self.name())?.into_iter().map(|stored| (stored.object.clone(), stored)).collect();
        let is_marked = |folder: &str, name: &BackupName| {
            let mark = format!("{folder}/{name}");
            known.contains_key(&mark) || self.vault.dir().join(mark).exists()
        };
        let mut backups = Vec::new();
        for (object, stored) in &known {
            let name = object.strip_prefix("snapshots/").and_then(|name| name.parse::<BackupName>().ok());
            let Some(name) = name else { continue };
            let mut info = Snapshot::read(self.vault, &name)
                .map_or_else(|_| BackupInfo::of_name(&name), |snapshot| snapshot.info());
            info.pinned = is_marked(PINS, &name);
            info.suspicious = info.suspicious.filter(|_| !is_marked(ACCEPTED, &name));
            backups.push(RemoteBackup { info, written: stored.written.unwrap_or(name.millis()) });
        }
        backups.sort_by(|a, b| (b.info.timestamp, &b.info.backup).cmp(&(a.info.timestamp, &a.info.backup)));
        let infos: Vec<_> = backups.iter().map(|backup| backup.info.clone()).collect();
        if prune::frozen(&infos).is_some() {
            return Ok(());
        }
        let rules = keep::rules(self.config, self.target.keep()).seeing(watch::days(self.vault.dir()));
        let judged = keep::judge(&backups, &rules, self.control.now());
        let records = infos.iter().map(|info| format!("snapshots/{}", info.backup));
        let pruned = records.zip(judged).filter(|(record, verdict)| !verdict.keep && gone.contains(record));
        let pruned: Vec<String> = pruned.map(|(record, _)| record).collect();
        Ok(ledger.drop_records(self.name(), &pruned)?)
    }

    /// Asks the target for packs that only the ledger says are there. False: one is not, and the ledger says so now.
    /// `sure`: those that the target was asked for already.
    pub(super) fn make_sure(&self, packs: Vec<Object>, sure: &mut HashSet<String>) -> Result<bool> {
        let packs: Vec<Object> = packs.into_iter().filter(|pack| sure.insert(pack.name.clone())).collect();
        if packs.len() > ONE_BY_ONE {
            self.compare()?;
            let ledger = lock(self.ledger);
            for pack in packs {
                if ledger.has(self.name(), &pack.name)?.is_none() {
                    return Ok(false);
                }
            }
            return Ok(true);
        }
        let mut are_there = true;
        for pack in packs {
            self.control.check().map_err(Fault::from)?;
            let found = self.retry(|| self.store.head(&pack.name))?;
            if found.is_none_or(|stored| stored.size != pack.size) {
                lock(self.ledger).gone(self.name(), &pack.name)?;
                are_there = false;
            }
        }
        Ok(are_there)
    }
}
