//! Banned addresses: refused before any credential is looked at.
//!
//! An address counts whoever states it. An ordinary client's word can only get it refused: none, or
//! another one, opens nothing that a credential would not.

use crate::caller::{self, Kind};
use crate::elevated::with_rights_of_extension;
use crate::error::{Error, Result, or_raise};
use crate::lookup::{Latest, Lookup};
use crate::spi::Statement;
use crate::{catalog, issuers, refusals};
use pgrx::prelude::*;
use pgrx::{Inet, IntoDatum};
use std::cell::Cell;

/// Whether an address is banned. See the comment on the SQL function.
#[pg_extern(schema = "warden", volatile, parallel_unsafe)]
fn is_banned(address: Option<Inet>) -> bool {
    or_raise((|| {
        if !caller::is(Kind::Trusted)? {
            issuers::require_administrator()?;
        }
        is_in_force(address.ok_or_else(|| Error::invalid("no address given", ""))?)
    })())
}

/// As `refuse_banned`, for functions in SQL. See the comment on the SQL function.
#[pg_extern(schema = "warden", volatile, parallel_unsafe)]
fn require_not_banned(function: &str, client_ip: Option<Inet>) -> bool {
    or_raise(refuse_banned(function, client_ip.as_ref()).map(|()| true))
}

/// Refuses a client whose address is banned; `function` is the one that it called. Without an address there is none
/// to refuse: that of the connection is the pooler's.
///
/// # Errors
/// 42501, and whatever the look-up fails with: nobody gets by because it failed.
pub fn refuse_banned(function: &str, client_ip: Option<&Inet>) -> Result<()> {
    let Some(stated) = client_ip else { return Ok(()) };
    // A client has one address: the mask that an inet may have beside it says nothing about the client.
    let address = stated.0.split('/').next().unwrap_or_default();
    if !is_in_force(Inet(address.to_owned()))? {
        return Ok(());
    }
    refusals::log(function, "banned_address", &[("client_ip", Some(address))]);
    Err(Error::forbidden(
        "this address is banned",
        "An administrator finds the ban by warden.get_ban() and lifts it by warden.unban_ip().",
    ))
}

thread_local! {
    static BANS: Lookup = const { Lookup::new(c"bans", &[], &[]) };
    static BAN_IN_FORCE: Statement =
        const { Statement::new(c"SELECT true FROM warden.bans_in_force($1) LIMIT 1", &[pg_sys::INETOID]) };

    /// The state of the catalog in which nobody was banned; 0 where somebody was, or nobody has looked.
    static NONE_AS_OF: Cell<u64> = const { Cell::new(0) };

    /// The state of the catalog in which somebody was: there is no need to look whether it is still so.
    static SOME_AS_OF: Cell<u64> = const { Cell::new(0) };
}

/// Whether a ban is in force, by the latest snapshot.
///
/// In most databases there never was one, and a backend knows that until the first is made: the trigger of the table
/// says so to all of them.
fn is_in_force(address: Inet) -> Result<bool> {
    // Before the table is read: what changes in between is found to have changed the next time.
    let as_of = catalog::state();
    if NONE_AS_OF.get() == as_of {
        return Ok(false);
    }
    if SOME_AS_OF.get() != as_of {
        let empty = Latest::with(|latest| BANS.with(|bans| bans.is_empty(latest)))?;
        if empty {
            NONE_AS_OF.set(as_of);
            return Ok(false);
        }
        SOME_AS_OF.set(as_of);
    }
    let address = address.into_datum().ok_or_else(|| Error::internal("an address cannot be read"))?;
    let found = with_rights_of_extension(|| BAN_IN_FORCE.with(|bans| bans.first(&[Some(address)], |_| Ok(()))))?;
    Ok(found.is_some())
}
