//! What Google meant, in words for the owner: by an error's `reason`, not by its status. Of what was answered nothing is
//! repeated but that one word: whoever answers could have put a secret into the rest.

use std::time::Duration;

use lifeboat_engine::space::said;
use lifeboat_engine::store::{Account, Fault, Kind};
use serde::Deserialize;

use super::client::DriveAnswer;

/// Who is refused: it decides what to do about it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Who {
    Owner,
    Service,
    /// A service account that acts for a user.
    Delegate,
}

#[derive(Deserialize)]
struct ErrorBody {
    error: Refusal,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Refusal {
    errors: Vec<One>,
    details: Vec<One>,
    status: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct One {
    reason: String,
}

/// The word for why it was refused; empty where there is none.
pub fn reason(answer: &DriveAnswer) -> String {
    let said = serde_json::from_slice::<ErrorBody>(&answer.body).map(|said| said.error).unwrap_or_default();
    let all = said.errors.into_iter().chain(said.details).map(|one| one.reason);
    word(&all.chain([said.status]).find(|reason| !reason.is_empty()).unwrap_or_default())
}

/// A word as Google has them, of letters, and nothing else: what has a digit or another sign in it may be a token that is repeated.
pub fn word(text: &str) -> String {
    let is_word = text.len() <= 64 && text.chars().all(|c| c.is_ascii_alphabetic() || c == '_');
    if is_word { text.into() } else { String::new() }
}

/// `doing`: "writing packs/ab/…".
pub fn refused(target: &str, who: Who, doing: &str, answer: &DriveAnswer) -> Fault {
    let reason = reason(answer);
    let fault = |kind, message: String| Fault::new(kind, target, message);
    let status = answer.status;
    let after = answer.header("retry-after").and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
    let transient = |message: String| fault(Kind::Transient { after }, message);
    if is_page(answer) || (300..400).contains(&status) {
        return transient(format!(
            "{doing}: a web page answered instead of Google Drive. A network that wants a log-in, or a proxy, stands between."
        ));
    }
    match reason.as_str() {
        "storageQuotaExceeded" if who == Who::Service => fault(Kind::Full, service_has_no_room()),
        "storageQuotaExceeded" | "quotaExceeded" => fault(Kind::Full, format!("{doing}: the Google account is full.")),
        "teamDriveFileLimitExceeded" | "numChildrenInNonRootLimitExceeded" | "activeItemCreationLimitExceeded" => {
            fault(
                Kind::Refused,
                format!("{doing}: Google Drive takes no more files there ({reason}). Name another `folderId`."),
            )
        }
        "rateLimitExceeded" | "userRateLimitExceeded" | "sharingRateLimitExceeded" | "RATE_LIMIT_EXCEEDED" => {
            transient(format!("{doing}: Google Drive wants it slower ({reason})."))
        }
        "dailyLimitExceeded" => fault(
            Kind::Transient { after: after.or(Some(Duration::from_secs(3600))) },
            format!("{doing}: the Google Cloud project has used up its requests of today."),
        ),
        "insufficientPermissions" | "ACCESS_TOKEN_SCOPE_INSUFFICIENT" => fault(
            Kind::Credentials,
            format!(
                "{doing}: the sign-in does not permit to store files. Run `lifeboat auth gdrive` again, and agree to all that it asks for."
            ),
        ),
        "appNotAuthorizedToFile" => fault(Kind::Denied, foreign("It")),
        "accessNotConfigured" | "SERVICE_DISABLED" => fault(
            Kind::Refused,
            "The Google Drive API is not switched on in the Google Cloud project of this client id. Switch it on: \
             console.cloud.google.com, APIs & Services, Library, Google Drive API, Enable. It takes some minutes."
                .into(),
        ),
        "domainPolicy" => {
            fault(Kind::Denied, format!("{doing}: the administrator of the organization does not let apps use Drive."))
        }
        "insufficientFilePermissions"
        | "insufficientParentPermissions"
        | "cannotDeleteFile"
        | "forbidden"
        | "PERMISSION_DENIED"
        | "teamDriveMembershipRequired" => {
            fault(Kind::Denied, format!("{doing}: this account may not do that ({reason})."))
        }
        "cannotDownloadAbusiveFile" => fault(
            Kind::Denied,
            format!("{doing}: Google takes it for malware. Open it at drive.google.com, and ask for a review."),
        ),
        _ if status == 401 => fault(
            Kind::Credentials,
            format!("{doing}: Google Drive does not take the sign-in any more. Run `lifeboat auth gdrive` again."),
        ),
        _ if status == 404 => fault(Kind::Missing, format!("{doing}: it is not there.")),
        _ if status == 408 || status == 429 || status >= 500 => {
            transient(format!("{doing}: Google Drive is busy (status {status}).{}", bracket(&reason)))
        }
        _ => fault(Kind::Refused, format!("{doing}: Google Drive refuses it (status {status}).{}", bracket(&reason))),
    }
}

fn bracket(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(" Its reason: {reason}.") }
}

/// A web page, where none was asked for.
pub fn is_page(answer: &DriveAnswer) -> bool {
    answer.header("content-type").is_some_and(|kind| kind.starts_with("text/html"))
        || answer.body.trim_ascii_start().get(..9).is_some_and(|start| start.eq_ignore_ascii_case(b"<!DOCTYPE"))
}

pub fn nonsense(target: &str, doing: &str, answer: &DriveAnswer) -> Fault {
    if is_page(answer) {
        return refused(target, Who::Owner, doing, answer);
    }
    Fault::new(Kind::Damaged, target, format!("{doing}: the answer makes no sense. Whoever answers may not be Google."))
}

pub fn full(target: &str, doing: &str, account: &Account) -> Fault {
    let size = |bytes: Option<u64>| bytes.map_or("an unknown part".into(), said);
    let left = account.limit.zip(account.used).map(|(limit, used)| limit.saturating_sub(used));
    let message = format!(
        "{doing}: the Google account{} is full. Of {} are used {}, {} of them in the trash; {} are left. Photos, Gmail and the \
         phone's own WhatsApp backups share that room. Empty the trash at drive.google.com, remove what is large, or get more at \
         one.google.com/storage.",
        account.name.as_ref().map(|name| format!(" {name}")).unwrap_or_default(),
        size(account.limit),
        size(account.used),
        size(account.trash),
        size(left),
    );
    Fault::new(Kind::Full, target, message)
}

pub fn service_has_no_room() -> String {
    "A service account has no storage of its own: Google has given it none since 2025. Name a folder of a shared drive as \
     `folderId` (GOOGLE_DRIVE_FOLDER_ID), and make the service account a member of that drive; or let it act for a user \
     (`impersonate`); or, for a gmail.com account, leave `keyFile` out and run `lifeboat auth gdrive`."
        .into()
}

/// What this sign-in cannot see.
pub fn foreign(what: &str) -> String {
    format!(
        "{what} is not to be seen with this sign-in. Lifeboat asks Google only for what it has made itself (`drive.file`): what \
         another client id, or a person, has made is not shown to it. Use the client id of that time (it is in the token file), \
         or leave `folderId` out: then Lifeboat makes a folder of its own."
    )
}

/// What the token service refused. `age`: of the owner's sign-in, in milliseconds; `skew`: by how many seconds this clock is ahead.
pub fn token_refused(
    target: &str,
    who: Who,
    code: &str,
    description: &str,
    age: Option<i64>,
    skew: Option<i64>,
) -> Fault {
    const DAY: i64 = 24 * 3600 * 1000;
    let fault = |kind, message: &str| Fault::new(kind, target, message);
    let again = "Run `lifeboat auth gdrive` again.";
    if let Some(skew) = skew.filter(|skew| skew.abs() > 240) {
        let (by, way) = (skew.abs(), if skew > 0 { "ahead of" } else { "behind" });
        let message = format!(
            "Google refuses the sign-in because this machine's clock is {by} seconds {way} Google's. Put it right: \
             timedatectl set-ntp true."
        );
        return fault(Kind::Credentials, &message);
    }
    match (code, who) {
        ("invalid_grant", Who::Owner) => {
            let message = match age {
                Some(age) if (6 * DAY..9 * DAY).contains(&age) => format!(
                    "Google refuses the sign-in, which is seven days old. So the app's consent screen is in \"Testing\", where each \
                     sign-in dies after 7 days. Publish it (console.cloud.google.com, Google Auth Platform, Audience, Publish app). \
                     Then {}",
                    again.replace("Run", "run")
                ),
                _ => format!(
                    "Google refuses the sign-in. One of three things has happened: the app's consent screen is in \"Testing\", where \
                     each sign-in dies after 7 days (publish the app); or the access was withdrawn at myaccount.google.com, or ended \
                     because it was not used for six months; or it is of another client id. {again}"
                ),
            };
            fault(Kind::Credentials, &message)
        }
        ("invalid_grant", _) if description.contains("Signature") => fault(
            Kind::Credentials,
            "Google does not know the service account's key any more. Make a new one, and put it into `keyFile`.",
        ),
        ("invalid_grant", _) if description.contains("email") || description.contains("User ID") => {
            fault(Kind::Credentials, "Google does not know the user that `impersonate` names.")
        }
        ("invalid_grant", _) => fault(
            Kind::Credentials,
            "Google refuses the service account's key. It was deleted, the account was, or this machine's clock is wrong.",
        ),
        ("unauthorized_client", Who::Delegate) => fault(
            Kind::Credentials,
            "The service account may not act for the user that `impersonate` names. The administrator grants it: \
             admin.google.com, Security, API controls, Domain-wide delegation, with the scope \
             https://www.googleapis.com/auth/drive.file.",
        ),
        ("invalid_client" | "unauthorized_client", _) => fault(
            Kind::Credentials,
            "Google does not take the client id and its secret. Were they deleted, or are they of another type than \"TVs and limited \
             input devices\"? See docs/cloud-drive.md.",
        ),
        ("invalid_scope", _) => fault(
            Kind::Credentials,
            "Google does not grant what Lifeboat asks for with this client id. See docs/cloud-drive.md.",
        ),
        _ => {
            let code = word(code);
            fault(Kind::Credentials, &format!("Google refuses the sign-in ({code}). {again}"))
        }
    }
}
