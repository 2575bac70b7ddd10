//! Replacing databases under the processes that have them open: real connections, real crashes, full disks.
//!
//! `cargo test --release --test live_restore -- --ignored --nocapture large` runs the large ones, with figures.

mod bank;
#[cfg(unix)]
mod crash;
mod held;
#[cfg(target_os = "linux")]
mod holders;
mod open;
mod process;
mod shapes;
