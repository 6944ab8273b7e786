//! Roles that open something by their name, beside their scopes: rules about entities and shares name them.

use crate::error::{Result, or_raise};
use crate::lookup::{Key, Latest, Lookup};
use crate::permissions;
use pgrx::IntoDatum;
use pgrx::prelude::*;

thread_local! {
    static RULES_ABOUT: Lookup = const { Lookup::new(c"entity_rules", &[Key::text(c"role")], &[c"role"]) };
    static SHARES_WITH: Lookup = const { Lookup::new(c"shares", &[Key::text(c"grantee")], &[c"grantee"]) };
}

/// Whether who has its scopes does not yet have what a role opens or closes. See the comment on the SQL function.
#[pg_extern(schema = "warden", stable, parallel_restricted)]
fn role_is_named(role: &str) -> bool {
    or_raise(is_named(role))
}

/// Whether a rule or a share names a role. Of those that ship it does not matter: each is below the next.
///
/// # Errors
/// Where the tables cannot be read.
pub fn is_named(role: &str) -> Result<bool> {
    if permissions::facts()?.role(role).is_some_and(|role| role.ships) {
        return Ok(false);
    }
    Latest::with(|latest| {
        let found = |lookup: &Lookup, name: &str| lookup.first(latest, &[name.into_datum()], |_| Ok(()));
        let by_rule = RULES_ABOUT.with(|rules| found(rules, role))?;
        let named = match by_rule {
            Some(()) => by_rule,
            None => SHARES_WITH.with(|shares| found(shares, &format!("role:{role}")))?,
        };
        Ok(named.is_some())
    })
}
