//! Banned addresses: refused before any credential is looked at.
//!
//! An address counts whoever states it: the caller, a gateway, or the issuer of the token, who has signed it. An ordinary
//! client's word can only get it refused: none, or another one, opens nothing that a credential would not.

use crate::address::Network;
use crate::caller::{self, Kind};
use crate::error::{Error, Result, or_raise};
use crate::lookup::{Key, Latest, Lookup};
use crate::{catalog, clock, issuers, refusals, scope_checks};
use pgrx::prelude::*;
use pgrx::{Inet, IntoDatum};
use std::cell::RefCell;
use std::ops::ControlFlow;
use std::rc::Rc;

/// Whether an address is banned. See the comment on the SQL function.
#[pg_extern(schema = "warden", volatile, parallel_unsafe)]
fn is_banned(address: Option<Inet>) -> bool {
    or_raise((|| {
        if !caller::is(Kind::Trusted)? {
            issuers::require_administrator()?;
            scope_checks::require_admin()?;
        }
        let address = address.ok_or_else(|| Error::invalid("no address given", ""))?;
        is_in_force(Network::parse(&address.0).ok_or_else(unreadable)?)
    })())
}

/// The one form of an address or network. See the comment on the SQL function.
#[pg_extern(schema = "warden", immutable, parallel_safe)]
fn normalise_network(address: Inet) -> Inet {
    or_raise(Network::parse(&address.0).map(|network| Inet(network.to_string())).ok_or_else(unreadable))
}

/// Refuses a client whose address is banned; `function` is the one that it called. Without an address there is none
/// to refuse: that of the connection is the pooler's.
///
/// # Errors
/// 42501, and whatever the look-up fails with: nobody gets by because it failed.
#[inline(always)]
pub fn refuse_banned(function: &str, client_ip: Option<&Inet>) -> Result<()> {
    let Some(stated) = client_ip else { return Ok(()) };
    let banned = is_in_force(Network::parse_host(&stated.0).ok_or_else(unreadable)?)?;
    if banned { Err(refusal(function, &stated.0)) } else { Ok(()) }
}

/// The refusal of a banned address, with its line in the log.
pub fn refusal(function: &str, address: &str) -> Error {
    refusals::log(function, "banned_address", &[("client_ip", Some(address))]);
    Error::forbidden(
        "this address is banned",
        "An administrator finds the ban by warden.get_ban() and lifts it by warden.unban_ip().",
    )
}

/// The masks that were ever banned, as of one state of the catalog.
struct Masks {
    catalog: u64,
    /// Version and length of each.
    masks: Vec<(i32, i32)>,
}

thread_local! {
    static BANS: Lookup = const { Lookup::new(c"bans", &[Key::inet(c"network")], &[c"expires_at"]) };
    static MASKS: Lookup = const { Lookup::new(c"ban_masks", &[], &[c"version", c"length"]) };
    static NETWORKS: Lookup = const { Lookup::new(c"bans", &[], &[c"network"]) };
    static KNOWN: RefCell<Rc<Masks>> = RefCell::new(Rc::new(Masks { catalog: 0, masks: Vec::new() }));
}

/// Whether a ban of the network, or of one around it, is in force, by the latest snapshot.
///
/// One look at a btree for each mask that was ever banned, of which there are few: 8 µs among a million bans, 1.13 times
/// what it takes among a thousand (1.32 where each address is a new one; the README's figures). With a GiST index, which
/// knows all the networks around an address, it took 195 µs among a million and 26 among a thousand. In most databases
/// nobody was ever banned, and there is nothing to look for.
pub fn is_in_force(network: Network) -> Result<bool> {
    let known = known_masks()?;
    let (version, longest) = (i32::from(network.version()), i32::from(network.length()));
    let around = known.masks.iter().filter(|(of, length)| *of == version && *length <= longest);
    let mut around = around.filter_map(|(_, length)| u8::try_from(*length).ok()).map(|length| network.within(length));
    let now = clock::now();
    Latest::with(|latest| around.try_fold(false, |banned, network| Ok(banned || is_listed(latest, network, now)?)))
}

/// Whether this very network has a ban that is in force.
fn is_listed(latest: &Latest, network: Network, now: i64) -> Result<bool> {
    let key = Inet(network.to_string()).into_datum().ok_or_else(unreadable)?;
    let end = BANS.with(|bans| bans.first(latest, &[Some(key)], |row| row.time(0)))?;
    Ok(end.is_some_and(|end| end.is_none_or(|end| now < end)))
}

/// What a backend knows of the masks holds until there is one more: the trigger of their table says so to all of them.
fn known_masks() -> Result<Rc<Masks>> {
    // Before the table is read: what changes in between is found to have changed the next time.
    let catalog = catalog::state();
    let known = KNOWN.with_borrow(Rc::clone);
    if known.catalog == catalog {
        return Ok(known);
    }
    let mut masks = Vec::new();
    Latest::with(|latest| {
        MASKS.with(|table| {
            table.each(latest, &[], |row| {
                masks.extend(row.get::<i32>(0)?.zip(row.get::<i32>(1)?));
                Ok(ControlFlow::Continue(()))
            })
        })?;
        if !masks.is_empty() {
            return Ok(());
        }
        // Restored without triggers, bans are there and their masks are not.
        NETWORKS.with(|bans| {
            bans.each(latest, &[], |row| {
                let network =
                    row.get::<Inet>(0)?.and_then(|network| Network::parse(&network.0)).ok_or_else(unreadable)?;
                let mask = (i32::from(network.version()), i32::from(network.length()));
                if !masks.contains(&mask) {
                    masks.push(mask);
                }
                Ok(ControlFlow::Continue(()))
            })
        })
    })?;
    let known = Rc::new(Masks { catalog, masks });
    if catalog::may_keep(catalog) {
        KNOWN.set(Rc::clone(&known));
    }
    Ok(known)
}

fn unreadable() -> Error {
    Error::internal("an address cannot be read")
}
