//! Capturing live SQLite databases: with real writers in processes of their own, real crashes, and odd files.
//!
//! `cargo test --release --test sqlite_capture -- --ignored --nocapture large` runs the large ones, with figures.

mod crash;
mod image;
mod live;
#[cfg(unix)]
mod odd;
mod process;
#[cfg(unix)]
mod shapes;
