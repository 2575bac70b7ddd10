//! A sealed stream: segments of 64 KiB, each AES-256-GCM, put together as STREAM (Hoang, Reyhanitabar, Rogaway, Vizár:
//! "Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance", 2015).
//!
//! A segment's nonce says which one it is and whether it is the last. So none can be left out, repeated, moved or cut
//! off, and what was read before the end is already authentic. The header is every segment's associated data.

use std::io::{self, Read, Write};

use zeroize::Zeroizing;

use crate::seal::keyring::{self, Cost, Credentials};
use crate::seal::{Cipher, TAG, hkdf, passphrase, random};
use crate::secret::Secret;
use crate::{Error, Result};

pub const MAGIC: &[u8; 6] = b"LBSEAL";
const MAJOR: u8 = 1;
const MINOR: u8 = 0;
/// Plain bytes of every segment but the last.
const SEGMENT: usize = 64 << 10;

/// Magic, version, kind, cost, salt, nonce prefix, check.
pub const HEADER: usize = 6 + 2 + 1 + 3 + 32 + 7 + 16;
const SALT: std::ops::Range<usize> = 12..44;
const PREFIX: std::ops::Range<usize> = 44..51;
/// Everything before the check, which is of all of this.
const CHECKED: usize = 51;

/// What the key comes from: the header's `kind`.
const PASSPHRASE: u8 = 1;
const KEY_FILE: u8 = 2;

/// One archive's key and header.
#[derive(Clone)]
pub struct Seal {
    key: Zeroizing<[u8; 32]>,
    header: [u8; HEADER],
}

impl Seal {
    /// For a new archive: under the passphrase where there is one, else under the key file.
    pub fn new(credentials: &Credentials) -> Result<Seal> {
        let (kind, cost) = match (&credentials.passphrase, &credentials.key_file) {
            (Some(_), _) => (PASSPHRASE, [Cost::OURS.log_n, Cost::OURS.r as u8, Cost::OURS.p as u8]),
            (None, Some(_)) => (KEY_FILE, [0; 3]),
            (None, None) => {
                return Err(Error::Sealed {
                    message: "A sealed archive needs a passphrase (BACKUP_PASSPHRASE) or a key file (BACKUP_KEY_FILE). Without one, ask for a plain archive: --plain, or `encrypt: false`.".into(),
                });
            }
        };
        let mut header = [0; HEADER];
        header[..6].copy_from_slice(MAGIC);
        header[6..9].copy_from_slice(&[MAJOR, MINOR, kind]);
        header[9..12].copy_from_slice(&cost);
        header[SALT].copy_from_slice(&random::<32>()?);
        header[PREFIX].copy_from_slice(&random::<7>()?);
        let canonical = credentials.passphrase.as_ref().map(passphrase::for_sealing).transpose()?;
        let secret = secrets(&header, canonical.as_slice(), credentials)?.next();
        let secret = secret.ok_or_else(|| Error::internal("a seal without a key"))??;
        let check = check(&header, &secret);
        header[CHECKED..].copy_from_slice(&check);
        Ok(Seal::of(header, &secret))
    }

    /// For an archive that exists, whose first bytes are `header`. `name` is for errors.
    pub fn open(header: [u8; HEADER], name: &str, credentials: &Credentials) -> Result<Seal> {
        if header[6] != MAJOR {
            return Err(Error::Format {
                message: format!(
                    "{name} has version {} of the format; this Lifeboat reads version {MAJOR}. Use the Lifeboat that wrote it, or a newer one.",
                    header[6]
                ),
            });
        }
        let refuse = |hint: &str| Err(Error::Sealed { message: format!("{name} cannot be opened: {hint}") });
        let forms = credentials.passphrase.as_ref().map(passphrase::forms).unwrap_or_default();
        let mut tried = false;
        for secret in secrets(&header, &forms, credentials).map_err(|error| name_it(error, name))? {
            let secret = secret?;
            if check(&header, &secret) == header[CHECKED..] {
                return Ok(Seal::of(header, &secret));
            }
            tried = true;
        }
        match header[8] {
            _ if tried => {
                refuse("the passphrase or key file does not fit, or the first bytes of the file are damaged.")
            }
            KEY_FILE => {
                refuse("it is sealed with a key file. Set BACKUP_KEY_FILE, or name the file in the configuration.")
            }
            _ => refuse(
                "it is sealed with a passphrase, and none was given. Set BACKUP_PASSPHRASE, or \
                 BACKUP_ARCHIVE_PASSPHRASE if the vault has another one.",
            ),
        }
    }

    fn of(header: [u8; HEADER], secret: &Derived) -> Seal {
        Seal { key: hkdf(&**secret, &header[SALT], "lifeboat v1 archive"), header }
    }

    pub fn header(&self) -> &[u8] {
        &self.header
    }

    fn nonce(&self, counter: u32, last: bool) -> [u8; 12] {
        let mut nonce = [0; 12];
        nonce[..7].copy_from_slice(&self.header[PREFIX]);
        nonce[7..11].copy_from_slice(&counter.to_be_bytes());
        nonce[11] = u8::from(last);
        nonce
    }
}

fn name_it(error: Error, name: &str) -> Error {
    match error {
        Error::Format { message } => Error::Format { message: format!("{name} {message}") },
        other => other,
    }
}

type Derived = Zeroizing<[u8; 32]>;

/// What may be an archive's secret, one after the other: each of `forms` costs a key derivation. None where the credentials
/// have nothing for an archive with this header.
fn secrets<'a>(
    header: &[u8; HEADER],
    forms: &'a [Secret],
    credentials: &Credentials,
) -> Result<impl Iterator<Item = Result<Derived>> + 'a> {
    let (cost, salt) = (Cost { log_n: header[9], r: header[10].into(), p: header[11].into() }, header[SALT].to_vec());
    let refuse = |message: String| Err(Error::Format { message });
    let (forms, key) = match header[8] {
        PASSPHRASE if !forms.is_empty() && !cost.is_sane() => {
            return refuse("asks for an absurd key derivation.".into());
        }
        PASSPHRASE => (forms, None),
        KEY_FILE => (&[][..], credentials.key_file.as_ref().map(|key| Zeroizing::new(*key.expose()))),
        other => return refuse(format!("is sealed in a way ({other}) that this Lifeboat does not know.")),
    };
    Ok(key.map(Ok).into_iter().chain(forms.iter().map(move |form| keyring::derive(form, &salt, cost))))
}

/// Tells whether a secret is the archive's.
fn check(header: &[u8; HEADER], secret: &Derived) -> [u8; 16] {
    let mut check = [0; 16];
    check.copy_from_slice(&hkdf(&**secret, &header[..CHECKED], "lifeboat v1 archive check")[..16]);
    check
}

/// Seals what is written to it. [`Sealer::finish`] must be called: only then is there a last segment.
pub struct Sealer<W> {
    inner: W,
    seal: Seal,
    cipher: Cipher,
    counter: u32,
    buffer: Vec<u8>,
}

impl<W: Write> Sealer<W> {
    pub fn new(mut inner: W, seal: Seal) -> io::Result<Sealer<W>> {
        inner.write_all(seal.header())?;
        let cipher = Cipher::new(&seal.key);
        Ok(Sealer { inner, seal, cipher, counter: 0, buffer: Vec::with_capacity(SEGMENT + TAG) })
    }

    fn segment(&mut self, last: bool) -> io::Result<()> {
        self.cipher.seal(self.seal.nonce(self.counter, last), &self.seal.header, &mut self.buffer);
        self.inner.write_all(&self.buffer)?;
        self.buffer.clear();
        // 2^32 segments are 256 TB.
        self.counter =
            self.counter.checked_add(1).ok_or_else(|| io::Error::other("the archive is too large to seal"))?;
        Ok(())
    }

    pub fn finish(mut self) -> io::Result<W> {
        self.segment(true)?;
        Ok(self.inner)
    }
}

impl<W: Write> Write for Sealer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A full buffer waits until more comes: it may be the last.
        if self.buffer.len() == SEGMENT && !bytes.is_empty() {
            self.segment(false)?;
        }
        let taken = bytes.len().min(SEGMENT - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Opens what a [`Sealer`] wrote, behind its header. Only authentic bytes come out.
pub struct Unsealer<R> {
    inner: R,
    seal: Seal,
    cipher: Cipher,
    counter: u32,
    /// The segment that is being handed out, and how far that is.
    plain: Vec<u8>,
    done: usize,
    /// The first bytes of the next segment: whether there are any tells whether this one is the last.
    ahead: Vec<u8>,
    ended: bool,
}

impl<R: Read> Unsealer<R> {
    pub fn new(inner: R, seal: Seal) -> Unsealer<R> {
        let cipher = Cipher::new(&seal.key);
        Unsealer { inner, seal, cipher, counter: 0, plain: Vec::new(), done: 0, ahead: Vec::new(), ended: false }
    }

    fn next(&mut self) -> io::Result<()> {
        let mut sealed = std::mem::take(&mut self.ahead);
        let wanted = SEGMENT + TAG + 1 - sealed.len();
        (&mut self.inner).take(wanted as u64).read_to_end(&mut sealed)?;
        self.ended = sealed.len() <= SEGMENT + TAG;
        if !self.ended {
            self.ahead = sealed.split_off(SEGMENT + TAG);
        }
        let nonce = self.seal.nonce(self.counter, self.ended);
        let opened = self.cipher.open(nonce, &self.seal.header, &mut sealed).map(|plain| plain.len());
        // The last segment holds something, unless there is nothing at all.
        let length = opened.ok().filter(|length| *length > 0 || self.counter == 0).ok_or_else(|| {
            let what = if self.ended { "is cut off or changed at its end" } else { "does not authenticate" };
            io::Error::new(io::ErrorKind::InvalidData, format!("its segment {} {what}", self.counter))
        })?;
        sealed.truncate(length);
        (self.plain, self.done) = (sealed, 0);
        self.counter = self.counter.checked_add(1).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
        Ok(())
    }
}

impl<R: Read> Read for Unsealer<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.done == self.plain.len() && !self.ended {
            self.next()?;
        }
        let length = out.len().min(self.plain.len() - self.done);
        out[..length].copy_from_slice(&self.plain[self.done..self.done + length]);
        self.done += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::MasterKey;

    fn credentials(byte: u8) -> Credentials {
        Credentials { key_file: Some(MasterKey::new([byte; 32])), ..Credentials::default() }
    }

    fn sealed(plain: &[u8]) -> Vec<u8> {
        let mut sealer = Sealer::new(Vec::new(), Seal::new(&credentials(1)).unwrap()).unwrap();
        sealer.write_all(plain).unwrap();
        sealer.finish().unwrap()
    }

    fn opened(bytes: &[u8]) -> Option<Vec<u8>> {
        let (header, body) = bytes.split_at(HEADER);
        let seal = Seal::open(header.try_into().unwrap(), "x", &credentials(1)).ok()?;
        let mut plain = Vec::new();
        Unsealer::new(body, seal).read_to_end(&mut plain).ok()?;
        Some(plain)
    }

    #[test]
    fn every_length_around_a_segment_comes_back() {
        for length in [0, 1, SEGMENT - 1, SEGMENT, SEGMENT + 1, 2 * SEGMENT, 3 * SEGMENT + 7] {
            let plain: Vec<u8> = (0..length).map(|n| (n * 7 % 251) as u8).collect();
            let bytes = sealed(&plain);
            assert_eq!(opened(&bytes).unwrap(), plain, "{length}");
            let segments = length.div_ceil(SEGMENT).max(1);
            assert_eq!(bytes.len(), HEADER + length + segments * TAG);
        }
    }

    #[test]
    fn segments_cannot_be_cut_off_left_out_repeated_moved_or_added() {
        let bytes = sealed(&vec![5; 4 * SEGMENT]);
        let (header, body) = bytes.split_at(HEADER);
        let parts: Vec<&[u8]> = body.chunks(SEGMENT + TAG).collect();
        assert_eq!(parts.len(), 4);
        let with = |order: &[usize]| {
            let mut bytes = header.to_vec();
            order.iter().for_each(|at| bytes.extend_from_slice(parts[*at]));
            opened(&bytes)
        };
        assert!(with(&[0, 1, 2, 3]).is_some());
        for order in [&[0, 1, 2][..], &[], &[1, 2, 3], &[0, 2, 1, 3], &[0, 1, 1, 2, 3], &[0, 1, 2, 3, 3], &[3]] {
            assert!(with(order).is_none(), "{order:?}");
        }
        for length in (HEADER..bytes.len()).step_by(997) {
            assert!(opened(&bytes[..length]).is_none(), "{length}");
        }
        for at in (0..bytes.len()).step_by(311).chain(0..HEADER) {
            let mut changed = bytes.clone();
            changed[at] ^= 4;
            assert!(opened(&changed).is_none(), "{at}");
        }
        assert!(opened(&[&bytes[..], &[0]].concat()).is_none());
    }

    #[test]
    fn another_key_does_not_open_it() {
        let header: [u8; HEADER] = sealed(b"x")[..HEADER].try_into().unwrap();
        assert_eq!(Seal::open(header, "x", &credentials(2)).err().unwrap().code(), "E_PASSPHRASE");
        assert_eq!(Seal::open(header, "x", &Credentials::default()).err().unwrap().code(), "E_PASSPHRASE");
    }
}
