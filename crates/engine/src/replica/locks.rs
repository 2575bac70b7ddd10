//! Locks at a target that has them (S3's Object Lock): what a kept backup needs there must not lose its lock while it is kept.
//!
//! Once a day each object that a kept backup needs is looked at, and locked anew for all of `lockDays` once less than half of them
//! is left. What no backup needs is left to run out, so that it can be pruned. Nothing is unlocked, and no lock shortened.

use super::keep::DAY;
use super::prune::Pruning;
use crate::store::{Fault, Kind, Result};

/// Returns how many locks were put off. One object that cannot be locked keeps no other one from it.
pub fn renew(pruning: &Pruning<'_>, days: u32) -> Result<u64> {
    let (control, now) = (pruning.control, pruning.control.now());
    let length = i64::from(days) * DAY;
    let (mut renewed, mut failed) = (0, None);
    for stored in pruning.needed()? {
        control.check()?;
        // As it was sent, where that is known: whoever writes over it does not get his own locked.
        let sent = match pruning.ledger {
            Some(ledger) => ledger.known_one(pruning.target.name(), &stored.object)?,
            None => None,
        };
        let known = sent.unwrap_or(stored);
        let kept = pruning.patience.retry(control, || pruning.store.keep_until(&known, now + length, now + length / 2));
        match kept {
            Ok(is_new) => renewed += u64::from(is_new),
            // Removed or written over: that is one object's.
            Err(fault @ Fault { kind: Kind::Damaged | Kind::Missing, .. }) => failed = failed.or(Some(fault)),
            Err(fault) => return Err(fault),
        }
    }
    failed.map_or(Ok(renewed), Err)
}
