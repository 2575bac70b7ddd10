//! What a restore could not give back of a file but its content: it is told, and no failure. A backup of thousands of files
//! on a disk without owners is one warning with a count.

use std::collections::BTreeMap;
use std::io;
use std::sync::Mutex;

use crate::mutex::lock;
use crate::report::Warning;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    Owner,
    Mode,
    Time,
    Acl,
    Capabilities,
    Label,
    Attributes,
    HardLink,
}

impl What {
    /// By its [`What::noun`].
    pub fn of(noun: &str) -> What {
        let all = [What::Owner, What::Time];
        all.into_iter().find(|what| what.noun() == noun).unwrap_or(What::Mode)
    }

    /// In a sentence about one file.
    pub fn noun(self) -> &'static str {
        match self {
            What::Owner => "owner",
            What::Mode => "mode",
            What::Time => "time",
            What::Acl => "ACL",
            What::Capabilities => "capabilities (security.capability)",
            What::Label => "label (security.selinux)",
            What::Attributes => "extended attributes (user.*)",
            What::HardLink => "other names",
        }
    }

    fn of_many(self) -> &'static str {
        match self {
            What::Owner => "The owner",
            What::Mode => "The mode",
            What::Time => "The time",
            What::Acl => "The ACL (who may do what beside the mode)",
            What::Capabilities => "The capabilities of a program (security.capability)",
            What::Label => "The label of SELinux (security.selinux)",
            What::Attributes => "An extended attribute (user.*)",
            What::HardLink => "That several names are one file, which needs a hard link,",
        }
    }

    fn instead(self) -> &'static str {
        match self {
            What::Acl => {
                " The owning group may do what the ACL allows it, and nobody else but the owner and all others."
            }
            What::HardLink => " Each name is a file of its own.",
            _ => "",
        }
    }
}

/// All that could not be set, by what it is and why.
#[derive(Default)]
pub struct Unset(Mutex<BTreeMap<(What, String), (u64, String)>>);

impl Unset {
    pub fn note(&self, what: What, path: &str, error: &io::Error) {
        self.note_why(what, path, error.to_string());
    }

    pub fn note_why(&self, what: What, path: &str, why: String) {
        let mut all = lock(&self.0);
        let (count, _) = all.entry((what, why)).or_insert_with(|| (0, path.to_owned()));
        *count += 1;
    }

    /// One warning for each kind and cause. It is empty afterwards.
    pub fn warnings(&self) -> Vec<Warning> {
        let all = std::mem::take(&mut *lock(&self.0));
        let warnings = all.into_iter().map(|((what, cause), (count, path))| {
            let more = if count > 1 { format!(", and of {} more", count - 1) } else { String::new() };
            let message = format!("{} could not be given back{more}: {cause}.{}", what.of_many(), what.instead());
            Warning { path, message }
        });
        warnings.collect()
    }
}
