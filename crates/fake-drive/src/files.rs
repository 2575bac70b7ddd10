//! What is known of files: create, get, list, update, delete; whose account it is; ids that are given out beforehand.

use serde_json::{Map, Value, json};

use crate::answer::{self, Answer};
use crate::query::Query;
use crate::server::DriveRequest;
use crate::world::{Access, FOLDER, File, World, my_drive, token};

pub fn not_found(id: &str) -> Answer {
    answer::error(404, "notFound", &format!("File not found: {id}."))
}

/// The file, where this client may see it. Shared drives are seen only by who says that it knows of them.
pub fn seen<'a>(world: &'a World, asked: &DriveRequest, access: &Access, id: &str) -> Result<&'a File, Answer> {
    let id = if id == "root" { my_drive(&access.user) } else { id.to_string() };
    let file = world.files.get(&id).filter(|file| sees(access, file)).ok_or_else(|| not_found(&id))?;
    if file.drive.is_some() && asked.parameter("supportsAllDrives") != Some("true") {
        return Err(not_found(&id));
    }
    Ok(file)
}

pub fn sees(access: &Access, file: &File) -> bool {
    let mine = file.drive.is_some() || file.owner == access.user;
    mine && (access.sees_all() || file.client == access.client)
}

/// `None` where the folder is somebody's own drive, which is always there; `Err` where it is not to be seen.
pub fn parent(world: &World, asked: &DriveRequest, access: &Access, parents: Option<&Value>) -> Result<String, Answer> {
    let home = my_drive(&access.user);
    match parents.and_then(|parents| parents.get(0)).and_then(Value::as_str) {
        None | Some("root") => Ok(home),
        Some(id) if id == home => Ok(home),
        Some(id) => match seen(world, asked, access, id)? {
            folder if folder.is_folder() => Ok(id.into()),
            _ => Err(answer::error(403, "parentNotAFolder", "The specified parent is not a folder.")),
        },
    }
}

/// A new file from what is said of it; without bytes yet.
pub fn from_metadata(world: &World, asked: &DriveRequest, access: &Access, metadata: &Value) -> Result<File, Answer> {
    let text = |name: &str| metadata.get(name).and_then(Value::as_str);
    let parent = parent(world, asked, access, metadata.get("parents"))?;
    let id = match text("id") {
        None => token("1"),
        Some(id) if world.files.contains_key(id) => {
            return Err(answer::error(409, "fileIdInUse", "A file already exists with the provided ID."));
        }
        Some(id) if world.ids.contains(id) => id.into(),
        Some(_) => return Err(answer::error(400, "invalid", "The provided file ID is not usable.")),
    };
    let mime = text("mimeType").unwrap_or("application/octet-stream");
    Ok(world.new_file(&id, text("name").unwrap_or("Untitled"), mime, &parent, &access.client, &access.user))
}

pub fn create(world: &mut World, asked: &DriveRequest, access: &Access) -> Answer {
    let Ok(metadata) = serde_json::from_slice(&asked.body) else {
        return answer::error(400, "parseError", "Parse Error");
    };
    match from_metadata(world, asked, access, &metadata) {
        Ok(file) => {
            world.ids.remove(&file.id);
            world.files.insert(file.id.clone(), file.clone());
            answer::json(200, &chosen(&file.json(), asked.parameter("fields"), &["kind", "id", "name", "mimeType"]))
        }
        Err(refused) => refused,
    }
}

pub fn get(world: &World, asked: &DriveRequest, access: &Access, id: &str) -> Answer {
    match seen(world, asked, access, id) {
        Ok(file) => {
            let mut value = file.json();
            value["trashed"] = json!(world.is_trashed(file));
            answer::json(200, &chosen(&value, asked.parameter("fields"), &["kind", "id", "name", "mimeType"]))
        }
        Err(refused) => refused,
    }
}

pub fn list(world: &World, asked: &DriveRequest, access: &Access) -> Answer {
    let query = match asked.parameter("q").map_or(Ok(Query::all()), Query::parse) {
        Ok(query) => query,
        Err(message) => return answer::error(400, "invalid", &message),
    };
    let all_drives = asked.parameter("supportsAllDrives") == Some("true")
        && asked.parameter("includeItemsFromAllDrives") == Some("true");
    let home = my_drive(&access.user);
    let mut found: Vec<&File> = world
        .files
        .values()
        .filter(|file| sees(access, file) && (file.drive.is_none() || all_drives))
        .filter(|file| !file.parent.is_empty())
        .filter(|file| query.matches(file, world.is_trashed(file), &home))
        .collect();
    found.sort_by(|a, b| (b.created, &b.id).cmp(&(a.created, &a.id)));
    let start = asked.parameter("pageToken").map_or(Some(0), |token| token.strip_prefix("page-")?.parse().ok());
    let Some(start) = start else { return answer::error(400, "invalid", "Invalid Value: pageToken") };
    let size = asked.parameter("pageSize").and_then(|size| size.parse().ok()).unwrap_or(100);
    let size = world.settings.page.min(size).clamp(1, 1000);
    let fields = asked.parameter("fields");
    let inner = fields.map_or(Some("kind,id,name,mimeType".into()), |fields| within(fields, "files"));
    let page: Vec<Value> = found
        .iter()
        .skip(start)
        .take(size)
        .map(|file| {
            let mut value = file.json();
            value["trashed"] = json!(world.is_trashed(file));
            chosen(&value, inner.as_deref(), &["id"])
        })
        .collect();
    let mut answer = json!({ "kind": "drive#fileList", "incompleteSearch": false, "files": page });
    if start + size < found.len() && fields.is_none_or(|fields| fields == "*" || fields.contains("nextPageToken")) {
        answer["nextPageToken"] = json!(format!("page-{}", start + size));
    }
    answer::json(200, &answer)
}

pub fn update(world: &mut World, asked: &DriveRequest, access: &Access, id: &str) -> Answer {
    let mut file = match seen(world, asked, access, id) {
        Ok(file) => file.clone(),
        Err(refused) => return refused,
    };
    let Ok(metadata) = serde_json::from_slice::<Value>(&asked.body) else {
        return answer::error(400, "parseError", "Parse Error");
    };
    if let Some(name) = metadata.get("name").and_then(Value::as_str) {
        file.name = name.into();
    }
    if let Some(trashed) = metadata.get("trashed").and_then(Value::as_bool) {
        if trashed && may_not_remove(world, &file) {
            return answer::error(403, "insufficientFilePermissions", "The user does not have sufficient permissions.");
        }
        file.trashed = trashed;
    }
    world.files.insert(id.into(), file.clone());
    answer::json(200, &chosen(&file.json(), asked.parameter("fields"), &["kind", "id", "name", "mimeType"]))
}

/// For good, whatever lies below; without a way back.
pub fn delete(world: &mut World, access: &Access, id: &str) -> Answer {
    match world.files.get(id).filter(|file| sees(access, file)) {
        None => not_found(id),
        Some(file) if may_not_remove(world, file) => {
            answer::error(403, "insufficientFilePermissions", "The user does not have sufficient permissions.")
        }
        Some(_) => {
            world.remove(id);
            answer::empty(204)
        }
    }
}

fn may_not_remove(world: &World, file: &File) -> bool {
    world.settings.contributor && file.drive.is_some()
}

pub fn generate_ids(world: &mut World, asked: &DriveRequest) -> Answer {
    let count: usize = asked.parameter("count").and_then(|count| count.parse().ok()).unwrap_or(10);
    if !(1..=1000).contains(&count) {
        return answer::error(400, "invalid", "Invalid value for count.");
    }
    let ids: Vec<String> = (0..count).map(|_| token("1")).collect();
    world.ids.extend(ids.iter().cloned());
    answer::json(200, &json!({ "kind": "drive#generatedIds", "space": "drive", "ids": ids }))
}

pub fn about(world: &World, asked: &DriveRequest, access: &Access) -> Answer {
    if asked.parameter("fields").is_none() {
        return answer::error(400, "required", "The 'fields' parameter is required for this method.");
    }
    let (used, trash) = world.used();
    let mut quota = json!({
        "usage": used.to_string(), "usageInDrive": (used - world.settings.elsewhere).to_string(),
        "usageInDriveTrash": trash.to_string(), "limit": world.settings.limit.to_string(),
    });
    if access.user == world.service.email {
        quota = json!({ "limit": "0", "usage": "0", "usageInDrive": "0", "usageInDriveTrash": "0" });
    }
    let user = json!({ "displayName": "The Owner", "emailAddress": access.user });
    answer::json(200, &json!({ "kind": "drive#about", "user": user, "storageQuota": quota }))
}

/// The fields that were asked for.
pub fn chosen(value: &Value, fields: Option<&str>, default: &[&str]) -> Value {
    let names: Vec<&str> = match fields {
        Some("*") => return value.clone(),
        Some(fields) => fields.split(',').map(str::trim).collect(),
        None => default.to_vec(),
    };
    let fields: Map<String, Value> = names
        .iter()
        .map(|name| name.split('/').next().unwrap_or(name))
        .filter_map(|name| Some((name.to_string(), value.get(name)?.clone())))
        .collect();
    Value::Object(fields)
}

/// `id,name` of `nextPageToken,files(id,name)`; `*` of `*` and of `files`.
fn within(fields: &str, name: &str) -> Option<String> {
    let start = fields.find(&format!("{name}("));
    match start {
        Some(start) => fields[start + name.len() + 1..].split(')').next().map(String::from),
        None => Some("*".into()),
    }
}

/// What is wrong with putting so many bytes there.
pub fn refused_for_room(world: &World, access: &Access, file: &File, size: u64) -> Option<Answer> {
    if file.drive.is_some() || file.mime == FOLDER {
        return None;
    }
    let before = world.files.get(&file.id).map_or(0, |file| file.content.len() as u64);
    if access.user == world.service.email {
        let message = "Service Accounts do not have storage quota. Leverage shared drives, or use OAuth delegation.";
        return Some(answer::error(403, "storageQuotaExceeded", message));
    }
    (world.used().0 + size > world.settings.limit + before)
        .then(|| answer::error(403, "storageQuotaExceeded", "The user's Drive storage quota has been exceeded."))
}

/// For whoever compares: each file with its path, size and checksum; and how many uploads have begun and not ended.
pub fn all(world: &World) -> Value {
    let path = |file: &File| {
        let (mut path, mut parent) = (file.name.clone(), world.files.get(&file.parent));
        while let Some(folder) = parent {
            path = format!("{}/{path}", folder.name);
            parent = world.files.get(&folder.parent);
        }
        path
    };
    let files = world.files.values().filter(|file| !file.is_folder());
    let files: Vec<Value> = files
        .map(|file| json!({ "path": path(file), "size": file.content.len(), "md5": file.md5, "trashed": file.trashed }))
        .collect();
    let uploads = world.uploads.values().filter(|upload| !upload.done).count();
    json!({ "files": files, "uploads": uploads })
}
