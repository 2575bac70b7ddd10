//! What a walk leaves out, and why. A name alone is never a reason but for what can be made again, and that the
//! configuration overrides.

use std::io;
use std::path::PathBuf;

use crate::path::RelPath;

/// A path that is left out, with all that is in it; or, of a link, what is behind it.
#[derive(Debug)]
pub struct Left {
    pub path: RelPath,
    pub absolute: PathBuf,
    pub why: Why,
}

#[derive(Debug)]
pub enum Why {
    /// It is Lifeboat's own: this says what.
    Ours(&'static str),
    /// It can be made again: this says how.
    Default(&'static str),
    /// The configuration's `exclude` names it.
    Excluded,
    /// The configuration has `sources`, and none names it.
    NotNamed,
    /// A socket, pipe or device.
    Special,
    Unreadable(io::Error),
    /// The link leads out of the root, to this place.
    LeadsOut(PathBuf),
    /// The link leads to a place of the operating system.
    System(PathBuf),
    /// The link leads to nothing.
    Dangling,
    /// The link is to be followed, and leads to nothing.
    Unmounted,
    /// The folder is one of those that it lies in, reached by a link.
    Loop,
}

impl Why {
    /// In a sentence: why it is left out.
    pub fn sentence(&self) -> String {
        match self {
            Why::Ours(what) => format!("It is {what}."),
            Why::Default(how) => format!("It can be made again ({how}). The configuration's `include` takes it."),
            Why::Excluded => "The configuration's `exclude` names it.".into(),
            Why::NotNamed => "None of the configuration's `sources` names it.".into(),
            Why::Special => "It is a socket, a pipe or a device, which holds no data.".into(),
            Why::Unreadable(error) => format!("It cannot be read: {error}."),
            Why::LeadsOut(to) => format!("It is a link that leads out of the root, to {}.", to.display()),
            Why::System(to) => format!("It is a link to {}, which belongs to the system.", to.display()),
            Why::Dangling => "It is a link that leads to nothing.".into(),
            Why::Unmounted => "It is a link that `followLinks` names, and it leads to nothing.".into(),
            Why::Loop => "It is a link, named by `followLinks`, to a folder that contains it.".into(),
        }
    }

    /// Is it data that the app may need, so that a backup without it is not whole? What vanished meanwhile is no loss.
    pub fn is_loss(&self) -> bool {
        match self {
            Why::LeadsOut(_) | Why::Unmounted => true,
            Why::Unreadable(error) => error.kind() != io::ErrorKind::NotFound,
            _ => false,
        }
    }

    /// What makes good a loss.
    pub fn remedy(&self, path: &RelPath) -> Option<String> {
        let path = path.display();
        match self {
            Why::LeadsOut(_) => Some(format!(
                "Follow it (\"followLinks\": [{path:?}] in the configuration), or exclude it if it is not needed (\"exclude\": \
                 [{path:?}])."
            )),
            Why::Unmounted => {
                Some("Mount the disk that it leads to, or take it out of the configuration's `followLinks`.".into())
            }
            Why::Unreadable(error) if error.kind() == io::ErrorKind::PermissionDenied => Some(format!(
                "Give this user the right to read it (chmod u+rX, chown), run Lifeboat as a user who may, or exclude it if it \
                 is not needed (\"exclude\": [{path:?}])."
            )),
            Why::Unreadable(_) => {
                Some(format!("Check the disk, or exclude it if it is not needed (\"exclude\": [{path:?}])."))
            }
            _ => None,
        }
    }

    /// For a backup that is without it: what is missing, and what to do.
    pub fn warning(&self, path: &RelPath) -> String {
        let what = match self {
            Why::LeadsOut(_) | Why::Unmounted => "The content behind the link is not in this backup.",
            _ => "It is not in this backup.",
        };
        let parts = [self.sentence(), what.into(), self.remedy(path).unwrap_or_default()];
        parts.join(" ").trim_end().to_owned()
    }
}
