//! The trigger that fills a missing owner: a default never fires where an ORM sends NULL.
//!
//! It only ever states the identity of the transaction, and the policies decide afterwards, so it
//! needs no rights and no look at the catalogue: the columns are its arguments.

use crate::error::{self, Error, or_raise};
use crate::sealed::{self, Standing};
use pgrx::datum::UnboxDatum;
use pgrx::heap_tuple::PgHeapTuple;
use pgrx::prelude::*;
use pgrx::{AllocatedByRust, FromDatum, IntoDatum, pg_sys};
use std::num::NonZeroUsize;

/// Fills the owner and the tenant column. See the comment on the SQL function.
#[pg_trigger(sql = false)]
fn fill_owner<'a>(trigger: &'a PgTrigger<'a>) -> Result<Option<PgHeapTuple<'a, AllocatedByRust>>, PgTriggerError> {
    let mut row = trigger.new().ok_or(PgTriggerError::NullTriggerData)?.into_owned();
    let columns = trigger.extra_args()?;
    let mut columns = columns.iter();
    // Empty where rows have no owner.
    if let Some(owner) = columns.next().filter(|owner| !owner.is_empty()) {
        or_raise(fill(&mut row, owner, false));
    }
    if let Some(tenant) = columns.next() {
        or_raise(fill(&mut row, tenant, true));
    }
    Ok(Some(row))
}

fn fill(row: &mut PgHeapTuple<'_, AllocatedByRust>, name: &str, is_tenant: bool) -> error::Result<()> {
    let column = row.get_attribute_by_name(name).map(|(number, attribute)| (number, attribute.type_oid().value()));
    let (number, type_id) = column.ok_or_else(|| {
        Error::wrong_state(
            format!("the table has no column \"{name}\" any more"),
            "warden.protect() brings its triggers up to date.",
        )
    })?;
    match type_id {
        pg_sys::UUIDOID => set(row, number, if is_tenant { current_tenant() } else { current_user() }),
        pg_sys::TEXTOID | pg_sys::VARCHAROID => {
            set(row, number, current(|| sealed::with_identity(|identity| identity.external_text())))
        }
        pg_sys::INT2OID => set(row, number, current_number().and_then(|value| i16::try_from(value).ok())),
        pg_sys::INT4OID => set(row, number, current_number().and_then(|value| i32::try_from(value).ok())),
        pg_sys::INT8OID => set(row, number, current_number()),
        _ => Err(Error::wrong_state(
            format!("column \"{name}\" has a type that no identity has"),
            "Protect the table by another column.",
        )),
    }
}

/// Puts the value where the row has NULL. Without a value it stays NULL, for the policy to refuse.
fn set<T>(row: &mut PgHeapTuple<'_, AllocatedByRust>, column: NonZeroUsize, value: Option<T>) -> error::Result<()>
where
    T: FromDatum + IntoDatum + for<'a> UnboxDatum<As<'a> = T> + 'static,
{
    let unusable = |error| Error::internal(format!("an owner could not be filled in: {error}"));
    if row.get_by_index::<T>(column).map_err(unusable)?.is_some() {
        return Ok(());
    }
    match value {
        Some(value) => row.set_by_index(column, value).map_err(unusable),
        None => Ok(()),
    }
}

fn current_user() -> Option<pgrx::Uuid> {
    current(|| sealed::with_identity(|identity| identity.user_id.to_pgrx()))
}

fn current_tenant() -> Option<pgrx::Uuid> {
    current(|| sealed::with_identity(|identity| Some(identity.tenant_id?.to_pgrx())).flatten())
}

fn current_number() -> Option<i64> {
    current(sealed::external_number)
}

/// What a valid identity says; loud where it has expired, as the policies are.
fn current<T>(read: impl FnOnce() -> Option<T>) -> Option<T> {
    match sealed::standing() {
        Standing::Valid => read(),
        Standing::Expired => Error::IdentityExpired.raise(),
        Standing::Nobody => None,
    }
}
