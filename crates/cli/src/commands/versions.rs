//! `lifeboat versions`: one path over time, newest first.

use std::io::{self, Write};

use indicatif::HumanCount;
use lifeboat_engine::Result;
use lifeboat_engine::report::{ItemType, Version};

use crate::args::VersionsArgs;
use crate::output::{count, size, table};
use crate::session::{Session, Vault};
use crate::{exit, time};

pub fn run(args: &VersionsArgs, session: &Session) -> Result<u8> {
    let versions = session.engine(Vault::MustExist, |engine| engine.versions(&args.path))?;
    session.output.result(&versions, |out| show(out, &versions))?;
    Ok(exit::DONE)
}

fn show(out: &mut dyn Write, versions: &[Version]) -> io::Result<()> {
    let rows = versions.iter().map(|one| {
        let size = match one.item.kind {
            ItemType::File => size(one.item.size),
            ItemType::Dir => "folder".into(),
            ItemType::Symlink => "link".into(),
        };
        let backups = HumanCount(one.backups).to_string();
        [time::show(one.item.mtime), size, backups, one.backup.clone(), remarks(one)]
    });
    out.write_all(table(["CHANGED", "SIZE", "BACKUPS", "NEWEST OF THEM", ""], rows.collect(), &[1, 2]).as_bytes())
}

fn remarks(version: &Version) -> String {
    let mut remarks = Vec::new();
    if let Some(backup) = &version.gone_in {
        remarks.push(format!("gone in {backup}"));
    }
    match version.unreadable.len() as u64 {
        0 => {}
        some => remarks.push(format!("{} here cannot be read", count(some, "backup", "backups"))),
    }
    remarks.join(", ")
}
