//! Who calls: the role that the client runs as, seen through SECURITY DEFINER functions.
//!
//! Our functions run as their owner. What a role may do with them is decided by the role in force
//! outside of them (SET ROLE changes it, a definer function of somebody else does not), so that
//! nobody borrows a trusted role by calling through a function of it.

#![allow(unsafe_code)]

use crate::error::{Error, Result};
use crate::lookup::{Key, Latest, Lookup};
use crate::{spi, unguarded};
use pgrx::prelude::*;
use pgrx::{IntoDatum, pg_sys::Oid};
use std::ffi::CStr;

/// What a database role was added as.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Trusted,
    Admin,
    Key,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Trusted => "trusted",
            Self::Admin => "admin",
            Self::Key => "key",
        }
    }
}

/// The role that the client runs as.
pub fn oid() -> Oid {
    unguarded::outer_user_id()
}

/// The name of that role.
pub fn name() -> String {
    name_of(oid())
}

/// The name of a role; its number where it has been dropped.
fn name_of(role: Oid) -> String {
    // SAFETY: with `noerr` the answer is null or a NUL-terminated text of our memory context.
    unsafe {
        let name = pg_sys::GetUserNameFromId(role, true);
        if name.is_null() { role.to_u32().to_string() } else { CStr::from_ptr(name).to_string_lossy().into_owned() }
    }
}

/// Whether the client runs as a superuser.
pub fn is_superuser() -> bool {
    // SAFETY: a catalogue look-up within a transaction.
    !runs_code_of_others() && unsafe { pg_sys::superuser_arg(oid()) }
}

/// Whether the role in force here is the client's own. Only for functions that are not SECURITY DEFINER.
pub fn asks_itself() -> bool {
    unguarded::user_id() == oid()
}

/// Whether the session was opened by a superuser, whoever it acts as since (SET ROLE, SET SESSION
/// AUTHORIZATION).
pub fn connected_as_superuser() -> bool {
    // SAFETY: reads a variable, and the catalogue within a transaction.
    unsafe { pg_sys::superuser_arg(pg_sys::GetAuthenticatedUserId()) }
}

/// Whether maintenance runs the code of a table's owner: ANALYZE, REINDEX, REFRESH and autovacuum call
/// the functions of indexes and views with the rights of that owner alone, so they shall not have those
/// of the client here either.
fn runs_code_of_others() -> bool {
    // SAFETY: reads a variable.
    unsafe { pg_sys::InSecurityRestrictedOperation() }
}

/// Refuses code that somebody else's statement has set off: what maintenance calls, and triggers, which
/// a foreign key fires as the owner of another table. By the role outside it looks like the client.
///
/// # Errors
/// 42501.
pub fn require_own_statement() -> Result<()> {
    if is_own_statement()? {
        return Ok(());
    }
    Err(Error::forbidden(
        "not allowed within a trigger or a security-restricted operation",
        "Call this in a statement of its own, in a migration say.",
    ))
}

/// Whether the code that runs is neither a trigger's nor maintenance's.
pub fn is_own_statement() -> Result<bool> {
    let depths = spi::read("SELECT pg_catalog.pg_trigger_depth()", &[], |row| Ok(row.get::<i32>(1)?))?;
    Ok(depths == [Some(0)] && !runs_code_of_others())
}

/// Whether the client's role was added as `kind`.
pub fn is(kind: Kind) -> Result<bool> {
    thread_local! {
        static ROLES: Lookup = const { Lookup::new(c"database_roles", &[Key::role(c"role"), Key::text(c"kind")], &[]) };
    }
    if runs_code_of_others() {
        return Ok(false);
    }
    let key = [oid().into_datum(), kind.as_str().into_datum()];
    let found = Latest::with(|latest| ROLES.with(|roles| roles.first(latest, &key, |_| Ok(()))))?;
    Ok(found.is_some())
}

/// Refuses a role that row security does not bind: it would see everybody's rows and believe
/// itself isolated.
///
/// # Errors
/// 55000 for a superuser or a role with BYPASSRLS.
#[inline(always)]
pub fn require_row_security() -> Result<()> {
    // SAFETY: a catalogue look-up within a transaction.
    if unsafe { pg_sys::has_bypassrls_privilege(oid()) } {
        return Err(Error::wrong_state(
            format!("row-level security does not bind role \"{}\"", name()),
            "Connect as an ordinary role: not superuser, without BYPASSRLS, added by warden.add_client_role().",
        ));
    }
    Ok(())
}

/// Refuses a caller that was not added as `kind`.
///
/// # Errors
/// 42501.
pub fn require(kind: Kind) -> Result<()> {
    if is(kind)? {
        return Ok(());
    }
    let kind = kind.as_str();
    Err(Error::forbidden(
        format!("role \"{}\" was not added as a {kind} role", name()),
        format!("A superuser adds it by warden.add_{kind}_role()."),
    ))
}
