//! One request to an address that is as good as a password (`monitor.pingUrl`), and in words that hold nothing of it what came
//! of it.

use std::error::Error;
use std::time::Duration;

use reqwest::redirect::Policy;

use crate::runtime;

const TIMEOUT: Duration = Duration::from_secs(10);
/// As browsers do.
const REDIRECTS: usize = 10;

/// Asks it, or gives it a text. The error says why there was no good answer.
pub fn tell(url: &str, text: Option<String>) -> Result<(), String> {
    // Nor is it told by a `Referer`. A redirect to another scheme would show the address to whoever listens.
    let policy = Policy::custom(|attempt| {
        let is_same = attempt.previous().first().is_none_or(|first| first.scheme() == attempt.url().scheme());
        match is_same && attempt.previous().len() <= REDIRECTS {
            true => attempt.follow(),
            false => attempt.stop(),
        }
    });
    let agent = concat!("lifeboat/", env!("CARGO_PKG_VERSION"));
    let client = reqwest::Client::builder().user_agent(agent).referer(false).redirect(policy).timeout(TIMEOUT).build();
    let client = client.map_err(|_| "no certificates of this machine were found".to_owned())?;
    let request = match text {
        None => client.get(url),
        Some(text) => client.post(url).body(text),
    };
    // The clock of its timeout is the runtime's.
    match runtime::block_on(async { request.send().await }) {
        Ok(answer) if answer.status().is_success() => Ok(()),
        Ok(answer) => Err(format!("the answer was {}", answer.status().as_u16())),
        Err(error) => Err(why(&error)),
    }
}

fn why(error: &reqwest::Error) -> String {
    let causes: Vec<_> = std::iter::successors(Some(error as &dyn Error), |&error| error.source()).collect();
    let said = causes.iter().map(|cause| cause.to_string().to_lowercase()).collect::<Vec<_>>().join("\n");
    let of_system = causes.iter().rev().find_map(|cause| cause.downcast_ref::<std::io::Error>());
    match of_system {
        _ if error.is_timeout() => "no answer".into(),
        _ if error.is_builder() => "it is no address that can be asked".into(),
        _ if said.contains("dns error") || said.contains("failed to lookup") => "its host is not known".into(),
        _ if said.contains("certificate") => "its certificate is not trusted".into(),
        Some(error) => error.kind().to_string(),
        None => "the connection broke off".into(),
    }
}
