//! Which items a person means by the words of `items`.
//!
//! | word | what it takes |
//! |---|---|
//! | `category:logs` | the category |
//! | `./logs`, `//` and base64 | that very path, with all that is in it; where there is none, the glob |
//! | a path that is there | that path, whatever signs its name has; with a folder called like a category, that as well |
//! | `logs` and its like | the category |
//! | anything else | a glob; or the path that a listing shows so, because its bytes are not UTF-8 |

use std::sync::atomic::{AtomicBool, Ordering};

use globset::GlobSet;

use super::rules::{candidate, globs};
use crate::path::RelPath;
use crate::report::{Category, ItemType, Warning};
use crate::{Error, Result};

/// What marks a category.
const CATEGORY: &str = "category:";
/// What stands in a text for bytes that are not UTF-8.
const LOST: char = '\u{fffd}';

/// The items that were asked for.
pub struct Selection {
    wishes: Vec<Wish>,
}

struct Wish {
    text: String,
    wanted: Selector,
    met: AtomicBool,
    /// The other meaning of the word was met.
    met_category: AtomicBool,
}

enum Selector {
    All,
    Category(Category),
    /// With all that is in it. The category has the same name; it is taken, too, where the path is a folder.
    Path {
        path: RelPath,
        is_folder: bool,
        category: Option<Category>,
    },
    Shown(String),
    Glob(GlobSet),
}

impl Selection {
    /// `items` empty: everything. `find`: the item that a path names in the backup that is selected from, and what it is. What
    /// lies beside a database names the database.
    pub fn new(
        items: &[String],
        mut find: impl FnMut(&RelPath) -> Result<Option<(RelPath, ItemType)>>,
    ) -> Result<Selection> {
        let wish = |item: &String| {
            let wanted = Selector::of(item, &mut find)?;
            Ok(Wish { text: item.clone(), wanted, met: AtomicBool::new(false), met_category: AtomicBool::new(false) })
        };
        Ok(Selection { wishes: items.iter().map(wish).collect::<Result<_>>()? })
    }

    pub fn takes(&self, path: &RelPath, category: Category) -> bool {
        // Each is asked: it is to know whether it was met.
        self.wishes.is_empty() | self.wishes.iter().fold(false, |taken, wish| wish.takes(path, category) | taken)
    }

    /// What was asked for and never met.
    pub fn missed(&self) -> Vec<&str> {
        let missed = self.wishes.iter().filter(|wish| !wish.met.load(Ordering::Relaxed));
        missed.map(|wish| wish.text.as_str()).collect()
    }

    /// What words have been taken for, where they mean two things; to be asked when everything was seen.
    pub fn remarks(&self) -> Vec<Warning> {
        let remark = |wish: &Wish| {
            let Selector::Path { is_folder, category: Some(category), .. } = &wish.wanted else { return None };
            let (name, met) = (category.as_str(), wish.met_category.load(Ordering::Relaxed));
            let message = match is_folder {
                _ if !met => return None,
                true => format!(
                    "It is a folder and a category, and both are taken. ./{name} is the folder alone, category:{name} the \
                     category."
                ),
                false => {
                    format!("It is a file and a category. The file alone is taken; category:{name} is the category.")
                }
            };
            Some(Warning { path: wish.text.clone(), message })
        };
        self.wishes.iter().filter_map(remark).collect()
    }
}

impl Wish {
    fn takes(&self, path: &RelPath, category: Category) -> bool {
        let taken = match &self.wanted {
            Selector::All => true,
            Selector::Category(wanted) => *wanted == category,
            Selector::Path { path: wanted, is_folder, category: also } => {
                let is_there = path.starts_with(wanted);
                let is_also = !is_there && *also == Some(category);
                self.met_category.fetch_or(is_also, Ordering::Relaxed);
                is_there || (*is_folder && is_also)
            }
            Selector::Shown(shown) => path.display() == *shown,
            Selector::Glob(glob) => glob.is_match_candidate(&candidate(path)),
        };
        self.met.fetch_or(taken, Ordering::Relaxed);
        taken
    }
}

impl Selector {
    fn of(word: &str, find: &mut impl FnMut(&RelPath) -> Result<Option<(RelPath, ItemType)>>) -> Result<Selector> {
        if let Some(name) = word.strip_prefix(CATEGORY) {
            return match category(name) {
                Some(category) => Ok(Selector::Category(category)),
                None => Err(Error::Config {
                    message: format!(
                        "{name:?} is not a category. They are {}. A path that begins so is ./{word}.",
                        Category::ALL.iter().map(|category| category.as_str()).collect::<Vec<_>>().join(", ")
                    ),
                }),
            };
        }
        let is_path = word.starts_with("./");
        let also = if is_path { None } else { category(word) };
        let path = RelPath::typed(word);
        if let Ok(path) = &path
            && let Some((path, kind)) = find(path)?
        {
            return Ok(Selector::Path { path, is_folder: kind == ItemType::Dir, category: also });
        }
        if let Some(category) = also {
            return Ok(Selector::Category(category));
        }
        if matches!(word.trim_end_matches('/'), "." | "") && !word.is_empty() {
            return Ok(Selector::All);
        }
        if word.contains(LOST) {
            return Ok(Selector::Shown(word.into()));
        }
        match (globs(&[word]), path) {
            (Ok(glob), _) => Ok(Selector::Glob(glob)),
            // A name like `a[b` is no glob: it is that very path, which is not there.
            (Err(_), Ok(path)) => Ok(Selector::Path { path, is_folder: false, category: None }),
            (Err(error), Err(_)) => Err(error),
        }
    }
}

fn category(name: &str) -> Option<Category> {
    Category::ALL.iter().copied().find(|category| category.as_str() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> RelPath {
        RelPath::parse(text.as_bytes()).unwrap()
    }

    /// What of these paths the words take, from a backup that has them.
    fn taken(words: &[&str], paths: &[(&str, ItemType, Category)]) -> (Vec<String>, Vec<Warning>) {
        let kind_of = |wanted: &RelPath| {
            Ok(paths.iter().find(|(known, ..)| path(known) == *wanted).map(|(_, kind, _)| (wanted.clone(), *kind)))
        };
        let words: Vec<String> = words.iter().map(|word| word.to_string()).collect();
        let selection = Selection::new(&words, kind_of).unwrap();
        let taken = paths.iter().filter(|(known, _, category)| selection.takes(&path(known), *category));
        (taken.map(|(known, ..)| known.to_string()).collect(), selection.remarks())
    }

    #[test]
    fn a_folder_that_is_called_like_a_category_is_taken_with_it_and_that_is_said() {
        let bot = [
            ("database", ItemType::Dir, Category::Data),
            ("database/reports.json", ItemType::File, Category::Data),
            ("index.js", ItemType::File, Category::Data),
            ("saldo.sqlite", ItemType::File, Category::Database),
        ];
        let (both, remarks) = taken(&["database"], &bot);
        assert_eq!(both, ["database", "database/reports.json", "saldo.sqlite"]);
        assert!(remarks[0].message.contains("./database") && remarks[0].message.contains("category:database"));
        assert_eq!(taken(&["./database"], &bot), (vec!["database".into(), "database/reports.json".into()], vec![]));
        assert_eq!(taken(&["category:database"], &bot), (vec!["saldo.sqlite".into()], vec![]));
        assert_eq!(taken(&["database"], &bot[..2]).1, [], "there is nothing else that it could mean");
    }

    #[test]
    fn a_file_that_is_called_like_a_category_is_taken_alone() {
        let files = [("data", ItemType::File, Category::Data), ("index.js", ItemType::File, Category::Data)];
        let (file, remarks) = taken(&["data"], &files);
        assert_eq!(file, ["data"]);
        assert!(remarks[0].message.contains("category:data"), "{remarks:?}");
        assert_eq!(taken(&["data"], &files[1..]).0, ["index.js"], "where there is no such file it is the category");
    }

    #[test]
    fn a_path_that_is_there_comes_before_a_glob() {
        let file = |name| (name, ItemType::File, Category::Data);
        let files = ["[a].json", "a.json", "a[b.json", "x*y", "xzy", "-rf", "category:x"].map(file);
        for name in ["[a].json", "a[b.json", "x*y", "./x*y", "-rf", "./-rf", "./category:x"] {
            assert_eq!(taken(&[name], &files).0, [name.trim_start_matches("./")], "{name}");
        }
        assert_eq!(taken(&["x*"], &files).0, ["x*y", "xzy"]);
        assert_eq!(taken(&["./a.json", "none"], &files).0, ["a.json"]);
        assert_eq!(taken(&["."], &files).0.len(), files.len());
    }

    #[test]
    fn a_path_that_is_not_utf8_is_named_by_its_bytes_or_as_it_is_shown() {
        let odd = RelPath::parse(b"a\xff").unwrap();
        for word in ["//Yf8=", "a\u{fffd}"] {
            let kind_of = |wanted: &RelPath| Ok((*wanted == odd).then_some((odd.clone(), ItemType::File)));
            let selection = Selection::new(&[word.into()], kind_of).unwrap();
            assert!(selection.takes(&odd, Category::Data) && !selection.takes(&path("a"), Category::Data), "{word}");
        }
    }

    #[test]
    fn a_selection_knows_what_it_never_met() {
        let words = ["database", "uploads/**/*.jpg", "confg.json", "a[b"].map(String::from);
        let selection = Selection::new(&words, |_| Ok(None)).unwrap();
        assert!(selection.takes(&path("x.sqlite"), Category::Database));
        assert!(selection.takes(&path("uploads/a/b.jpg"), Category::Media));
        assert!(!selection.takes(&path("config.json"), Category::Config));
        assert_eq!(selection.missed(), ["confg.json", "a[b"]);
        assert!(Selection::new(&["category:photos".into()], |_| Ok(None)).is_err());
    }
}
