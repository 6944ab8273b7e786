//! What is shared goes with its row: the triggers of shareable tables, and tables that become one or are none any more.
//!
//! A key may be used again. Whoever makes a row with it must not find it shared with those who knew the one before.

use crate::elevated::with_rights_of_extension;
use crate::error::{self, Error, or_raise};
use crate::{row_keys, shares, spi, transaction};
use pgrx::datum::UnboxDatum;
use pgrx::pg_sys::Oid;
use pgrx::prelude::*;
use pgrx::{FromDatum, IntoDatum};
use std::cell::RefCell;
use std::num::NonZeroUsize;

thread_local! {
    /// The tables that were unprotected in a transaction, by its local id.
    static ENDED: RefCell<Vec<(u32, u32)>> = const { RefCell::new(Vec::new()) };
}

/// A table becomes shareable. What is left of a time before counts again only within the transaction that unprotected
/// it: afterwards its rows may have changed without us.
pub fn begin(relation: u32) -> error::Result<()> {
    let lxid = transaction::local_id();
    if ENDED.with_borrow(|ended| ended.contains(&(lxid, relation))) {
        return Ok(());
    }
    forget(relation)
}

/// A table is shareable no more; it may be again in this very transaction.
pub fn end(relation: u32) {
    let lxid = transaction::local_id();
    ENDED.with_borrow_mut(|ended| {
        ended.retain(|(of, _)| *of == lxid);
        ended.push((lxid, relation));
    });
}

/// Forgets everything that was shared of a table, also since the snapshot of the transaction.
pub fn forget(relation: u32) -> error::Result<()> {
    let ids = shares::of_table(Oid::from(relation))?;
    if !ids.is_empty() {
        // What an idle transaction holds is not waited for.
        spi::write("SELECT warden.remove_shares($1)", &[ids.into()])?;
    }
    Ok(())
}

/// After a row is gone, or has another key. See the comment on the SQL function.
#[pg_trigger(sql = false)]
fn shares_follow_row<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<PgHeapTuple<'a, AllocatedByPostgres>>, PgTriggerError> {
    let relation = trigger.relid()?;
    let name = trigger.extra_args()?.into_iter().next().unwrap_or_default();
    let old = trigger.old().ok_or(PgTriggerError::NullTriggerData)?;
    let before = or_raise(key(&old, &name));
    let after = trigger.new().map(|new| or_raise(key(&new, &name)));
    or_raise(follow(relation, &before, after.as_deref()));
    Ok(None)
}

/// After a table is emptied. See the comment on the SQL function.
#[pg_trigger(sql = false)]
fn shares_follow_table<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<PgHeapTuple<'a, AllocatedByPostgres>>, PgTriggerError> {
    let relation = trigger.relid()?;
    or_raise(with_rights_of_extension(|| forget(relation.to_u32())));
    Ok(None)
}

fn follow(relation: Oid, before: &str, after: Option<&str>) -> error::Result<()> {
    let ids = shares::of_row(relation, before)?;
    if ids.is_empty() {
        return Ok(());
    }
    with_rights_of_extension(|| match after {
        Some(after) => spi::write("SELECT warden.rekey_shares($1, $2)", &[ids.into(), after.into()]),
        None => spi::write("SELECT warden.remove_shares($1)", &[ids.into()]),
    })?;
    Ok(())
}

/// The key of a row, as its type prints it.
fn key(row: &PgHeapTuple<'_, AllocatedByPostgres>, name: &str) -> error::Result<String> {
    let missing = || {
        Error::wrong_state(
            format!("the table has no column \"{name}\" any more"),
            "warden.protect() brings its triggers up to date.",
        )
    };
    let attribute = row.get_attribute_by_name(name).filter(|(_, of)| row_keys::is_key(of.type_oid().value()));
    let (number, attribute) = attribute.ok_or_else(missing)?;
    let key = row_keys::text(attribute.type_oid().value(), &Attribute { row, number });
    key.ok_or_else(|| Error::internal("the key of a row cannot be read"))
}

/// A column of a row.
struct Attribute<'a> {
    row: &'a PgHeapTuple<'a, AllocatedByPostgres>,
    number: NonZeroUsize,
}

impl row_keys::Value for Attribute<'_> {
    fn read<T: FromDatum + IntoDatum + for<'a> UnboxDatum<As<'a> = T> + 'static>(&self) -> Option<T> {
        self.row.get_by_index::<T>(self.number).ok().flatten()
    }
}
