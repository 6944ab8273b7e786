//! What Postgres exempts from FORCE ROW LEVEL SECURITY, kept to what it is for: the statement of a foreign key, and what
//! the extension does as the owner of a table.
//!
//! A foreign key checks and cascades as the owner of the table, and FORCE must not bind it there. But Postgres keeps that
//! up for everything that happens meanwhile: in a trigger on a table of the client's own, which a cascade between two such
//! tables fires, no owner is bound by FORCE, be it one whose plain view or SECURITY DEFINER function the client calls
//! (ri_triggers.c, check_enable_rls()). Plans that are made meanwhile lack the policies, and are kept for later.
//!
//! So the exemption ends where the statement itself begins to run, and what is planned for it: which policies apply is
//! decided before. Rules are rewritten along with the statement; what these read by the rights of others is refused.

#![allow(unsafe_code)]

use crate::unguarded;
use pgrx::pg_sys::{self, Oid};
use std::cell::Cell;

const NO_FORCE: i32 = pg_sys::SECURITY_NOFORCE_RLS as i32;

thread_local! {
    /// The owner of a table as whom the extension acts, exempt, with whatever of that owner's it sets off.
    static ACTING_OWNER: Cell<Oid> = const { Cell::new(Oid::INVALID) };
}

/// Notes for whom the extension acts exempt from here on, and gives whom it was before; invalid for nobody.
pub fn act_for(owner: Oid) -> Oid {
    ACTING_OWNER.replace(owner)
}

/// The role and the security context in force.
fn context() -> (Oid, i32) {
    let (mut role, mut context) = (Oid::INVALID, 0);
    // SAFETY: reads variables of the backend.
    unsafe { unguarded::GetUserIdAndSecContext(&mut role, &mut context) };
    (role, context)
}

/// Whether FORCE binds no owner at the moment.
#[inline]
pub fn holds() -> bool {
    context().1 & NO_FORCE != 0
}

/// Whether a role may be exempt with all that it does: the extension acts as it.
fn is_acting_owner(role: Oid) -> bool {
    role != Oid::INVALID && ACTING_OWNER.get() == role
}

/// Ends an exemption that is not of what comes next. The answer is for [`go_on`].
///
/// Should an error come in between, the abort of the (sub)transaction has the context that it began with.
#[inline]
pub fn end() -> Option<(Oid, i32)> {
    let (role, context) = context();
    if context & NO_FORCE == 0 || is_acting_owner(role) {
        return None;
    }
    // SAFETY: sets variables of the backend.
    unsafe { unguarded::SetUserIdAndSecContext(role, context & !NO_FORCE) };
    Some((role, context))
}

/// What was in force before [`end`] is again.
#[inline]
pub fn go_on(ended: Option<(Oid, i32)>) {
    if let Some((role, context)) = ended {
        // SAFETY: sets variables of the backend to what they were.
        unsafe { unguarded::SetUserIdAndSecContext(role, context) };
    }
}

/// Whether something is so but for the exemption.
pub fn but_for_it(is_so: impl Fn() -> bool) -> bool {
    let (role, context) = context();
    if is_so() {
        return false;
    }
    // SAFETY: sets variables of the backend, and puts them back; an error in between is as in `end`.
    unsafe { unguarded::SetUserIdAndSecContext(role, context & !NO_FORCE) };
    let is_so = is_so();
    unsafe { unguarded::SetUserIdAndSecContext(role, context) };
    is_so
}

/// What was planned while FORCE did not bind an owner is planned again where it does.
pub fn forget_plans() {
    // SAFETY: marks plans as outdated.
    unsafe { unguarded::raising::ResetPlanCache() };
}
