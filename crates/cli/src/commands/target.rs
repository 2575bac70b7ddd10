//! What `--from` means where it is no path: a target of the configuration, or one that is told by options, for a new server has no
//! configuration yet.

use std::path::{Path, PathBuf};

use clap::Args;
use lifeboat_engine::config::cloud::{DRIVE_TOKEN_FILE, Drive, S3, Target};
use lifeboat_engine::{Error, Result};

use crate::session::{Session, absolute};

/// A target that is not in a configuration, because a new server has none. Credentials for S3 come from the environment
/// (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) or from a profile.
#[derive(Debug, Default, Args)]
pub struct TargetArgs {
    /// The bucket, with --from s3.
    #[arg(long, value_name = "NAME")]
    pub bucket: Option<String>,
    /// The address of the service, such as https://s3.eu-central-003.backblazeb2.com; default: Amazon.
    #[arg(long, value_name = "URL")]
    pub endpoint: Option<String>,
    /// The bucket's region.
    #[arg(long, value_name = "NAME")]
    pub region: Option<String>,
    /// The folder in the bucket that contains the vaults.
    #[arg(long, value_name = "FOLDER")]
    pub prefix: Option<String>,
    /// A profile of ~/.aws/credentials.
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// The folder in Google Drive, with --from gdrive: the last part of its address.
    #[arg(long, value_name = "ID")]
    pub folder_id: Option<String>,
    /// The file that `lifeboat auth gdrive` made.
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// The key of a Google service account.
    #[arg(long, value_name = "FILE")]
    pub service_key: Option<PathBuf>,
}

/// `None`: it is a path.
pub fn of(from: &Path, args: &TargetArgs, session: &Session) -> Result<Option<Target>> {
    let word = from.to_str().unwrap_or_default();
    if let Some(target) = typed(word, args)? {
        return Ok(Some(target));
    }
    // One that cannot be read says so to whoever needs it.
    let cloud = session.config().map(|config| config.cloud).unwrap_or_default();
    let named = cloud.into_iter().find(|target| target.name() == word);
    if named.is_some() || from.exists() {
        return Ok(named);
    }
    match word {
        "s3" => Err(Error::Config { message: "`--from s3` needs --bucket NAME.".into() }),
        "gdrive" => {
            let token_file = session.root()?.join(DRIVE_TOKEN_FILE);
            if !token_file.is_file() {
                return Err(Error::Config {
                    message: format!(
                        "`--from gdrive` needs the file that `lifeboat auth gdrive` makes: {} is not there. Name another one with \
                         --token-file FILE, or the key of a service account with --service-key FILE.",
                        token_file.display()
                    ),
                });
            }
            Ok(Some(Target::GDrive(Drive { token_file: Some(token_file), ..Drive::default() })))
        }
        _ => Ok(None),
    }
}

fn typed(word: &str, args: &TargetArgs) -> Result<Option<Target>> {
    let path = |file: &Option<std::path::PathBuf>| file.as_deref().map(absolute).transpose();
    let is_typed =
        args.bucket.is_some() || args.folder_id.is_some() || args.token_file.is_some() || args.service_key.is_some();
    match word {
        "s3" if args.bucket.is_some() => Ok(Some(Target::S3(S3 {
            bucket: args.bucket.clone().unwrap_or_default(),
            prefix: args.prefix.clone(),
            region: args.region.clone(),
            endpoint: args.endpoint.clone(),
            profile: args.profile.clone(),
            ..S3::default()
        }))),
        "gdrive" if is_typed => Ok(Some(Target::GDrive(Drive {
            key_file: path(&args.service_key)?,
            token_file: path(&args.token_file)?,
            folder_id: args.folder_id.clone(),
            endpoint: args.endpoint.clone(),
            ..Drive::default()
        }))),
        _ if is_typed => Err(Error::Config {
            message: format!(
                "{word:?} is not a kind of target. With these options, use `--from s3` or `--from \
             gdrive`."
            ),
        }),
        _ => Ok(None),
    }
}
