//! `lifeboat items`: what is in a backup, one line an item.

use std::io::{self, Write};

use lifeboat_engine::Result;
use lifeboat_engine::report::{ItemInfo, ItemType};
use lifeboat_engine::zone::Zone;

use crate::args::ItemsArgs;
use crate::output::size;
use crate::session::{Session, SessionVault};
use crate::{exit, shell};

pub fn run(args: &ItemsArgs, session: &Session) -> Result<u8> {
    let items = session
        .engine(SessionVault::MustExist, |engine| engine.list_items(&args.backup, &shell::all_typed(&args.items)))?;
    let zone = session.zone()?;
    session.output.result(&items, |out| show(out, &items, &zone))?;
    Ok(exit::DONE)
}

/// Line by line and not as a table: there may be a hundred thousand of them.
fn show(out: &mut dyn Write, items: &[ItemInfo], zone: &Zone) -> io::Result<()> {
    for item in items {
        let (size, mark) = match item.kind {
            ItemType::File => (size(item.size), ""),
            ItemType::Dir => ("-".into(), "/"),
            ItemType::Symlink => ("link".into(), ""),
        };
        let (changed, category) = (zone.say(item.mtime), item.category.as_str());
        writeln!(out, "{size:>9}  {changed}  {category:<9}  {}{mark}", shell::path(item))?;
    }
    Ok(())
}
