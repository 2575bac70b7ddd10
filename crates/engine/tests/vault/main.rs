//! The promises of the vault, on real folders and real databases: what goes in comes out, damage is found and named,
//! and nothing that goes wrong takes an earlier backup with it.

mod attributes;
mod beside;
mod busy;
mod damage;
mod failure;
mod forged;
mod hard_links;
mod holes;
mod hostile;
mod incremental;
mod keys;
mod links;
mod lock_file;
mod look;
mod married;
mod odd_files;
mod ours;
mod place;
mod raw_sets;
mod roundtrip;
mod shared;
mod stores;
mod support;
mod taken;
mod torn;
mod unsound;
