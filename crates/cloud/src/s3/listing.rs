//! What is in a bucket, page by page: objects, and uploads that nobody has ended.
//!
//! `object_store` has a list of its own, which gives up at the first key that it would not write itself, such as `a//b`: one file
//! of somebody else would hide a whole vault. And it knows no uploads. So these requests are ours, and it signs and sends them.

use jiff::Timestamp;
use lifeboat_engine::store::{Fault, Kind, Result, Stored};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::S3Store;
use super::fault::{Doing, nonsense};

/// Bytes of one page: a thousand keys of a kilobyte each, every character of them escaped, are less.
const PAGE: usize = 16 << 20;
/// Pages in a row that bring nothing: in a bucket that keeps versions what is removed makes such, and a service that repeats
/// itself makes them without end.
const EMPTY_PAGES: usize = 1000;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Objects {
    /// Every page of a listing has it.
    #[allow(dead_code)]
    is_truncated: bool,
    #[serde(default)]
    contents: Vec<ListedObject>,
    next_continuation_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListedObject {
    key: String,
    size: u64,
    last_modified: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Uploads {
    is_truncated: bool,
    #[serde(default)]
    upload: Vec<ListedUpload>,
    next_key_marker: Option<String>,
    next_upload_id_marker: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListedUpload {
    key: String,
    upload_id: String,
    initiated: Option<String>,
}

impl S3Store {
    pub(super) fn objects(&self, prefix: &str, most: Option<u32>, visit: &mut dyn FnMut(Stored)) -> Result<()> {
        let doing = Doing {
            what: "Listing",
            object: if prefix.is_empty() { "what is there" } else { prefix },
            permission: "s3:ListBucket",
        };
        let keys = self.place.keys(prefix);
        let most = most.map(|most| most.to_string());
        let mut token: Option<String> = None;
        let mut empty = 0;
        loop {
            let mut query = vec![("list-type", "2"), ("prefix", keys.as_str())];
            query.extend(most.as_deref().map(|most| ("max-keys", most)));
            query.extend(token.as_deref().map(|token| ("continuation-token", token)));
            let page: Objects = self.page(&query, doing)?;
            empty = if page.contents.is_empty() { empty + 1 } else { 0 };
            for content in page.contents.into_iter().filter(|content| content.key.starts_with(&keys)) {
                let Some(object) = self.place.object(&content.key) else { continue };
                let written = content.last_modified.and_then(|time| time.parse::<Timestamp>().ok());
                let written = written.map(Timestamp::as_millisecond);
                visit(Stored { object, size: content.size, written, ..Stored::default() });
            }
            match page.next_continuation_token {
                Some(next) if most.is_none() && !next.is_empty() => {
                    if empty >= EMPTY_PAGES || token.as_ref() == Some(&next) {
                        return Err(self.endless(doing));
                    }
                    token = Some(next);
                }
                _ => return Ok(()),
            }
        }
    }

    /// The uploads of keys that begin so, and that themselves began before this time: their keys and ids.
    pub(super) fn uploads(&self, keys: &str, before: Timestamp) -> Result<Vec<(String, String)>> {
        let doing =
            Doing { what: "Listing", object: "unfinished uploads", permission: "s3:ListBucketMultipartUploads" };
        let began = |upload: &ListedUpload| upload.initiated.as_ref()?.parse::<Timestamp>().ok();
        let old =
            |upload: &ListedUpload| upload.key.starts_with(keys) && began(upload).is_some_and(|time| time < before);
        let mut found = Vec::new();
        let mut markers: Option<(String, String)> = None;
        for _ in 0..EMPTY_PAGES {
            let mut query = vec![("uploads", ""), ("prefix", keys)];
            if let Some((key, id)) = &markers {
                query.extend([("key-marker", key.as_str()), ("upload-id-marker", id.as_str())]);
            }
            let page: Uploads = self.page(&query, doing)?;
            found.extend(page.upload.into_iter().filter(&old).map(|upload| (upload.key, upload.upload_id)));
            let next = page.next_key_marker.zip(page.next_upload_id_marker);
            if !page.is_truncated || next.is_none() || next == markers {
                return Ok(found);
            }
            markers = next;
        }
        Ok(found)
    }

    fn page<T: DeserializeOwned>(&self, query: &[(&str, &str)], doing: Doing<'_>) -> Result<T> {
        let bytes = self.wait(doing, PAGE as u64, self.ask("", query, PAGE))?;
        let page = std::str::from_utf8(&bytes).ok().and_then(|text| quick_xml::de::from_str(text).ok());
        page.ok_or_else(|| {
            let words = nonsense(&self.place);
            Fault::new(Kind::Damaged, &self.name, format!("{} {} failed. {words}", doing.what, doing.object))
        })
    }

    fn endless(&self, doing: Doing<'_>) -> Fault {
        let words = format!("The list of {} does not end.", self.place.host);
        Fault::new(Kind::Damaged, &self.name, format!("{} {} failed. {words}", doing.what, doing.object))
    }
}
