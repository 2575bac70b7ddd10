//! Restores in place, as a caller sees them: all of the backup or all of what was there, and nothing lost.

// Shared with the tests of the vault, which use more of it.
#[allow(dead_code)]
#[path = "../vault/support.rs"]
mod support;

#[allow(dead_code)]
#[path = "../vault/look.rs"]
mod look;

mod besides;
mod in_place;
mod others;
mod refused;
mod salvage;
mod selective;
mod under_app;
mod waiting;
