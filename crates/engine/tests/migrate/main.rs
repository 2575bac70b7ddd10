//! The promises of a migration: a new root from nothing but a vault, wherever it lies; the source stays as it is; what is
//! cut off goes on; and what cannot be right on the new machine is said.

#[path = "../vault/support.rs"]
#[allow(dead_code)]
mod support;

mod cut_off;
mod damage;
mod dependencies;
mod links;
mod logbook;
mod places;
mod refused;
mod server;
