//! A folder of a store as a store: many vaults share a target, each in a folder that is called by its id.

use std::sync::Arc;

use super::{Account, Body, Course, Fault, Kind, Result, Store, Stored};
use crate::secret::Secret;

/// The objects of one vault in a store of many; an empty id: those of all.
pub fn of_vault(store: impl Store + 'static, vault_id: &str) -> Arc<dyn Store> {
    match vault_id {
        "" => Arc::new(store),
        id => Arc::new(Within::new(Arc::new(store), id)),
    }
}

pub struct Within {
    store: Arc<dyn Store>,
    /// With its `/`.
    folder: String,
}

impl Within {
    pub fn new(store: Arc<dyn Store>, folder: &str) -> Within {
        Within { store, folder: format!("{folder}/") }
    }

    fn name(&self, object: &str) -> String {
        format!("{}{object}", self.folder)
    }

    fn inner(&self, stored: Stored) -> Option<Stored> {
        let object = stored.object.strip_prefix(&self.folder)?.to_owned();
        Some(Stored { object, ..stored })
    }
}

impl Store for Within {
    fn put(&self, object: &str, body: &dyn Body, course: &dyn Course) -> Result<Stored> {
        let stored = self.store.put(&self.name(object), body, course)?;
        let target = stored.object.clone();
        self.inner(stored).ok_or_else(|| Fault::new(Kind::Damaged, &target, "It was written under another name."))
    }

    fn put_if_absent(&self, object: &str, bytes: &[u8]) -> Result<bool> {
        self.store.put_if_absent(&self.name(object), bytes)
    }

    fn get(&self, object: &str, offset: u64, length: usize) -> Result<Vec<u8>> {
        self.store.get(&self.name(object), offset, length)
    }

    fn head(&self, object: &str) -> Result<Option<Stored>> {
        Ok(self.store.head(&self.name(object))?.and_then(|stored| self.inner(stored)))
    }

    fn list(&self, prefix: &str, visit: &mut dyn FnMut(Stored)) -> Result<()> {
        self.store.list(&self.name(prefix), &mut |stored| {
            if let Some(stored) = self.inner(stored) {
                visit(stored);
            }
        })
    }

    fn delete(&self, object: &str) -> Result<()> {
        self.store.delete(&self.name(object))
    }

    fn recall(&self, known: &[Stored]) {
        let known: Vec<Stored> =
            known.iter().map(|stored| Stored { object: self.name(&stored.object), ..stored.clone() }).collect();
        self.store.recall(&known);
    }

    fn abandon(&self, object: &str, session: &Secret) -> Result<()> {
        self.store.abandon(&self.name(object), session)
    }

    fn keep_until(&self, known: &Stored, until: i64, enough: i64) -> Result<bool> {
        self.store.keep_until(&Stored { object: self.name(&known.object), ..known.clone() }, until, enough)
    }

    fn account(&self) -> Result<Account> {
        self.store.account()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::memory::Memory;
    use crate::store::{Straight, conformance};

    #[test]
    fn a_folder_of_a_store_is_a_store_and_sees_nothing_else_of_it() {
        let whole = Arc::new(Memory::new("memory"));
        whole.put("other/vault.json", &b"{}".to_vec(), &Straight).unwrap();
        whole.put("vault-of-others", &b"{}".to_vec(), &Straight).unwrap();
        conformance::check(&Within::new(whole.clone(), "vault"));
        assert!(whole.head("other/vault.json").unwrap().is_some());
        assert!(whole.head("vault-of-others").unwrap().is_some());
    }
}
