//! Restores in place, as a caller sees them: all of the backup or all of what was there, and nothing lost.

// Shared with the tests of the vault, which use more of it.
#[allow(dead_code)]
#[path = "../vault/support.rs"]
mod support;

#[allow(dead_code)]
#[path = "../vault/look.rs"]
mod look;

mod astray;
mod besides;
mod doubts;
mod foresight;
mod in_place;
mod nature;
mod other;
mod others;
mod refused;
mod salvage;
mod selective;
mod sessions;
mod sets;
mod under_app;
mod undo;
mod waiting;
