//! Users that only read: a statement of theirs that would write to a protected table is refused before it touches a
//! row, as in a READ ONLY transaction.
//!
//! Not in the policies, which would be another text and another term for everybody: the question is asked once for a
//! statement, and of nobody but these users.

#![allow(unsafe_code)]

use crate::error::{Error, or_raise};
use crate::lookup::{Key, Latest, Lookup};
use crate::sealed;
use pgrx::IntoDatum;
use pgrx::pg_sys::{self, Oid};
use pgrx::prelude::*;
use std::ffi::CStr;
use std::ops::ControlFlow;

thread_local! {
    static PROTECTIONS: Lookup =
        const { Lookup::new(c"protections", &[Key::relation(c"relation")], &[c"root"]) };
    static ALLOWANCES: Lookup =
        const { Lookup::new(c"allowances", &[Key::relation(c"relation")], &[c"command"]) };
}

/// Whether a statement has to be looked at. Called when each starts, so it reads two variables.
///
/// # Safety
/// `query` is what Postgres starts.
#[inline]
pub unsafe fn concerns(query: *mut pg_sys::QueryDesc, eflags: i32) -> bool {
    // SAFETY: promised by the caller.
    sealed::reads_only()
        && eflags & pg_sys::EXEC_FLAG_EXPLAIN_ONLY as i32 == 0
        && unsafe { !(*(*query).plannedstmt).resultRelations.is_null() }
}

/// Refuses the statement where it writes to a protected table.
///
/// # Safety
/// `query` is what Postgres starts, and it [`concerns`] this.
#[pg_guard]
pub unsafe extern "C-unwind" fn refuse_writes(query: *mut pg_sys::QueryDesc) {
    // SAFETY: promised by the caller.
    for (table, command) in unsafe { written((*query).plannedstmt) } {
        if !or_raise(may_write(table, command)) {
            Error::forbidden(
                format!("the roles of the acting user only read; this is {command} of table \"{}\"", name(table)),
                "warden.assign_role() gives the user a role that writes; warden.allow() lets through what others may write to a table.",
            )
            .raise();
        }
    }
}

/// The tables that a statement names for writing, with the command for which each is.
///
/// # Safety
/// `statement` is a planned statement.
unsafe fn written(statement: *mut pg_sys::PlannedStmt) -> Vec<(Oid, &'static str)> {
    let mut found = Vec::new();
    let mut note = |relation: Oid, permissions: u64| {
        let commands = [(pg_sys::ACL_INSERT, "INSERT"), (pg_sys::ACL_UPDATE, "UPDATE"), (pg_sys::ACL_DELETE, "DELETE")];
        for (permission, command) in commands {
            if permissions & u64::from(permission) != 0 {
                found.push((relation, command));
            }
        }
    };
    // SAFETY: the lists of a planned statement hold nodes of these types.
    unsafe {
        #[cfg(feature = "pg15")]
        for entry in pgrx::PgList::<pg_sys::RangeTblEntry>::from_pg((*statement).rtable).iter_ptr() {
            if (*entry).rtekind == pg_sys::RTEKind::RTE_RELATION {
                note((*entry).relid, u64::from((*entry).requiredPerms));
            }
        }
        #[cfg(not(feature = "pg15"))]
        for entry in pgrx::PgList::<pg_sys::RTEPermissionInfo>::from_pg((*statement).permInfos).iter_ptr() {
            note((*entry).relid, u64::from((*entry).requiredPerms));
        }
    }
    found
}

/// Whether the table is not protected, or declared to let others than the owners of its rows write so.
fn may_write(table: Oid, command: &str) -> crate::error::Result<bool> {
    let key = [table.into_datum()];
    Latest::with(|latest| {
        let root = PROTECTIONS.with(|tables| tables.first(latest, &key, |row| row.relation(0)))?;
        let Some(root) = root else { return Ok(true) };
        let mut allowed = false;
        ALLOWANCES.with(|allowances| {
            allowances.each(latest, &[root.into_datum()], |row| {
                allowed = row.text(0)? == Some(command);
                Ok(if allowed { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
            })
        })?;
        Ok(allowed)
    })
}

fn name(table: Oid) -> String {
    // SAFETY: a catalogue look-up within a transaction, answered by null or a NUL-terminated text.
    unsafe {
        let name = pg_sys::get_rel_name(table);
        if name.is_null() { String::new() } else { CStr::from_ptr(name).to_string_lossy().into_owned() }
    }
}
