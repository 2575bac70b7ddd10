//! Where a bucket is, and which key an object has in it.
//!
//! What the configuration says is checked here, once: what is signed and sent afterwards cannot lead to another host or bucket.

use lifeboat_engine::config::cloud;
use lifeboat_engine::path::RelPath;
use object_store::path::Path;
use percent_encoding::percent_decode_str;
use reqwest::Url;

/// Where requests of a region without a name of its own go.
const DEFAULT_REGION: &str = "us-east-1";

#[derive(Clone, Debug)]
pub struct BucketPlace {
    pub bucket: String,
    pub region: String,
    /// What every request of the bucket begins with, without a slash at its end.
    pub url: String,
    /// For people: without a port where it is the usual one.
    pub host: String,
    /// Amazon's own service, which knows more than those that only speak its protocol.
    pub is_amazon: bool,
    /// What every key begins with: empty, or with a slash at its end.
    base: String,
}

impl BucketPlace {
    /// `prefix`: the folder in the bucket. The error says what cannot be, in a sentence.
    pub fn new(
        s3: &cloud::S3,
        prefix: &str,
        region: Option<String>,
        endpoint: Option<String>,
    ) -> Result<BucketPlace, String> {
        let bucket = s3.bucket.clone();
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if bucket.len() > 255 || !bucket.chars().all(plain) || !bucket.starts_with(|c: char| c.is_ascii_alphanumeric())
        {
            return Err(format!(
                "{bucket:?} cannot be the name of a bucket. Give the plain name, without s3:// and slashes."
            ));
        }
        let region = region.unwrap_or_else(|| DEFAULT_REGION.into());
        if region.is_empty() || region.len() > 64 || !region.chars().all(plain) {
            return Err(format!("{region:?} cannot be a region. One is written like eu-central-1."));
        }
        let service = match &endpoint {
            Some(endpoint) => plain_url(endpoint)?,
            None => format!("https://s3.{region}.amazonaws.com").parse::<Url>().map_err(|error| error.to_string())?,
        };
        let name = service.host_str().unwrap_or_default();
        let is_amazon = name.ends_with(".amazonaws.com") || name.ends_with(".amazonaws.com.cn");
        // A certificate for *.s3.amazonaws.com does not fit a name with dots in it.
        let path_style = s3.path_style.unwrap_or(!is_amazon || bucket.contains('.'));
        let host = match service.port() {
            Some(port) => format!("{name}:{port}"),
            None => name.to_owned(),
        };
        let (scheme, path) = (service.scheme(), service.path().trim_end_matches('/'));
        let url = match path_style {
            true => format!("{scheme}://{host}{path}/{bucket}"),
            false => format!("{scheme}://{bucket}.{host}{path}"),
        };
        Ok(BucketPlace { bucket, region, url, host, is_amazon, base: base(prefix)? })
    }

    /// The key of an object, as [`Path`] writes it: a few characters that keys had better not have are percent-encoded, none of
    /// which is in a name of the vault's own. `None` where it is no plain relative path.
    pub fn key(&self, object: &str) -> Option<Path> {
        RelPath::parse(object.as_bytes()).ok()?;
        Some(Path::from(format!("{}{object}", self.base)))
    }

    /// What the keys of all objects begin with whose names begin with `prefix`.
    pub fn keys(&self, prefix: &str) -> String {
        let whole = format!("{}{prefix}", self.base);
        match whole.ends_with('/') {
            true => format!("{}/", Path::from(whole.as_str())),
            false => Path::from(whole.as_str()).to_string(),
        }
    }

    /// The object that has this key. A key that none of ours can have is an object by that name, which nobody knows.
    pub fn object(&self, key: &str) -> Option<String> {
        let base = self.keys("");
        let key = key.strip_prefix(base.trim_start_matches('/')).filter(|key| !key.is_empty())?;
        let name = percent_decode_str(key).decode_utf8().ok().filter(|name| Path::from(name.as_ref()).as_ref() == key);
        Some(name.map_or_else(|| key.to_owned(), |name| name.into_owned()))
    }
}

/// The folder's keys begin with this.
fn base(prefix: &str) -> Result<String, String> {
    let prefix = prefix.trim_matches('/');
    if prefix.is_empty() {
        return Ok(String::new());
    }
    match RelPath::parse(prefix.as_bytes()) {
        Ok(_) if prefix.len() <= 512 => Ok(format!("{prefix}/")),
        _ => Err(format!("{prefix:?} cannot be a prefix. Give a plain path, such as backups/bot.")),
    }
}

fn plain_url(endpoint: &str) -> Result<Url, String> {
    let refused = || {
        // Not quoted: what stands there may be a password.
        "The endpoint is no plain address. Give one such as https://s3.example.com, without a name, a password or a query. It is \
         in the configuration, in AWS_ENDPOINT_URL or in the profile."
            .to_owned()
    };
    let url = endpoint.parse::<Url>().map_err(|_| refused())?;
    let is_plain = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if is_plain { Ok(url) } else { Err(refused()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s3(bucket: &str) -> cloud::S3 {
        cloud::S3 { bucket: bucket.into(), ..cloud::S3::default() }
    }

    fn url(bucket: &str, endpoint: Option<&str>, path_style: Option<bool>) -> String {
        let s3 = cloud::S3 { path_style, ..s3(bucket) };
        BucketPlace::new(&s3, "", Some("eu-central-1".into()), endpoint.map(String::from)).unwrap().url
    }

    #[test]
    fn a_bucket_is_in_the_path_where_an_endpoint_is_given_and_in_the_host_at_amazon() {
        assert_eq!(url("b-1", None, None), "https://b-1.s3.eu-central-1.amazonaws.com");
        assert_eq!(url("b.1", None, None), "https://s3.eu-central-1.amazonaws.com/b.1");
        assert_eq!(url("b", Some("http://localhost:9000/"), None), "http://localhost:9000/b");
        assert_eq!(url("b", Some("https://x.example/storage/s3"), None), "https://x.example/storage/s3/b");
        assert_eq!(url("b", Some("https://x.example"), Some(false)), "https://b.x.example");
    }

    #[test]
    fn what_cannot_be_a_place_is_refused_before_anything_is_sent() {
        for (bucket, prefix, region, endpoint, words) in [
            ("s3://b", "", None, None, "bucket"),
            ("b/c", "", None, None, "bucket"),
            ("b", "../other", None, None, "prefix"),
            ("b", "a//b", None, None, "prefix"),
            ("b", "", Some("evil.example/"), None, "region"),
            ("b", "", None, Some("https://key:hush@x.example"), "endpoint"),
            ("b", "", None, Some("https://x.example/?a=hush"), "endpoint"),
            ("b", "", None, Some("ftp://x.example"), "endpoint"),
        ] {
            let refused = BucketPlace::new(&s3(bucket), prefix, region.map(String::from), endpoint.map(String::from))
                .unwrap_err();
            assert!(refused.contains(words), "{refused}");
            assert!(!refused.contains("hush"), "{refused}");
        }
    }

    #[test]
    fn an_object_is_found_by_its_key_again_and_foreign_keys_are_none_of_ours() {
        let place = BucketPlace::new(&s3("b"), "/bots/one/", None, None).unwrap();
        for object in ["vault.json", "packs/ab/ab1", "keys/é ü%&+?#.json", "a%64"] {
            let key = place.key(object).unwrap();
            assert_eq!(place.object(key.as_ref()).as_deref(), Some(object), "{key}");
            assert!(key.as_ref().starts_with(&place.keys(&object[..1])), "{key}");
        }
        assert_eq!(place.keys("packs/"), "bots/one/packs/");
        // Nobody can pass off a key that decodes to a name of ours as the object of that name.
        assert_eq!(place.object("bots/one/packs/%61b").as_deref(), Some("packs/%61b"));
        assert_eq!(place.object("bots/one/packs//ab").as_deref(), Some("packs//ab"));
        assert_eq!(place.object("bots/one/"), None);
        assert_eq!(place.object("bots/two/vault.json"), None);
        for object in ["", "../x", "/x", "a//b", "a/./b"] {
            assert_eq!(place.key(object), None, "{object}");
        }
    }
}
