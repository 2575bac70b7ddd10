//! How an owner signs in: by a code that is typed on a phone (Google's device flow), by a browser on this machine, or by pasting
//! what a browser elsewhere ended on. It counts once a small file was written, read and removed; then it is kept.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use lifeboat_engine::config::cloud;
use lifeboat_engine::secret::Secret;
use lifeboat_engine::store::{Account, Fault, Kind, Person, Result, SignInPrompt, Store, Straight, Way};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::DriveStore;
use super::client::DriveClient;
use super::oauth::{self, Granted};
use super::places::{Endpoints, with};
use super::redirect::Redirect;
use super::token_file::SignIn;
use super::tokens::{SCOPE, Tokens};
use super::words::{self, Who};
use crate::runtime::block_on;

const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// Where a browser is sent that cannot come back: nothing listens there, and its address has the code.
const NOWHERE: &str = "http://127.0.0.1:1";
const DOING: &str = "signing in";
/// How long a browser may take.
const AN_HOUR: Duration = Duration::from_secs(3600);
/// What those who built this program gave it.
const BUILT_IN: (Option<&str>, Option<&str>) =
    (option_env!("LIFEBOAT_DRIVE_CLIENT_ID"), option_env!("LIFEBOAT_DRIVE_CLIENT_SECRET"));

#[derive(Deserialize)]
struct Device {
    device_code: Secret,
    user_code: String,
    #[serde(alias = "verification_uri")]
    verification_url: String,
    /// Seconds.
    expires_in: u64,
    #[serde(default = "five")]
    interval: u64,
}

fn five() -> u64 {
    5
}

/// The app that signs in.
struct App {
    id: String,
    secret: Secret,
}

struct SigningIn<'a> {
    client: DriveClient,
    places: Endpoints,
    app: App,
    person: &'a dyn Person,
}

/// Signs in, proves it, and keeps it in `tokenFile`. What was there before stays until then.
pub fn sign_in(name: &str, config: &cloud::Drive, person: &dyn Person) -> Result<Account> {
    let Some(file) = &config.token_file else {
        return Err(Fault::new(Kind::Credentials, name, "`tokenFile` does not say where the sign-in is to be kept."));
    };
    let app = app(name, config)?;
    let signing_in =
        SigningIn { client: DriveClient::new(name)?, places: Endpoints::of(config.endpoint.as_deref()), app, person };
    let granted = match person.way() {
        Way::Code => signing_in.by_code()?,
        Way::Browser => signing_in.by_browser()?,
        Way::Paste => signing_in.by_pasting()?,
    };
    let SigningIn { client, places, app, .. } = signing_in;
    if granted.scope.as_ref().is_some_and(|scope| !scope.split(' ').any(|one| one == SCOPE)) {
        let message = "Google was not told to let Lifeboat store files. Sign in again, and leave the box for Google Drive ticked.";
        return Err(Fault::new(Kind::Credentials, name, message));
    }
    let Some(refresh) = granted.refresh_token else {
        let message = "Google gave a sign-in that ends within the hour. Remove Lifeboat at myaccount.google.com/connections, and \
                       sign in again.";
        return Err(Fault::new(Kind::Credentials, name, message));
    };
    let sign_in = SignIn::new(&app.id, &app.secret, refresh, Timestamp::now().as_millisecond());
    let tokens = Tokens::of_sign_in(sign_in.clone(), &client, &places);
    let drive = DriveStore::with(config, client, places, tokens);
    prove(&drive)?;
    sign_in.write(name, file)?;
    drive.account()
}

fn app(name: &str, config: &cloud::Drive) -> Result<App> {
    if let (Some(id), Some(secret)) = (&config.client_id, &config.client_secret) {
        return Ok(App { id: id.clone(), secret: secret.clone() });
    }
    // Who signs in again uses the same one: another does not see the files.
    if let Some(Ok(earlier)) = config.token_file.as_ref().map(|file| SignIn::read(name, file)) {
        return Ok(App { id: earlier.client_id, secret: earlier.client_secret });
    }
    if let (Some(id), Some(secret)) = BUILT_IN {
        return Ok(App { id: id.into(), secret: Secret::new(secret) });
    }
    let message = "Google lets in only apps that it knows, and this one has no client id yet. docs/cloud-drive.md shows each \
                   click that makes one, of the type \"TVs and limited input devices\". Put it into the configuration as \
                   `clientId` and `clientSecret`.";
    Err(Fault::new(Kind::Credentials, name, message))
}

/// Writes, reads and removes a small file.
fn prove(drive: &DriveStore) -> Result<()> {
    let object = format!("lifeboat-was-here-{}", hex::encode(rand::random::<[u8; 8]>()));
    let bytes = b"Lifeboat has signed in, and proves that it works. This file may be removed.".to_vec();
    drive.put(&object, &bytes, &Straight)?;
    let read = drive.get(&object, 0, bytes.len());
    let deleted = drive.delete(&object);
    if read? != bytes {
        let message = "What was written for a proof came back as something else. Sign in again.";
        return Err(Fault::new(Kind::Damaged, drive.wire.target(), message));
    }
    deleted
}

impl SigningIn<'_> {
    fn fault(&self, kind: Kind, message: impl Into<String>) -> Fault {
        Fault::new(kind, &self.client.target, message)
    }

    fn check(&self) -> Result<()> {
        if self.person.has_left() { Err(self.fault(Kind::Cancelled, "The signing in was stopped.")) } else { Ok(()) }
    }

    fn refused(&self, code: &str) -> Fault {
        match code {
            "access_denied" => {
                self.fault(Kind::Credentials, "The access was denied on Google's page. Nothing was changed.")
            }
            "expired_token" => self.too_late(),
            _ => words::token_refused(&self.client.target, Who::Owner, code, "", None, None),
        }
    }

    fn too_late(&self) -> Fault {
        self.fault(Kind::Credentials, "Nobody typed the code in time. Run `lifeboat auth gdrive` again for a new one.")
    }

    /// The link and the code are shown; then Google is asked, as often as it lets us, whether somebody has agreed.
    fn by_code(&self) -> Result<Granted> {
        let form = [("client_id", self.app.id.as_str()), ("scope", SCOPE)];
        let answer = block_on(oauth::post(&self.client, &self.places.device_code, &form, DOING))?;
        if let Some(refused) = oauth::refusal(&answer) {
            return Err(self.refused(&refused.code));
        }
        let nonsense = || words::nonsense(&self.client.target, DOING, &answer);
        let device: Device = serde_json::from_slice(&answer.body).map_err(|_| nonsense())?;
        let is_plain = |text: &str| text.len() < 200 && text.bytes().all(|c| c.is_ascii_graphic());
        // A person will follow it.
        if !device.verification_url.starts_with("https://")
            || !is_plain(&device.verification_url)
            || !is_plain(&device.user_code)
        {
            return Err(nonsense());
        }
        let lives = Duration::from_secs(device.expires_in).min(AN_HOUR);
        let end = Instant::now() + lives;
        self.person.show(&SignInPrompt {
            url: device.verification_url,
            code: device.user_code,
            expires_at: Timestamp::now().as_millisecond() + lives.as_millis() as i64,
        });
        let mut interval = Duration::from_secs(device.interval.min(60));
        loop {
            self.wait(interval.max(Duration::from_millis(50)), end)?;
            let form = [
                ("client_id", self.app.id.as_str()),
                ("client_secret", self.app.secret.expose()),
                ("device_code", device.device_code.expose()),
                ("grant_type", DEVICE_GRANT),
            ];
            match block_on(oauth::grant(&self.client, &self.places.token, &form, DOING)) {
                Ok(Ok(granted)) => return Ok(granted),
                Ok(Err(refused)) => match refused.code.as_str() {
                    "authorization_pending" => {}
                    "slow_down" => interval += Duration::from_secs(5),
                    code => return Err(self.refused(code)),
                },
                // The person has not gone away with the network.
                Err(fault) if fault.is_transient() => {}
                Err(fault) => return Err(fault),
            }
        }
    }

    fn wait(&self, so_long: Duration, end: Instant) -> Result<()> {
        let until = Instant::now() + so_long;
        while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            self.check()?;
            std::thread::sleep(left.min(Duration::from_millis(250)));
        }
        self.check()?;
        if Instant::now() >= end { Err(self.too_late()) } else { Ok(()) }
    }

    fn by_browser(&self) -> Result<Granted> {
        let redirect = Redirect::listen().map_err(|error| {
            self.fault(Kind::Refused, format!("No port of this machine can be listened on ({error})."))
        })?;
        let consent = Consent::new();
        self.show(&consent, &redirect.url());
        let end = Instant::now() + AN_HOUR;
        let query = loop {
            self.check()?;
            if Instant::now() >= end {
                return Err(self.too_late());
            }
            // What else calls there, a browser that looks for an icon, is not for us.
            if let Some(query) = redirect.next(|query| consent.knows(query)) {
                break query;
            }
        };
        self.exchange(&consent, &redirect.url(), &query)
    }

    fn by_pasting(&self) -> Result<Granted> {
        let consent = Consent::new();
        self.show(&consent, NOWHERE);
        let pasted = self.person.paste()?;
        let pasted = pasted.trim();
        let query = match pasted.split_once('?') {
            Some((_, query)) if consent.knows(query) => query.to_string(),
            Some(_) => {
                let message =
                    "That address is of another attempt. Open the link that is shown now, and paste where it ends.";
                return Err(self.fault(Kind::Credentials, message));
            }
            None => form_urlencoded::Serializer::new(String::new()).append_pair("code", pasted).finish(),
        };
        self.exchange(&consent, NOWHERE, &query)
    }

    fn show(&self, consent: &Consent, redirect: &str) {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(consent.verifier.expose()));
        let parameters = [
            ("client_id", self.app.id.as_str()),
            ("redirect_uri", redirect),
            ("response_type", "code"),
            ("scope", SCOPE),
            // Without these there is no lasting sign-in for somebody who has agreed before.
            ("access_type", "offline"),
            ("prompt", "consent"),
            ("state", &consent.state),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        let expires_at = Timestamp::now().as_millisecond() + AN_HOUR.as_millis() as i64;
        self.person.show(&SignInPrompt {
            url: with(&self.places.consent, &parameters),
            code: String::new(),
            expires_at,
        });
    }

    fn exchange(&self, consent: &Consent, redirect: &str, query: &str) -> Result<Granted> {
        let value =
            |name: &str| form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value);
        if let Some(code) = value("error") {
            return Err(self.refused(&code));
        }
        let Some(code) = value("code").map(|code| Secret::new(code.into_owned())) else {
            return Err(
                self.fault(Kind::Credentials, "There is no code in what the browser came back with. Sign in again.")
            );
        };
        let form = [
            ("client_id", self.app.id.as_str()),
            ("client_secret", self.app.secret.expose()),
            ("code", code.expose()),
            ("code_verifier", consent.verifier.expose()),
            ("redirect_uri", redirect),
            ("grant_type", "authorization_code"),
        ];
        match block_on(oauth::grant(&self.client, &self.places.token, &form, DOING))? {
            Ok(granted) => Ok(granted),
            Err(refused) if refused.code == "invalid_grant" => {
                Err(self
                    .fault(Kind::Credentials, "Google does not know that code. It is good once, and for some minutes."))
            }
            Err(refused) => Err(self.refused(&refused.code)),
        }
    }
}

/// What only this attempt knows.
struct Consent {
    state: String,
    verifier: Secret,
}

impl Consent {
    fn new() -> Consent {
        Consent {
            state: URL_SAFE_NO_PAD.encode(rand::random::<[u8; 16]>()),
            verifier: Secret::new(URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())),
        }
    }

    fn knows(&self, query: &str) -> bool {
        form_urlencoded::parse(query.as_bytes()).any(|(key, value)| key == "state" && value == self.state)
    }
}
