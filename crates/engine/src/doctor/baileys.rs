//! Baileys, the library by which a bot speaks WhatsApp, where the root has it: its version decides whether others can forge
//! messages.

use std::io::Read;
use std::path::Path;

use semver::Version;
use serde::Deserialize;

use crate::capture::stat::open_file;
use crate::report::Check;

/// The names that it is installed by.
const PLACES: [&str; 3] = ["@whiskeysockets/baileys", "baileys", "@adiwajshing/baileys"];
/// Bytes of a `package.json` that are read.
const MOST: u64 = 1 << 20;

#[derive(Deserialize)]
struct Package {
    version: String,
}

/// One check for each that is installed; none where none is. Nothing of it is run.
pub fn check(root: &Path) -> Vec<Check> {
    PLACES.iter().filter_map(|place| of_place(&root.join("node_modules").join(place), place)).collect()
}

fn of_place(folder: &Path, name: &str) -> Option<Check> {
    // Opened as the files of a backup are: a pipe of that name does not block.
    let (file, _) = open_file(&folder.join("package.json")).ok()?;
    let mut text = String::new();
    file.take(MOST).read_to_string(&mut text).ok()?;
    let said = serde_json::from_str::<Package>(&text).ok().map(|package| package.version)?;
    let shown: String = said.chars().filter(|c| c.is_ascii_graphic()).take(40).collect();
    let Ok(version) = Version::parse(&said) else {
        return Some(Check::good("baileys", format!("{name} has the version {shown}, which says nothing here.")));
    };
    Some(match lets_forge(&version) {
        false => {
            Check::good("baileys", format!("{name} {version} is installed; no way to forge messages is known in it."))
        }
        true => Check::bad(
            "baileys",
            format!("{name} {version} lets others forge messages, as if the owner had written them (CVE-2026-48063)."),
            "`npm install @whiskeysockets/baileys@^6.7.22` in the root, or 7.0.0-rc.13 and newer; then start the app again.",
        ),
    })
}

/// CVE-2026-48063: before 6.7.22, and in 7.0.0 until its twelfth candidate.
fn lets_forge(version: &Version) -> bool {
    let at = |text: &str| Version::parse(text).is_ok_and(|bound| *version < bound);
    at("6.7.22") || (version.major == 7 && at("7.0.0-rc.13"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_versions_in_which_messages_can_be_forged_are_known() {
        for (version, forged) in [
            ("5.0.0", true),
            ("6.7.9", true),
            ("6.7.21", true),
            ("6.7.22-beta.1", true),
            ("6.7.22", false),
            ("6.17.16", false),
            ("7.0.0-rc.1", true),
            ("7.0.0-rc.9", true),
            ("7.0.0-rc.12", true),
            ("7.0.0-rc.13", false),
            ("7.0.0", false),
            ("7.1.0", false),
        ] {
            assert_eq!(lets_forge(&Version::parse(version).unwrap()), forged, "{version}");
        }
    }
}
