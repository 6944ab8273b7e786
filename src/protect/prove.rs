//! `prove`: what users could do to each other's rows of a table, tried out. What is tried is in `sql/prove.sql`;
//! here is the one way to try it: a statement as a role and as a user.
//!
//! The users do not exist, so whatever code of a table's owner runs with their identity learns of nobody.
//! The roles are never superusers. Triggers and foreign keys stay silent, so that a user who does not
//! exist can have rows, and nothing is set off by them.

#![allow(unsafe_code)]

use super::{catalogue, named, table_owner};
use crate::error::{Error, Result, or_raise};
use crate::held_settings::{self, Others};
use crate::identity::Identity;
use crate::ids::{TenantId, UserId};
use crate::permissions;
use crate::{caller, clock, issuers, settings, spi, transaction};
use pgrx::pg_sys::{self, Oid};
use pgrx::prelude::*;
use std::ffi::{CStr, CString};
use std::rc::Rc;

/// Executes a statement as a role and a user. See the comment on the SQL function.
#[pg_extern(sql = false)]
#[allow(clippy::too_many_arguments)]
fn rehearse(
    role: Oid,
    is_owner: bool,
    schema_name: &str,
    user_id: Option<pgrx::Uuid>,
    external_id: Option<String>,
    tenant_id: Option<pgrx::Uuid>,
    statement: &str,
    row_limit: i64,
) -> TableIterator<'static, (name!(reached, i64), name!(answer, Option<String>))> {
    TableIterator::once(or_raise((|| {
        // SAFETY: a catalogue look-up within a transaction.
        if unsafe { pg_sys::superuser_arg(role) } {
            return Err(Error::wrong_state("a superuser is not acted as", "Code of others would run with its rights."));
        }
        let path =
            CString::new(format!("{schema_name}, pg_temp")).map_err(|_| Error::internal("a name holds a zero byte"))?;
        let work = || {
            let work = || without_triggers(&path, || spi::run(statement, row_limit));
            if is_owner { table_owner::act_as(role, work) } else { table_owner::act_as_client(role, work) }
        };
        match user_id {
            None => transaction::rehearse(None, work)?,
            Some(user_id) => {
                let (user_id, tenant_id) = (UserId::from_pgrx(user_id), tenant_id.map(TenantId::from_pgrx));
                transaction::rehearse(Some(&invented(user_id, external_id, tenant_id)?), work)?
            }
        }
    })()))
}

/// Refuses whoever may not call `prove`, and tables it is not for. See the comment on the SQL function.
#[pg_extern(sql = false)]
fn require_prover(table_name: Option<Oid>) -> bool {
    or_raise((|| {
        issuers::require_administrator()?;
        caller::require_own_statement()?;
        let table = named(table_name)?;
        match catalogue::protection(table)? {
            Some(protection) if protection.root == table => Ok(true),
            Some(_) => Err(Error::wrong_state(
                "the table is protected as part of another table",
                "Name the table at the top of its partition or inheritance tree.",
            )),
            None => Err(Error::wrong_state(
                "the table is not protected",
                "Call warden.protect() first; warden.doctor() lists what is open.",
            )),
        }
    })())
}

/// The identity of somebody who is not in the directory.
fn invented(user_id: UserId, external_id: Option<String>, tenant_id: Option<TenantId>) -> Result<Identity> {
    let known = spi::read(
        "SELECT FROM warden.users u WHERE u.id = $1 OR u.external_id = $2",
        &[user_id.to_pgrx().into(), external_id.clone().into()],
        |_| Ok(()),
    )?;
    if !known.is_empty() {
        return Err(Error::wrong_state("a user who exists is not acted as", "Tokens are for that."));
    }
    Ok(Identity {
        granted: permissions::every_scope(user_id, tenant_id)?,
        reads_only: false,
        serial: 0,
        expires_at: clock::now() + settings::max_identity_age(),
        user_id,
        actor_id: user_id,
        tenant_id,
        session_id: None,
        external_id: external_id.map(Rc::from),
        roles: Rc::new([]),
        lends: None,
    })
}

/// With `session_replication_role = replica`, and the names of the table's own schema in reach, as its checks
/// and defaults expect. Should `work` raise, the abort of the (sub)transaction restores both.
fn without_triggers<R>(path: &CStr, work: impl FnOnce() -> R) -> R {
    let settings = [(c"session_replication_role", c"replica"), (c"search_path", path)];
    held_settings::with(&settings, Others::Undone, work)
}
