//! Lifeboat's engine: it backs up a running app's folder and gives every byte back.
//!
//! Start at [`Engine`]: one method for each thing users ask for. What happens behind it, from the live root to the
//! disk and back:
//!
//! | module | what it is |
//! |---|---|
//! | [`operations`] | the table of all that can be asked, for every face alike |
//! | [`access`] | how a vault is reached: configuration, key, lock, targets |
//! | [`capture`] | how a live root is read: the walk, the rules, SQLite databases under their writers |
//! | [`backup`] | the pipeline from the root to a snapshot |
//! | [`chunk`] | cutting content and compressing it |
//! | [`seal`] | encryption, and what opens a vault |
//! | [`vault`] | the objects on disk: packs, snapshots, item lists, the catalog, the lock |
//! | [`restore`] | from a snapshot to files |
//! | [`archive`] | one portable file that holds one whole backup |
//! | [`migrate`] | a new root on another server, from a vault or an archive |
//! | [`compare`] | what changed between two backups, and over time |
//! | [`prune`] | removing backups that nothing keeps, and what only they needed |
//! | [`retention`] | which backups are kept, and why |
//! | [`room`] | staying within `maxLocalStorage` |
//! | [`schedule`] | when backups are due |
//! | [`mod@verify`] | reading back what is stored |
//! | [`doctor`] | everything that a backup needs, looked at from the root to the vault |
//! | [`watch`] | noticing what goes wrong, and remembering what happened |
//! | [`marriage`] | which root and which vault belong together |
//! | [`presence`] | which hosts are there, and what they can do |
//! | [`zone`] | the time zone that times are read and written in |
//! | [`pulse`] | whether the work of this process moves on |
//! | [`replica`] | what is where: a vault's way to its targets, what is kept there, and the way back |
//! | [`store`] | where objects can lie besides: a folder, or what another crate brings |
//! | [`supervise`] | the worker process and its protocol, from the host's end |
//!
//! The engine runs in the worker process (`lifeboat`), never in the bot's own: closing any file of the root there
//! would drop the locks that the bot's SQLite holds.
//!
//! Inner modules return [`Error`]; each variant has a stable code and a sentence for the person who reads it.

pub mod access;
pub mod archive;
pub mod backup;
pub mod capture;
pub mod chunk;
pub mod compare;
pub mod config;
pub mod control;
pub mod doctor;
pub mod engine;
pub mod error;
mod held;
pub mod marriage;
pub mod migrate;
pub mod mutex;
pub mod operations;
pub mod owner;
pub mod path;
pub mod presence;
pub mod prune;
pub mod pulse;
pub mod replica;
pub mod report;
pub mod restore;
pub mod retention;
pub mod room;
pub mod schedule;
pub mod seal;
pub mod secret;
pub mod space;
pub mod store;
pub mod supervise;
pub mod vault;
pub mod verify;
pub mod watch;
pub mod zone;

pub use config::Config;
pub use control::Control;
pub use engine::Engine;
pub use error::{Error, Result};
