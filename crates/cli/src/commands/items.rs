//! `lifeboat items`: what is in a backup, one line an item.

use std::io::{self, Write};

use lifeboat_engine::Result;
use lifeboat_engine::report::{ItemInfo, ItemType};

use crate::args::ItemsArgs;
use crate::output::{escaped, size};
use crate::session::{Session, Vault};
use crate::{exit, time};

pub fn run(args: &ItemsArgs, session: &Session) -> Result<u8> {
    let items = session.engine(Vault::MustExist, |engine| engine.list_items(&args.backup, &args.items))?;
    session.output.result(&items, |out| show(out, &items))?;
    Ok(exit::DONE)
}

/// Line by line and not as a table: there may be a hundred thousand of them.
fn show(out: &mut dyn Write, items: &[ItemInfo]) -> io::Result<()> {
    for item in items {
        let (size, mark) = match item.kind {
            ItemType::File => (size(item.size), ""),
            ItemType::Dir => ("-".into(), "/"),
            ItemType::Symlink => ("link".into(), "@"),
        };
        let (changed, category) = (time::show(item.mtime), item.category.as_str());
        writeln!(out, "{size:>9}  {changed}  {category:<9}  {}{mark}", escaped(&item.path))?;
    }
    Ok(())
}
