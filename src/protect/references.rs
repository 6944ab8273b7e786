//! What a row of a shareable table takes to be referred to by a foreign key: to see it is not enough.

use super::{apply, catalogue, policy};
use crate::catalog;
use crate::elevated::with_rights_of_extension;
use crate::error::Result;
use crate::kept::Kept;
use crate::lookup::{Key, Latest, Lookup};
use pgrx::IntoDatum;
use pgrx::pg_sys::Oid;
use std::rc::Rc;

/// How the condition names the row.
const ALIAS: &str = "x";

/// What is asked besides, of the row by its alias; `None` for tables whose rows cannot be shared.
pub fn condition(table: Oid) -> Result<Option<Rc<str>>> {
    thread_local! {
        static KNOWN: Kept<u32, Option<Rc<str>>> = Kept::default();
    }
    KNOWN.with(|known| known.get(catalog::state(), table.to_u32(), || Ok(written(table)?.map(Rc::from))))
}

fn written(table: Oid) -> Result<Option<String>> {
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
        Ok(policy::own_or_shared(apply::first(&tree)?, &protection.options, ALIAS)?)
    })
}
