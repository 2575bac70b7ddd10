//! Archives: one portable file that holds one whole backup, readable without a vault.
//!
//! Inside is a tar of the backup's items, behind a manifest that says what tar cannot: what the backup was, and each
//! item's category and hash. Around it lies gzip, and around that, where there is a passphrase or a key file, a seal.
//! `docs/format.md` has the layout.
//!
//! | module | what it is |
//! |---|---|
//! | `export`, `contents`, `pack`, `place` | from a vault to a file: read, lay out, compress on all threads, put in place |
//! | `import`, `source`, `intake`, `twin` | from a file to a vault: open, compare with the manifest, store |
//! | `manifest`, `member` | the two things that a tar of ours holds |
//! | `shelf` | the archives that the schedule leaves on the vault's shelf |
//! | `seal` | AES-256-GCM in segments, under a passphrase or a key file |
//!
//! Both are all or nothing and stream: memory depends on neither the size nor the number of items. An archive is not
//! trusted: it is read in step with its manifest, and what does not fit ends the import before any of it counts.

mod besides;
mod contents;
mod export;
mod import;
mod intake;
pub mod manifest;
pub mod member;
mod pack;
pub(crate) mod place;
mod progress;
pub mod seal;
pub mod shelf;
mod source;
mod twin;

pub use export::export;
pub use import::import;
pub use place::check as check_place;
pub use source::Archive;

pub use crate::vault::shelf::{PLAIN, SEALED};
