//! Time: what is kept on a small disk, what is noticed, what is remembered, and a year of it all.

#[allow(dead_code)]
#[path = "../vault/support.rs"]
mod support;

mod cap;
mod noticed;
mod outbox;
mod schedule;
mod year;
