//! What the policies of shareable tables ask: is this row shared with me, at this level?
//!
//! The planner turns the question into a look-up by an index where one serves (`shared_support.rs`): the list of the
//! keys that are shared is then read once for each statement. Where a row was found by other means the question is
//! answered by a look at that one share; after enough of them within one statement the list is read all the same.

#![allow(unsafe_code)]

use crate::access_level::Level;
use crate::error::{Error, Result, or_raise};
use crate::ids::UserId;
use crate::sealed::{self, Standing};
use crate::uuids::{from_pgrx, to_pgrx};
use crate::{memory_context, row_keys, shares};
use pgrx::pg_sys::{self, Datum, Oid};
use pgrx::prelude::*;
use pgrx::{AnyArray, AnyElement, FromDatum};
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::c_void;
use std::rc::Rc;

/// Whether a row is shared with the user of the transaction. See the comment on the SQL function.
#[pg_extern(sql = false)]
fn shared(relation: Oid, id: AnyElement, level: &str, fcinfo: pg_sys::FunctionCallInfo) -> bool {
    or_raise(is_shared(relation, &id, level, fcinfo))
}

/// The keys of all rows that are. See the comment on the SQL function.
#[pg_extern(sql = false)]
fn shared_ids(
    relation: Option<Oid>,
    level: Option<&str>,
    _kind: Option<AnyElement>,
    _no_constant: Option<bool>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Option<AnyArray> {
    let array = or_raise(ids(relation?, level?, fcinfo));
    // SAFETY: an array in a memory context that outlives the call.
    unsafe { AnyArray::from_polymorphic_datum(array, false, pg_sys::ANYARRAYOID) }
}

/// The highest level at which a row is shared. See the comment on the SQL function.
#[pg_extern(sql = false)]
fn shared_level(relation: Oid, id: AnyElement) -> Option<&'static str> {
    or_raise(highest(relation, &id)).map(Level::as_str)
}

/// Whether a share counts now, and at which level. See the comment on the SQL function.
#[pg_extern(schema = "warden", stable, parallel_safe)]
fn share_counts(id: pgrx::Uuid) -> Option<&'static str> {
    or_raise(shares::counts(from_pgrx(id))).map(Level::as_str)
}

/// The shares with a grantee. See the comment on the SQL function.
#[pg_extern(schema = "warden", stable, parallel_unsafe)]
fn shares_with(grantee: &str) -> Vec<pgrx::Uuid> {
    or_raise(shares::of_grantee(grantee))
}

/// Whom the current user is when rows are shared. See the comment on the SQL function.
#[pg_extern(schema = "warden", stable, parallel_safe)]
fn current_grantees() -> Vec<String> {
    match or_raise(somebody()) {
        Some(_) => sealed::with_identity(shares::grantees).unwrap_or_default(),
        None => Vec::new(),
    }
}

/// The share by which a user may share a row. See the comment on the SQL function.
#[pg_extern(schema = "warden", stable, parallel_safe)]
fn entitling_share(user_id: pgrx::Uuid, relation: Oid, row_id: &str) -> Option<pgrx::Uuid> {
    let found = or_raise(shares::entitling(UserId::from_pgrx(user_id), relation, row_id));
    found.map(to_pgrx)
}

/// A level by its name.
///
/// # Errors
/// 22023.
pub fn level(name: &str) -> Result<Level> {
    name.parse().map_err(|()| {
        Error::invalid(
            format!("unknown level \"{name}\""),
            "Levels are view, use, edit, manage and share, each with those before it.",
        )
    })
}

/// What a statement has found out so far.
struct Statement {
    /// For whom: an identity that comes within the statement starts anew.
    serial: i32,
    user_id: UserId,
    grantees: Rc<[String]>,
    /// How often a single row was looked up, and how much of the list may be read for it next.
    asked: usize,
    next_list: usize,
    tables: HashMap<Oid, Rc<HashMap<Box<str>, Level>>>,
    /// Arrays of keys, in the memory of the statement.
    arrays: HashMap<(Oid, Level, Oid), Datum>,
}

/// So many single look-ups come before the list is tried.
const FIRST_LIST: usize = 64;
/// Reading the list may cost about as much as the look-ups so far have.
const LIST_FOR_EACH: usize = 4;

thread_local! {
    /// By the memory context of each statement under way, which takes its entry along when it ends.
    static STATEMENTS: RefCell<HashMap<usize, Statement>> = RefCell::new(HashMap::new());
}

fn is_shared(relation: Oid, id: &AnyElement, level: &str, fcinfo: pg_sys::FunctionCallInfo) -> Result<bool> {
    let Some((serial, user_id)) = somebody()? else { return Ok(false) };
    let asked = self::level(level)?;
    let row_id = key_text(id)?;
    // SAFETY: Postgres calls with a frame whose function has a context that lives as long as the statement.
    let context = unsafe { (*(*fcinfo).flinfo).fn_mcxt };
    let (grantees, list, try_list) = with_statement(context, serial, user_id, |statement| {
        statement.asked += 1;
        let list = statement.tables.get(&relation).cloned();
        let try_list = list.is_none() && statement.asked >= statement.next_list;
        if try_list {
            statement.next_list = statement.asked * 2;
        }
        (Rc::clone(&statement.grantees), list, try_list.then_some(statement.asked * LIST_FOR_EACH))
    });
    let list = match (list, try_list) {
        (None, Some(most)) => {
            let list = shares::all(&grantees, relation, most)?.map(Rc::new);
            if let Some(list) = &list {
                with_statement(context, serial, user_id, |statement| {
                    statement.tables.insert(relation, Rc::clone(list));
                });
            }
            list
        }
        (list, _) => list,
    };
    match list {
        Some(list) => Ok(list.get(row_id.as_str()).is_some_and(|level| *level >= asked)),
        None => Ok(shares::level_of(&grantees, relation, &row_id, asked)? >= Some(asked)),
    }
}

fn ids(relation: Oid, level: &str, fcinfo: pg_sys::FunctionCallInfo) -> Result<Datum> {
    let asked = self::level(level)?;
    // SAFETY: as in `is_shared`; what the expression returns is a type of arrays.
    let (context, element) = unsafe {
        let function = (*fcinfo).flinfo;
        ((*function).fn_mcxt, pg_sys::get_element_type(pg_sys::get_fn_expr_rettype(function)))
    };
    // SAFETY: the array is the answer of the statement whose memory the context is.
    let array = |keys: &[&str]| unsafe { row_keys::array(context, element, keys) };
    let Some((serial, user_id)) = somebody()? else { return array(&[]) };
    let (grantees, list, known) = with_statement(context, serial, user_id, |statement| {
        let known = statement.arrays.get(&(relation, asked, element)).copied();
        (Rc::clone(&statement.grantees), statement.tables.get(&relation).cloned(), known)
    });
    if let Some(known) = known {
        return Ok(known);
    }
    let list = match list {
        Some(list) => list,
        None => Rc::new(shares::all(&grantees, relation, usize::MAX)?.unwrap_or_default()),
    };
    let keys: Vec<&str> = list.iter().filter(|(_, level)| **level >= asked).map(|(key, _)| key.as_ref()).collect();
    let array = array(&keys)?;
    with_statement(context, serial, user_id, |statement| {
        statement.tables.insert(relation, Rc::clone(&list));
        statement.arrays.insert((relation, asked, element), array);
    });
    Ok(array)
}

fn highest(relation: Oid, id: &AnyElement) -> Result<Option<Level>> {
    if somebody()?.is_none() {
        return Ok(None);
    }
    let grantees = sealed::with_identity(shares::grantees).unwrap_or_default();
    shares::level_of(&grantees, relation, &key_text(id)?, Level::Share)
}

/// The user of the transaction, with the number of the identity.
fn somebody() -> Result<Option<(i32, UserId)>> {
    match sealed::standing() {
        Standing::Expired => Err(Error::IdentityExpired),
        Standing::Nobody => Ok(None),
        Standing::Valid => Ok(sealed::with_identity(|identity| (identity.serial, identity.user_id))),
    }
}

/// What is known of a statement, by its memory context. `act` must not call into Postgres.
fn with_statement<R>(
    context: pg_sys::MemoryContext,
    serial: i32,
    user_id: UserId,
    act: impl FnOnce(&mut Statement) -> R,
) -> R {
    let address = context as usize;
    let is_known = STATEMENTS.with_borrow(|statements| {
        statements.get(&address).map(|statement| statement.serial == serial && statement.user_id == user_id)
    });
    if is_known.is_none() {
        // SAFETY: the context of a function that is called; `forget` takes it for a number.
        unsafe { memory_context::at_end(context, forget, context.cast::<c_void>()) };
    }
    if is_known != Some(true) {
        let grantees = sealed::with_identity(shares::grantees).unwrap_or_default().into();
        let statement = Statement {
            serial,
            user_id,
            grantees,
            asked: 0,
            next_list: FIRST_LIST,
            tables: HashMap::new(),
            arrays: HashMap::new(),
        };
        STATEMENTS.with_borrow_mut(|statements| statements.insert(address, statement));
    }
    STATEMENTS.with_borrow_mut(|statements| match statements.get_mut(&address) {
        Some(statement) => act(statement),
        None => unreachable!("the statement has just been entered"),
    })
}

unsafe extern "C-unwind" fn forget(context: *mut c_void) {
    STATEMENTS.with(|statements| {
        if let Ok(mut statements) = statements.try_borrow_mut() {
            statements.remove(&(context as usize));
        }
    });
}

/// A key as the shares have it.
fn key_text(id: &AnyElement) -> Result<String> {
    row_keys::text(id.oid(), id).ok_or_else(|| {
        Error::invalid("rows are not shared by keys of this type", "Keys are uuid, text, varchar or an integer type.")
    })
}
