//! What a statement may touch at all: the scopes that tables require, and users whose roles only read.
//!
//! Asked once, when the statement starts, before it touches a row: as Postgres asks for privileges, and as a READ ONLY
//! transaction refuses. A term in a policy alone would be asked row by row, after an index has found one, and so
//! tell who may not read whether it did.

#![allow(unsafe_code)]

use crate::error::{Error, Result, or_raise};
use crate::kept::Kept;
use crate::lookup::{Key, Latest, Lookup};
use crate::sealed::{self, Standing};
use crate::{catalog, memory_context, scope_checks, transaction, unguarded};
use pgrx::IntoDatum;
use pgrx::pg_sys::{self, Oid};
use pgrx::prelude::*;
use std::cell::RefCell;
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
#[derive(Clone, Copy)]
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
    static KNOWN: Kept<u32, Option<Rc<Asks>>> = Kept::default();

    /// The statements under way that write and began for nobody, or for somebody who may write.
    static WRITING_NOW: RefCell<Vec<Begun>> = const { RefCell::new(Vec::new()) };
}

/// A statement that writes, as it was when it began.
struct Begun {
    /// The local id of its transaction.
    lxid: u32,
    /// Its state, by which it is known; never followed.
    state: usize,
    tables: Vec<Named>,
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
        let writes = !(*(*query).plannedstmt).resultRelations.is_null();
        each_named(query, |named| look_at(&named, writes));
    }
}

/// Whether the statement writes: it may sign somebody in itself, or act as another. Asked when each has started.
///
/// # Safety
/// `query` is what Postgres has started.
#[inline]
pub unsafe fn writes(query: *mut pg_sys::QueryDesc, eflags: i32) -> bool {
    // SAFETY: promised by the caller.
    eflags & pg_sys::EXEC_FLAG_EXPLAIN_ONLY as i32 == 0 && unsafe { !(*(*query).plannedstmt).resultRelations.is_null() }
}

/// Remembers a statement that [`writes`] until its end, or that of its failure.
///
/// # Safety
/// `query` is what Postgres has started.
#[pg_guard]
pub unsafe extern "C-unwind" fn remember(query: *mut pg_sys::QueryDesc) {
    let mut tables = Vec::new();
    // SAFETY: promised by the caller; the memory of a statement's state is given back when it ends, however it does,
    // and calls what is registered in it.
    unsafe {
        each_named(query, |named| {
            if WRITING.iter().any(|one| named.permissions & u64::from(*one) != 0) {
                // Whoever runs it now: that may be somebody else where the question is asked.
                let checked_as = if named.checked_as == Oid::INVALID { unguarded::user_id() } else { named.checked_as };
                tables.push(Named { checked_as, ..named });
            }
        });
        let state = (*query).estate;
        memory_context::at_end((*state).es_query_cxt, forget, state.cast());
        let lxid = transaction::local_id();
        WRITING_NOW.with_borrow_mut(|begun| {
            // What is left of another transaction never ends any more.
            begun.retain(|one| one.lxid == lxid);
            begun.push(Begun { lxid, state: state as usize, tables });
        });
    }
}

/// Runs while memory is given back, so it must not fail or call into Postgres.
unsafe extern "C-unwind" fn forget(state: *mut std::ffi::c_void) {
    WRITING_NOW.with(|begun| {
        if let Ok(mut begun) = begun.try_borrow_mut() {
            begun.retain(|one| one.state != state as usize);
        }
    });
}

/// Whether a statement is under way that writes what nobody may who only reads.
pub fn write_is_under_way() -> Result<bool> {
    let lxid = transaction::local_id();
    let tables: Vec<Named> = WRITING_NOW.with_borrow(|begun| {
        begun.iter().filter(|one| one.lxid == lxid).flat_map(|one| one.tables.iter().copied()).collect()
    });
    for named in tables {
        if forbidden_to_readers(&named)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The tables that a statement names, with what it does there.
///
/// # Safety
/// `query` is what Postgres starts.
unsafe fn each_named(query: *mut pg_sys::QueryDesc, mut visit: impl FnMut(Named)) {
    // SAFETY: promised by the caller; the lists of a planned statement hold nodes of these types.
    unsafe {
        let statement = &*(*query).plannedstmt;
        #[cfg(feature = "pg15")]
        for entry in nodes::<pg_sys::RangeTblEntry>(statement.rtable) {
            if (*entry).rtekind == pg_sys::RTEKind::RTE_RELATION {
                let permissions = u64::from((*entry).requiredPerms);
                visit(Named { table: (*entry).relid, checked_as: (*entry).checkAsUser, permissions });
            }
        }
        #[cfg(not(feature = "pg15"))]
        for entry in nodes::<pg_sys::RTEPermissionInfo>(statement.permInfos) {
            let permissions = u64::from((*entry).requiredPerms);
            visit(Named { table: (*entry).relid, checked_as: (*entry).checkAsUser, permissions });
        }
    }
}

/// The nodes of a list. Not pgrx's, which guards each look at one.
///
/// # Safety
/// The list, which may be none, has nodes of this type and stays while they are used.
unsafe fn nodes<T>(list: *const pg_sys::List) -> impl Iterator<Item = *const T> {
    // SAFETY: promised by the caller.
    let cells = unsafe {
        if list.is_null() { &[] } else { std::slice::from_raw_parts((*list).elements, (*list).length as usize) }
    };
    // SAFETY: the cells of a list of nodes are pointers.
    cells.iter().map(|cell: &pg_sys::ListCell| unsafe { cell.ptr_value.cast::<T>().cast_const() })
}

/// `writes`: whether the statement changes some table; where not, it only locks rows.
fn look_at(named: &Named, writes: bool) {
    // Postgres' own tables are most of what statements name besides, and none of them is protected.
    if named.permissions == 0 || named.table.to_u32() < pg_sys::FirstNormalObjectId {
        return;
    }
    let Some(asks) = or_raise(asks(named.table)) else { return };
    let names = |permissions: &[u32]| permissions.iter().any(|one| named.permissions & u64::from(*one) != 0);
    let read = asks.read_scope.as_deref().filter(|_| names(&[pg_sys::ACL_SELECT]));
    let write = asks.write_scope.as_deref().filter(|_| names(&WRITING));
    // Whether policies apply is asked last: it is the dearer question.
    if let Some(scope) = [read, write].into_iter().flatten().find(|scope| !scope_checks::is_held(scope))
        && policies_apply(named)
    {
        scope_checks::missing(scope).raise();
    }
    let reads_only = writes && sealed::reads_only();
    if reads_only && let Some(command) = or_raise(forbidden_to_readers(named)) {
        refuse_writing(named.table, command);
    }
}

/// What the statement does to the table that nobody does who only reads.
fn forbidden_to_readers(named: &Named) -> Result<Option<&'static str>> {
    if named.table.to_u32() < pg_sys::FirstNormalObjectId {
        return Ok(None);
    }
    let Some(asks) = asks(named.table)? else { return Ok(None) };
    if !policies_apply(named) {
        return Ok(None);
    }
    for (permission, command) in WRITING.into_iter().zip(["INSERT", "UPDATE", "DELETE"]) {
        if named.permissions & u64::from(permission) != 0 && !is_allowed(asks.root, command)? {
            return Ok(Some(command));
        }
    }
    Ok(None)
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
    let as_of = catalog::state_of_call();
    let read = || {
        Latest::with(|latest| {
            PROTECTIONS.with(|tables| {
                tables.first(latest, &[table.into_datum()], |row| {
                    Ok(Rc::new(Asks {
                        root: row.relation(0)?,
                        read_scope: row.text(1)?.map(str::to_owned),
                        write_scope: row.text(2)?.map(str::to_owned),
                    }))
                })
            })
        })
    };
    KNOWN.with(|known| known.get(as_of, table.to_u32(), read))
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
