//! The file that holds an owner's sign-in: in the form that Google's own programs use (`authorized_user`), because whoever loses
//! the client id does not see the files any more, and so it is kept with the token.
//!
//! It is written whole or not at all, and only its owner may read it.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use lifeboat_engine::secret::Secret;
use lifeboat_engine::store::{Fault, Kind, Result};
use lifeboat_engine::vault::durable;
use serde::{Deserialize, Serialize};

const LONGEST: u64 = 64 << 10;
const TYPE: &str = "authorized_user";

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SignIn {
    #[serde(rename = "type")]
    kind: String,
    pub client_id: String,
    pub client_secret: Secret,
    pub refresh_token: Secret,
    /// When it was got, in milliseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub obtained: Option<i64>,
}

impl SignIn {
    pub fn new(client_id: &str, client_secret: &Secret, refresh_token: Secret, obtained: i64) -> SignIn {
        SignIn {
            kind: TYPE.into(),
            client_id: client_id.into(),
            client_secret: client_secret.clone(),
            refresh_token,
            obtained: Some(obtained),
        }
    }

    pub fn read(target: &str, path: &Path) -> Result<SignIn> {
        let fault = |message: String| Fault::new(Kind::Credentials, target, message);
        let mut text = zeroize::Zeroizing::new(String::new());
        let read = File::open(path).and_then(|file| file.take(LONGEST).read_to_string(&mut text));
        match read {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(fault(format!(
                "Nobody has signed in to Google Drive yet: {} is not there. Run `lifeboat auth gdrive`.",
                path.display()
            ))),
            Err(error) => Err(fault(format!("{} cannot be read: {error}.", path.display()))),
            // What is wrong with it is not quoted: it is a secret.
            Ok(_) => serde_json::from_str::<SignIn>(&text).ok().filter(|found| found.kind == TYPE).ok_or_else(|| {
                fault(format!("{} is no sign-in to Google Drive. Run `lifeboat auth gdrive` again.", path.display()))
            }),
        }
    }

    /// A kill or a full disk leaves what was there before.
    pub fn write(&self, target: &str, path: &Path) -> Result<()> {
        let fault = |error: &dyn std::fmt::Display| {
            let message = format!("The sign-in cannot be kept in {}: {error}", path.display());
            Fault::new(Kind::Refused, target, message)
        };
        let text = serde_json::to_vec_pretty(self).map(zeroize::Zeroizing::new).map_err(|error| fault(&error))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        durable::make_folder(folder).map_err(|error| fault(&error))?;
        durable::write_private(path, &text).map_err(|error| fault(&error))
    }
}
