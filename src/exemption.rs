//! What Postgres exempts from FORCE ROW LEVEL SECURITY for foreign keys, kept from what clients make of it.
//!
//! A foreign key checks and cascades as the owner of the table, whom FORCE must not bind there. But Postgres keeps that up
//! for everything that happens meanwhile: in a trigger on a table of the client's own, which a cascade between two such
//! tables fires, no owner is bound by FORCE, be it one whose plain view or SECURITY DEFINER function the client calls
//! (ri_triggers.c, check_enable_rls()). Plans that are made meanwhile lack the policies, and are kept for later.
//!
//! So the exemption ends as soon as a client acts by it: before its statement is rewritten, where policies come in, before
//! one is planned, where functions are called, and before one starts, which was rewritten earlier. No client owns a
//! protected table, so its foreign keys lose nothing. Whoever set the exemption puts back what was before.

#![allow(unsafe_code)]

use crate::error::{Result, or_raise};
use crate::kept::Kept;
use crate::lookup::{Key, Latest, Lookup};
use crate::{catalog, unguarded};
use pgrx::pg_sys::{self, Oid};
use pgrx::prelude::*;
use std::ops::ControlFlow;
use std::rc::Rc;

const NO_FORCE: i32 = pg_sys::SECURITY_NOFORCE_RLS as i32;

thread_local! {
    static ROLES: Lookup = const {
        Lookup::new(c"database_roles", &[Key::role(c"role"), Key::text(c"kind")], &[c"role", c"kind"])
    };
    /// The client and trusted roles: each foreign key asks for them. Their table announces its changes.
    static CLIENTS: Kept<(), Rc<[Oid]>> = Kept::default();
}

/// Ends the exemption where a client acts by it. Nearly always there is none.
#[inline]
pub fn end_for_clients() {
    if context().1 & NO_FORCE != 0 {
        // SAFETY: called within a transaction.
        unsafe { look_at_role() }
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn look_at_role() {
    let (role, context) = context();
    if or_raise(is_clients(role)) {
        // SAFETY: sets variables of the backend.
        unsafe { unguarded::SetUserIdAndSecContext(role, context & !NO_FORCE) };
    }
}

/// Whether a client or trusted role is this one, or can become it.
fn is_clients(role: Oid) -> Result<bool> {
    // SAFETY: a catalogue look-up. A database that preloads the library need not have the extension.
    if unsafe { pg_sys::get_namespace_oid(c"warden".as_ptr(), true) } == Oid::INVALID {
        return Ok(false);
    }
    let clients = CLIENTS.with(|clients| clients.get(catalog::state(), (), read_clients))?;
    // SAFETY: catalogue look-ups.
    Ok(clients.iter().any(|client| unsafe { pg_sys::is_member_of_role_nosuper(*client, role) }))
}

fn read_clients() -> Result<Rc<[Oid]>> {
    let mut clients = Vec::new();
    Latest::with(|latest| {
        ROLES.with(|roles| {
            roles.each_below(latest, &[], |row| {
                if matches!(row.text(1)?, Some("client" | "trusted")) {
                    clients.push(row.role(0)?);
                }
                Ok(ControlFlow::Continue(()))
            })
        })
    })?;
    Ok(clients.into())
}

/// The role and the security context in force.
fn context() -> (Oid, i32) {
    let (mut role, mut context) = (Oid::INVALID, 0);
    // SAFETY: reads variables of the backend.
    unsafe { unguarded::GetUserIdAndSecContext(&mut role, &mut context) };
    (role, context)
}

/// What was planned while FORCE did not bind an owner is planned again where it does.
pub fn forget_plans() {
    // SAFETY: marks plans as outdated.
    unsafe { unguarded::raising::ResetPlanCache() };
}
