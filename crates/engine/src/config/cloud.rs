//! The targets that backups are synced to, as the configuration names them: checked when it is read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::replica::bandwidth::Bandwidth;
use crate::replica::standing;
use crate::report::BackupType;
use crate::secret::Secret;
use crate::{Error, Result};

/// How many backups of each type a target keeps; what is left out is as in the vault.
pub type Keep = BTreeMap<BackupType, u32>;

/// Where an owner's sign-in to Google Drive is kept, starting from the root, where the configuration does not say.
pub const DRIVE_TOKEN_FILE: &str = "credentials/google-drive-token.json";

/// Where the key of a service account lies, starting from the root, where the configuration names no way in.
pub const DRIVE_KEY_FILE: &str = "credentials/google-drive-key.json";
/// The variable that names the folder in Drive, where the configuration does not.
pub const DRIVE_FOLDER: &str = "GOOGLE_DRIVE_FOLDER_ID";

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "provider", rename_all = "lowercase")]
pub enum Target {
    GDrive(Drive),
    S3(S3),
    Folder(Folder),
}

/// Google Drive.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Drive {
    pub name: Option<String>,
    /// A service account's key. Without one, an owner's token, see `lifeboat auth gdrive`.
    pub key_file: Option<PathBuf>,
    pub client_id: Option<String>,
    pub client_secret: Option<Secret>,
    /// The owner's sign-in, see [`DRIVE_TOKEN_FILE`].
    pub token_file: Option<PathBuf>,
    pub folder_id: Option<String>,
    /// The user that a service account acts for.
    pub impersonate: Option<String>,
    /// This account can add, and not delete, as a contributor of a shared drive: pruning is done from elsewhere.
    pub append_only: bool,
    /// Removed objects go to the trash, which counts, and not for good.
    pub trash: bool,
    /// Where the service is, for tests.
    pub endpoint: Option<String>,
    pub keep: Keep,
    pub bandwidth: Option<String>,
}

/// S3, and what speaks it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct S3 {
    pub name: Option<String>,
    pub bucket: String,
    /// A folder in the bucket, in which each vault has one of its own, called by its id: many vaults share a bucket.
    pub prefix: Option<String>,
    pub region: Option<String>,
    pub endpoint: Option<String>,
    pub profile: Option<String>,
    pub access_key_id: Option<Secret>,
    pub secret_access_key: Option<Secret>,
    pub path_style: Option<bool>,
    /// These credentials can add, and not delete: pruning is done from elsewhere.
    pub append_only: bool,
    /// What a kept backup needs stays locked for at least half as many days: its lock is renewed for so many.
    pub lock_days: Option<u32>,
    pub keep: Keep,
    pub bandwidth: Option<String>,
}

/// A folder: a mounted disk, or another machine's.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Folder {
    pub name: Option<String>,
    /// Relative to the root.
    pub path: PathBuf,
    pub keep: Keep,
}

impl Target {
    /// What it is called: by the configuration, or after its provider.
    pub fn name(&self) -> &str {
        let name = match self {
            Target::GDrive(drive) => &drive.name,
            Target::S3(s3) => &s3.name,
            Target::Folder(folder) => &folder.name,
        };
        name.as_deref().unwrap_or(self.provider())
    }

    pub fn provider(&self) -> &'static str {
        match self {
            Target::GDrive(_) => "gdrive",
            Target::S3(_) => "s3",
            Target::Folder(_) => "folder",
        }
    }

    /// Without what opens it: for whoever need not open it.
    pub fn without_secrets(mut self) -> Target {
        match &mut self {
            Target::GDrive(drive) => drive.client_secret = None,
            Target::S3(s3) => (s3.access_key_id, s3.secret_access_key) = (None, None),
            Target::Folder(_) => {}
        }
        self
    }

    pub fn keep(&self) -> &Keep {
        match self {
            Target::GDrive(drive) => &drive.keep,
            Target::S3(s3) => &s3.keep,
            Target::Folder(folder) => &folder.keep,
        }
    }

    pub fn bandwidth(&self) -> Option<&str> {
        match self {
            Target::GDrive(drive) => drive.bandwidth.as_deref(),
            Target::S3(s3) => s3.bandwidth.as_deref(),
            Target::Folder(_) => None,
        }
    }

    /// May its objects be removed by this server?
    pub fn is_append_only(&self) -> bool {
        match self {
            Target::GDrive(drive) => drive.append_only,
            Target::S3(s3) => s3.append_only,
            Target::Folder(_) => false,
        }
    }

    /// For so many days what a kept backup needs is locked there.
    pub fn lock_days(&self) -> Option<u32> {
        match self {
            Target::S3(s3) => s3.lock_days,
            _ => None,
        }
    }

    /// The files that hold what opens it. They go into no backup that lies there.
    pub fn secret_files(&self) -> Vec<&PathBuf> {
        match self {
            Target::GDrive(drive) => drive.key_file.iter().chain(&drive.token_file).collect(),
            Target::S3(_) | Target::Folder(_) => Vec::new(),
        }
    }

    /// What is left out and has a default becomes it. Where the target names no way in, it is the key of a service account, if one
    /// lies in its place below the root and nobody has signed in there.
    pub(super) fn fill(&mut self, root: &Path, variable: impl Fn(&str) -> Option<String>) {
        let Target::GDrive(drive) = self else { return };
        let is_unnamed = drive.key_file.is_none() && drive.token_file.is_none() && drive.client_id.is_none();
        if is_unnamed && root.join(DRIVE_KEY_FILE).is_file() && !root.join(DRIVE_TOKEN_FILE).exists() {
            drive.key_file = Some(DRIVE_KEY_FILE.into());
        }
        if drive.key_file.is_none() {
            drive.token_file.get_or_insert_with(|| DRIVE_TOKEN_FILE.into());
        }
        // Another folder is another place: so it is known before anything is remembered of it.
        drive.folder_id = drive.folder_id.take().or_else(|| variable(DRIVE_FOLDER).filter(|id| !id.is_empty()));
    }

    /// Where its files lie, starting from the root.
    pub(super) fn paths(&mut self) -> Vec<&mut PathBuf> {
        match self {
            Target::GDrive(drive) => drive.key_file.iter_mut().chain(&mut drive.token_file).collect(),
            Target::S3(_) => Vec::new(),
            Target::Folder(folder) => vec![&mut folder.path],
        }
    }
}

/// `E_CONFIG` where a target cannot be one, or two have one name.
pub(super) fn check(targets: &[Target]) -> Result<()> {
    let refuse = |message: String| Err(Error::Config { message });
    for (index, target) in targets.iter().enumerate() {
        let (place, name) = (format!("cloud[{index}]"), target.name());
        if name.is_empty() || name.len() > 64 || name.contains(|c: char| c.is_control() || "/\\\"'".contains(c)) {
            return refuse(format!("{place}.name is a short plain text, such as \"office-disk\"."));
        }
        if targets[..index].iter().any(|earlier| earlier.name() == name) {
            return refuse(format!(
                "{place}: two targets are called {name:?}. Give one of them another `name`: each has a state of its own."
            ));
        }
        match target {
            Target::GDrive(drive) if drive.client_id.is_some() != drive.client_secret.is_some() => {
                return refuse(format!("{place}: clientId and clientSecret belong together; give both, or neither."));
            }
            Target::GDrive(drive) if drive.key_file.is_some() && drive.client_id.is_some() => {
                return refuse(format!(
                    "{place}: keyFile is a service account's, and clientId a person's; only one of them would count. Leave one out."
                ));
            }
            Target::GDrive(drive) if drive.key_file.is_some() && drive.token_file.is_some() => {
                return refuse(format!(
                    "{place}: keyFile is a service account's, and tokenFile a person's; only one of them would count. Leave one out."
                ));
            }
            Target::S3(s3) if s3.bucket.is_empty() => {
                return refuse(format!("{place}.bucket is missing: the name of the bucket."));
            }
            Target::S3(s3) if s3.access_key_id.is_some() != s3.secret_access_key.is_some() => {
                return refuse(format!(
                    "{place}: accessKeyId and secretAccessKey belong together; give both, or neither."
                ));
            }
            Target::S3(s3) if s3.lock_days.is_some_and(|days| !(2..=3650).contains(&days)) => {
                return refuse(format!("{place}.lockDays goes from 2 to 3650."));
            }
            Target::Folder(folder) if folder.path.as_os_str().is_empty() => {
                return refuse(format!("{place}.path is missing: the folder that backups are copied to."));
            }
            _ => {}
        }
        let endpoint = match target {
            Target::GDrive(drive) => &drive.endpoint,
            Target::S3(s3) => &s3.endpoint,
            Target::Folder(_) => &None,
        };
        if endpoint.as_ref().is_some_and(|url| !["http://", "https://"].iter().any(|scheme| url.starts_with(scheme))) {
            return refuse(format!("{place}.endpoint must begin with http:// or https://."));
        }
        // Not quoted: what stands there may be a password.
        if endpoint.as_ref().is_some_and(|url| url.contains(['?', '#', '@'])) {
            return refuse(format!(
                "{place}.endpoint is an address only, without a user, a query (?) or a fragment (#); what opens the target has \
                 fields of its own."
            ));
        }
        if let Some(bandwidth) = target.bandwidth() {
            Bandwidth::parse(bandwidth).map_err(|error| Error::Config { message: format!("{place}.{error}") })?;
        }
        if let Some((kind, _)) = target.keep().iter().find(|(_, count)| **count == 0) {
            return refuse(format!(
                "{place}.keep.{kind} must be at least 1. Leave it out to keep as many as the vault \
             does."
            ));
        }
        if target.keep().contains_key(&BackupType::Safety) {
            return refuse(format!("{place}.keep: a SAFETY backup has no count, here nor there."));
        }
    }
    Ok(())
}

/// `E_CONFIG` where a copy would lie in what it is a copy of, or two targets are one place. Paths are absolute by now.
pub(super) fn check_places(targets: &[Target], root: &Path, vault: &Path) -> Result<()> {
    let refuse = |message: String| Err(Error::Config { message });
    for (index, target) in targets.iter().enumerate() {
        let place = format!("cloud[{index}]");
        match target {
            Target::Folder(folder) if folder.path.starts_with(vault) => {
                return refuse(format!(
                    "{place}.path is the vault's own folder, or in it ({}): a copy there would be lost with the \
                     vault. Name a folder on another disk.",
                    vault.display()
                ));
            }
            Target::Folder(folder) if folder.path == root => {
                return refuse(format!("{place}.path is the root itself. Name a folder on another disk."));
            }
            _ => {}
        }
        // Accounts of one service may differ by nothing but what opens them.
        let is_same = |other: &&Target| {
            standing::identity(other) == standing::identity(target) && other.secret_files() == target.secret_files()
        };
        if let Some(same) = targets[..index].iter().find(is_same) {
            return refuse(format!(
                "{place}: the targets {:?} and {:?} are the same place, which would count as two. Remove one of them.",
                same.name(),
                target.name()
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::Config;

    fn config(cloud: &str) -> crate::Result<Config> {
        Config::from_json(&format!("{{\"cloud\": {cloud}}}"), Path::new("/srv/bot"))
    }

    #[test]
    fn each_kind_of_target_is_read() {
        let config = config(
            r#"[{"provider": "gdrive", "keyFile": "credentials/key.json", "folderId": "f"},
                {"provider": "s3", "bucket": "b", "keep": {"DAILY": 30}},
                {"provider": "folder", "name": "office", "path": "/mnt/office"}]"#,
        )
        .unwrap();
        let names: Vec<_> = config.cloud.iter().map(|target| target.name()).collect();
        assert_eq!(names, ["gdrive", "s3", "office"]);
        assert_eq!(config.cloud[0].secret_files(), [Path::new("/srv/bot/credentials/key.json")]);
        assert!(config.secret_files().iter().any(|file| file.ends_with("credentials/key.json")));
    }

    #[test]
    fn a_sign_in_to_drive_has_a_place_of_its_own_that_no_backup_takes() {
        let config = config(r#"[{"provider": "gdrive"}]"#).unwrap();
        let file = Path::new("/srv/bot/credentials/google-drive-token.json");
        assert_eq!(config.cloud[0].secret_files(), [file]);
        assert!(config.secret_files().iter().any(|secret| secret == file));
    }

    #[test]
    fn the_key_of_a_service_account_and_the_folder_of_the_environment_are_found_where_the_target_names_neither() {
        use super::{Drive, Target};
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("credentials")).unwrap();
        let filled = |drive: Drive| {
            let mut target = Target::GDrive(drive);
            target.fill(root.path(), |name| (name == super::DRIVE_FOLDER).then(|| "of-the-environment".into()));
            let Target::GDrive(drive) = target else { unreachable!() };
            drive
        };
        assert_eq!(filled(Drive::default()).key_file, None);
        std::fs::write(root.path().join(super::DRIVE_KEY_FILE), "{}").unwrap();
        let drive = filled(Drive::default());
        assert_eq!(drive.key_file.unwrap(), Path::new(super::DRIVE_KEY_FILE));
        assert_eq!((drive.token_file, drive.folder_id.as_deref()), (None, Some("of-the-environment")));
        let named = filled(Drive { folder_id: Some("mine".into()), client_id: Some("a".into()), ..Drive::default() });
        assert_eq!((named.key_file, named.folder_id.as_deref()), (None, Some("mine")));
        std::fs::write(root.path().join(super::DRIVE_TOKEN_FILE), "{}").unwrap();
        assert_eq!(filled(Drive::default()).key_file, None, "somebody has signed in");
    }

    #[test]
    fn what_cannot_be_a_target_is_refused_in_words() {
        for (cloud, words) in [
            (r#"[{"provider": "dropbox"}]"#, "gdrive"),
            (r#"[{"provider": "s3"}]"#, "cloud[0].bucket"),
            (r#"[{"provider": "s3", "bucket": "b", "bukket": 1}]"#, "bukket"),
            (r#"[{"provider": "s3", "bucket": "b", "accessKeyId": "a"}]"#, "belong together"),
            (r#"[{"provider": "gdrive", "clientId": "a"}]"#, "belong together"),
            (r#"[{"provider": "s3", "bucket": "b", "endpoint": "localhost"}]"#, "http://"),
            (r#"[{"provider": "s3", "bucket": "b"}, {"provider": "s3", "bucket": "c"}]"#, "another `name`"),
            (r#"[{"provider": "s3", "bucket": "b"}, {"provider": "s3", "name": "c", "bucket": "b"}]"#, "same place"),
            (r#"[{"provider": "folder", "path": "backups/copy"}]"#, "vault's own folder"),
            (r#"[{"provider": "folder", "path": "a/../backups"}]"#, "vault's own folder"),
            (r#"[{"provider": "folder", "path": "."}]"#, "root itself"),
            (r#"[{"provider": "folder"}]"#, "cloud[0].path"),
            (r#"[{"provider": "folder", "path": "a", "keep": {"DAILY": 0}}]"#, "at least 1"),
            (r#"[{"provider": "folder", "path": "a", "keep": {"SAFETY": 3}}]"#, "SAFETY"),
            (r#"[{"provider": "folder", "path": "a", "name": "a/b"}]"#, "short plain text"),
            (r#"[{"provider": "s3", "bucket": "b", "bandwidth": "fast"}]"#, "cloud[0].bandwidth"),
            (r#"[{"provider": "s3", "bucket": "b", "lockDays": 1}]"#, "cloud[0].lockDays"),
            (r#"{}"#, "sequence"),
        ] {
            let error = config(cloud).unwrap_err();
            assert!(error.code() == "E_CONFIG" && error.to_string().contains(words), "{cloud}: {error}");
        }
    }

    #[test]
    fn an_endpoint_with_something_secret_in_it_is_refused_and_not_quoted() {
        for url in ["https://me:hush@host", "https://host?token=hush", "https://host/#hush"] {
            let error = config(&format!(r#"[{{"provider": "s3", "bucket": "b", "endpoint": "{url}"}}]"#)).unwrap_err();
            let text = error.to_string();
            assert!(error.code() == "E_CONFIG" && text.contains("cloud[0].endpoint"), "{text}");
            assert!(!text.contains("hush"), "{text}");
        }
    }

    #[test]
    fn two_accounts_of_one_service_are_two_places() {
        config(
            r#"[{"provider": "gdrive", "tokenFile": "a.json"},
                {"provider": "gdrive", "name": "second", "tokenFile": "b.json"}]"#,
        )
        .unwrap();
    }

    #[test]
    fn no_secret_of_a_target_is_printed() {
        let config = config(
            r#"[{"provider": "s3", "bucket": "b", "accessKeyId": "hush", "secretAccessKey": "hush"},
                {"provider": "gdrive", "clientId": "a", "clientSecret": "hush"}]"#,
        )
        .unwrap();
        assert!(!format!("{config:?}").contains("hush"));
    }
}
