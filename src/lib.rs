//! The addon: JavaScript values in, the engine's supervisor out. The only place that knows Node-API.
//!
//! Texts of JSON cross the border in both directions, and `index.js` makes of them what users see: so every error,
//! Date and promise belongs to the realm of the caller, and no 64-bit number becomes a BigInt. Nothing here may
//! touch the disk of the vault, block the event loop, keep an idle process alive, or let a panic out: a panic is an outcome with E_INTERNAL.

mod engine;
mod outcome;
mod presence;
