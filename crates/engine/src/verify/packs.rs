//! Whether packs are whole: each is read and authenticated.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::chunk::ChunkId;
use crate::chunk::gzip::Inflater;
use crate::error::IoContext;
use crate::mutex::lock;
use crate::report::Progress;
use crate::vault::Vault;
use crate::vault::durable;
use crate::vault::pack::{PackCipher, PackId};
use crate::{Control, Error, Result};

/// What reading packs from end to end found.
#[derive(Default)]
pub(super) struct PacksRead {
    pub(super) packs: HashSet<PackId>,
    pub(super) bytes: u64,
    pub(super) damaged: BTreeMap<PackId, String>,
    pub(super) damaged_chunks: HashSet<(PackId, u32)>,
}

/// The object at this place, if it is a pack's.
pub(super) fn pack_at(vault: &Vault, path: &Path) -> Option<String> {
    let object = path.strip_prefix(vault.dir()).ok()?.to_str()?;
    PackId::of_object(object).is_some().then(|| object.to_owned())
}

pub(super) fn unreadable(error: &std::io::Error) -> String {
    format!("it cannot be read: {error}")
}

/// False: some of them were not there any more.
pub(super) fn read_packs(
    vault: &Vault,
    packs: &[(PackId, u64)],
    read: &mut PacksRead,
    deep: bool,
    threads: usize,
    control: &Control,
) -> Result<bool> {
    let next = AtomicUsize::new(0);
    let total: u64 = read.bytes + packs.iter().map(|(_, size)| size).sum::<u64>();
    let found = Mutex::new(read);
    let failure = Mutex::new(None);
    let all_there = AtomicBool::new(true);
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                let mut inflater = Inflater::default();
                while let Some((id, size)) = packs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let result = control.check().and_then(|()| read_pack(vault, *id, deep, &mut inflater));
                    let mut found = lock(&found);
                    match result {
                        Ok(None) => {
                            all_there.store(false, Ordering::Relaxed);
                            continue;
                        }
                        Ok(Some(bad)) if bad.is_empty() => {}
                        Ok(Some(bad)) => {
                            found.damaged.insert(*id, format!("{} of its chunks do not authenticate", bad.len()));
                            found.damaged_chunks.extend(bad.into_iter().map(|ordinal| (*id, ordinal)));
                        }
                        Err(Error::Corrupt { detail, .. }) => drop(found.damaged.insert(*id, detail)),
                        Err(Error::Io { source, .. }) => drop(found.damaged.insert(*id, unreadable(&source))),
                        Err(error) => {
                            lock(&failure).get_or_insert(error);
                            return;
                        }
                    }
                    found.packs.insert(*id);
                    found.bytes += size;
                    let done = found.bytes;
                    drop(found);
                    control.report(&Progress {
                        phase: "verifying".into(),
                        items: next.load(Ordering::Relaxed).min(packs.len()) as u64,
                        total_items: Some(packs.len() as u64),
                        bytes: done,
                        total_bytes: Some(total),
                        ..Progress::default()
                    });
                }
            });
        }
    });
    match failure.into_inner().unwrap_or_default() {
        Some(error) => Err(error),
        None => Ok(all_there.into_inner()),
    }
}

/// The ordinals of a pack's chunks that are not what was written. `None`: there is no such pack.
pub(crate) fn read_pack(vault: &Vault, id: PackId, deep: bool, inflater: &mut Inflater) -> Result<Option<Vec<u32>>> {
    let path = id.path(vault.dir());
    let file = match File::open(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        other => other.at("reading", &path)?,
    };
    bad_chunks(&PackCipher::new(vault.keys(), id), &file, deep.then_some((vault, inflater))).map(Some)
}

/// The ordinals of the chunks that are not what was written, in the file of a pack whose index is whole. `deep`: each is also
/// unpacked, and its id computed again.
pub fn bad_chunks(cipher: &PackCipher, file: &File, mut deep: Option<(&Vault, &mut Inflater)>) -> Result<Vec<u32>> {
    let mut bad = Vec::new();
    let mut sealed = Vec::new();
    for entry in cipher.read_index(file)? {
        sealed.resize(entry.sealed as usize, 0);
        match durable::read_at(file, &mut sealed, entry.offset) {
            Err(error) if durable::is_bad_sector(&error) => {
                bad.push(entry.ordinal);
                continue;
            }
            read => read.at("reading", cipher.id.object())?,
        }
        let whole = cipher.open_chunk(entry.ordinal, &mut sealed).is_some_and(|member| match &mut deep {
            None => true,
            Some((vault, inflater)) => inflater
                .plain(member, entry.plain as usize)
                .is_some_and(|plain| ChunkId::of(&vault.keys().ids, &plain) == entry.id),
        });
        if !whole {
            bad.push(entry.ordinal);
        }
    }
    Ok(bad)
}
