//! Members of a tar: written so that every tar reads them without a warning, and read back with suspicion.
//!
//! Names are the bytes that they are: in the header, or where they are longer than its 100 bytes, in a GNU `L` or `K`
//! member before it. pax names are UTF-8, which bsdtar complains about where the locale is not, and cannot hold every
//! name. Times to the nanosecond are pax records, sizes from 8 GiB on are GNU's binary numbers; all known tars read both.

use std::io::Read;

use tar::{Entries, Entry, EntryType, Header};

use super::besides::{OURS, PaxRecord};
use crate::path::RelPath;
use crate::vault::item::Time;
use crate::{Error, Result};

pub const BLOCK: usize = 512;
/// What tar reads and writes at once: the end is padded to it.
pub const RECORD: usize = 10240;
const NAME: usize = 100;
/// The largest number of a header's 11 octal digits.
const MAX_OCTAL: i64 = (1 << 33) - 1;
/// A path of Linux is at most 4096 bytes; a pax header of ours has a time and the extended attributes of one file.
const MAX_EXTENSION: u64 = 1 << 20;

/// What a member's header says.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    pub kind: MemberKind,
    /// Without the `/` that folders have behind theirs.
    pub path: Vec<u8>,
    /// A link's target.
    pub link: Vec<u8>,
    pub size: u64,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub mtime: Time,
    /// Extended attributes and ACLs.
    pub besides: Vec<PaxRecord>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MemberKind {
    File,
    Dir,
    Symlink,
}

impl Member {
    /// The time as far as a header holds it.
    pub fn header_time(&self) -> u64 {
        u64::try_from(self.mtime.0).ok().filter(|seconds| *seconds <= MAX_OCTAL as u64).unwrap_or(0)
    }

    /// All blocks before the content.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(3 * BLOCK);
        let mut path = self.path.clone();
        let kind = match self.kind {
            MemberKind::File => EntryType::Regular,
            MemberKind::Dir => {
                path.push(b'/');
                EntryType::Directory
            }
            MemberKind::Symlink => EntryType::Symlink,
        };
        for (long, kind) in [(&path, EntryType::GNULongName), (&self.link, EntryType::GNULongLink)] {
            if long.len() > NAME {
                let mut text = long.clone();
                text.push(0);
                extension(kind, &text, &mut out);
            }
        }
        let (seconds, nanos) = self.mtime;
        let mut records = Vec::new();
        if nanos != 0 || !(0..=MAX_OCTAL).contains(&seconds) {
            records.extend(record(b"mtime", decimal(self.mtime).as_bytes()));
        }
        for (key, value) in &self.besides {
            records.extend(record(key, value));
        }
        if !records.is_empty() {
            extension(EntryType::XHeader, &records, &mut out);
        }
        let mut header = Header::new_ustar();
        header.set_entry_type(kind);
        put(&mut header.as_old_mut().name, &path);
        put(&mut header.as_old_mut().linkname, &self.link);
        header.set_size(self.size);
        header.set_mode(self.mode);
        header.set_uid(self.uid.into());
        header.set_gid(self.gid.into());
        header.set_mtime(self.header_time());
        header.set_cksum();
        out.extend_from_slice(header.as_bytes());
        out
    }
}

/// A member that says something about the next one.
fn extension(kind: EntryType, body: &[u8], out: &mut Vec<u8>) {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    put(&mut header.as_old_mut().name, b"././@Header");
    header.set_size(body.len() as u64);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_cksum();
    out.extend_from_slice(header.as_bytes());
    out.extend_from_slice(body);
    out.resize(out.len() + padding(body.len() as u64), 0);
}

fn put(field: &mut [u8; NAME], value: &[u8]) {
    let length = value.len().min(NAME);
    field[..length].copy_from_slice(&value[..length]);
}

/// Zeros behind content of this size.
pub fn padding(size: u64) -> usize {
    (BLOCK - (size % BLOCK as u64) as usize) % BLOCK
}

/// A pax record: it begins with its own length, which counts its own digits.
fn record(key: &[u8], value: &[u8]) -> Vec<u8> {
    let rest = [b" ", key, b"=", value, b"\n"].concat();
    let mut length = rest.len() + 1;
    while length.to_string().len() + rest.len() > length {
        length += 1;
    }
    [length.to_string().as_bytes(), &rest].concat()
}

/// The records of a pax header. Not those of the `tar` crate, which ends a record at the first line end in its value.
fn records(mut body: &[u8]) -> Result<Vec<PaxRecord>, MemberFault> {
    let wrong = || MemberFault::Unreadable(std::io::Error::other("a pax record is malformed"));
    let mut records = Vec::new();
    while !body.is_empty() {
        let space = body.iter().position(|byte| *byte == b' ').ok_or_else(wrong)?;
        let length = std::str::from_utf8(&body[..space]).ok().and_then(|digits| digits.parse::<usize>().ok());
        let length = length.filter(|length| (space + 2..=body.len()).contains(length)).ok_or_else(wrong)?;
        let (record, rest) = body.split_at(length);
        let record = record[space + 1..].strip_suffix(b"\n").ok_or_else(wrong)?;
        let equals = record.iter().position(|byte| *byte == b'=').ok_or_else(wrong)?;
        records.push((record[..equals].to_vec(), record[equals + 1..].to_vec()));
        body = rest;
    }
    Ok(records)
}

/// Seconds with a fraction. `(-2, 500_000_000)` is half a second after -2, which is -1.5.
fn decimal((seconds, nanos): Time) -> String {
    let total = i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
    let sign = if total < 0 { "-" } else { "" };
    let (whole, fraction) = (total.unsigned_abs() / 1_000_000_000, total.unsigned_abs() % 1_000_000_000);
    format!("{sign}{whole}.{fraction:09}")
}

/// Why a member cannot be taken.
pub enum MemberFault {
    /// It is no tar, or it is cut off.
    Unreadable(std::io::Error),
    /// It is a tar, but not as we write it.
    Foreign(String),
    Unsafe(Error),
}

/// The next member; `None` at the end. `entries` must be raw: what a member says about the next one is read here, where
/// it cannot take all the memory.
pub fn next<'a, R: Read>(entries: &mut Entries<'a, R>) -> Result<Option<(Member, Entry<'a, R>)>, MemberFault> {
    let (mut long_path, mut long_link, mut besides) = (None, None, Vec::new());
    for entry in entries.by_ref() {
        let mut entry = entry.map_err(MemberFault::Unreadable)?;
        let kind = entry.header().entry_type();
        let kind = match kind {
            EntryType::GNULongName => {
                long_path = Some(text(&mut entry)?);
                continue;
            }
            EntryType::GNULongLink => {
                long_link = Some(text(&mut entry)?);
                continue;
            }
            EntryType::XHeader => {
                let body = body(&mut entry)?;
                for (key, value) in records(&body)? {
                    match &key[..] {
                        b"path" => long_path = Some(value),
                        b"linkpath" => long_link = Some(value),
                        _ if key.starts_with(OURS) => besides.push((key, value)),
                        b"mtime" | b"atime" | b"ctime" | b"uid" | b"gid" | b"uname" | b"gname" | b"comment" => {}
                        other => {
                            let key = String::from_utf8_lossy(other);
                            return Err(MemberFault::Foreign(format!("a member has the pax record {key:?}")));
                        }
                    }
                }
                continue;
            }
            EntryType::Regular | EntryType::Continuous => Some(MemberKind::File),
            EntryType::Directory => Some(MemberKind::Dir),
            EntryType::Symlink => Some(MemberKind::Symlink),
            _ => None,
        };
        let header = entry.header();
        let mut path = long_path.unwrap_or_else(|| header.path_bytes().into_owned());
        if kind == Some(MemberKind::Dir) && path.last() == Some(&b'/') {
            path.pop();
        }
        let link = long_link.or_else(|| header.link_name_bytes().map(|link| link.into_owned())).unwrap_or_default();
        // In a header that anybody may have written, the path is refused before what it is about.
        RelPath::parse(&path).map_err(MemberFault::Unsafe)?;
        let kind = kind.ok_or_else(|| {
            MemberFault::Unsafe(Error::UnsafePath {
                path: String::from_utf8_lossy(&path).into_owned(),
                reason: "it is neither a file, a folder nor a symbolic link",
            })
        })?;
        let number = |field: std::io::Result<u64>| field.map_err(MemberFault::Unreadable);
        let member = Member {
            kind,
            path,
            link: if kind == MemberKind::Symlink { link } else { Vec::new() },
            size: number(header.entry_size())?,
            mode: header.mode().map_err(MemberFault::Unreadable)? & 0o7777,
            uid: number(header.uid())? as u32,
            gid: number(header.gid())? as u32,
            mtime: (number(header.mtime())? as i64, 0),
            besides,
        };
        return Ok(Some((member, entry)));
    }
    match long_path.or(long_link) {
        Some(_) => Err(MemberFault::Foreign("its last member is missing".into())),
        None => Ok(None),
    }
}

fn body<R: Read>(entry: &mut Entry<'_, R>) -> Result<Vec<u8>, MemberFault> {
    let size = entry.size();
    if size > MAX_EXTENSION {
        return Err(MemberFault::Foreign(format!("a member's name or attributes take {size} bytes")));
    }
    let mut body = Vec::new();
    entry.read_to_end(&mut body).map_err(MemberFault::Unreadable)?;
    if body.len() as u64 != size {
        return Err(MemberFault::Unreadable(std::io::ErrorKind::UnexpectedEof.into()));
    }
    Ok(body)
}

fn text<R: Read>(entry: &mut Entry<'_, R>) -> Result<Vec<u8>, MemberFault> {
    let mut text = body(entry)?;
    if text.last() == Some(&0) {
        text.pop();
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times_are_written_as_pax_says() {
        assert_eq!(decimal((5, 1)), "5.000000001");
        assert_eq!(decimal((-2, 500_000_000)), "-1.500000000");
        assert_eq!(decimal((-1, 999_999_999)), "-0.000000001");
        assert_eq!(record(b"mtime", b"5.000000001"), b"21 mtime=5.000000001\n");
        assert_eq!(record(b"k", &[b'v'; 93])[..3], *b"99 ");
        assert_eq!(record(b"k", &[b'v'; 94])[..4], *b"101 ");
    }

    /// Beyond the 8 GiB of eleven octal digits, and before 1970.
    #[cfg(unix)]
    #[test]
    fn other_tars_read_what_does_not_fit_into_the_header() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("large.tar");
        let size = (8 << 30) + 4096;
        let large = Member {
            kind: MemberKind::File,
            path: b"video.bin".to_vec(),
            link: Vec::new(),
            size,
            mode: 0o644,
            uid: 3_000_000_000,
            gid: 7,
            mtime: (-86_400 * 365, 250_000_000),
            besides: Vec::new(),
        };
        let small = Member { path: b"behind".to_vec(), size: 0, ..large.clone() };
        let mut bytes = large.to_bytes();
        std::fs::write(&path, &bytes).unwrap();
        let tar = std::fs::File::options().write(true).open(&path).unwrap();
        let behind = bytes.len() as u64 + size;
        bytes = small.to_bytes();
        bytes.resize(bytes.len() + 2 * BLOCK, 0);
        crate::vault::durable::write_at(&tar, &bytes, behind).unwrap();
        for program in ["tar", "bsdtar"] {
            let listed = std::process::Command::new(program).env("TZ", "UTC").arg("-tvf").arg(&path).output().unwrap();
            let text = String::from_utf8_lossy(&listed.stdout);
            assert!(listed.status.success() && listed.stderr.is_empty(), "{listed:?}");
            for part in ["8589938688", "3000000000", "1969", "video.bin", "behind"] {
                assert!(text.contains(part), "{program}: {part}: {text}");
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            path in prop::collection::vec(1u8..=255, 1..300), size: u64, mode in 0u32..0o10000, uid: u32, gid: u32,
            seconds in 0i64..MAX_OCTAL, nanos in 0u32..1_000_000_000, link in prop::collection::vec(1u8..=255, 1..300),
            which in 0..3,
            besides in prop::collection::vec(("SCHILY\\.[a-z.]{1,40}", prop::collection::vec(any::<u8>(), 0..200)), 0..3),
        ) {
            prop_assume!(RelPath::parse(&path).is_ok());
            let kind = [MemberKind::File, MemberKind::Dir, MemberKind::Symlink][which as usize];
            let link = if kind == MemberKind::Symlink { link } else { Vec::new() };
            let size = if kind == MemberKind::File { size >> 1 } else { 0 };
            let besides = besides.into_iter().map(|(key, value)| (key.into_bytes(), value)).collect();
            let member = Member { kind, path, link, size, mode, uid, gid, mtime: (seconds, nanos), besides };
            let bytes = member.to_bytes();
            prop_assert_eq!(bytes.len() % BLOCK, 0);
            let mut archive = tar::Archive::new(&bytes[..]);
            let mut entries = archive.entries().unwrap().raw(true);
            let (read, _) = next(&mut entries).ok().flatten().unwrap();
            prop_assert_eq!(read, Member { mtime: (seconds, 0), ..member });
        }
    }
}
