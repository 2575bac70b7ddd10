//! Where the credentials of a bucket come from: the configuration, the environment, the profile files of Amazon's tools, in
//! this order. The metadata endpoint of a machine is never asked: whoever runs a process there would get its keys.

use std::path::{Path, PathBuf};

use ini::{Ini, ParseOption};
use lifeboat_engine::config::cloud;
use lifeboat_engine::secret::Secret;
use object_store::aws::AwsCredential;

/// What opens the bucket, and what is said beside it about where it is.
pub struct BucketCredentials {
    pub credential: AwsCredential,
    pub region: Option<String>,
    pub endpoint: Option<String>,
}

/// The variables of the process, or of a test.
pub type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The error says what is missing, in sentences.
pub fn find(s3: &cloud::S3, variables: Variables<'_>) -> Result<BucketCredentials, String> {
    let set = |name: &str| variables(name).filter(|value| !value.trim().is_empty());
    let profiles = Profiles::read(&set)?;
    let name = s3.profile.clone().or_else(|| set("AWS_PROFILE"));
    let profile = profiles.get(name.as_deref().unwrap_or("default"));
    let of_profile = |key: &str| profile.as_ref().and_then(|profile| profile.get(key));
    let keys = |id: Option<String>, secret: Option<String>, token| {
        Some(AwsCredential { key_id: id?, secret_key: secret?, token })
    };

    let exposed = |secret: &Option<Secret>| secret.as_ref().map(|secret| secret.expose().to_owned());
    let configured = keys(exposed(&s3.access_key_id), exposed(&s3.secret_access_key), None);
    // A profile that the configuration names comes before keys that happen to be in the environment.
    let exported = match s3.profile {
        None => keys(set("AWS_ACCESS_KEY_ID"), set("AWS_SECRET_ACCESS_KEY"), set("AWS_SESSION_TOKEN")),
        Some(_) => None,
    };
    let kept =
        || keys(of_profile("aws_access_key_id"), of_profile("aws_secret_access_key"), of_profile("aws_session_token"));
    let credential = configured.or(exported).or_else(kept).ok_or_else(|| match (&name, &profile) {
        (Some(name), Some(_)) => format!(
            "The profile {name:?} has no aws_access_key_id and aws_secret_access_key of its own. Roles, single sign-on and \
             programs that fetch keys are not used: give it keys."
        ),
        (Some(name), None) => format!("There is no profile {name:?} in {}. Make it, or name another.", profiles.named()),
        (None, _) => format!(
            "There are no credentials. Give accessKeyId and secretAccessKey in the configuration, or AWS_ACCESS_KEY_ID and \
             AWS_SECRET_ACCESS_KEY in the environment, or a profile in {}.",
            profiles.named()
        ),
    })?;
    let is_plain = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic());
    let AwsCredential { key_id, secret_key, token } = &credential;
    if ![key_id, secret_key].into_iter().chain(token).all(|text| is_plain(text)) {
        return Err(
            "The access key, its secret or its token has a blank or a special character in it. Copy it again.".into()
        );
    }
    let region = s3.region.clone().or_else(|| set("AWS_REGION")).or_else(|| set("AWS_DEFAULT_REGION"));
    let endpoint = s3.endpoint.clone().or_else(|| set("AWS_ENDPOINT_URL_S3")).or_else(|| set("AWS_ENDPOINT_URL"));
    Ok(BucketCredentials {
        credential,
        region: region.or_else(|| of_profile("region")),
        endpoint: endpoint.or_else(|| of_profile("endpoint_url")),
    })
}

/// `~/.aws/credentials` and `~/.aws/config`, or where the environment says that they are.
struct Profiles {
    credentials: (PathBuf, Ini),
    config: (PathBuf, Ini),
}

impl Profiles {
    fn read(set: Variables<'_>) -> Result<Profiles, String> {
        let home = set("HOME").or_else(|| set("USERPROFILE")).map(PathBuf::from).unwrap_or_default();
        let file = |variable: &str, name: &str| -> Result<(PathBuf, Ini), String> {
            let path = set(variable).map_or_else(|| home.join(".aws").join(name), PathBuf::from);
            let ini = read(&path)?;
            Ok((path, ini))
        };
        Ok(Profiles {
            credentials: file("AWS_SHARED_CREDENTIALS_FILE", "credentials")?,
            config: file("AWS_CONFIG_FILE", "config")?,
        })
    }

    fn get(&self, name: &str) -> Option<Profile<'_>> {
        let of_config = self.config.1.section(Some(format!("profile {name}")));
        // Only the default one is without that word there.
        let default = || self.config.1.section(Some(name)).filter(|_| name == "default");
        let sections = [self.credentials.1.section(Some(name)), of_config.or_else(default)];
        sections.iter().any(Option::is_some).then_some(Profile(sections))
    }

    fn named(&self) -> String {
        format!("{} or {}", self.credentials.0.display(), self.config.0.display())
    }
}

/// The sections of one profile, the first of which is right.
struct Profile<'a>([Option<&'a ini::Properties>; 2]);

impl Profile<'_> {
    fn get(&self, key: &str) -> Option<String> {
        let value = self.0.iter().flatten().find_map(|section| section.get(key))?.trim();
        (!value.is_empty()).then(|| value.to_owned())
    }
}

/// A file that is not there has no profiles.
fn read(path: &Path) -> Result<Ini, String> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            return Ok(Ini::new());
        }
        Err(error) => return Err(format!("{} cannot be read: {error}.", path.display())),
    };
    // A secret may have a backslash or a quote in it; and what is indented belongs to the line above.
    let option = ParseOption {
        enabled_escape: false,
        enabled_quote: false,
        enabled_preserve_key_leading_whitespace: true,
        ..ParseOption::default()
    };
    // What the parser says may show a line of the file.
    Ini::load_from_str_opt(&text, option)
        .map_err(|error| format!("{} cannot be understood (line {}).", path.display(), error.line))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    struct Home {
        folder: tempfile::TempDir,
        variables: HashMap<String, String>,
    }

    impl Home {
        fn new(credentials: &str, config: &str, variables: &[(&str, &str)]) -> Home {
            let folder = tempfile::tempdir().unwrap();
            std::fs::create_dir(folder.path().join(".aws")).unwrap();
            std::fs::write(folder.path().join(".aws/credentials"), credentials).unwrap();
            std::fs::write(folder.path().join(".aws/config"), config).unwrap();
            let home = ("HOME", folder.path().to_str().unwrap());
            let variables =
                variables.iter().chain([&home]).map(|(name, value)| (name.to_string(), value.to_string())).collect();
            Home { folder, variables }
        }

        fn find(&self, s3: &cloud::S3) -> Result<BucketCredentials, String> {
            find(s3, &|name| self.variables.get(name).cloned())
        }
    }

    const CREDENTIALS: &str = "# mine\n[default]\naws_access_key_id = AKDEFAULT\naws_secret_access_key = a\\b+/=\"c\n\n\
                               [backup]\naws_access_key_id=AKBACKUP\naws_secret_access_key=hush\naws_session_token=tok\n";
    const CONFIG: &str = "[default]\nregion = eu-west-1\n\n[profile backup]\nregion = ap-southeast-1\ns3 =\n  region = wrong\n\
                          endpoint_url = https://s3.example\n\n[profile sso]\nsso_session = x\n\n[backup]\nregion = nowhere\n";
    const EXPORTED: &[(&str, &str)] =
        &[("AWS_ACCESS_KEY_ID", "AKENV"), ("AWS_SECRET_ACCESS_KEY", "s"), ("AWS_REGION", "r")];

    fn s3(profile: Option<&str>) -> cloud::S3 {
        cloud::S3 { bucket: "b".into(), profile: profile.map(String::from), ..cloud::S3::default() }
    }

    fn key_id(home: &Home, s3: &cloud::S3) -> String {
        home.find(s3).unwrap().credential.key_id
    }

    #[test]
    fn the_configuration_comes_before_the_environment_and_that_before_the_files() {
        let home = Home::new(CREDENTIALS, CONFIG, EXPORTED);
        let configured = cloud::S3 {
            access_key_id: Some(Secret::new("AKCONFIG")),
            secret_access_key: Some(Secret::new("s")),
            ..s3(None)
        };
        assert_eq!(key_id(&home, &configured), "AKCONFIG");
        assert_eq!(key_id(&home, &s3(Some("backup"))), "AKBACKUP", "a profile that is named");
        assert_eq!(key_id(&home, &s3(None)), "AKENV");
        assert_eq!(home.find(&s3(None)).unwrap().region.as_deref(), Some("r"));
        let home = Home::new(CREDENTIALS, CONFIG, &[("AWS_PROFILE", "backup")]);
        assert_eq!(key_id(&home, &s3(None)), "AKBACKUP");
        let home = Home::new(CREDENTIALS, CONFIG, &[]);
        assert_eq!(key_id(&home, &s3(None)), "AKDEFAULT");
    }

    #[test]
    fn a_profile_is_read_as_amazons_tools_read_it() {
        let home = Home::new(CREDENTIALS, CONFIG, &[]);
        let found = home.find(&s3(None)).unwrap();
        assert_eq!((found.credential.secret_key.as_str(), found.region.as_deref()), ("a\\b+/=\"c", Some("eu-west-1")));
        let found = home.find(&s3(Some("backup"))).unwrap();
        assert_eq!(found.credential.token.as_deref(), Some("tok"));
        assert_eq!(found.region.as_deref(), Some("ap-southeast-1"));
        assert_eq!(found.endpoint.as_deref(), Some("https://s3.example"));
    }

    #[test]
    fn what_is_missing_is_said_with_what_to_do_and_without_a_secret() {
        let refused = |home: &Home, profile| home.find(&s3(profile)).err().unwrap();
        let home = Home::new(CREDENTIALS, CONFIG, &[]);
        assert!(refused(&home, Some("sso")).contains("single sign-on"));
        assert!(refused(&home, Some("other")).contains("no profile \"other\""));
        let home = Home::new("", "", &[]);
        let said = refused(&home, None);
        assert!(said.contains("AWS_ACCESS_KEY_ID") && said.contains(home.folder.path().to_str().unwrap()), "{said}");
        let said = refused(&Home::new("[default]\nhush hush\n[", "", &[]), None);
        assert!(said.contains("cannot be understood") && !said.contains("hush"), "{said}");
        let broken = Home::new("[default]\naws_access_key_id = AK\naws_secret_access_key = hu sh\n", "", &[]);
        assert!(refused(&broken, None).contains("Copy it again"));
    }
}
