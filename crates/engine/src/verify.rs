//! Verification: read back what is stored, and say which backups any damage hurts.
//!
//! Every pack that the verified backups need is read from end to end and every sealed byte of it authenticated; every
//! snapshot and item list is opened; every chunk that an item names must exist. `deep` also decompresses every chunk
//! and computes its id again. Damage is reported, not thrown.

mod lists;
mod packs;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use crate::chunk::ChunkId;
use crate::mutex::lock;
use crate::report::{Damage, VerifyReport};
use crate::seal::keyring;
use crate::vault::Vault;
use crate::vault::catalog::Catalog;
use crate::vault::layout;
use crate::vault::lost;
use crate::vault::name::BackupName;
use crate::vault::pack::PackId;
use crate::vault::reader::ChunkReader;
use crate::vault::snapshot;
use crate::{Control, Error, Result};

use lists::ListCheck;

pub use packs::bad_chunks;
pub(crate) use packs::read_pack;
use packs::{PacksRead, pack_at, read_packs, unreadable};

/// What is wrong with the vault's objects, by object.
#[derive(Default)]
struct Findings {
    damage: BTreeMap<String, (String, BTreeSet<String>)>,
}

impl Findings {
    fn add(&mut self, object: &str, message: impl Into<String>) {
        self.damage.entry(object.to_owned()).or_insert_with(|| (message.into(), BTreeSet::new()));
    }

    fn hurts(&mut self, object: &str, message: &str, backup: &BackupName) {
        self.add(object, message);
        if let Some((_, backups)) = self.damage.get_mut(object) {
            backups.insert(backup.to_string());
        }
    }
}

/// What is read back.
pub enum Scope<'a> {
    All,
    Backup(&'a BackupName),
    /// All records and item lists, and of the packs those that this names.
    Packs(&'a SnapshotChoice<'a>),
}

/// Chooses among all packs, which come with their sizes.
pub type SnapshotChoice<'a> = dyn Fn(&[(PackId, u64)]) -> Result<HashSet<PackId>> + 'a;

/// What was found, and in which packs nothing was wrong.
pub struct Verified {
    pub report: VerifyReport,
    pub backups: Vec<BackupName>,
    pub whole: Vec<PackId>,
    /// Every pack that there is.
    pub packs: HashSet<PackId>,
    /// Chunks that backups need and no pack has; of very many, some.
    pub lost: Vec<ChunkId>,
}

/// So many lost chunks are named: the packs that have them hold many more.
const LOST: usize = 100_000;

/// Brings the catalog in line with the packs. What is wrong with one of them is a finding.
fn know_packs(vault: &Vault, catalog: &Mutex<Catalog>, findings: &mut Findings) -> Result<()> {
    for error in lock(catalog).reconcile_packs(vault)? {
        match error {
            Error::Corrupt { object, detail, .. } => findings.add(&object, detail),
            Error::Format { message } => findings.add("packs", message),
            // What cannot be opened cannot be restored either.
            Error::Io { ref path, ref source, .. } if pack_at(vault, path).is_some() => {
                findings.add(&pack_at(vault, path).unwrap_or_default(), unreadable(source));
            }
            other => return Err(other),
        }
    }
    Ok(())
}

/// Verifies the item lists of backups: how many bytes were read.
fn read_lists(
    vault: &Vault,
    scope: &Scope<'_>,
    backups: &[BackupName],
    check: &mut ListCheck,
    findings: &mut Findings,
    control: &Control,
) -> Result<u64> {
    let mut bytes = 0;
    for name in backups {
        control.check()?;
        match check.backup(vault, name, findings) {
            // It was pruned meanwhile.
            Err(Error::NotFound { .. }) if !matches!(scope, Scope::Backup(_)) => {}
            other => bytes += other?,
        }
    }
    Ok(bytes)
}

/// Verifies one backup, a part of the vault, or all of it.
pub fn run(vault: &Vault, scope: &Scope<'_>, deep: bool, threads: usize, control: &Control) -> Result<Verified> {
    let started = Instant::now();
    let mut findings = Findings::default();
    let backups = match scope {
        Scope::Backup(name) => vec![(*name).clone()],
        _ => vault.list_snapshots()?,
    };
    // A catalog of its own, from what the packs say of themselves: the one on disk is not what is verified.
    let catalog = Arc::new(Mutex::new(Catalog::temporary()?));
    let mut check = ListCheck::new(ChunkReader::new(vault.clone(), catalog.clone()), catalog.clone());
    let mut read = PacksRead::default();
    let all = loop {
        know_packs(vault, &catalog, &mut findings)?;
        let all = lock(&catalog).all_packs()?;
        let chosen = match scope {
            Scope::All => None,
            Scope::Backup(_) => Some(check.packs_of(vault, &backups)?),
            Scope::Packs(choose) => Some(choose(&all)?),
        };
        let is_due = |id: &PackId| chosen.as_ref().is_none_or(|chosen| chosen.contains(id)) && !read.packs.contains(id);
        let packs: Vec<(PackId, u64)> = all.iter().filter(|(id, _)| is_due(id)).copied().collect();
        if read_packs(vault, &packs, &mut read, deep, threads, control)? {
            break all;
        }
        // What was pruned beside us is needed no more, or was written anew.
    };
    for (pack, message) in &read.damaged {
        findings.add(&pack.object(), message.clone());
    }
    check.damaged = read.damaged_chunks;
    let bytes = read.bytes + read_lists(vault, scope, &backups, &mut check, &mut findings, control)?;
    if !matches!(scope, Scope::Backup(_)) {
        keyring::damaged(&vault.dir().join(layout::KEYS))?.iter().for_each(|(object, how)| findings.add(object, how));
        for name in lost::records(vault)? {
            findings.hurts(&snapshot::object(&name), "it is gone, and Lifeboat has not removed it", &name);
        }
    }
    let damaged: Vec<Damage> = findings
        .damage
        .into_iter()
        .map(|(object, (message, backups))| Damage {
            object,
            backups: backups.into_iter().collect(),
            healed: false,
            message,
        })
        .collect();
    let packs = read.packs.len() as u64;
    let whole = read.packs.into_iter().filter(|id| !read.damaged.contains_key(id)).collect();
    let report = VerifyReport {
        ok: damaged.is_empty(),
        backups: backups.len() as u64,
        packs,
        bytes,
        damaged,
        duration_ms: started.elapsed().as_millis() as u64,
    };
    let lost = check.lost.into_iter().collect();
    Ok(Verified { report, backups, whole, packs: all.into_iter().map(|(id, _)| id).collect(), lost })
}

/// The packs here that these backups lean on.
pub fn packs_of(vault: &Vault, backups: &[BackupName]) -> Result<HashSet<PackId>> {
    let catalog = Arc::new(Mutex::new(vault.catalog_for_reading()?));
    ListCheck::new(ChunkReader::new(vault.clone(), catalog.clone()), catalog).packs_of(vault, backups)
}
