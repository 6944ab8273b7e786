//! What a row of a shareable table takes to be referred to by a foreign key: to see it is not enough.

use super::{apply, catalogue, policy};
use crate::catalog;
use crate::elevated::with_rights_of_extension;
use crate::error::Result;
use crate::lookup::{Key, Latest, Lookup};
use pgrx::IntoDatum;
use pgrx::pg_sys::Oid;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

thread_local! {
    static KNOWN: RefCell<HashMap<Oid, Option<Rc<str>>>> = RefCell::new(HashMap::new());
    static AS_OF: Cell<u64> = const { Cell::new(0) };
}

/// What is asked besides, of the row by its alias; `None` for tables whose rows cannot be shared.
pub fn condition(table: Oid, alias: &str) -> Result<Option<Rc<str>>> {
    let catalog = catalog::state();
    if AS_OF.replace(catalog) != catalog {
        KNOWN.with_borrow_mut(HashMap::clear);
    }
    if let Some(known) = KNOWN.with_borrow(|known| known.get(&table).cloned()) {
        return Ok(known);
    }
    let condition = written(table, alias)?.map(Rc::from);
    if catalog::may_keep(catalog) {
        KNOWN.with_borrow_mut(|known| known.insert(table, condition.clone()));
    }
    Ok(condition)
}

fn written(table: Oid, alias: &str) -> Result<Option<String>> {
    thread_local! {
        static KEYS: Lookup = const { Lookup::new(c"protections", &[Key::relation(c"relation")], &[c"key_column"]) };
    }
    let is_shareable = Latest::with(|latest| {
        KEYS.with(|keys| keys.first(latest, &[table.into_datum()], |row| Ok(row.text(0)?.is_some())))
    })?;
    if is_shareable != Some(true) {
        return Ok(None);
    }
    with_rights_of_extension(|| {
        let Some(protection) = catalogue::protection(table.to_u32())? else { return Ok(None) };
        let tree = catalogue::facts(&[table.to_u32()], &protection.options)?;
        Ok(policy::own_or_shared(apply::first(&tree)?, &protection.options, alias)?)
    })
}
