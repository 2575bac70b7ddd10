//! The engine as this executable has it: it reaches every kind of target.

use std::sync::Arc;

use lifeboat_cloud::Clouds;
use lifeboat_engine::{Config, Engine};

/// Opens nothing yet.
pub fn of(config: Config) -> Engine {
    Engine::new(config).with_opener(Arc::new(Clouds))
}
