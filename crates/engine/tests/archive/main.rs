//! Archives, as a caller sees them: a whole backup in one file, and back.

// Shared with the tests of the vault, which use more of it.
#[allow(dead_code)]
#[path = "../vault/support.rs"]
mod support;

#[path = "../vault/look.rs"]
#[allow(dead_code)]
mod look;

mod besides;
mod hostile;
mod interrupted;
mod roundtrip;
mod sealed;
mod tools;
mod unpacked;
