//! Why a service could not be reached, in words, and whether the next time may be better.

use std::error::Error;
use std::io;

use lifeboat_engine::store::Kind;

/// `error` and what caused it. No text of it is shown: there may be an address in it that is a secret.
pub fn explain(error: &(dyn Error + 'static), host: &str) -> (Kind, String) {
    let causes: Vec<_> = std::iter::successors(Some(error), |&error| error.source()).collect();
    let said = causes.iter().map(|cause| cause.to_string().to_lowercase()).collect::<Vec<_>>().join("\n");
    let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
    let kind = causes.iter().rev().find_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind);
    let later = Kind::Transient { after: None };
    if says(&["dns error", "failed to lookup address"]) {
        return (later, format!("The name {host} is not found. Is the network up, and the address spelled right?"));
    }
    if says(&["certificate"]) {
        let what = match () {
            () if says(&["expired", "not valid yet", "notvalidyet"]) => {
                "is not valid at this time. Is the clock right?"
            }
            () if says(&["notvalidforname", "not valid for name"]) => "is for another name. Is the address right?",
            () => "is not trusted. Is the address right, or does a network in between read along?",
        };
        return (Kind::Refused, format!("The certificate of {host} {what}"));
    }
    if says(&["invalidcontenttype", "corrupt message", "invalid http version", "received fatal alert"]) {
        return (
            Kind::Refused,
            format!("{host} does not speak as expected. Is it http:// or https://, and the port right?"),
        );
    }
    let words = match kind {
        Some(io::ErrorKind::ConnectionRefused) => {
            format!("{host} refuses the connection: nothing listens there. Is the service up, and the port right?")
        }
        Some(io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkDown) => {
            format!("There is no way to {host}. Is the network up?")
        }
        Some(io::ErrorKind::TimedOut) => format!("{host} does not answer. Is the network up?"),
        _ if says(&["timed out", "timeout", "deadline"]) => format!("{host} does not answer. Is the network up?"),
        _ => format!("The connection to {host} broke off."),
    };
    (later, words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_wrong_on_the_way_is_said_in_words_and_tried_again() {
        for (kind, words) in [
            (io::ErrorKind::ConnectionRefused, "nothing listens"),
            (io::ErrorKind::NetworkUnreachable, "no way to"),
            (io::ErrorKind::TimedOut, "does not answer"),
            (io::ErrorKind::ConnectionReset, "broke off"),
        ] {
            let (found, said) = explain(&io::Error::new(kind, "https://secret.example/?uploadId=hush"), "s3.example");
            assert_eq!(found, Kind::Transient { after: None });
            assert!(said.contains(words) && said.contains("s3.example") && !said.contains("hush"), "{said}");
        }
    }
}
