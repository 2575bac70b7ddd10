//! The promises of the vault, on real folders and real databases: what goes in comes out, damage is found and named,
//! and nothing that goes wrong takes an earlier backup with it.

mod damage;
mod failure;
mod forged;
mod hostile;
mod incremental;
mod keys;
mod links;
mod odd_files;
mod place;
mod roundtrip;
mod support;
mod taken;
