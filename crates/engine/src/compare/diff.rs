//! What changed from one backup to another.

use std::cmp::Ordering;
use std::time::Instant;

use super::databases::DatabaseComparer;
use super::differences::{Differences, change};
use super::merge::{Cursor, blame, skip_shared};
use super::{Ticker, live, same_content};
use crate::report::{BackupRef, DiffReport};
use crate::vault::Vault;
use crate::vault::snapshot::Snapshot;
use crate::{Config, Control, Result};

/// What changed from `from` to `to`, or to the live root.
pub fn diff(
    vault: &Vault,
    config: &Config,
    from: &BackupRef,
    to: Option<&BackupRef>,
    control: &Control,
) -> Result<DiffReport> {
    let started = Instant::now();
    let before = Snapshot::read(vault, &vault.resolve(from)?)?;
    let after = to.map(|to| Snapshot::read(vault, &vault.resolve(to)?)).transpose()?;
    let found = match &after {
        Some(after) => between(vault, &before, after, control),
        None => live::against(vault, config, &before, control),
    }?;
    Ok(DiffReport {
        from: before.backup,
        to: after.map(|after| after.backup),
        added: found.added,
        removed: found.removed,
        changed: found.changed,
        unchanged: found.unchanged,
        warnings: found.warnings,
        duration_ms: started.elapsed().as_millis() as u64,
    })
}

fn between(vault: &Vault, before: &Snapshot, after: &Snapshot, control: &Control) -> Result<Differences> {
    let reader = vault.reader()?;
    let mut databases = DatabaseComparer::new(reader.another());
    let mut ticker = Ticker::new(control, None);
    let mut found = Differences::default();
    let (mut a, mut b) = (Cursor::new(reader.another(), before), Cursor::new(reader, after));
    loop {
        skip_shared(&mut a, &mut b);
        let order = match (a.peek()?, b.peek()?) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(old), Some(new)) => old.cmp(new),
        };
        let old = if order.is_le() { a.next_if(|_| true)? } else { None };
        let new = if order.is_ge() { b.next_if(|_| true)? } else { None };
        match (old, new) {
            (Some((_, old)), Some((_, new))) => {
                ticker.item(new.display_path())?;
                if let Some(mut change) = change(&old, &new, same_content(&old, &new)) {
                    if !change.metadata_only && old.db.is_some() && new.db.is_some() {
                        let tables = databases.stored(&old, &new, &mut ticker);
                        (change.tables, change.note) = tables.map_err(|error| blame(error, &after.backup))?;
                    }
                    found.changed.push(change);
                }
            }
            (Some((_, old)), None) => found.removed.push(old.info()),
            (None, Some((_, new))) => found.added.push(new.info()),
            (None, None) => break,
        }
    }
    // What was passed over unread is unchanged, and nobody counted it.
    found.unchanged = after.items.saturating_sub((found.added.len() + found.changed.len()) as u64);
    Ok(found)
}
