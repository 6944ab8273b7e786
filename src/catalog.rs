//! When what a backend has kept of the database is out of date.
//!
//! Postgres tells every backend which definitions a committed transaction has changed, before the
//! next statement looks at them; that is how its own caches of tables and roles are kept right, on a
//! standby too. The extension listens, and says the same of tables whose rows it keeps.

#![allow(unsafe_code)]

use crate::unguarded;
use pgrx::pg_sys::{self, Datum, Oid};
use pgrx::prelude::*;
use std::cell::Cell;

thread_local! {
    /// 0 until the backend listens.
    static STATE: Cell<u64> = const { Cell::new(0) };
}

/// A number that changes with every change of a definition that has been committed by now, or made by
/// this transaction. What was read after a call is right as long as another call answers the same.
pub fn state() -> u64 {
    // SAFETY: within a transaction. Registered once for the life of the backend, with a function of
    // the right type, which does no more than count.
    unsafe {
        if STATE.get() == 0 {
            STATE.set(1);
            pg_sys::CacheRegisterRelcacheCallback(Some(changed), Datum::null());
        }
        pg_sys::AcceptInvalidationMessages();
    }
    STATE.get()
}

/// As [`state`], as far as this backend has heard by now: with the lock of a table, everything about it.
/// 0 where it does not listen yet.
pub fn heard() -> u64 {
    STATE.get()
}

/// As [`state`], for a call that has read a row by a lookup before: everything that was committed before that call has
/// been heard of by then, and nothing is asked a second time.
pub fn state_of_call() -> u64 {
    match heard() {
        0 => state(),
        heard => heard,
    }
}

/// Whether what was read as of this state may be kept: not where a change has been heard of since, nor what a parallel
/// query has read, whose snapshot may be old; that is good for the query alone.
pub fn may_keep(as_of: u64) -> bool {
    heard() == as_of && !unguarded::is_in_parallel_mode()
}

unsafe extern "C-unwind" fn changed(_argument: Datum, _relation: Oid) {
    STATE.set(STATE.get() + 1);
}

/// Makes [`state`] change in every backend when the current transaction commits, and in this one with its next command:
/// for a table of which something changes that backends keep.
pub fn announce(relation: Oid) {
    // SAFETY: within a transaction; registers a message for a table that exists.
    unsafe { pg_sys::CacheInvalidateRelcacheByRelid(relation) };
}

/// As [`announce`], for a trigger of a table whose rows backends keep.
#[pg_trigger(sql = false)]
fn rows_changed<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<PgHeapTuple<'a, AllocatedByPostgres>>, PgTriggerError> {
    announce(trigger.relid()?);
    Ok(None)
}
