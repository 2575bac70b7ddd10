//! Pruning: what the rules keep stays whole, what they do not is gone with the room it took.

#[allow(dead_code)]
#[path = "../vault/support.rs"]
mod support;

mod beside;
mod catalog;
mod healing;
mod losses;
mod remembered;
mod room;
mod rules;
mod strangers;
mod suspicious;
mod two_steps;
