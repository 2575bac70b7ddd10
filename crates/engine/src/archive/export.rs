//! From a vault to an archive: two looks at the item list, one for the manifest and one for the content.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::contents::Contents;
use super::manifest::{self, ArchiveFacts, ArchiveTotals, ItemLine, SideLine, bare};
use super::member::{self, Member, MemberKind};
use super::pack::{Packer, pack};
use super::place::NewFile;
use super::progress::Reporter;
use super::seal::{Seal, Sealer};
use super::{PLAIN, SEALED};
use crate::path::RelPath;
use crate::report::{BackupRef, ExportOptions, ExportResult, ItemType, RestoreOptions};
use crate::restore::source::{ListAccess, SelectedBackup, sources};
use crate::seal::keyring::Credentials;
use crate::vault::Vault;
use crate::vault::item::Item;
use crate::{Config, Control, Error, Result};

/// Hashes that are remembered from the first look for the second: of databases that were written to while they were
/// copied, whose hash no vault knows.
const REMEMBERED: usize = 4096;

/// A name by which tar is expected to open it.
fn is_called_plain(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    !file.is_dir() && [".tar", ".tar.gz", ".tgz"].iter().any(|end| name.ends_with(end))
}

/// Writes `backup` to `file`, all or nothing. A folder gets a file with the backup's name.
pub fn export(
    vault: &Vault,
    config: &Config,
    credentials: &Credentials,
    backup: &str,
    file: &Path,
    options: &ExportOptions,
    control: &Control,
) -> Result<ExportResult> {
    let started = Instant::now();
    let wanted = RestoreOptions { items: options.items.clone(), ..RestoreOptions::default() };
    let mut source = sources(vault, &BackupRef::Name(backup.into()), &wanted)?.remove(0);
    let is_called_sealed = file.extension().is_some_and(|extension| extension == "sealed");
    let encrypt = options.encrypt.unwrap_or(config.encryption || is_called_sealed);
    if encrypt && options.encrypt.is_none() && is_called_plain(file) {
        return Err(Error::Config {
            message: format!(
                "{} would be encrypted, because the vault is configured to be encrypted, and no tool could open it by \
                 that name. Call it .tar.gz.sealed, or ask for a plain archive (encrypt: false, --plain).",
                file.display()
            ),
        });
    }
    let path = place(file, &source, encrypt);
    let new = NewFile::create(&path, options.overwrite)?;
    let seal = if encrypt { Some(Seal::new(credentials)?) } else { None };
    let mut export = Export {
        vault,
        partial: !options.items.is_empty(),
        contents: RefCell::new(Contents::new(vault.reader()?)),
        hashes: RefCell::default(),
        progress: Reporter::new("archiving", control),
        control,
    };
    let result = export.run(&mut source, new.file(), &path, seal, config);
    let items = result.map_err(|error| source.blame(error))?;
    let size = new.file().metadata().map_err(|error| Error::io("writing", &path, error))?.len();
    control.check()?;
    new.finish()?;
    Ok(ExportResult { file: path, size, items, encrypted: encrypt, duration_ms: started.elapsed().as_millis() as u64 })
}

fn place(file: &Path, source: &SelectedBackup, encrypt: bool) -> PathBuf {
    match file.is_dir() {
        true => file.join(format!("{}{}", source.name, if encrypt { SEALED } else { PLAIN })),
        false => file.to_path_buf(),
    }
}

struct Export<'a> {
    vault: &'a Vault,
    partial: bool,
    contents: RefCell<Contents>,
    hashes: RefCell<HashMap<RelPath, ItemLine>>,
    progress: Reporter<'a>,
    control: &'a Control,
}

impl Export<'_> {
    /// Returns how many items there are.
    fn run(
        &mut self,
        source: &mut SelectedBackup,
        file: &std::fs::File,
        path: &Path,
        seal: Option<Seal>,
        config: &Config,
    ) -> Result<u64> {
        let (facts, size, folder) = self.survey(source)?;
        self.progress.total = Some((facts.items, facts.total_size));
        let (level, threads) = (config.compression.level(), config.worker.effective_threads());
        let writing = |error| Error::io("writing", path, error);
        let out = BufWriter::with_capacity(256 << 10, file);
        let mut out = match seal {
            None => pack(out, path, level, threads, |packer| self.write(source, packer, &facts, size, &folder))?.0,
            Some(seal) => {
                let out = Sealer::new(out, seal).map_err(writing)?;
                let write = |packer: &mut Packer| self.write(source, packer, &facts, size, &folder);
                pack(out, path, level, threads, write)?.0.finish().map_err(writing)?
            }
        };
        out.flush().map_err(writing)?;
        Ok(facts.items)
    }

    /// The first look: is everything there, how much is it, and how long is the manifest?
    fn survey(&self, source: &mut SelectedBackup) -> Result<(ArchiveFacts, u64, String)> {
        let (mut totals, mut size) = (ArchiveTotals::default(), 0);
        let mut folders = HashSet::new();
        self.each(source, |path, item| {
            let line = self.line(path, item)?;
            size += line.to_json()?.len() as u64;
            totals.add(&line);
            let first = path.as_bytes().split(|byte| *byte == b'/').next().unwrap_or_default();
            if let Some(first) = std::str::from_utf8(first).ok().filter(|first| manifest::is_folder(first)) {
                folders.insert(first.to_owned());
            }
            Ok(())
        })?;
        let numbered = (2..).map(|n| format!("{}-{n}", manifest::FOLDER));
        let mut names = std::iter::once(manifest::FOLDER.to_owned()).chain(numbered);
        let folder = names.find(|name| !folders.contains(name)).unwrap_or_default();
        Ok((ArchiveFacts::new(&source.snapshot, totals, self.partial), size, folder))
    }

    /// The items that are wanted, in path order. The order, the paths and that every chunk has a place are checked.
    fn each(&self, source: &mut SelectedBackup, mut each: impl FnMut(&RelPath, &Item) -> Result<()>) -> Result<()> {
        // A link that leads out is the user's own: it is written as it is, and a restore of it will ask.
        let allows = |_: &RelPath, _: &[u8]| true;
        ListAccess { vault: self.vault, allows: &allows, lost: None }.run(source, |path, item| {
            self.control.check()?;
            each(path, &item)
        })
    }

    /// The line of an item. What the vault has no hash of is read for it.
    fn line(&self, path: &RelPath, item: &Item) -> Result<ItemLine> {
        let has_hash = item.kind != ItemType::File || (item.sha256.is_some() && item.sides.is_empty());
        if has_hash {
            return Ok(ItemLine { item: bare(item), sides: Vec::new() });
        }
        if let Some(known) = self.hashes.borrow().get(path) {
            return Ok(known.clone());
        }
        let mut contents = self.contents.borrow_mut();
        let mut line = ItemLine { item: bare(item), sides: Vec::new() };
        line.item.sha256 = Some(contents.file(item, |_| self.control.check())?);
        for side in &item.sides {
            let sha256 = contents.side(item, side, |_| self.control.check())?;
            line.sides.push(SideLine { suffix: side.suffix.clone(), size: side.size, sha256, besides: side.besides });
        }
        let mut hashes = self.hashes.borrow_mut();
        if hashes.len() < REMEMBERED {
            hashes.insert(path.clone(), line.clone());
        }
        Ok(line)
    }

    /// The second and third look: the manifest, and the members.
    fn write(
        &self,
        source: &mut SelectedBackup,
        out: &mut Packer,
        facts: &ArchiveFacts,
        size: u64,
        folder: &str,
    ) -> Result<()> {
        let mut first = serde_json::to_vec(facts).map_err(|error| Error::internal(error.to_string()))?;
        first.push(b'\n');
        let manifest = Member {
            kind: MemberKind::File,
            path: format!("{folder}/{}", manifest::FILE).into_bytes(),
            link: Vec::new(),
            size: first.len() as u64 + size,
            mode: 0o644,
            uid: 0,
            gid: 0,
            mtime: (facts.timestamp.div_euclid(1000), 0),
            besides: Vec::new(),
        };
        let mut written = manifest.to_bytes().len() as u64;
        out.write(&manifest.to_bytes())?;
        out.write(&first)?;
        self.each(source, |path, item| out.write(&self.line(path, item)?.to_json()?))?;
        written += manifest.size + pad(out, manifest.size)?;
        self.each(source, |path, item| {
            written += self.members(&self.line(path, item)?, item, out)?;
            Ok(())
        })?;
        let end = 2 * member::BLOCK as u64;
        let rest = (member::RECORD as u64 - (written + end) % member::RECORD as u64) % member::RECORD as u64;
        out.write(&vec![0; (end + rest) as usize])
    }

    /// The members of one item; returns how many bytes they are.
    fn members(&self, line: &ItemLine, item: &Item, out: &mut Packer) -> Result<u64> {
        let mut contents = self.contents.borrow_mut();
        let mut written = 0;
        for (at, member) in line.members()?.into_iter().enumerate() {
            let header = member.to_bytes();
            out.write(&header)?;
            let mut put = |piece: &[u8]| {
                self.control.check()?;
                self.progress.wrote(item.display_path(), 0, piece.len() as u64);
                out.write(piece)
            };
            match at.checked_sub(1) {
                None => drop(contents.file(item, &mut put)?),
                Some(side) => drop(contents.side(item, &item.sides[side], &mut put)?),
            }
            written += header.len() as u64 + member.size + pad(out, member.size)?;
        }
        self.progress.wrote(item.display_path(), 1, 0);
        Ok(written)
    }
}

fn pad(out: &mut Packer, size: u64) -> Result<u64> {
    let padding = member::padding(size);
    out.write(&[0; member::BLOCK][..padding])?;
    Ok(padding as u64)
}
