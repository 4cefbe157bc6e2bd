//! A bounded cache of names.

use std::{collections::HashMap, mem, sync::Arc};

/// Most names that are kept. Those looked up lately are kept longest.
pub(super) const CAPACITY: usize = 16_384;

/// Two generations of half the capacity. A lookup moves a name to the young one; when that is full, the old one is
/// dropped. `None` is a cgroup known to be gone: ids are not used twice.
#[derive(Debug, Default)]
pub(super) struct Cache {
    young: HashMap<u64, Option<Arc<[u8]>>>,
    old: HashMap<u64, Option<Arc<[u8]>>>,
}

impl Cache {
    pub(super) fn get(&mut self, id: u64) -> Option<Option<Arc<[u8]>>> {
        if let Some(name) = self.young.get(&id) {
            return Some(name.clone());
        }
        let name = self.old.remove(&id)?;
        self.insert(id, name.clone());
        Some(name)
    }

    /// The name, without moving it to the young generation.
    pub(super) fn peek(&self, id: u64) -> Option<&[u8]> {
        self.young.get(&id).or_else(|| self.old.get(&id))?.as_deref()
    }

    pub(super) fn insert(&mut self, id: u64, name: Option<Arc<[u8]>>) {
        if self.young.len() >= CAPACITY / 2 {
            self.old.clear();
            mem::swap(&mut self.young, &mut self.old);
        }
        self.young.insert(id, name);
    }
}

#[cfg(test)]
mod tests {
    use super::{CAPACITY, Cache};

    #[test]
    fn it_is_bounded_and_keeps_what_is_looked_up() {
        let mut cache = Cache::default();
        cache.insert(0, Some((*b"/kept").into()));
        for id in 1..10 * CAPACITY as u64 {
            cache.insert(id, None);
            assert!(cache.young.len() + cache.old.len() <= CAPACITY);
            assert_eq!(cache.get(0).flatten().as_deref(), Some(&b"/kept"[..]));
        }
        assert_eq!(cache.get(1), None);
        assert_eq!(cache.get(10 * CAPACITY as u64 - 1), Some(None));
    }
}
