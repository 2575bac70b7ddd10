//! Restores in place, as a caller sees them: all of the backup or all of what was there, and nothing lost.

// Shared with the tests of the vault, which use more of it.
#[allow(dead_code)]
#[path = "../vault/support.rs"]
mod support;

mod doubts;
mod in_place;
mod others;
mod refused;
mod salvage;
mod selective;
mod under_app;
mod undo;
mod waiting;
