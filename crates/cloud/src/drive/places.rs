//! Where Google's services are; or, for tests, one address that stands for all of them.

use std::fmt::Display;

/// Addresses without a `/` at their end.
#[derive(Clone, Debug)]
pub struct Endpoints {
    /// `…/drive/v3`
    pub api: String,
    pub upload: String,
    pub token: String,
    pub device_code: String,
    pub consent: String,
    /// What the address of an upload begins with. Another one is not followed: the bytes would go to a stranger.
    session: String,
    /// Set by hand.
    is_set: bool,
}

impl Endpoints {
    pub fn of(endpoint: Option<&str>) -> Endpoints {
        let [api, token, device, consent] = match endpoint {
            Some(url) => [url.trim_end_matches('/'); 4],
            None => [
                "https://www.googleapis.com",
                "https://oauth2.googleapis.com",
                "https://oauth2.googleapis.com",
                "https://accounts.google.com",
            ],
        };
        Endpoints {
            api: format!("{api}/drive/v3"),
            upload: format!("{api}/upload/drive/v3"),
            token: format!("{token}/token"),
            device_code: format!("{device}/device/code"),
            consent: format!("{consent}/o/oauth2/v2/auth"),
            session: format!("{api}/upload/drive/v3/files"),
            is_set: endpoint.is_some(),
        }
    }

    /// May bytes be sent to this address, which an answer named?
    pub fn is_session(&self, url: &str) -> bool {
        url.strip_prefix(&self.session).is_some_and(|rest| rest.starts_with(['?', '/']))
    }

    /// Where a service account's key says that tokens are made; here, where all is.
    pub fn token_of_key(&self, named: &str) -> String {
        if self.is_set { self.token.clone() } else { named.into() }
    }
}

/// `base` with these parameters.
pub fn with<V: Display>(base: &str, parameters: &[(&str, V)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    parameters.iter().for_each(|(name, value)| {
        query.append_pair(name, &value.to_string());
    });
    format!("{base}?{}", query.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_go_to_no_other_address_than_the_services_own() {
        let places = Endpoints::of(None);
        assert!(places.is_session("https://www.googleapis.com/upload/drive/v3/files?uploadType=resumable&upload_id=x"));
        assert!(places.is_session("https://www.googleapis.com/upload/drive/v3/files/1abc?upload_id=x"));
        for elsewhere in [
            "https://www.googleapis.com.evil.example/upload/drive/v3/files?upload_id=x",
            "http://www.googleapis.com/upload/drive/v3/files?upload_id=x",
            "https://evil.example/upload/drive/v3/files?upload_id=x",
            "https://www.googleapis.com/upload/drive/v3/filesystem",
            "",
        ] {
            assert!(!places.is_session(elsewhere), "{elsewhere}");
        }
    }
}
