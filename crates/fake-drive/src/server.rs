//! Accepts connections and reads requests, as far as a planned fault lets it; then the right part answers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::HeaderMap;
use hyper::service::service_fn;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpListener;

use crate::answer::{self, Answer};
use crate::faults::{self, Act};
use crate::world::{Access, LoggedRequest, World, lock};
use crate::{download, files, sign_in, upload};

/// A request that has come in.
pub struct DriveRequest {
    pub method: Method,
    pub path: String,
    pub query: HashMap<String, String>,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    /// All of the body came.
    pub whole: bool,
    pub act: Option<Act>,
}

impl DriveRequest {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// The fields of a form in the body.
    pub fn form(&self) -> HashMap<String, String> {
        form_urlencoded::parse(&self.body).into_owned().collect()
    }
}

/// The connection ends without an answer.
#[derive(Debug)]
struct Gone;

impl std::fmt::Display for Gone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the connection is cut, as planned")
    }
}

impl std::error::Error for Gone {}

pub async fn serve(listener: TcpListener, world: Arc<Mutex<World>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let world = world.clone();
        let service = service_fn(move |request| {
            let world = world.clone();
            async move { answer(request, &world).await }
        });
        tokio::spawn(async move {
            // That it was cut is what was wanted.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(request: Request<Incoming>, world: &Mutex<World>) -> Result<Answer, Gone> {
    let (head, body) = request.into_parts();
    let line = format!("{} {}", head.method, head.uri);
    let act = match head.uri.path().starts_with("/fake/") {
        true => None,
        false => faults::due(&mut lock(world).plans, &line),
    };
    let limit = match act {
        Some(Act::Cut { after }) => after,
        _ => u64::MAX,
    };
    let (body, whole) = read(body, limit).await;
    let query = form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let (method, path, headers) = (head.method, head.uri.path().to_string(), head.headers);
    let asked = DriveRequest { method, path, query, headers, body, whole, act };
    let mut world = lock(world);
    let answer = planned(&mut world, &asked);
    if !asked.path.starts_with("/fake/") {
        let status = answer.as_ref().map_or(0, |answer| answer.status().as_u16());
        world.log.push(LoggedRequest { line, received: asked.body.len() as u64, status });
    }
    let date = world.now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    answer.map(|answer| answer::header(answer, "date", &date)).ok_or(Gone)
}

/// What came of it before it ended, or before so many bytes; and whether that is all.
async fn read(mut body: Incoming, limit: u64) -> (Vec<u8>, bool) {
    let mut bytes = Vec::new();
    while (bytes.len() as u64) < limit {
        match body.frame().await {
            None => return (bytes, true),
            Some(Err(_)) => return (bytes, false),
            Some(Ok(frame)) => bytes.extend_from_slice(frame.data_ref().map_or(&[], |data| data)),
        }
    }
    bytes.truncate(limit as usize);
    (bytes, false)
}

/// The answer, as the planned fault has it. `None`: the connection is cut.
fn planned(world: &mut World, asked: &DriveRequest) -> Option<Answer> {
    match &asked.act {
        Some(Act::Status { status, reason, retry_after, done }) => {
            if *done {
                route(world, asked);
            }
            let answer = answer::error(*status, reason, "As planned.");
            Some(match retry_after {
                Some(seconds) => answer::header(answer, "retry-after", &seconds.to_string()),
                None => answer,
            })
        }
        Some(Act::Portal) => Some(answer::portal()),
        Some(Act::Garbage) => Some(answer::bytes(200, vec![0xfe; 100])),
        Some(Act::Echo) => {
            let said = format!("{:?} {}", asked.headers, String::from_utf8_lossy(&asked.body));
            Some(answer::error(400, "invalid", &said))
        }
        Some(Act::Cut { .. } | Act::CutAnswer) => {
            route(world, asked);
            None
        }
        // Whoever has gone in its middle gets no answer, but what came is kept.
        _ if !asked.whole => {
            route(world, asked);
            None
        }
        Some(Act::CutShort { bytes }) => Some(answer::cut_short(route(world, asked), *bytes)),
        Some(Act::Flip) => Some(answer::flipped(route(world, asked))),
        _ => Some(route(world, asked)),
    }
}

fn route(world: &mut World, asked: &DriveRequest) -> Answer {
    let is = |method: Method| asked.method == method;
    match asked.path.as_str() {
        "/fake/faults" => steer(asked, |plans| world.plans = plans),
        "/fake/settings" => {
            let mut all = serde_json::to_value(&world.settings).unwrap();
            if let Ok(some) = serde_json::from_slice::<serde_json::Map<_, _>>(&asked.body) {
                some.into_iter().for_each(|(name, value)| all[name] = value);
            }
            match serde_json::from_value(all) {
                Ok(settings) => {
                    world.settings = settings;
                    answer::json(200, &serde_json::to_value(&world.settings).unwrap())
                }
                Err(error) => answer::error(400, "invalid", &error.to_string()),
            }
        }
        "/fake/log" => answer::json(200, &serde_json::to_value(&world.log).unwrap()),
        "/fake/files" => answer::json(200, &files::all(world)),
        "/fake/service-account" => answer::json(200, &world.service.key_file()),
        "/device/code" if is(Method::POST) => sign_in::device_code(world, asked),
        "/token" if is(Method::POST) => sign_in::token(world, asked),
        "/o/oauth2/v2/auth" if is(Method::GET) => sign_in::consent(world, asked),
        _ => match authorized(world, asked) {
            Ok(access) => drive(world, asked, access.as_ref()),
            Err(refused) => refused,
        },
    }
}

fn steer<T: serde::de::DeserializeOwned>(asked: &DriveRequest, set: impl FnOnce(T)) -> Answer {
    match serde_json::from_slice(&asked.body) {
        Ok(value) => {
            set(value);
            answer::json(200, &json!({}))
        }
        Err(error) => answer::error(400, "invalid", &error.to_string()),
    }
}

fn drive(world: &mut World, asked: &DriveRequest, access: Option<&Access>) -> Answer {
    let segments: Vec<&str> = asked.path.trim_matches('/').split('/').collect();
    // The address of an upload that has begun is a credential by itself.
    if let ("PUT", ["upload", "drive", "v3", "files", ..], Some(id)) =
        (asked.method.as_str(), segments.as_slice(), asked.parameter("upload_id"))
    {
        return upload::go_on(world, asked, id);
    }
    if let ("DELETE", Some(id)) = (asked.method.as_str(), asked.parameter("upload_id")) {
        return upload::give_up(world, id);
    }
    let Some(access) = access else { return answer::error(401, "authError", "Invalid Credentials") };
    match (asked.method.as_str(), segments.as_slice()) {
        ("GET", ["drive", "v3", "about"]) => files::about(world, asked, access),
        ("GET", ["drive", "v3", "files"]) => files::list(world, asked, access),
        ("GET", ["drive", "v3", "files", "generateIds"]) => files::generate_ids(world, asked),
        ("POST", ["drive", "v3", "files"]) => files::create(world, asked, access),
        ("GET", ["drive", "v3", "files", id]) if asked.parameter("alt") == Some("media") => {
            download::media(world, asked, access, id)
        }
        ("GET", ["drive", "v3", "files", id]) => files::get(world, asked, access, id),
        ("PATCH", ["drive", "v3", "files", id]) => files::update(world, asked, access, id),
        ("DELETE", ["drive", "v3", "files", id]) => files::delete(world, access, id),
        // Old clients begin a resumable upload by PUT.
        ("POST" | "PUT", ["upload", "drive", "v3", "files"]) => upload::begin(world, asked, access, None),
        ("PATCH" | "PUT", ["upload", "drive", "v3", "files", id]) => upload::begin(world, asked, access, Some(id)),
        _ => answer::error(404, "notFound", "Not Found"),
    }
}

/// Who asks; none is named where the request has no token at all.
fn authorized(world: &World, asked: &DriveRequest) -> Result<Option<Access>, Answer> {
    let Some(token) = asked.header("authorization").and_then(|value| value.strip_prefix("Bearer ")) else {
        return Ok(None);
    };
    let refused = || {
        let refused = answer::error(401, "authError", "Invalid Credentials");
        answer::header(refused, "www-authenticate", "Bearer realm=\"https://accounts.google.com/\"")
    };
    let access = world.access.get(token).filter(|access| access.until > world.now()).ok_or_else(refused)?;
    if !access.scope.split(' ').any(|scope| scope.starts_with("https://www.googleapis.com/auth/drive")) {
        let message = "Request had insufficient authentication scopes.";
        return Err(answer::error(403, "insufficientPermissions", message));
    }
    Ok(Some(access.clone()))
}
