//! Telling an outside watchman what became of a backup (`monitor.pingUrl`): when he hears nothing for a day he raises the
//! alarm, also where the whole machine is gone. A host tells him itself, see `js/ping.js`; here it is what was typed, or
//! what cron runs.
//!
//! It never fails a backup, and never prints the address: that is as good as a password.

use std::thread::sleep;
use std::time::Duration;

use lifeboat_cloud::watchman;
use lifeboat_engine::report::BackupResult;
use lifeboat_engine::{Error, Result};

/// Before each time that he is asked again.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(5)];

/// Tells him. What somebody cancelled, or what another one is at, is no bad news.
pub fn tell(url: &str, result: &Result<BackupResult>) -> std::result::Result<(), String> {
    let failure = result.as_ref().err();
    // A degraded or suspicious one is not good: he hears nothing, and then asks.
    if result.as_ref().is_ok_and(|result| result.degraded || result.suspicious.is_some()) {
        return Ok(());
    }
    if matches!(failure, Some(Error::Aborted | Error::Busy { .. })) {
        return Ok(());
    }
    let mut pauses = PAUSES.into_iter();
    loop {
        let told = match failure {
            None => watchman::tell(url, None),
            Some(error) => watchman::tell(&failing(url), Some(format!("{}: {error}", error.code()))),
        };
        match (told, pauses.next()) {
            (Ok(()), _) => return Ok(()),
            (Err(_), Some(pause)) => sleep(pause),
            (Err(why), None) => return Err(why),
        }
    }
}

/// `/fail` goes behind the path, and before a query.
fn failing(url: &str) -> String {
    let path = url.find(['?', '#']).unwrap_or(url.len());
    format!("{}/fail{}", url[..path].trim_end_matches('/'), &url[path..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fail_goes_behind_the_path() {
        assert_eq!(failing("https://h/p/uuid"), "https://h/p/uuid/fail");
        assert_eq!(failing("https://h/p/uuid/?rid=1/2"), "https://h/p/uuid/fail?rid=1/2");
        assert_eq!(failing("https://h"), "https://h/fail");
    }
}
