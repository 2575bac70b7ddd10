//! Access tokens, which live for an hour: from an owner's sign-in, or signed for by a service account's key.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use google_drive3::hyper::Request;
use google_drive3::hyper_util::client::legacy::Client as Pool;
use google_drive3::hyper_util::rt::TokioExecutor;
use google_drive3::yup_oauth2::authenticator::Authenticator;
use google_drive3::yup_oauth2::client::CustomHyperClientBuilder;
use google_drive3::yup_oauth2::{Error as YupError, ServiceAccountAuthenticator, ServiceAccountKey};
use jiff::Timestamp;
use lifeboat_engine::config::cloud;
use lifeboat_engine::secret::Secret;
use lifeboat_engine::store::{Fault, Kind, Result};
use tokio::sync::Mutex;

use super::client::{BodyPieces, Connector, DriveClient, LONGEST_ANSWER, PATIENCE, connector};
use super::oauth;
use super::places::Endpoints;
use super::token_file::SignIn;
use super::words::{self, Who};
use crate::runtime::block_on;

/// What Lifeboat has made, and nothing else of the owner's.
pub const SCOPE: &str = "https://www.googleapis.com/auth/drive.file";
/// A service account has nothing of its own: it sees only what somebody has shared with it, which it has not made, and so
/// `drive.file` would hide from it the very folder that it shall write to.
const SCOPE_OF_SERVICE: &str = "https://www.googleapis.com/auth/drive";
const LONGEST_KEY: u64 = 64 << 10;
/// A token is not used in its last minutes.
const EARLY: Duration = Duration::from_secs(120);

#[derive(Clone)]
pub struct Tokens(Arc<Inner>);

struct Inner {
    client: DriveClient,
    places: Endpoints,
    source: TokenSource,
    /// The token, and until when it is good.
    cached: Mutex<Option<(Secret, Instant)>>,
}

enum TokenSource {
    Owner(SignIn),
    Service { authenticator: Authenticator<Connector>, scope: &'static str, who: Who },
}

impl Tokens {
    /// Reads a file; sends nothing yet.
    pub fn of(config: &cloud::Drive, client: &DriveClient, places: &Endpoints) -> Result<Tokens> {
        let source = match (&config.key_file, &config.token_file) {
            (Some(key), _) => service(key, config.impersonate.as_deref(), client, places)?,
            (None, Some(file)) => TokenSource::Owner(SignIn::read(&client.target, file)?),
            (None, None) => {
                let message = "Neither `keyFile` nor `tokenFile` says how to sign in to Google Drive.";
                return Err(Fault::new(Kind::Credentials, &client.target, message));
            }
        };
        Ok(Tokens::new(client, places, source))
    }

    /// Of a sign-in that is not kept yet.
    pub fn of_sign_in(sign_in: SignIn, client: &DriveClient, places: &Endpoints) -> Tokens {
        Tokens::new(client, places, TokenSource::Owner(sign_in))
    }

    fn new(client: &DriveClient, places: &Endpoints, source: TokenSource) -> Tokens {
        Tokens(Arc::new(Inner { client: client.clone(), places: places.clone(), source, cached: Mutex::default() }))
    }

    pub fn who(&self) -> Who {
        match &self.0.source {
            TokenSource::Owner(_) => Who::Owner,
            TokenSource::Service { who, .. } => *who,
        }
    }

    pub async fn get(&self) -> Result<Secret> {
        let mut cached = self.0.cached.lock().await;
        if let Some((token, until)) = &*cached
            && Instant::now() < *until
        {
            return Ok(token.clone());
        }
        let (token, lives) = match &self.0.source {
            TokenSource::Owner(sign_in) => self.refresh(sign_in).await?,
            TokenSource::Service { authenticator, scope, who } => self.sign(authenticator, scope, *who).await?,
        };
        *cached = Some((token.clone(), Instant::now() + lives.saturating_sub(EARLY)));
        Ok(token)
    }

    /// The service does not take it any more.
    pub async fn forget(&self, token: &Secret) {
        let mut cached = self.0.cached.lock().await;
        if cached.as_ref().is_some_and(|(known, _)| known == token) {
            *cached = None;
        }
    }

    async fn refresh(&self, sign_in: &SignIn) -> Result<(Secret, Duration)> {
        let Inner { client, places, .. } = &*self.0;
        let form = [
            ("client_id", sign_in.client_id.as_str()),
            ("client_secret", sign_in.client_secret.expose()),
            ("refresh_token", sign_in.refresh_token.expose()),
            ("grant_type", "refresh_token"),
        ];
        match oauth::grant(client, &places.token, &form, "signing in").await? {
            Ok(granted) => Ok((granted.access_token, Duration::from_secs(granted.expires_in))),
            Err(refused) => {
                let age = sign_in.obtained.map(|then| Timestamp::now().as_millisecond() - then);
                Err(words::token_refused(&client.target, Who::Owner, &refused.code, "", age, None))
            }
        }
    }

    async fn sign(&self, by: &Authenticator<Connector>, scope: &str, who: Who) -> Result<(Secret, Duration)> {
        let client = &self.0.client;
        match by.force_refreshed_token(&[scope]).await {
            Ok(token) => {
                let lives = token.expiration_time().map_or(3600, |at| at.unix_timestamp() - Timestamp::now().as_second());
                match token.token() {
                    Some(token) => Ok((Secret::new(token), Duration::from_secs(lives.max(0) as u64))),
                    None => Err(Fault::new(Kind::Damaged, &client.target, "Signing in: no token came back.")),
                }
            }
            Err(YupError::AuthError(error)) => {
                let description = error.error_description.unwrap_or_default();
                let skew = self.skew().await;
                Err(words::token_refused(&client.target, who, error.error.as_str(), &description, None, skew))
            }
            Err(YupError::JSONError(_)) => Err(client.transient(
                "Signing in: something else than Google answered. A network that wants a log-in, or a proxy, stands between.",
            )),
            // What else it says may hold what was sent.
            Err(_) => Err(client.transient("Signing in: Google's token service cannot be reached.")),
        }
    }

    /// By how many seconds this clock is ahead: a signature of another time is refused as if it were wrong.
    async fn skew(&self) -> Option<i64> {
        let request = Request::get(&self.0.places.token).body(BodyPieces::of("")).ok()?;
        oauth::skew(&self.0.client.exchange(request, LONGEST_ANSWER).await.ok()?)
    }
}

fn service(path: &Path, impersonate: Option<&str>, client: &DriveClient, places: &Endpoints) -> Result<TokenSource> {
    let fault = |message: String| Fault::new(Kind::Credentials, &client.target, message);
    let read = std::fs::File::open(path).and_then(|file| {
        let mut text = zeroize::Zeroizing::new(String::new());
        std::io::Read::read_to_string(&mut std::io::Read::take(file, LONGEST_KEY), &mut text)?;
        Ok(text)
    });
    let text = read.map_err(|error| fault(format!("The key file {} cannot be read: {error}.", path.display())))?;
    let unusable = || {
        fault(format!(
            "{} is no key of a service account. Make one: console.cloud.google.com, IAM, Service accounts, Keys.",
            path.display()
        ))
    };
    let mut key: ServiceAccountKey = serde_json::from_str(&text).map_err(|_| unusable())?;
    key.token_uri = places.token_of_key(&key.token_uri);
    let pool = Pool::builder(TokioExecutor::new()).build(connector(&client.target)?);
    let https = CustomHyperClientBuilder::from(pool);
    let mut builder = ServiceAccountAuthenticator::with_client(key, https).with_timeout(PATIENCE);
    if let Some(user) = impersonate {
        builder = builder.subject(user);
    }
    let authenticator = block_on(builder.build()).map_err(|_| unusable())?;
    Ok(match impersonate {
        Some(_) => TokenSource::Service { authenticator, scope: SCOPE, who: Who::Delegate },
        None => TokenSource::Service { authenticator, scope: SCOPE_OF_SERVICE, who: Who::Service },
    })
}
