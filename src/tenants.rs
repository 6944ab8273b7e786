//! The tenant that a transaction acts in: whether it is there and active, and what its user is in it.
//!
//! Read at every authentication with the latest snapshot, never cached: a tenant that was suspended and a
//! member that was removed are refused in the next transaction, also under REPEATABLE READ. Only that there
//! is no tenant at all is kept, until the first one is made.

use crate::catalog;
use crate::error::Result;
use crate::ids::{TenantId, UserId};
use crate::lookup::{Key, Latest, Lookup, Row, uuid_in_place};
use std::cell::Cell;
use std::rc::Rc;

/// What a user is in a tenant.
pub enum Membership {
    /// This database has no tenants: whatever a credential says of one, nobody here knows it.
    NoTenants,
    /// A member of an active tenant, with these roles there.
    Member(Vec<String>),
    /// Nothing, for this reason.
    Refused(&'static str),
}

thread_local! {
    static TENANT_BY_ID: Lookup = const { Lookup::new(c"tenants", &[Key::uuid(c"id")], &[c"status"]) };
    static MEMBER: Lookup = const { Lookup::new(
        c"tenant_members", &[Key::uuid(c"tenant_id"), Key::uuid(c"user_id")], &[c"roles"],
    ) };

    /// The state of the catalog in which there was no tenant; 0 where there are some, or nobody has looked.
    static NO_TENANTS_AS_OF: Cell<u64> = const { Cell::new(0) };
}

/// What the user is in the tenant, now.
///
/// Most databases have no tenants, and a backend knows that until somebody makes one: the trigger of the
/// table says so to all of them.
pub fn membership(tenant_id: TenantId, user_id: UserId) -> Result<Membership> {
    // Before the table is read: what changes in between is found to have changed the next time.
    let as_of = catalog::state_of_call();
    if NO_TENANTS_AS_OF.get() == as_of {
        return Ok(Membership::NoTenants);
    }
    Latest::with(|latest| {
        let key = [uuid_in_place(tenant_id.as_uuid()), uuid_in_place(user_id.as_uuid())];
        let active = |row: &Row<'_>| Ok(row.text(0)? == Some("active"));
        match TENANT_BY_ID.with(|tenants| tenants.first(latest, &key[..1], active))? {
            None if TENANT_BY_ID.with(|tenants| tenants.is_empty(latest))? => {
                if catalog::may_keep(as_of) {
                    NO_TENANTS_AS_OF.set(as_of);
                }
                return Ok(Membership::NoTenants);
            }
            None => return Ok(Membership::Refused("unknown_tenant")),
            Some(false) => return Ok(Membership::Refused("tenant_not_active")),
            Some(true) => {}
        }
        let roles = MEMBER.with(|members| members.first(latest, &key, |row| row.texts(0)))?;
        Ok(roles.map_or(Membership::Refused("not_a_member_of_the_tenant"), Membership::Member))
    })
}

/// Whether this database has tenants.
pub fn are_there() -> Result<bool> {
    Ok(!Latest::with(|latest| TENANT_BY_ID.with(|tenants| tenants.is_empty(latest)))?)
}

/// The roles that a user has in a transaction: its own everywhere, and those of the one tenant.
#[inline(always)]
pub fn join_roles(own: &Rc<[String]>, in_tenant: Vec<String>) -> Rc<[String]> {
    if in_tenant.is_empty() {
        return Rc::clone(own);
    }
    let mut joined = own.to_vec();
    for role in in_tenant {
        if !joined.contains(&role) {
            joined.push(role);
        }
    }
    joined.into()
}
