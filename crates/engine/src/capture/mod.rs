//! Capture: how a live root is read, without disturbing it and without believing it too early.

pub mod attributes;
pub mod content;
pub mod databases;
pub mod holes;
pub mod left;
pub mod links;
pub mod mounts;
pub mod ours;
pub mod rules;
pub mod selection;
pub mod sqlite;
pub mod stat;
pub mod stores;
pub mod walk;
