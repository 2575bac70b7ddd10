//! What outlives the process: files, uploads that have begun, sign-ins and settings, as JSON and one file for each content.
//!
//! A request that is half read when the process ends is lost, as it is where a machine of the service dies.

use std::fs;
use std::io::{Error, Result};
use std::path::Path;

use jiff::Timestamp;
use md5::{Digest, Md5};
use serde_json::{Value, json};

use crate::world::{Access, File, LoggedRequest, ResumableUpload, World};

const STATE: &str = "state.json";

pub fn save(world: &World, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    let files: Vec<Value> = world.files.values().map(|file| of_file(file, folder)).collect::<Result<_>>()?;
    let upload = |(session, upload): (&String, &ResumableUpload)| -> Result<Value> {
        Ok(json!({
            "session": session, "file": of_file(&upload.file, folder)?, "isNew": upload.is_new, "size": upload.size,
            "bytes": content(&upload.bytes, &hex::encode(Md5::digest(&upload.bytes)), folder)?, "done": upload.done,
            "fields": upload.fields,
        }))
    };
    let uploads: Vec<Value> = world.uploads.iter().map(upload).collect::<Result<_>>()?;
    let access = |(token, access): (&String, &Access)| {
        json!([token, access.user, access.client, access.scope, access.until.as_millisecond()])
    };
    let state = json!({
        "files": files, "uploads": uploads, "ids": world.ids, "refresh": world.refresh, "settings": world.settings,
        "access": world.access.iter().map(access).collect::<Vec<_>>(), "log": world.log,
    });
    fs::write(folder.join(STATE), state.to_string())
}

/// A folder in which nothing is kept yet changes nothing.
pub fn load(world: &mut World, folder: &Path) -> Result<()> {
    let text = match fs::read(folder.join(STATE)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        text => text?,
    };
    let state: Value = serde_json::from_slice(&text)?;
    world.files.clear();
    for value in list(&state["files"])? {
        let file = to_file(value, folder)?;
        world.files.insert(file.id.clone(), file);
    }
    for value in list(&state["uploads"])? {
        let upload = ResumableUpload {
            file: to_file(&value["file"], folder)?,
            is_new: value["isNew"] == true,
            bytes: read(&value["bytes"], folder)?,
            size: value["size"].as_u64(),
            done: value["done"] == true,
            fields: value["fields"].as_str().map(String::from),
        };
        world.uploads.insert(text_of(&value["session"])?, upload);
    }
    for value in list(&state["access"])? {
        let access = Access {
            user: text_of(&value[1])?,
            client: text_of(&value[2])?,
            scope: text_of(&value[3])?,
            until: time(&value[4])?,
        };
        world.access.insert(text_of(&value[0])?, access);
    }
    for value in list(&state["log"])? {
        let number = |name: &str| value[name].as_u64().unwrap_or(0);
        let entry = LoggedRequest {
            line: text_of(&value["line"])?,
            received: number("received"),
            status: number("status") as u16,
        };
        world.log.push(entry);
    }
    world.ids = serde_json::from_value(state["ids"].clone())?;
    world.refresh = serde_json::from_value(state["refresh"].clone())?;
    world.settings = serde_json::from_value(state["settings"].clone())?;
    Ok(())
}

fn of_file(file: &File, folder: &Path) -> Result<Value> {
    Ok(json!({
        "id": file.id, "name": file.name, "mime": file.mime, "parent": file.parent, "client": file.client,
        "content": content(&file.content, &file.md5, folder)?, "md5": file.md5, "sha256": file.sha256,
        "created": file.created.as_millisecond(), "modified": file.modified.as_millisecond(), "trashed": file.trashed,
        "owner": file.owner, "drive": file.drive,
    }))
}

fn to_file(value: &Value, folder: &Path) -> Result<File> {
    let text = |name: &str| text_of(&value[name]);
    Ok(File {
        id: text("id")?,
        name: text("name")?,
        mime: text("mime")?,
        parent: text("parent")?,
        content: read(&value["content"], folder)?,
        created: time(&value["created"])?,
        modified: time(&value["modified"])?,
        trashed: value["trashed"] == true,
        client: text("client")?,
        owner: text("owner")?,
        drive: value["drive"].as_str().map(String::from),
        md5: text("md5")?,
        sha256: text("sha256")?,
    })
}

/// Writes it unless it is there: the name of its file.
fn content(bytes: &[u8], md5: &str, folder: &Path) -> Result<String> {
    let file = folder.join(md5);
    if !file.exists() {
        fs::write(file, bytes)?;
    }
    Ok(md5.into())
}

fn read(name: &Value, folder: &Path) -> Result<Vec<u8>> {
    fs::read(folder.join(text_of(name)?))
}

fn list(value: &Value) -> Result<&Vec<Value>> {
    value.as_array().ok_or_else(|| Error::other("what was kept of the fake is no state of it"))
}

fn text_of(value: &Value) -> Result<String> {
    value.as_str().map(String::from).ok_or_else(|| Error::other("what was kept of the fake is no state of it"))
}

fn time(value: &Value) -> Result<Timestamp> {
    Timestamp::from_millisecond(value.as_i64().unwrap_or(0)).map_err(Error::other)
}
