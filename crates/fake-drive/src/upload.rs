//! Uploads: one request with everything in it, or a session that takes parts of 256 KiB multiples and can be asked how far it is.

use serde_json::Value;

use crate::answer::{self, Answer};
use crate::faults::Act;
use crate::files::{self, chosen};
use crate::server::DriveRequest;
use crate::world::{Access, File, ResumableUpload, World, token};

/// What comes of a part is kept in multiples of this.
const GRAIN: u64 = 256 << 10;
/// Documented as the most for an upload in one request.
const SMALL: usize = 5 << 20;

/// `id`: the file whose bytes are replaced.
pub fn begin(world: &mut World, asked: &DriveRequest, access: &Access, id: Option<&str>) -> Answer {
    match asked.parameter("uploadType") {
        Some("multipart") => multipart(world, asked, access, id),
        Some("media") => {
            let file = meant(world, asked, access, id, &Value::Null);
            file.map_or_else(
                |refused| refused,
                |file| finish(world, asked, access, file, asked.body.clone(), id.is_none()),
            )
        }
        Some("resumable") => resumable(world, asked, access, id),
        _ => answer::error(400, "invalid", "Invalid upload type."),
    }
}

fn meant(world: &World, asked: &DriveRequest, access: &Access, id: Option<&str>, said: &Value) -> Result<File, Answer> {
    match id {
        None => files::from_metadata(world, asked, access, said),
        Some(id) => {
            let mut file = files::seen(world, asked, access, id)?.clone();
            if let Some(name) = said.get("name").and_then(Value::as_str) {
                file.name = name.into();
            }
            Ok(file)
        }
    }
}

/// RFC 2387: what it is called, and its bytes.
fn multipart(world: &mut World, asked: &DriveRequest, access: &Access, id: Option<&str>) -> Answer {
    if !asked.whole {
        return answer::error(400, "badContent", "Half of a request is none.");
    }
    let Some((metadata, bytes)) = parts(asked.header("content-type").unwrap_or_default(), &asked.body) else {
        return answer::error(400, "badContent", "Malformed multipart body.");
    };
    if bytes.len() > SMALL {
        return answer::error(413, "uploadTooLarge", "The file is too large to be uploaded in one request.");
    }
    let Ok(metadata) = serde_json::from_slice(metadata) else {
        return answer::error(400, "parseError", "Parse Error");
    };
    match meant(world, asked, access, id, &metadata) {
        Ok(file) => finish(world, asked, access, file, bytes.to_vec(), id.is_none()),
        Err(refused) => refused,
    }
}

fn parts<'a>(content_type: &str, body: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
    let rest = content_type.strip_prefix("multipart/related")?;
    let boundary = rest.split("boundary=").nth(1)?.split(';').next()?.trim().trim_matches('"');
    let (open, next) = (format!("--{boundary}"), format!("\n--{boundary}"));
    let start = find(body, open.as_bytes())? + open.len();
    let middle = start + find(&body[start..], next.as_bytes())?;
    let second = middle + next.len();
    let end = body.len() - find_last(&body[second..], next.as_bytes())?;
    let first = content(&body[start..middle])?;
    Some((first, content(&body[second..end])?))
}

/// A part without its headers, and without the line end that belongs to the boundary after it.
fn content(part: &[u8]) -> Option<&[u8]> {
    let start = match (find(part, b"\r\n\r\n"), find(part, b"\n\n")) {
        (Some(long), Some(short)) if short < long => short + 2,
        (Some(long), _) => long + 4,
        (None, short) => short? + 2,
    };
    let bytes = &part[start..];
    Some(bytes.strip_suffix(b"\r").unwrap_or(bytes))
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

/// How many bytes before the end its last occurrence begins.
fn find_last(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).rposition(|window| window == part).map(|at| text.len() - at)
}

fn resumable(world: &mut World, asked: &DriveRequest, access: &Access, id: Option<&str>) -> Answer {
    let metadata = match asked.body.is_empty() {
        true => Value::Null,
        false => match serde_json::from_slice(&asked.body) {
            Ok(metadata) => metadata,
            Err(_) => return answer::error(400, "parseError", "Parse Error"),
        },
    };
    let file = match meant(world, asked, access, id, &metadata) {
        Ok(file) => file,
        Err(refused) => return refused,
    };
    let size = asked.header("x-upload-content-length").and_then(|size| size.parse().ok());
    if let Some(refused) = files::refused_for_room(world, access, &file, size.unwrap_or(0)) {
        return refused;
    }
    let session = token("AHm-session-never-to-be-seen-");
    let location = format!("{}{}?uploadType=resumable&upload_id={session}", world.url, asked.path);
    let fields = asked.parameter("fields").map(String::from);
    let upload = ResumableUpload { file, is_new: id.is_none(), bytes: Vec::new(), size, done: false, fields };
    world.uploads.insert(session.clone(), upload);
    answer::header(answer::header(answer::empty(200), "location", &location), "x-guploader-uploadid", &session)
}

/// A part of it, or the question how far it is.
pub fn go_on(world: &mut World, asked: &DriveRequest, session: &str) -> Answer {
    if let Some(Act::ExpireSession { status }) = asked.act {
        world.uploads.remove(session);
        return answer::error(status, "notFound", "The upload is gone.");
    }
    let Some(mut upload) = world.uploads.remove(session) else {
        return answer::error(404, "notFound", "The upload is not known.");
    };
    let answer = take(world, asked, &mut upload);
    world.uploads.insert(session.into(), upload);
    answer
}

/// Whoever began it does not want it any more.
pub fn give_up(world: &mut World, session: &str) -> Answer {
    match world.uploads.remove(session) {
        Some(_) => answer::empty(499),
        None => answer::error(404, "notFound", "The upload is not known."),
    }
}

fn take(world: &mut World, asked: &DriveRequest, upload: &mut ResumableUpload) -> Answer {
    let reported = |file: &File| {
        answer::json(200, &chosen(&lied(file, asked), upload.fields.as_deref(), &["kind", "id", "name", "mimeType"]))
    };
    if upload.done {
        return world.files.get(&upload.file.id).map_or_else(|| files::not_found(&upload.file.id), reported);
    }
    if asked.act == Some(Act::HideRange) {
        upload.bytes.clear();
        return answer::empty(308);
    }
    let range = asked.header("content-range").map(|range| range.strip_prefix("bytes ").and_then(parse_range));
    match range {
        // Without one, all bytes are here.
        None => upload.bytes.clone_from(&asked.body),
        Some(None) => return answer::error(400, "invalid", "Failed to parse Content-Range header."),
        Some(Some((None, _))) => {}
        Some(Some((Some((from, to)), total))) => {
            let is_last = total == Some(to + 1);
            let length = to + 1 - from;
            if from != upload.bytes.len() as u64 {
                return answer::error(400, "invalid", "The range does not begin where the upload stands.");
            }
            if (!is_last && !length.is_multiple_of(GRAIN)) || (asked.whole && asked.body.len() as u64 != length) {
                return answer::error(400, "invalid", "A part is a multiple of 256 KiB, and as long as it says.");
            }
            upload.size = upload.size.or(total);
            let kept = match asked.act {
                Some(Act::Persist { bytes }) => bytes.min(asked.body.len() as u64) / GRAIN * GRAIN,
                _ if !asked.whole => asked.body.len() as u64 / GRAIN * GRAIN,
                _ => length,
            };
            upload.bytes.extend_from_slice(&asked.body[..kept as usize]);
        }
    }
    if upload.size == Some(upload.bytes.len() as u64) || (range.is_none() && asked.whole) {
        upload.done = true;
        let (content, is_new) = (std::mem::take(&mut upload.bytes), upload.is_new);
        return store(world, &mut upload.file, content, is_new).unwrap_or_else(|| {
            answer::json(200, &chosen(&lied(&upload.file, asked), upload.fields.as_deref(), &["id"]))
        });
    }
    match upload.bytes.len() {
        0 => answer::empty(308),
        length => answer::header(answer::empty(308), "range", &format!("bytes=0-{}", length - 1)),
    }
}

/// First and last byte.
type Part = (u64, u64);

/// `a-b/N`, `*/N`, `a-b/*`: the part, where there is one, and the whole, where it is known.
fn parse_range(range: &str) -> Option<(Option<Part>, Option<u64>)> {
    let (part, total) = range.split_once('/')?;
    let total = if total == "*" { None } else { Some(total.parse().ok()?) };
    if part == "*" {
        return Some((None, total));
    }
    let (from, to) = part.split_once('-')?;
    let (from, to) = (from.parse().ok()?, to.parse().ok()?);
    (from <= to).then_some((Some((from, to)), total))
}

fn finish(
    world: &mut World,
    asked: &DriveRequest,
    access: &Access,
    mut file: File,
    bytes: Vec<u8>,
    is_new: bool,
) -> Answer {
    if let Some(refused) = files::refused_for_room(world, access, &file, bytes.len() as u64) {
        return refused;
    }
    store(world, &mut file, bytes, is_new).unwrap_or_else(|| {
        answer::json(200, &chosen(&lied(&file, asked), asked.parameter("fields"), &["kind", "id", "name", "mimeType"]))
    })
}

/// It is there from now on; or why not.
fn store(world: &mut World, file: &mut File, bytes: Vec<u8>, is_new: bool) -> Option<Answer> {
    if is_new && world.files.contains_key(&file.id) {
        return Some(answer::error(409, "fileIdInUse", "A file already exists with the provided ID."));
    }
    world.ids.remove(&file.id);
    let now = world.now();
    file.fill(bytes, now);
    if is_new {
        file.created = now;
    }
    world.files.insert(file.id.clone(), file.clone());
    None
}

fn lied(file: &File, asked: &DriveRequest) -> Value {
    let mut value = file.json();
    match asked.act {
        Some(Act::LieChecksum) => value["md5Checksum"] = "d41d8cd98f00b204e9800998ecf8427e".into(),
        Some(Act::LieSize) => value["size"] = "7".into(),
        _ => {}
    }
    value
}
