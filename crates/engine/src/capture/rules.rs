//! Which paths are taken, and as what: the configured sources, or raf-bot's layout without any configuration.

use std::fs;
use std::path::Path;

use globset::{Candidate, GlobBuilder, GlobSet, GlobSetBuilder};

use super::stat::open_file;
use super::walk::WalkedFolder;
use crate::config::{self, Config, DEFAULT_EXCLUDE};
use crate::path::RelPath;
use crate::report::Category;
use crate::vault::durable;
use crate::{Error, Result};

/// raf-bot's layout. The first that fits decides.
const LAYOUT: [(Category, &[&str]); 8] = [
    // The app's own copies: whoever asks for the databases does not mean these.
    (Category::Data, &["backups"]),
    (Category::Session, &["session", "sessions"]),
    (Category::Media, &["uploads", "public/uploads", "static/uploads"]),
    (Category::Database, &["**/*.sqlite", "**/*.sqlite3", "**/*.db"]),
    (Category::Accounts, &["database/accounts.json"]),
    (Category::Templates, &["database/*templates*.json", "templates"]),
    (Category::Logs, &["database/*logs*.json", "logs", "**/*.log"]),
    (Category::Config, &["config.json", "config", ".env", ".env.*"]),
];

pub struct Rules {
    /// `None`: [`LAYOUT`] holds, and what is in none of it is taken, too; and so does the default `exclude`.
    sources: Option<Vec<CompiledSource>>,
    layout: Vec<CompiledSource>,
    include: GlobSet,
    exclude: GlobSet,
    /// Links of these very names are followed.
    follow: GlobSet,
    /// Folders of these very names belong together.
    sets: GlobSet,
}

struct CompiledSource {
    category: Category,
    include: GlobSet,
    exclude: GlobSet,
}

/// What a path is taken as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Class {
    pub category: Category,
    /// No rule knows it: its content may tell more.
    pub by_default: bool,
}

impl Rules {
    pub fn new(config: &Config) -> Result<Rules> {
        let layout = LAYOUT.iter().map(|(category, include)| {
            Ok(CompiledSource { category: *category, include: globs(include)?, exclude: GlobSet::empty() })
        });
        let sources = config.sources.iter().map(|source| {
            let (include, exclude) = (globs(&source.include)?, globs(&source.exclude)?);
            Ok(CompiledSource { category: source.category, include, exclude })
        });
        let sources = sources.collect::<Result<Vec<_>>>()?;
        // What a source names itself, and not what is in it.
        let named = |wanted: fn(&config::Source) -> bool| {
            config.sources.iter().filter(move |source| wanted(source)).flat_map(|source| &source.include).cloned()
        };
        let follow: Vec<String> = config.follow_links.iter().cloned().chain(named(|one| one.follow_links)).collect();
        Ok(Rules {
            sources: (!sources.is_empty()).then_some(sources),
            layout: layout.collect::<Result<_>>()?,
            include: globs(&anywhere(&config.include))?,
            exclude: globs(&anywhere(&config.exclude))?,
            follow: names(&follow)?,
            sets: names(&named(|one| one.set).collect::<Vec<_>>())?,
        })
    }

    /// What a path is taken as; `None` where no source names it.
    pub fn class(&self, path: &RelPath) -> Option<Class> {
        let path = candidate(path);
        let found = |sources: &[CompiledSource]| find(sources, &path).map(|source| source.category);
        match &self.sources {
            Some(sources) => found(sources).map(|category| Class { category, by_default: false }),
            None => Some(match found(&self.layout) {
                Some(category) => Class { category, by_default: false },
                None => Class { category: Category::Data, by_default: true },
            }),
        }
    }

    /// Does the user's `exclude` leave out this path, with all that is in it? It has the last word.
    pub fn is_excluded(&self, path: &RelPath) -> bool {
        !self.exclude.is_empty() && self.exclude.is_match_candidate(&candidate(path))
    }

    /// Is it taken although the default `exclude` would leave it out?
    pub fn is_included(&self, path: &RelPath) -> bool {
        !self.include.is_empty() && self.include.is_match_candidate(&candidate(path))
    }

    /// May something in a folder that the default `exclude` leaves out be taken all the same?
    pub fn includes_some(&self) -> bool {
        !self.include.is_empty()
    }

    /// Is the link followed, if it leads out of the root?
    pub fn follows(&self, path: &RelPath) -> bool {
        self.follow.is_match_candidate(&candidate(path))
    }

    /// Does the configuration say that what is in this folder belongs together?
    pub fn is_set(&self, folder: &RelPath) -> bool {
        !self.sets.is_empty() && self.sets.is_match_candidate(&candidate(folder))
    }

    /// Does raf-bot's layout know something that lies in this folder, such as `public/uploads`?
    fn leads_to_known(&self, folder: &RelPath) -> bool {
        let patterns = LAYOUT.iter().flat_map(|(_, patterns)| patterns.iter());
        let mut within = patterns.filter_map(|pattern| pattern.as_bytes().strip_prefix(folder.as_bytes()));
        within.any(|rest| rest.first() == Some(&b'/'))
    }

    /// How the content of a folder can be made again, for which the default `exclude` leaves it out.
    pub fn remaking(&self, folder: &WalkedFolder) -> Option<&'static str> {
        let WalkedFolder { path, absolute, names } = folder;
        if self.sources.is_some() || self.is_included(path) {
            return None;
        }
        let name = path.file_name();
        let how = |what: &str| DEFAULT_EXCLUDE.iter().find(|(known, _)| *known == what).map(|(_, how)| *how);
        if name == b"node_modules" || name == b".git" {
            return how(std::str::from_utf8(name).unwrap_or_default());
        }
        // What rules know is the app's own, whatever somebody has put into it: a customer may upload such a file.
        if self.class(path).is_some_and(|class| class.by_default)
            && !self.leads_to_known(path)
            && folder.has(&CACHE_TAG.into())
            && is_cache_tag(&absolute.join(CACHE_TAG))
        {
            return how(CACHE_TAG);
        }
        // proper-lockfile makes such a folder for as long as it holds the lock.
        let is_lock = names.is_empty() && name.ends_with(b".lock") && name.len() > b".lock".len();
        let locked = || fs::symlink_metadata(absolute.with_extension(""));
        if is_lock && locked().is_ok_and(|metadata| metadata.is_file()) { how("*.lock") } else { None }
    }
}

const CACHE_TAG: &str = "CACHEDIR.TAG";
/// bford.info/cachedir: the file begins with these 43 bytes.
const CACHE_SIGNATURE: &[u8; 43] = b"Signature: 8a477f597d28d172789f06886806bc55";

fn is_cache_tag(path: &Path) -> bool {
    let mut head = [0; CACHE_SIGNATURE.len()];
    open_file(path).is_ok_and(|(file, _)| durable::read_at(&file, &mut head, 0).is_ok()) && head == *CACHE_SIGNATURE
}

fn find<'a>(sources: &'a [CompiledSource], path: &Candidate<'_>) -> Option<&'a CompiledSource> {
    sources.iter().find(|source| source.include.is_match_candidate(path) && !source.exclude.is_match_candidate(path))
}

const ANYWHERE: &str = "**/";

/// A name without a slash is meant wherever it is.
fn anywhere(patterns: &[String]) -> Vec<String> {
    let one = |pattern: &String| {
        if pattern.trim_end_matches('/').contains('/') { pattern.clone() } else { format!("{ANYWHERE}{pattern}") }
    };
    patterns.iter().map(one).collect()
}

/// A path as globs see it.
pub fn candidate(path: &RelPath) -> Candidate<'_> {
    #[cfg(unix)]
    let os: &std::ffi::OsStr = std::os::unix::ffi::OsStrExt::from_bytes(path.as_bytes());
    #[cfg(unix)]
    return Candidate::new(std::path::Path::new(os));
    #[cfg(not(unix))]
    return Candidate::new(std::str::from_utf8(path.as_bytes()).unwrap_or_default());
}

/// Each pattern, and all that is in a folder that it names.
pub fn globs(patterns: &[impl AsRef<str>]) -> Result<GlobSet> {
    glob_set(patterns, true)
}

/// Each pattern alone.
fn names(patterns: &[impl AsRef<str>]) -> Result<GlobSet> {
    glob_set(patterns, false)
}

fn glob_set(patterns: &[impl AsRef<str>], with_content: bool) -> Result<GlobSet> {
    let bad = |pattern: &str, error: globset::Error| Error::Config {
        message: format!(
            "The pattern {pattern:?} is not a valid glob: {}. If it is a name, write a backslash before each such sign: \
             a\\[b.json.",
            error.kind()
        ),
    };
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let pattern = pattern.as_ref();
        let mut plain = pattern.trim_start_matches("./").trim_end_matches('/');
        if !with_content {
            // Who names all that is behind a link names the link.
            plain = plain.trim_end_matches("/**").trim_end_matches("/*");
        }
        // A name may look like a pattern: `data[1]`.
        let (anywhere, name) = plain.strip_prefix(ANYWHERE).map_or(("", plain), |name| (ANYWHERE, name));
        let literal = format!("{anywhere}{}", globset::escape(name));
        let mut add = |text: &str| {
            set.add(GlobBuilder::new(text).literal_separator(true).build().map_err(|error| bad(pattern, error))?);
            if with_content {
                let inner = format!("{text}/**");
                set.add(GlobBuilder::new(&inner).literal_separator(true).build().map_err(|error| bad(pattern, error))?);
            }
            Ok::<_, Error>(())
        };
        add(plain)?;
        if literal != plain {
            add(&literal)?;
        }
    }
    set.build().map_err(|error| bad("", error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Source;

    fn path(text: &str) -> RelPath {
        RelPath::parse(text.as_bytes()).unwrap()
    }

    fn rules(config: Config) -> Rules {
        Rules::new(&config).unwrap()
    }

    fn source(follow_links: bool, include: &str) -> Source {
        Source { include: vec![include.into()], follow_links, ..Source::of(Category::Data) }
    }

    fn folder(path_of: &str, absolute: &Path, names: &[&str]) -> WalkedFolder {
        let names = names.iter().map(Into::into).collect();
        WalkedFolder { path: path(path_of), absolute: absolute.to_path_buf(), names }
    }

    fn remakes(rules: &Rules, path: &str) -> bool {
        rules.remaking(&folder(path, Path::new("/nowhere"), &[])).is_some()
    }

    #[test]
    fn raf_bots_layout_needs_no_configuration() {
        for (text, expected) in [
            ("database.sqlite", Category::Database),
            ("database/users.sqlite", Category::Database),
            ("database/wifi_change_logs.json", Category::Logs),
            ("database/accounts.json", Category::Accounts),
            ("database/wifi_templates.json", Category::Templates),
            ("config.json", Category::Config),
            ("config/cron.json", Category::Config),
            (".env", Category::Config),
            ("sessions/raf/creds.json", Category::Session),
            ("session/creds.json", Category::Session),
            ("uploads/reports/2026/11/T1/a.jpg", Category::Media),
            ("public/uploads/b.jpg", Category::Media),
            ("static/uploads/c", Category::Media),
            ("logs/out.log", Category::Logs),
            ("backups/users_2026-11-23.sqlite", Category::Data),
        ] {
            let class = rules(Config::default()).class(&path(text));
            assert_eq!(class, Some(Class { category: expected, by_default: false }), "{text}");
        }
        for text in ["index.js", "database/reports.json", "temp/topup_proofs/1.jpg", "other/backups/x.bin"] {
            let class = rules(Config::default()).class(&path(text));
            assert_eq!(class, Some(Class { category: Category::Data, by_default: true }), "{text}");
        }
    }

    #[test]
    fn a_name_alone_is_a_reason_only_for_the_user_and_for_what_npm_and_git_bring_back() {
        let rules = rules(Config { exclude: vec!["*.bak".into(), "uploads/old".into()], ..Config::default() });
        let excluded = |text: &str| rules.is_excluded(&path(text));
        assert!(excluded("deep/x.bak") && excluded("uploads/old/1.jpg") && !excluded("uploads/older"));
        let remade = |text: &str| remakes(&rules, text);
        assert!(remade("node_modules") && remade("a/.git"));
        assert!(!remade("tmp") && !remade("a/temp") && !remade("database/x.json.lock") && !remade(".lock"));
    }

    #[test]
    fn a_lock_folder_is_left_out_where_it_is_empty_and_beside_its_file() {
        let rules = rules(Config::default());
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("x.json"), "[]").unwrap();
        let remade =
            |name: &str, inner: &[&str]| rules.remaking(&folder(name, &root.path().join(name), inner)).is_some();
        assert!(remade("x.json.lock", &[]));
        assert!(!remade("x.json.lock", &["a"]) && !remade("y.json.lock", &[]));
    }

    #[test]
    fn sources_and_include_override_the_default_exclude() {
        let sources = rules(Config { sources: vec![source(false, "**")], ..Config::default() });
        assert!(!remakes(&sources, "node_modules"));
        let include = rules(Config { include: vec!["node_modules".into()], ..Config::default() });
        assert!(!remakes(&include, "a/node_modules"));
        assert!(include.is_included(&path("a/node_modules/b/.git/HEAD")));
        assert!(remakes(&include, "a/.git"));
    }

    #[test]
    fn only_a_link_that_is_named_is_followed() {
        let sources = rules(Config { sources: vec![source(true, "data/"), source(false, "**")], ..Config::default() });
        assert!(sources.follows(&path("data")));
        assert!(!sources.follows(&path("data/more")) && !sources.follows(&path("other")));
        let named = rules(Config { follow_links: vec!["*.db".into()], ..Config::default() });
        assert!(named.follows(&path("app.db")) && !named.follows(&path("deep/app.db")));
    }
}
