//! How a live root is read.

pub mod sqlite;
