//! What is taken though nobody may need it: it is shown in a dry run, and left out only where the user says so.

use crate::path::RelPath;

const FOLDERS: [(&[&str], &str); 4] = [
    (&["coverage", ".nyc_output"], "A report on tests, which the next test run makes."),
    (&[".vscode", ".idea"], "The settings of an editor."),
    (&["dist", "build", ".next", ".nuxt", "target"], "What a build makes of the code, if nothing else lies there."),
    (&[".cache", ".npm", ".turbo", ".parcel-cache", "__pycache__"], "A cache."),
];

/// The folder or file that is probably useless, in which this path lies; and why, in a sentence.
pub fn why(path: &RelPath, is_dir: bool) -> Option<(String, &'static str)> {
    let text = path.display();
    let parts: Vec<&str> = text.split('/').collect();
    let folders = if is_dir { parts.len() } else { parts.len() - 1 };
    for (at, part) in parts.iter().enumerate().take(folders) {
        if let Some((_, why)) = FOLDERS.iter().find(|(names, _)| names.contains(part)) {
            return Some((parts[..=at].join("/"), why));
        }
    }
    (!is_dir && is_core_dump(parts.last()?)).then(|| (text.clone(), "What a process was when it crashed."))
}

/// `core`, or `core.` and the number of the process.
fn is_core_dump(name: &str) -> bool {
    name.strip_prefix("core").is_some_and(|rest| {
        rest.is_empty()
            || rest
                .strip_prefix('.')
                .is_some_and(|pid| !pid.is_empty() && pid.bytes().all(|byte| byte.is_ascii_digit()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outermost_folder_is_named_and_a_file_of_such_a_name_is_not() {
        let why =
            |path: &str, is_dir| super::why(&RelPath::parse(path.as_bytes()).unwrap(), is_dir).map(|(path, _)| path);
        assert_eq!(why("web/coverage/dist/a.js", false).as_deref(), Some("web/coverage"));
        assert_eq!(why("coverage", true).as_deref(), Some("coverage"));
        assert_eq!(why("coverage", false), None);
        assert_eq!(why("core.4711", false).as_deref(), Some("core.4711"));
        for useful in ["core.js", "src/core", "uploads/1.jpg"] {
            assert_eq!(why(useful, useful == "src/core"), None, "{useful}");
        }
    }
}
