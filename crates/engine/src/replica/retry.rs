//! Trying again what may be right the next time: after a moment that doubles, with some chance in it, so that many servers do
//! not come back at once; and not before a service said.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

use crate::Control;
use crate::store::{self, Kind};

/// Some ten seconds in all, unless the service asks for more.
const TRIES: usize = 5;
/// No service makes a restore wait for longer than this between two tries.
const LONGEST: Duration = Duration::from_secs(60);
/// A cancel is heard within this time.
const BEAT: Duration = Duration::from_millis(100);

/// Asks until it is answered, or the fault is one that trying again does not mend.
pub fn patiently<T>(control: &Control, mut ask: impl FnMut() -> store::Result<T>) -> store::Result<T> {
    let first = if cfg!(test) { Duration::from_millis(1) } else { Duration::from_millis(250) };
    let mut delays = ExponentialBuilder::new().with_min_delay(first).with_max_times(TRIES).with_jitter().build();
    loop {
        let fault = match ask() {
            Err(fault) if !control.is_cancelled() => fault,
            done => return done,
        };
        let Kind::Transient { after } = fault.kind else { return Err(fault) };
        let Some(delay) = delays.next() else { return Err(fault) };
        wait(delay.max(after.unwrap_or_default().min(LONGEST)), control);
    }
}

fn wait(mut time: Duration, control: &Control) {
    while !time.is_zero() && !control.is_cancelled() {
        let step = time.min(BEAT);
        std::thread::sleep(step);
        time -= step;
    }
}
