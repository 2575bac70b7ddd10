//! Which paths are taken, and as what: the configured sources, or raf-bot's layout without any configuration.

use std::sync::atomic::{AtomicBool, Ordering};

use globset::{Candidate, GlobBuilder, GlobSet, GlobSetBuilder};

use crate::config::Config;
use crate::path::RelPath;
use crate::report::Category;
use crate::{Error, Result};

/// Folders that are never taken, wherever they are: what npm and git can bring back, and what is temporary.
const NEVER: [&[u8]; 6] = [b"node_modules", b".git", b"tmp", b"temp", b".tmp", b".temp"];
/// The folders that proper-lockfile makes beside a file it locks.
const LOCK_SUFFIX: &[u8] = b".lock";
/// What a restore works in: [`crate::restore::WORKSPACE`], and the folder beside a target that is being filled.
const RESTORE_SUFFIX: &[u8] = b".lifeboat-restore";

/// raf-bot's layout. The first that fits decides.
const LAYOUT: [(Category, &[&str]); 8] = [
    (Category::Session, &["session", "sessions"]),
    (Category::Media, &["uploads", "public/uploads"]),
    (Category::Database, &["**/*.sqlite", "**/*.sqlite3", "**/*.db"]),
    (Category::Accounts, &["database/accounts.json"]),
    (Category::Templates, &["database/*templates*.json", "templates"]),
    (Category::Logs, &["database/*logs*.json", "logs", "**/*.log"]),
    (Category::Config, &["config.json", "config", ".env", ".env.*"]),
    (Category::Data, &["**"]),
];

pub struct Rules {
    sources: Vec<Source>,
    exclude: GlobSet,
}

struct Source {
    category: Category,
    include: GlobSet,
    exclude: GlobSet,
}

impl Rules {
    pub fn new(config: &Config) -> Result<Rules> {
        let sources = if config.sources.is_empty() {
            LAYOUT
                .iter()
                .map(|(category, include)| {
                    Ok(Source { category: *category, include: globs(include)?, exclude: GlobSet::empty() })
                })
                .collect::<Result<_>>()?
        } else {
            config
                .sources
                .iter()
                .map(|source| {
                    Ok(Source {
                        category: source.category,
                        include: globs(&source.include)?,
                        exclude: globs(&source.exclude)?,
                    })
                })
                .collect::<Result<_>>()?
        };
        // A name without a slash is meant wherever it is.
        let exclude: Vec<String> =
            config
                .exclude
                .iter()
                .map(|pattern| {
                    if pattern.trim_end_matches('/').contains('/') { pattern.clone() } else { format!("**/{pattern}") }
                })
                .collect();
        Ok(Rules { sources, exclude: globs(&exclude)? })
    }

    /// The category of a path that is taken; `None` where it is not.
    pub fn category(&self, path: &RelPath) -> Option<Category> {
        let path = candidate(path);
        self.sources
            .iter()
            .find(|source| source.include.is_match_candidate(&path) && !source.exclude.is_match_candidate(&path))
            .map(|source| source.category)
    }

    /// Is this path, with all that is in it, left out whatever the sources say?
    pub fn is_excluded(&self, path: &RelPath, is_dir: bool) -> bool {
        let name = path.file_name();
        (is_dir && (NEVER.contains(&name) || name.ends_with(LOCK_SUFFIX) || name.ends_with(RESTORE_SUFFIX)))
            || (!self.exclude.is_empty() && self.exclude.is_match_candidate(&candidate(path)))
    }
}

fn candidate(path: &RelPath) -> Candidate<'_> {
    #[cfg(unix)]
    let os: &std::ffi::OsStr = std::os::unix::ffi::OsStrExt::from_bytes(path.as_bytes());
    #[cfg(unix)]
    return Candidate::new(std::path::Path::new(os));
    #[cfg(not(unix))]
    return Candidate::new(std::str::from_utf8(path.as_bytes()).unwrap_or_default());
}

/// Each pattern, and all that is in a folder that it names.
pub fn globs(patterns: &[impl AsRef<str>]) -> Result<GlobSet> {
    let bad = |pattern: &str, error: globset::Error| Error::Config {
        message: format!("The pattern {pattern:?} is not a valid glob: {}.", error.kind()),
    };
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let pattern = pattern.as_ref();
        let plain = pattern.trim_start_matches("./").trim_end_matches('/');
        for text in [plain.to_owned(), format!("{plain}/**")] {
            set.add(GlobBuilder::new(&text).literal_separator(true).build().map_err(|error| bad(pattern, error))?);
        }
    }
    set.build().map_err(|error| bad("", error))
}

/// Chooses items by paths, globs or categories, as users name them in `items`.
pub struct Selection {
    wanted: Vec<Wish>,
}

struct Wish {
    text: String,
    wanted: Wanted,
    met: AtomicBool,
}

enum Wanted {
    Category(Category),
    Glob(GlobSet),
}

impl Selection {
    /// `items` empty: everything.
    pub fn new(items: &[String]) -> Result<Selection> {
        let wanted = items
            .iter()
            .map(|item| {
                let category = Category::ALL.into_iter().find(|category| category.as_str() == item);
                let wanted = match category {
                    Some(category) => Wanted::Category(category),
                    None => Wanted::Glob(globs(&[item])?),
                };
                Ok(Wish { text: item.clone(), wanted, met: AtomicBool::new(false) })
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Selection { wanted })
    }

    pub fn takes(&self, path: &RelPath, category: Category) -> bool {
        if self.wanted.is_empty() {
            return true;
        }
        let candidate = candidate(path);
        let mut taken = false;
        for wish in &self.wanted {
            let fits = match &wish.wanted {
                Wanted::Category(wanted) => *wanted == category,
                // The very name first: a file may be called `[a].txt`.
                Wanted::Glob(glob) => wish.text.as_bytes() == path.as_bytes() || glob.is_match_candidate(&candidate),
            };
            if fits {
                wish.met.store(true, Ordering::Relaxed);
            }
            taken |= fits;
        }
        taken
    }

    /// What was asked for and never met.
    pub fn missed(&self) -> Vec<&str> {
        let missed = self.wanted.iter().filter(|wish| !wish.met.load(Ordering::Relaxed));
        missed.map(|wish| wish.text.as_str()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn category(path: &str) -> Option<Category> {
        Rules::new(&Config::default()).unwrap().category(&RelPath::parse(path.as_bytes()).unwrap())
    }

    #[test]
    fn raf_bots_layout_needs_no_configuration() {
        for (path, expected) in [
            ("database.sqlite", Category::Database),
            ("database/users.sqlite", Category::Database),
            ("database/wifi_change_logs.json", Category::Logs),
            ("database/accounts.json", Category::Accounts),
            ("database/wifi_templates.json", Category::Templates),
            ("database/reports.json", Category::Data),
            ("config.json", Category::Config),
            ("config/cron.json", Category::Config),
            (".env", Category::Config),
            ("sessions/raf/creds.json", Category::Session),
            ("session/creds.json", Category::Session),
            ("uploads/reports/2026/11/T1/a.jpg", Category::Media),
            ("public/uploads/b.jpg", Category::Media),
            ("logs/out.log", Category::Logs),
            ("index.js", Category::Data),
        ] {
            assert_eq!(category(path), Some(expected), "{path}");
        }
    }

    #[test]
    fn what_npm_and_git_bring_back_is_not_taken() {
        let rules =
            Rules::new(&Config { exclude: vec!["*.bak".into(), "uploads/old".into()], ..Config::default() }).unwrap();
        let excluded = |path: &str, dir| rules.is_excluded(&RelPath::parse(path.as_bytes()).unwrap(), dir);
        assert!(excluded("node_modules", true) && excluded("a/.git", true) && excluded("database/x.json.lock", true));
        assert!(!excluded("node_modules", false), "a file of that name is somebody's data");
        assert!(excluded("deep/x.bak", false) && excluded("uploads/old/1.jpg", false));
        assert!(!excluded("uploads/older", true));
    }

    #[test]
    fn a_selection_knows_what_it_never_met() {
        let selection = Selection::new(&["database".into(), "uploads/**/*.jpg".into(), "confg.json".into()]).unwrap();
        let path = |text: &str| RelPath::parse(text.as_bytes()).unwrap();
        assert!(selection.takes(&path("x.sqlite"), Category::Database));
        assert!(selection.takes(&path("uploads/a/b.jpg"), Category::Media));
        assert!(!selection.takes(&path("config.json"), Category::Config));
        assert_eq!(selection.missed(), ["confg.json"]);
    }
}
