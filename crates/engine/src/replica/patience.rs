//! Trying again what a store says may be right the next time: later and later, with jitter, and not before the service wants it.

use std::time::{Duration, Instant};

use backon::{BlockingRetryable, ExponentialBuilder};

use super::bandwidth::sleep_until;
use crate::Control;
use crate::store::{Fault, Kind, Result};

/// How often something is tried again, and how long is waited.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    pub least: Duration,
    pub most: Duration,
    pub times: usize,
}

impl Default for Patience {
    /// Four minutes: for longer the target is left alone until it is its turn again.
    fn default() -> Patience {
        Patience { least: Duration::from_millis(500), most: Duration::from_secs(60), times: 9 }
    }
}

impl Patience {
    /// As somebody waits for it: some ten seconds in all, unless the service asks for more.
    pub fn attended() -> Patience {
        let least = Duration::from_millis(if cfg!(test) { 1 } else { 250 });
        Patience { least, most: Duration::from_secs(60), times: 5 }
    }

    /// Does `call` until it succeeds, fails for good, or this patience ends.
    pub fn retry<T>(&self, control: &Control, mut call: impl FnMut() -> Result<T>) -> Result<T> {
        let builder = ExponentialBuilder::default()
            .with_min_delay(self.least)
            .with_max_delay(self.most)
            .with_max_times(self.times)
            .with_jitter();
        let mut not_before: Option<Instant> = None;
        let call = || {
            // What the service itself has asked for.
            if let Some(until) = not_before.take() {
                sleep_until(until, control)?;
            }
            let result = call();
            if let Err(Fault { kind: Kind::Transient { after: Some(after) }, .. }) = &result {
                not_before = Some(Instant::now() + *after);
            }
            result
        };
        let is_worth_it = |fault: &Fault| match fault.kind {
            Kind::Transient { after } => after.is_none_or(|after| after <= self.most.max(Duration::from_secs(1))),
            _ => false,
        };
        let sleeper = control.clone();
        let sleep = move |delay: Duration| drop(sleep_until(Instant::now() + delay, &sleeper));
        call.retry(builder).when(|fault| is_worth_it(fault) && !control.is_cancelled()).sleep(sleep).call()
    }
}

/// As somebody waits for it.
pub fn patiently<T>(control: &Control, ask: impl FnMut() -> Result<T>) -> Result<T> {
    Patience::attended().retry(control, ask)
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICK: Patience = Patience { least: Duration::from_millis(1), most: Duration::from_millis(2), times: 3 };

    fn busy(after: Option<u64>) -> Fault {
        Fault::new(Kind::Transient { after: after.map(Duration::from_millis) }, "s3", "busy")
    }

    #[test]
    fn what_may_be_right_later_is_tried_again_and_nothing_else() {
        let mut calls = 0;
        let done = QUICK.retry(&Control::silent(), || {
            calls += 1;
            if calls < 3 { Err(busy(None)) } else { Ok(calls) }
        });
        assert_eq!(done.unwrap(), 3);
        let mut calls = 0;
        let fault = QUICK.retry(&Control::silent(), || {
            calls += 1;
            Err::<(), _>(Fault::new(Kind::Full, "s3", "full"))
        });
        assert_eq!((fault.unwrap_err().kind, calls), (Kind::Full, 1));
        let mut calls = 0;
        let fault = QUICK.retry(&Control::silent(), || {
            calls += 1;
            Err::<(), _>(busy(None))
        });
        assert!(fault.unwrap_err().is_transient());
        assert_eq!(calls, 4);
    }

    #[test]
    fn nothing_is_tried_before_the_service_wants_it_and_not_at_all_where_that_is_too_late() {
        let (started, mut calls) = (Instant::now(), 0);
        let done = QUICK.retry(&Control::silent(), || {
            calls += 1;
            if calls < 2 { Err(busy(Some(150))) } else { Ok(()) }
        });
        done.unwrap();
        assert!(started.elapsed() >= Duration::from_millis(150));
        let mut calls = 0;
        let fault = QUICK.retry(&Control::silent(), || {
            calls += 1;
            Err::<(), _>(busy(Some(3_600_000)))
        });
        assert!(fault.unwrap_err().is_transient());
        assert_eq!(calls, 1);
    }
}
