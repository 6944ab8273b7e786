//! What a statement may touch at all: the scopes that tables require, and users whose roles only read.
//!
//! Asked once, when the statement starts, before it touches a row: as Postgres asks for privileges, and as a READ ONLY
//! transaction refuses. A term in a policy alone would be asked row by row, after an index has found one, and so
//! tell who may not read whether it did.

#![allow(unsafe_code)]

use crate::error::{Error, Result, or_raise};
use crate::lookup::{Key, Latest, Lookup};
use crate::sealed::{self, Standing};
use crate::{catalog, scope_checks};
use pgrx::pg_sys::{self, Oid};
use pgrx::prelude::*;
use pgrx::{IntoDatum, PgList};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ffi::CStr;
use std::ops::ControlFlow;
use std::rc::Rc;

/// What is asked of statements that name a protected table.
struct Asks {
    root: Oid,
    read_scope: Option<String>,
    write_scope: Option<String>,
}

/// A table as a statement names it.
struct Named {
    table: Oid,
    /// Whose policies apply to it: 0 for whoever runs the statement.
    checked_as: Oid,
    permissions: u64,
}

thread_local! {
    static PROTECTIONS: Lookup = const { Lookup::new(
        c"protections", &[Key::relation(c"relation")], &[c"root", c"read_scope", c"write_scope"],
    ) };
    static ALLOWANCES: Lookup =
        const { Lookup::new(c"allowances", &[Key::relation(c"relation")], &[c"command"]) };

    /// The tables that statements have named since the catalog changed; `None` for one that is not protected.
    static KNOWN: RefCell<HashMap<Oid, Option<Rc<Asks>>>> = RefCell::new(HashMap::new());
    static AS_OF: Cell<u64> = const { Cell::new(0) };
}

/// Whether a statement has to be looked at. Called when each starts.
///
/// # Safety
/// `query` is what Postgres starts.
#[inline]
pub unsafe fn concerns(query: *mut pg_sys::QueryDesc, eflags: i32) -> bool {
    // SAFETY: promised by the caller.
    matches!(sealed::standing(), Standing::Valid)
        && eflags & pg_sys::EXEC_FLAG_EXPLAIN_ONLY as i32 == 0
        && unsafe { !(*(*query).plannedstmt).rtable.is_null() }
}

/// Refuses the statement where it touches a table that it may not.
///
/// # Safety
/// `query` is what Postgres starts, and it [`concerns`] this.
#[pg_guard]
pub unsafe extern "C-unwind" fn refuse(query: *mut pg_sys::QueryDesc) {
    // SAFETY: promised by the caller; the lists of a planned statement hold nodes of these types.
    unsafe {
        let statement = &*(*query).plannedstmt;
        let writes = !statement.resultRelations.is_null();
        #[cfg(feature = "pg15")]
        for entry in PgList::<pg_sys::RangeTblEntry>::from_pg(statement.rtable).iter_ptr() {
            if (*entry).rtekind == pg_sys::RTEKind::RTE_RELATION {
                let permissions = u64::from((*entry).requiredPerms);
                look_at(&Named { table: (*entry).relid, checked_as: (*entry).checkAsUser, permissions }, writes);
            }
        }
        #[cfg(not(feature = "pg15"))]
        for entry in PgList::<pg_sys::RTEPermissionInfo>::from_pg(statement.permInfos).iter_ptr() {
            let permissions = u64::from((*entry).requiredPerms);
            look_at(&Named { table: (*entry).relid, checked_as: (*entry).checkAsUser, permissions }, writes);
        }
    }
}

/// `writes`: whether the statement changes some table; where not, it only locks rows.
fn look_at(named: &Named, writes: bool) {
    // Postgres' own tables are most of what statements name besides, and none of them is protected.
    if named.permissions == 0 || named.table.to_u32() < pg_sys::FirstNormalObjectId {
        return;
    }
    let Some(asks) = or_raise(asks(named.table)) else { return };
    let reads_only = writes && sealed::reads_only();
    if (!reads_only && asks.read_scope.is_none() && asks.write_scope.is_none()) || !policies_apply(named) {
        return;
    }
    let names = |permissions: &[u32]| permissions.iter().any(|one| named.permissions & u64::from(*one) != 0);
    if names(&[pg_sys::ACL_SELECT]) {
        require(asks.read_scope.as_deref());
    }
    if names(&WRITING) {
        require(asks.write_scope.as_deref());
    }
    if reads_only {
        for (permission, command) in WRITING.into_iter().zip(["INSERT", "UPDATE", "DELETE"]) {
            if names(&[permission]) && !or_raise(is_allowed(asks.root, command)) {
                refuse_writing(named.table, command);
            }
        }
    }
}

fn require(scope: Option<&str>) {
    if let Some(scope) = scope
        && !scope_checks::is_held(scope)
    {
        scope_checks::missing(scope).raise();
    }
}

fn refuse_writing(table: Oid, command: &str) -> ! {
    Error::forbidden(
        format!("the roles of the acting user only read: no {command} on table \"{}\"", name(table)),
        "warden.assign_role() gives a user a role that writes; warden.allow() declares what others may write to a table.",
    )
    .raise()
}

/// Whether row-level security binds the statement there: not the checks of foreign keys, nor a definer function of
/// somebody whom it does not bind.
fn policies_apply(named: &Named) -> bool {
    // SAFETY: catalogue look-ups within a transaction; the statement has locked the table.
    let applies = unsafe { pg_sys::check_enable_rls(named.table, named.checked_as, true) };
    applies == pg_sys::CheckEnableRlsResult::RLS_ENABLED as i32
}

fn asks(table: Oid) -> Result<Option<Rc<Asks>>> {
    // The statement holds a lock on the table, so whatever concerns that has been heard.
    let catalog = match catalog::heard() {
        0 => catalog::state(),
        heard => heard,
    };
    if AS_OF.replace(catalog) != catalog {
        KNOWN.with_borrow_mut(HashMap::clear);
    }
    if let Some(known) = KNOWN.with_borrow(|known| known.get(&table).cloned()) {
        return Ok(known);
    }
    let found = Latest::with(|latest| {
        PROTECTIONS.with(|tables| {
            tables.first(latest, &[table.into_datum()], |row| {
                Ok(Rc::new(Asks {
                    root: row.relation(0)?,
                    read_scope: row.text(1)?.map(str::to_owned),
                    write_scope: row.text(2)?.map(str::to_owned),
                }))
            })
        })
    })?;
    // Unless the look-up has heard of a change.
    if catalog::heard() == catalog {
        KNOWN.with_borrow_mut(|known| known.insert(table, found.clone()));
    }
    Ok(found)
}

/// Whether a table is declared to let others than the owners of its rows write so.
fn is_allowed(root: Oid, command: &str) -> Result<bool> {
    let mut allowed = false;
    Latest::with(|latest| {
        ALLOWANCES.with(|allowances| {
            allowances.each(latest, &[root.into_datum()], |row| {
                allowed = row.text(0)? == Some(command);
                Ok(if allowed { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
            })
        })
    })?;
    Ok(allowed)
}

fn name(table: Oid) -> String {
    // SAFETY: a catalogue look-up within a transaction, answered by null or a NUL-terminated text.
    unsafe {
        let name = pg_sys::get_rel_name(table);
        if name.is_null() { String::new() } else { CStr::from_ptr(name).to_string_lossy().into_owned() }
    }
}

const WRITING: [u32; 3] = [pg_sys::ACL_INSERT, pg_sys::ACL_UPDATE, pg_sys::ACL_DELETE];
