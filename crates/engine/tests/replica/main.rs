//! A vault at its targets: everything arrives, in order and once, whatever fails, and nothing is said to be there that is not.

#[allow(dead_code)]
#[path = "../vault/support.rs"]
mod support;

mod doctor;
mod faults;
mod lossy;
mod neighbours;
mod remembered;
mod retention;
mod shaky;
mod strangers;
mod targets;
