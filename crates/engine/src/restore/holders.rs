//! Which other processes have a file open.

use std::path::PathBuf;

pub struct Holder {
    pub path: PathBuf,
    pub pid: u32,
    pub name: String,
}

pub struct Holders {
    pub holders: Vec<Holder>,
    /// All processes could be looked at.
    pub complete: bool,
}

pub fn holders(_paths: &[PathBuf]) -> Option<Holders> {
    Some(Holders { holders: Vec::new(), complete: true })
}
