//! Lifeboat's engine.

pub mod capture;
pub mod config;
pub mod control;
pub mod engine;
pub mod error;
pub mod report;
pub mod secret;
pub mod supervise;

pub use config::Config;
pub use control::Control;
pub use engine::Engine;
pub use error::{Error, Result};
