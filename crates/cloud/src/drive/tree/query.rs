//! Questions that Drive answers page by page.

use google_drive3::api::{File, FileList};
use lifeboat_engine::mutex::lock;
use lifeboat_engine::store::{Kind, Result};

use super::{DriveTree, FIELDS};
use crate::drive::places::with;
use crate::drive::wire::{Wire, WireRequest};

/// A page of a list, which is also the most that Drive gives.
const PAGE: usize = 1000;
/// Folders that are asked for at a time: the query stays below what Drive takes.
const TOGETHER: usize = 40;
/// Pages of one list. Whoever goes on after so many never ends.
const MOST_PAGES: usize = 10_000;

impl DriveTree {
    /// Every file that lies in one of these folders and is no trash.
    pub(super) fn query(
        &self,
        wire: &Wire,
        folders: &[String],
        query: &str,
        visit: &mut dyn FnMut(File),
    ) -> Result<()> {
        let drive = lock(&self.state).top.as_ref().and_then(|top| top.drive.clone());
        for some in folders.chunks(TOGETHER) {
            let within: Vec<String> = some.iter().map(|id| format!("{} in parents", quoted(id))).collect();
            let and = if query.is_empty() { "" } else { " and " };
            let whole = format!("{query}{and}trashed = false and ({})", within.join(" or "));
            self.pages(wire, &whole, drive.as_deref(), visit)?;
        }
        Ok(())
    }

    pub(super) fn pages(
        &self,
        wire: &Wire,
        query: &str,
        drive: Option<&str>,
        visit: &mut dyn FnMut(File),
    ) -> Result<()> {
        let (size, fields) = (PAGE.to_string(), format!("nextPageToken,incompleteSearch,files({FIELDS})"));
        let mut next: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let mut parameters = vec![
                ("q", query),
                ("pageSize", size.as_str()),
                ("fields", fields.as_str()),
                ("supportsAllDrives", "true"),
                ("includeItemsFromAllDrives", "true"),
                ("spaces", "drive"),
            ];
            if let Some(drive) = drive {
                parameters.extend([("corpora", "drive"), ("driveId", drive)]);
            }
            if let Some(next) = &next {
                parameters.push(("pageToken", next));
            }
            let url = with(&format!("{}/files", wire.places.api), &parameters);
            let page: FileList = wire.ask(&WireRequest::get(&url), "listing")?;
            if page.incomplete_search == Some(true) {
                return Err(wire.client.transient("Listing: Google Drive has not searched everything."));
            }
            page.files.into_iter().flatten().filter(|file| file.trashed != Some(true)).for_each(&mut *visit);
            match page.next_page_token {
                Some(token) if next.as_ref() == Some(&token) => break,
                Some(token) => next = Some(token),
                None => return Ok(()),
            }
        }
        Err(wire.fault(Kind::Damaged, "Listing: the pages do not end. Whoever answers may not be Google."))
    }
}

pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}
