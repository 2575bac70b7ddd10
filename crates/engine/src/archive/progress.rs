//! How far an export or an import is, for whoever watches.

use std::cell::RefCell;

use crate::Control;
use crate::report::Progress;
use crate::throttle::Throttle;

/// Tells how far it is: at once, and then a few times a second.
pub struct Reporter<'a> {
    control: &'a Control,
    phase: &'static str,
    /// Items and bytes.
    pub total: Option<(u64, u64)>,
    /// Items and bytes.
    done: RefCell<(u64, u64)>,
    throttle: Throttle,
}

impl<'a> Reporter<'a> {
    pub fn new(phase: &'static str, control: &'a Control) -> Reporter<'a> {
        Reporter { control, phase, total: None, done: RefCell::default(), throttle: Throttle::at_once() }
    }

    pub fn wrote(&self, path: &str, items: u64, bytes: u64) {
        let mut done = self.done.borrow_mut();
        done.0 += items;
        done.1 += bytes;
        if self.throttle.is_due() {
            self.control.report(&Progress {
                phase: self.phase.into(),
                items: done.0,
                total_items: self.total.map(|(items, _)| items),
                bytes: done.1,
                total_bytes: self.total.map(|(_, bytes)| bytes),
                path: Some(path.to_owned()),
                eta_ms: None,
            });
        }
    }
}
