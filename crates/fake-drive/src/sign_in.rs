//! `/token` in all its forms, the device flow, and the page on which an owner agrees at once.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::answer::{self, Answer, oauth_error};
use crate::server::DriveRequest;
use crate::world::{
    CLIENT, CLIENT_SECRET, Code, ConsentOutcome, DeviceSignIn, OWNER, SCOPE_FILE, World, token as fresh,
};

type Form = HashMap<String, String>;

fn field<'a>(form: &'a Form, name: &str) -> &'a str {
    form.get(name).map_or("", String::as_str)
}

pub fn token(world: &mut World, asked: &DriveRequest) -> Answer {
    let form = asked.form();
    match field(&form, "grant_type") {
        "refresh_token" => refresh(world, &form),
        "urn:ietf:params:oauth:grant-type:device_code" | "http://oauth.net/grant_type/device/1.0" => poll(world, &form),
        "authorization_code" => exchange(world, &form),
        "urn:ietf:params:oauth:grant-type:jwt-bearer" => signed(world, &form),
        other => oauth_error(400, "unsupported_grant_type", other),
    }
}

fn refuse_client(form: &Form) -> Option<Answer> {
    if field(form, "client_id") != CLIENT {
        return Some(oauth_error(401, "invalid_client", "The OAuth client was not found."));
    }
    (field(form, "client_secret") != CLIENT_SECRET).then(|| oauth_error(401, "invalid_client", "Unauthorized"))
}

fn granted(world: &mut World, user: &str, client: &str, scope: &str, refresh: Option<&str>) -> Answer {
    let scope = world.settings.grant.clone().unwrap_or(scope.into());
    let access = world.give_access(user, client, &scope);
    let lives = world.settings.token_lives;
    let mut value = json!({ "access_token": access, "expires_in": lives, "scope": scope, "token_type": "Bearer" });
    if let Some(refresh) = refresh {
        value["refresh_token"] = json!(refresh);
    }
    answer::json(200, &value)
}

fn refresh(world: &mut World, form: &Form) -> Answer {
    if let Some(refused) = refuse_client(form) {
        return refused;
    }
    if let Some(description) = &world.settings.invalid_grant {
        return oauth_error(400, "invalid_grant", description);
    }
    match world.refresh.get(field(form, "refresh_token")).cloned() {
        Some(client) => granted(world, OWNER, &client, SCOPE_FILE, None),
        None => oauth_error(400, "invalid_grant", "Bad Request"),
    }
}

fn signed(world: &mut World, form: &Form) -> Answer {
    let now = world.now().as_second();
    match world.service.claims(field(form, "assertion"), now) {
        Err(description) => oauth_error(400, "invalid_grant", &description),
        Ok(claims) => {
            let (email, scope) =
                (world.service.email.clone(), claims["scope"].as_str().unwrap_or_default().to_string());
            match claims["sub"].as_str() {
                None => granted(world, &email, &email, &scope, None),
                Some(OWNER) => granted(world, OWNER, &email, &scope, None),
                Some(user) if user.ends_with("@example.com") => oauth_error(
                    401,
                    "unauthorized_client",
                    "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested.",
                ),
                Some(_) => oauth_error(400, "invalid_grant", "Invalid email or User ID"),
            }
        }
    }
}

pub fn device_code(world: &mut World, asked: &DriveRequest) -> Answer {
    let form = asked.form();
    if field(&form, "client_id") != CLIENT {
        return oauth_error(401, "invalid_client", "The OAuth client was not found.");
    }
    if field(&form, "scope") != SCOPE_FILE {
        return oauth_error(400, "invalid_scope", "Invalid device flow scope.");
    }
    let code = fresh("AH-device-code-never-to-be-seen-");
    world.devices.insert(code.clone(), DeviceSignIn { client: CLIENT.into(), scope: SCOPE_FILE.into() });
    let settings = &world.settings;
    let value = json!({
        "device_code": code, "user_code": "GQVQ-JKEC", "verification_url": "https://www.google.com/device",
        "expires_in": settings.expires_in, "interval": settings.interval,
    });
    answer::json(200, &value)
}

fn poll(world: &mut World, form: &Form) -> Answer {
    if let Some(refused) = refuse_client(form) {
        return refused;
    }
    let code = field(form, "device_code").to_string();
    let Some(device) = world.devices.get(&code).cloned() else {
        return oauth_error(400, "invalid_grant", "Malformed auth code.");
    };
    let settings = &mut world.settings;
    if settings.slow_down > 0 {
        settings.slow_down -= 1;
        return oauth_error(403, "slow_down", "Rate limited");
    }
    if settings.pending > 0 {
        settings.pending -= 1;
        return oauth_error(428, "authorization_pending", "Precondition Required");
    }
    world.devices.remove(&code);
    match world.settings.outcome {
        ConsentOutcome::Deny => oauth_error(403, "access_denied", "Forbidden"),
        ConsentOutcome::Expire => oauth_error(400, "expired_token", "Expired"),
        ConsentOutcome::Grant => {
            let token = fresh("1//refresh-never-to-be-seen-");
            world.refresh.insert(token.clone(), device.client.clone());
            granted(world, OWNER, &device.client, &device.scope, Some(&token))
        }
    }
}

/// The owner's browser: it is sent back at once, with a code, or without where the owner refuses.
pub fn consent(world: &mut World, asked: &DriveRequest) -> Answer {
    let parameter = |name: &str| asked.parameter(name).unwrap_or_default().to_string();
    let redirect = parameter("redirect_uri");
    let is_loopback = ["http://127.0.0.1:", "http://localhost:"].iter().any(|start| redirect.starts_with(start));
    if parameter("client_id") != CLIENT || !is_loopback || parameter("response_type") != "code" {
        return oauth_error(400, "redirect_uri_mismatch", "");
    }
    let state = parameter("state");
    let back = match world.settings.outcome {
        ConsentOutcome::Grant => {
            let code = fresh("4/code-never-to-be-seen-");
            let challenge = asked.parameter("code_challenge").map(String::from);
            let given =
                Code { client: CLIENT.into(), scope: parameter("scope"), redirect: redirect.clone(), challenge };
            world.codes.insert(code.clone(), given);
            format!("{redirect}?state={state}&code={code}")
        }
        _ => format!("{redirect}?state={state}&error=access_denied"),
    };
    answer::header(answer::empty(302), "location", &back)
}

fn exchange(world: &mut World, form: &Form) -> Answer {
    if let Some(refused) = refuse_client(form) {
        return refused;
    }
    let Some(code) = world.codes.remove(field(form, "code")) else {
        return oauth_error(400, "invalid_grant", "Malformed auth code.");
    };
    if code.redirect != field(form, "redirect_uri") {
        return oauth_error(400, "redirect_uri_mismatch", "Bad Request");
    }
    let proof = URL_SAFE_NO_PAD.encode(Sha256::digest(field(form, "code_verifier")));
    if code.challenge.is_some_and(|challenge| challenge != proof) {
        return oauth_error(400, "invalid_grant", "Invalid code verifier.");
    }
    let token = fresh("1//refresh-never-to-be-seen-");
    world.refresh.insert(token.clone(), code.client.clone());
    granted(world, OWNER, &code.client, &code.scope, Some(&token))
}
