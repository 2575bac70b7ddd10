//! Objects in memory, for as long as the process lives: the plainest store, by which others are understood.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::{Body, Course, Fault, Kind, Result, Store, Stored};
use crate::mutex::lock;

pub struct Memory {
    name: String,
    objects: Mutex<BTreeMap<String, Vec<u8>>>,
}

impl Memory {
    pub fn new(name: &str) -> Memory {
        Memory { name: name.into(), objects: Mutex::default() }
    }
}

impl Store for Memory {
    fn put(&self, object: &str, body: &dyn Body, course: &dyn Course) -> Result<Stored> {
        course.send(body.size())?;
        let read = body.read(0, body.size() as usize);
        let bytes = read.map_err(|error| Fault::new(Kind::Refused, &self.name, format!("{object}: {error}.")))?;
        let stored = stored(object, &bytes);
        lock(&self.objects).insert(object.into(), bytes);
        Ok(stored)
    }

    fn put_if_absent(&self, object: &str, bytes: &[u8]) -> Result<bool> {
        let mut objects = lock(&self.objects);
        let is_absent = !objects.contains_key(object);
        if is_absent {
            objects.insert(object.into(), bytes.to_vec());
        }
        Ok(is_absent)
    }

    fn get(&self, object: &str, offset: u64, length: usize) -> Result<Vec<u8>> {
        let objects = lock(&self.objects);
        let bytes = objects.get(object).ok_or_else(|| Fault::missing(&self.name, object))?;
        bytes.read(offset, length).map_err(|_| Fault::new(Kind::Damaged, &self.name, format!("{object} is cut off.")))
    }

    fn head(&self, object: &str) -> Result<Option<Stored>> {
        Ok(lock(&self.objects).get(object).map(|bytes| stored(object, bytes)))
    }

    fn list(&self, prefix: &str, visit: &mut dyn FnMut(Stored)) -> Result<()> {
        let found: Vec<Stored> = lock(&self.objects)
            .iter()
            .filter(|(object, _)| object.starts_with(prefix))
            .map(|(object, bytes)| stored(object, bytes))
            .collect();
        found.into_iter().for_each(visit);
        Ok(())
    }

    fn delete(&self, object: &str) -> Result<()> {
        lock(&self.objects).remove(object);
        Ok(())
    }
}

fn stored(object: &str, bytes: &[u8]) -> Stored {
    Stored { object: object.into(), size: bytes.len() as u64, ..Stored::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance;

    #[test]
    fn a_memory_is_a_store() {
        conformance::check(&Memory::new("memory"));
    }
}
