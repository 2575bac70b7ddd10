//! Google's token service: a form goes there, a token or a refusal comes back.

use google_drive3::hyper::Request;
use google_drive3::hyper::header::CONTENT_TYPE;
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use lifeboat_engine::secret::Secret;
use lifeboat_engine::store::Result;
use serde::Deserialize;

use super::client::{BodyPieces, DriveAnswer, DriveClient, LONGEST_ANSWER};
use super::words;

#[derive(Deserialize)]
pub struct Granted {
    pub access_token: Secret,
    #[serde(default)]
    pub refresh_token: Option<Secret>,
    /// Seconds.
    #[serde(default = "an_hour")]
    pub expires_in: u64,
    #[serde(default)]
    pub scope: Option<String>,
}

fn an_hour() -> u64 {
    3600
}

/// What the service says instead of a token.
#[derive(Deserialize)]
pub struct Refused {
    #[serde(rename = "error")]
    pub code: String,
}

/// `doing`: "signing in".
pub async fn post(client: &DriveClient, url: &str, form: &[(&str, &str)], doing: &str) -> Result<DriveAnswer> {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let request =
        Request::post(url).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(BodyPieces::of(body));
    let request = request.map_err(|_| client.transient(format!("{doing}: the address makes no sense.")))?;
    let answer = client.exchange(request, LONGEST_ANSWER).await?;
    let is_told = answer.is_good() || refusal(&answer).is_some();
    if words::is_page(&answer) || answer.status >= 500 || !is_told {
        return Err(words::refused(&client.target, words::Who::Owner, doing, &answer));
    }
    Ok(answer)
}

/// A token for a form.
pub async fn grant(
    client: &DriveClient,
    url: &str,
    form: &[(&str, &str)],
    doing: &str,
) -> Result<std::result::Result<Granted, Refused>> {
    let answer = post(client, url, form, doing).await?;
    if let Some(refused) = refusal(&answer) {
        return Ok(Err(refused));
    }
    let granted = serde_json::from_slice::<Granted>(&answer.body);
    granted.map(Ok).map_err(|_| words::nonsense(&client.target, doing, &answer))
}

pub fn refusal(answer: &DriveAnswer) -> Option<Refused> {
    serde_json::from_slice(&answer.body).ok()
}

/// By how many seconds this machine's clock is ahead of the answer's.
pub fn skew(answer: &DriveAnswer) -> Option<i64> {
    let there = rfc2822::parse(answer.header("date")?).ok()?;
    Some(Timestamp::now().as_second() - there.timestamp().as_second())
}
