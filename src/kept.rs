//! What a backend keeps by a key, as of one state of the catalog (`catalog.rs`), and forgets with it.

use crate::catalog;
use crate::error::Result;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

/// Make it a thread-local.
pub struct Kept<K, V> {
    as_of: Cell<u64>,
    /// Few keys, and asked of by every statement: to compare them takes less than to hash one.
    known: RefCell<BTreeMap<K, V>>,
}

impl<K, V> Default for Kept<K, V> {
    fn default() -> Self {
        Self { as_of: Cell::new(0), known: RefCell::new(BTreeMap::new()) }
    }
}

impl<K: Ord, V: Clone> Kept<K, V> {
    /// What is known of the key in this state of the catalog, asked for before anything is read; read, where nothing is.
    pub fn get(&self, as_of: u64, key: K, read: impl FnOnce() -> Result<V>) -> Result<V> {
        if self.as_of.replace(as_of) != as_of {
            self.known.borrow_mut().clear();
        }
        if let Some(known) = self.known.borrow().get(&key).cloned() {
            return Ok(known);
        }
        // Nothing is borrowed here: to read may ask again.
        let read = read()?;
        if self.as_of.get() == as_of && catalog::may_keep(as_of) {
            self.known.borrow_mut().insert(key, read.clone());
        }
        Ok(read)
    }
}
