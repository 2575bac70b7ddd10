//! A service account: a key that signs, and the check of what was signed.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

pub struct ServiceAccount {
    pub email: String,
    token_uri: String,
    private: String,
    public: Vec<u8>,
}

impl ServiceAccount {
    pub fn new(url: &str) -> ServiceAccount {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let der = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&pair).unwrap();
        let text = STANDARD.encode(der.as_ref());
        let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        ServiceAccount {
            email: "backup@project.iam.example.com".into(),
            token_uri: format!("{url}/token"),
            private: format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n")),
            public: pair.public_key().as_ref().to_vec(),
        }
    }

    /// What one downloads from the console.
    pub fn key_file(&self) -> Value {
        json!({
            "type": "service_account", "project_id": "project", "private_key_id": "1", "private_key": self.private,
            "client_email": self.email, "client_id": "1", "auth_uri": "https://accounts.google.com/o/oauth2/auth",
            "token_uri": self.token_uri,
        })
    }

    /// What a token claims, where this account has signed it, and `now` lies in its time; or what the service says of it.
    pub fn claims(&self, token: &str, now: i64) -> Result<Value, String> {
        let wrong = || "Invalid JWT: Failed to parse.".to_string();
        let mut parts = token.splitn(3, '.');
        let (Some(head), Some(claims), Some(signature)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(wrong());
        };
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).map_err(|_| wrong());
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.public);
        let signed = format!("{head}.{claims}");
        key.verify(signed.as_bytes(), &decode(signature)?).map_err(|_| "Invalid JWT Signature.".to_string())?;
        let claims: Value = serde_json::from_slice(&decode(claims)?).map_err(|_| wrong())?;
        let number = |name: &str| claims[name].as_i64().unwrap_or(0);
        let (from, until) = (number("iat"), number("exp"));
        if until <= now || from > now + 300 || until - from > 3600 {
            return Err("Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. \
                        Check your iat and exp values in the JWT claim."
                .into());
        }
        if claims["iss"] != self.email.as_str() || claims["aud"] != self.token_uri.as_str() {
            return Err("Invalid JWT: iss or aud.".into());
        }
        Ok(claims)
    }
}
