//! The bytes of a file, all of them or a range.

use crate::answer::{self, Answer};
use crate::faults::Act;
use crate::files;
use crate::server::DriveRequest;
use crate::world::{Access, World};

pub fn media(world: &World, asked: &DriveRequest, access: &Access, id: &str) -> Answer {
    let file = match files::seen(world, asked, access, id) {
        Ok(file) => file,
        Err(refused) => return refused,
    };
    if file.mime.starts_with("application/vnd.google-apps") {
        return answer::error(403, "fileNotDownloadable", "Only files with binary content can be downloaded.");
    }
    let size = file.content.len() as u64;
    let typed = |answer| answer::header(answer, "content-type", &file.mime);
    let range = asked.header("range").filter(|_| asked.act != Some(Act::IgnoreRange));
    match range.and_then(|range| parse(range, size)) {
        None => typed(answer::bytes(200, file.content.clone())),
        Some(Err(())) => {
            let refused = answer::error(416, "requestedRangeNotSatisfiable", "Request range not satisfiable");
            answer::header(refused, "content-range", &format!("bytes */{size}"))
        }
        Some(Ok((from, to))) => {
            let part = file.content[from as usize..=to as usize].to_vec();
            answer::header(typed(answer::bytes(206, part)), "content-range", &format!("bytes {from}-{to}/{size}"))
        }
    }
}

/// `None`: no range that is understood, so all of it. The end of one is cut to what there is.
fn parse(range: &str, size: u64) -> Option<Result<(u64, u64), ()>> {
    let (from, to) = range.strip_prefix("bytes=")?.split_once('-')?;
    let from: u64 = from.parse().ok()?;
    let to = if to.is_empty() { u64::MAX } else { to.parse().ok()? };
    Some(if from < size && from <= to { Ok((from, to.min(size - 1))) } else { Err(()) })
}
