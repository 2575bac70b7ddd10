//! An archive's file, opened: what is around the tar is taken off while it is read.
//!
//! The manifest is read in step with the members behind it, so the file is read by two readers at once.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::bufread::MultiGzDecoder;

use super::seal::{self, HEADER, Seal, Unsealer};
use crate::error::IoContext;
use crate::seal::keyring::Credentials;
use crate::{Control, Error, Result};

const GZIP: &[u8] = &[0x1f, 0x8b];
const BUFFER: usize = 256 << 10;

pub struct Archive {
    path: PathBuf,
    file: Arc<File>,
    seal: Option<Seal>,
}

/// The tar of an archive.
pub type Stream = MultiGzDecoder<BufReader<Box<dyn Read + Send>>>;

impl Archive {
    pub fn open(path: &Path, credentials: &Credentials) -> Result<Archive> {
        let file = File::open(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Error::NotFound { message: format!("There is no file {}.", path.display()) },
            _ => Error::io("reading", path, error),
        })?;
        if !file.metadata().at("reading", path)?.is_file() {
            return Err(Error::Source { message: format!("{} is not a file.", path.display()), source: None });
        }
        let archive = Archive { path: path.to_path_buf(), file: Arc::new(file), seal: None };
        let mut first = Vec::new();
        archive.raw(0).take(HEADER as u64).read_to_end(&mut first).at("reading", path)?;
        if first.starts_with(GZIP) {
            return Ok(archive);
        }
        if !first.starts_with(seal::MAGIC) {
            return Err(archive.foreign("it is neither a .tar.gz nor a sealed one"));
        }
        let header = first.try_into().map_err(|_| archive.damaged("it is cut off"))?;
        let seal = Seal::open(header, &archive.name(), credentials)?;
        Ok(Archive { seal: Some(seal), ..archive })
    }

    /// For people.
    pub fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn raw(&self, offset: u64) -> At {
        At { file: self.file.clone(), offset }
    }

    /// Another reader of the tar, from its beginning.
    pub fn stream(&self) -> Stream {
        let unsealed: Box<dyn Read + Send> = match &self.seal {
            None => Box::new(self.raw(0)),
            Some(seal) => {
                let sealed = BufReader::with_capacity(BUFFER, self.raw(HEADER as u64));
                Box::new(Unsealer::new(sealed, seal.clone()))
            }
        };
        MultiGzDecoder::new(BufReader::with_capacity(BUFFER, unsealed))
    }

    /// Reads it from end to end, and throws away what comes. Returns the bytes of its file.
    pub fn read_through(&self, control: &Control) -> Result<u64> {
        let (mut stream, mut buffer) = (self.stream(), vec![0; BUFFER]);
        while stream.read(&mut buffer).map_err(|error| self.unreadable(error))? > 0 {
            control.check()?;
        }
        Ok(self.file.metadata().at("reading", &self.path)?.len())
    }

    /// What reading the stream failed of: the disk, or the archive.
    pub fn unreadable(&self, error: io::Error) -> Error {
        if error.raw_os_error().is_some() {
            return Error::io("reading", &self.path, error);
        }
        match error.kind() {
            io::ErrorKind::UnexpectedEof => self.damaged("it is cut off"),
            _ => self.damaged(format!("it cannot be read ({error})")),
        }
    }

    pub fn damaged(&self, detail: impl Into<String>) -> Error {
        Error::corrupt(self.name(), detail)
    }

    /// It is something else than an archive of ours.
    pub fn foreign(&self, why: &str) -> Error {
        Error::Source {
            message: format!(
                "{} is not an archive that Lifeboat wrote: {why}. Only such an archive can become a backup. Unpack \
                 other archives with tar.",
                self.path.display()
            ),
            source: None,
        }
    }
}

/// Reads a shared file from a place of its own.
struct At {
    file: Arc<File>,
    offset: u64,
}

impl Read for At {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        #[cfg(unix)]
        let read = std::os::unix::fs::FileExt::read_at(&*self.file, out, self.offset)?;
        #[cfg(windows)]
        let read = std::os::windows::fs::FileExt::seek_read(&*self.file, out, self.offset)?;
        self.offset += read as u64;
        Ok(read)
    }
}
