//! The worker process, seen from the host: start it, talk to it, notice its death.

pub mod protocol;
