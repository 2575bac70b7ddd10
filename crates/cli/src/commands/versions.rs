//! `lifeboat versions`: one path over time, newest first.

use std::io::{self, Write};

use indicatif::HumanCount;
use lifeboat_engine::Result;
use lifeboat_engine::report::{ItemType, Version};
use lifeboat_engine::zone::Zone;

use crate::args::VersionsArgs;
use crate::output::{count, size, table};
use crate::session::{Session, SessionVault};
use crate::{exit, shell};

pub fn run(args: &VersionsArgs, session: &Session) -> Result<u8> {
    let versions = session.engine(SessionVault::MustExist, |engine| engine.versions(&shell::typed(&args.path)))?;
    let zone = session.zone()?;
    session.output.result(&versions, |out| show(out, &versions, &zone))?;
    Ok(exit::DONE)
}

fn show(out: &mut dyn Write, versions: &[Version], zone: &Zone) -> io::Result<()> {
    let rows = versions.iter().map(|one| {
        let size = match one.item.kind {
            ItemType::File => size(one.item.size),
            ItemType::Dir => "folder".into(),
            ItemType::Symlink => "link".into(),
        };
        let backups = HumanCount(one.backups).to_string();
        [zone.show(one.item.mtime), size, backups, one.backup.clone(), remarks(one)]
    });
    let changed = format!("CHANGED ({})", zone.name);
    out.write_all(
        table([changed.as_str(), "SIZE", "BACKUPS", "NEWEST OF THEM", ""], rows.collect(), &[1, 2]).as_bytes(),
    )
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
