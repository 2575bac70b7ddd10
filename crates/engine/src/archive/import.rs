//! From an archive to a vault: the members are read in step with the manifest, and what does not fit ends the import.

use std::io::{BufReader, Read};
use std::sync::Arc;

use sha2::{Digest, Sha256};
use tar::{Entries, Entry};

use super::intake::Intake;
use super::manifest::{self, ArchiveFacts, ArchiveTotals, ItemLine, Lines};
use super::member::{self, Member, MemberFault};
use super::progress::Reporter;
use super::source::{Archive, Stream};
use super::twin::Twin;
use crate::report::BackupInfo;
use crate::restore::source::ListOrder;
use crate::vault::Vault;
use crate::vault::name::BackupName;
use crate::vault::snapshot::{ItemList, Snapshot};
use crate::vault::writer::Writer;
use crate::{Config, Control, Error, Result, room};

/// Zeros behind the last member, more than any tar writes.
const MAX_END: u64 = 1 << 20;

/// Takes an archive into the vault. The caller holds the vault's lock.
///
/// A backup of the same name that has the same items is left as it is, and returned; another one keeps its name, and
/// what is imported takes the next one that is free.
pub fn import(vault: &Vault, config: &Config, archive: &Archive, control: &Control) -> Result<BackupInfo> {
    vault.clean_up()?;
    let earlier = vault.list_packs()?.into_iter().map(|(pack, _)| pack).collect();
    let result = Import { vault, config, archive, control }.run();
    // Where the lock is lost, what lies there may be another's.
    if result.is_err() && control.hold().is_ok() {
        // On a full disk every byte counts; what cannot be removed now, the next backup removes.
        let _ = vault.clean_up();
    }
    if matches!(result, Err(Error::StorageLimit { .. } | Error::NoSpace { .. })) {
        room::give_back(vault, &earlier, control);
    }
    result
}

struct Import<'a> {
    vault: &'a Vault,
    config: &'a Config,
    archive: &'a Archive,
    control: &'a Control,
}

/// What the members came to.
struct Taken {
    facts: ArchiveFacts,
    name: BackupName,
    totals: ArchiveTotals,
    list: ItemList,
    /// The vault has this backup already.
    twin: Option<Snapshot>,
}

impl Import<'_> {
    fn run(&self) -> Result<BackupInfo> {
        // Before anything of the vault is written: is this an archive at all?
        let mut tar = tar::Archive::new(self.archive.stream());
        let mut lines = self.manifest(&mut tar)?;
        let (facts, name) = lines.facts(|error| self.archive.unreadable(error))?;

        let (catalog, _) = self.vault.catalog_for_writing()?;
        // What the vault has already is read back before the import leans on it.
        let writer = Arc::new(Writer::new(self.vault, catalog, true, Some(room::left(self.vault, self.config)?))?);
        let taken = std::thread::scope(|scope| {
            let (level, threads) = (self.config.compression.level(), self.config.worker.effective_threads());
            let intake = Intake::start(scope, self.vault, writer.clone(), level, threads);
            self.take(facts, name, &mut lines, intake)
        });
        let writer = Arc::into_inner(writer).ok_or_else(|| Error::internal("a thread still writes"))?;
        let taken = match taken {
            Ok(taken) => taken,
            // What the committer died of is the cause; what the others noticed only follows from it.
            Err(error) => return Err(writer.abandon().unwrap_or(error)),
        };
        let (added, mut catalog) = writer.finish()?;
        if let Some(twin) = taken.twin {
            return Ok(twin.info());
        }
        let mut snapshot = self.snapshot(taken, added)?;
        self.control.check()?;
        self.control.hold()?;
        snapshot.size += snapshot.write(self.vault.dir(), self.vault.keys())?;
        // The backup exists. What the catalog does not take in now, it finds out by itself the next time.
        let _ = catalog.add_backup(&snapshot.info());
        Ok(snapshot.info())
    }

    /// The manifest, which is the first member.
    fn manifest<'t>(&self, tar: &'t mut tar::Archive<Stream>) -> Result<Lines<BufReader<Entry<'t, Stream>>>> {
        let mut entries = tar.entries().map_err(|error| self.archive.unreadable(error))?.raw(true);
        match member::next(&mut entries) {
            Ok(Some((first, entry))) if manifest::is_path(&first.path) && first.kind == member::MemberKind::File => {
                Ok(Lines::new(BufReader::new(entry), &self.archive.name()))
            }
            Ok(_) | Err(MemberFault::Foreign(_) | MemberFault::Unsafe(_)) => {
                Err(self.archive.foreign("it does not begin with a manifest"))
            }
            Err(MemberFault::Unreadable(error)) => match error.raw_os_error() {
                // gzip, and something else in it.
                None if error.kind() == std::io::ErrorKind::Other => {
                    Err(self.archive.foreign(&format!("it does not begin with a manifest ({error})")))
                }
                _ => Err(self.archive.unreadable(error)),
            },
        }
    }

    /// Reads all members, in step with the manifest.
    fn take<R: std::io::BufRead>(
        &self,
        facts: ArchiveFacts,
        name: BackupName,
        lines: &mut Lines<R>,
        mut intake: Intake,
    ) -> Result<Taken> {
        let mut tar = tar::Archive::new(self.archive.stream());
        let mut members = Members {
            archive: self.archive,
            entries: tar.entries().map_err(|e| self.archive.unreadable(e))?.raw(true),
        };
        members.next()?;
        // The vault's own backup of this name, if it can be read.
        let existing = Snapshot::read(self.vault, &name).ok();
        let mut reader = existing.as_ref().map(|_| self.vault.reader()).transpose()?;
        let mut twin = Twin::new(existing.as_ref(), reader.as_mut());
        let mut order = ListOrder::default();
        let mut totals = ArchiveTotals::default();
        let mut progress = Reporter::new("importing", self.control);
        progress.total = Some((facts.items, facts.total_size));
        while let Some(line) = lines.next(|error| self.archive.unreadable(error))? {
            self.control.check()?;
            let path = line.item.rel_path()?;
            order.check(&path, &line.item)?;
            totals.add(&line);
            // A bomb says less in front than it holds: it is stopped here, before its content is read.
            if totals.items > facts.items || totals.bytes > facts.total_size {
                return Err(self.archive.damaged("it holds more than its manifest says at the beginning"));
            }
            twin.compare(&line);
            self.item(&line, &mut members, &mut intake, &progress)?;
        }
        if totals.items != facts.items || totals.bytes != facts.total_size {
            return Err(self.archive.damaged("it holds less than its manifest says at the beginning"));
        }
        if let Some((member, _)) = members.next()? {
            let path = String::from_utf8_lossy(&member.path).into_owned();
            return Err(self.archive.damaged(format!("{path:?} is not in its manifest")));
        }
        self.check_end(tar.into_inner())?;
        let is_twin = twin.is_same();
        Ok(Taken { facts, name, totals, list: intake.finish()?, twin: existing.filter(|_| is_twin) })
    }

    fn item(
        &self,
        line: &ItemLine,
        members: &mut Members<'_>,
        intake: &mut Intake,
        progress: &Reporter<'_>,
    ) -> Result<()> {
        for (at, expected) in line.members()?.into_iter().enumerate() {
            let Some((found, mut entry)) = members.next()? else {
                return Err(self.archive.damaged(format!("{:?} is missing", line.item.display_path())));
            };
            members.compare(&found, &expected)?;
            let mut sha256 = Sha256::new();
            let read = |buffer: &mut Vec<u8>, length: usize| -> Result<()> {
                self.control.check()?;
                let before = buffer.len();
                let read = (&mut entry).take(length as u64).read_to_end(buffer);
                if read.map_err(|error| self.archive.unreadable(error))? != length {
                    return Err(self.archive.damaged("it is cut off"));
                }
                sha256.update(&buffer[before..]);
                progress.wrote(line.item.display_path(), 0, length as u64);
                Ok(())
            };
            let named = match at.checked_sub(1).map(|at| &line.sides[at]) {
                None => {
                    intake.item(line.item.clone(), read)?;
                    line.item.sha256.as_ref()
                }
                Some(side) => {
                    intake.side(side, read)?;
                    Some(&side.sha256)
                }
            };
            if named.is_some_and(|named| *named != hex::encode(sha256.finalize())) {
                let path = String::from_utf8_lossy(&expected.path).into_owned();
                return Err(self
                    .archive
                    .damaged(format!("the content of {path:?} has another hash than the manifest says")));
            }
        }
        progress.wrote(line.item.display_path(), 1, 0);
        Ok(())
    }

    /// Behind the last member there are zeros and the end of everything around them.
    fn check_end(&self, mut stream: Stream) -> Result<()> {
        let mut rest = Vec::new();
        stream.by_ref().take(MAX_END).read_to_end(&mut rest).map_err(|error| self.archive.unreadable(error))?;
        if rest.len() as u64 == MAX_END || rest.iter().any(|byte| *byte != 0) {
            return Err(self.archive.damaged("something follows its end"));
        }
        Ok(())
    }

    fn snapshot(&self, taken: Taken, added: u64) -> Result<Snapshot> {
        let Taken { facts, mut name, totals, list, .. } = taken;
        while self.vault.dir().join("snapshots").join(name.as_str()).exists() {
            name = BackupName::new(name.kind(), name.millis() + 1)?;
        }
        Ok(Snapshot {
            backup: name.to_string(),
            kind: name.kind(),
            timestamp: name.millis(),
            note: if facts.partial { Some(partial(facts.note)) } else { facts.note },
            engine: facts.engine,
            root: facts.root,
            full: facts.full,
            degraded: facts.degraded,
            root_id: None,
            suspicious: None,
            selection: None,
            covers: facts.covers,
            items: totals.items,
            changed: totals.items,
            removed: 0,
            size: added,
            total_size: totals.bytes,
            categories: totals.categories,
            warnings: facts.warnings,
            list,
            root_folder: facts.root_folder,
            lease: None,
        })
    }
}

/// It looks like a backup of everything, and is none.
fn partial(note: Option<String>) -> String {
    const PART: &str = "only part of a backup";
    note.map_or_else(|| PART.to_owned(), |note| format!("{PART}; {note}"))
}

/// The members of the archive, in their order.
struct Members<'a> {
    archive: &'a Archive,
    entries: Entries<'a, Stream>,
}

impl<'a> Members<'a> {
    fn next(&mut self) -> Result<Option<(Member, Entry<'a, Stream>)>> {
        member::next(&mut self.entries).map_err(|fault| match fault {
            MemberFault::Unreadable(error) => self.archive.unreadable(error),
            MemberFault::Foreign(what) => self.archive.damaged(what),
            MemberFault::Unsafe(error) => error,
        })
    }

    /// Is a member what the manifest says?
    fn compare(&self, found: &Member, expected: &Member) -> Result<()> {
        let show = |path: &[u8]| String::from_utf8_lossy(path).into_owned();
        let path = show(&expected.path);
        if found.path != expected.path {
            return Err(self
                .archive
                .damaged(format!("it has {:?} where its manifest says {path:?}", show(&found.path))));
        }
        let header = |member: &Member| Member { mtime: (member.header_time() as i64, 0), ..member.clone() };
        if header(found) != header(expected) {
            return Err(self.archive.damaged(format!("{path:?} is not what its manifest says")));
        }
        Ok(())
    }
}
