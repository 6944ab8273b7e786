//! Whether a scope is held, and whether somebody may grant one.

#![allow(unsafe_code)]

use crate::directory::{self, User};
use crate::error::{Error, Result, or_raise};
use crate::identity::Identity;
use crate::ids::{TenantId, UserId};
use crate::permissions::{self, Facts, Granted, Limits, Role};
use crate::scopes::{Asked, Held, NotAsked, Pattern};
use crate::sealed::{self, Standing};
use crate::{door, named_roles, transaction};
use pgrx::prelude::*;
use std::rc::Rc;

/// Whether the transaction holds a scope. See the comment on the SQL function.
#[pg_extern(schema = "warden", stable, parallel_safe)]
fn has_scope(scope: Option<&str>) -> bool {
    or_raise(holds(scope))
}

/// Refuses a transaction that does not. See the comment on the SQL function.
#[pg_extern(schema = "warden", stable, parallel_safe)]
fn require_scope(scope: Option<&str>) -> bool {
    if or_raise(holds(scope)) {
        return true;
    }
    missing(scope.unwrap_or_default()).raise()
}

/// Those of the given scopes that are not known. See the comment on the SQL function.
#[pg_extern(schema = "warden", stable, parallel_restricted)]
fn unknown_scopes(scopes: Option<Vec<Option<String>>>) -> Vec<String> {
    or_raise(unknown(scopes))
}

/// Those of the asked scopes that others cover. See the comment on the SQL function.
#[pg_extern(schema = "warden", stable, parallel_restricted)]
fn covered_scopes(asked: Vec<String>, held: Vec<String>) -> Vec<String> {
    or_raise(covered(asked, &held))
}

/// Refuses a person that grants what it does not hold. See the comment on the SQL function.
#[pg_extern(schema = "warden", stable, parallel_restricted)]
fn require_may_grant(
    scopes: Vec<String>,
    roles: Vec<String>,
    writing: default!(bool, false),
    giving: default!(bool, false),
) -> bool {
    or_raise(may_grant(&scopes, &roles, writing, giving).map(|()| true))
}

/// What a user does not hold of the given scopes. See the comment on the SQL function.
#[pg_extern(schema = "warden", stable, parallel_restricted)]
fn scope_beyond(user_id: Option<pgrx::Uuid>, scopes: Vec<String>) -> Option<String> {
    or_raise((|| {
        let user = match user_id {
            Some(id) => directory::find_by_id(UserId::from_pgrx(id))?,
            None => None,
        };
        let facts = permissions::facts()?;
        let covered = |scope: &String| {
            let pattern = permissions::parsed(std::slice::from_ref(scope));
            user.as_ref().is_some_and(|user| facts.holds(user, &pattern))
        };
        Ok(scopes.into_iter().find(|scope| !covered(scope)))
    })())
}

/// The person who acts. See the comment on the SQL function.
#[pg_extern(schema = "warden", stable, parallel_restricted)]
fn acting_person() -> Option<pgrx::Uuid> {
    let actor = sealed::with_identity(|identity| identity.actor_id);
    let id = actor.or_else(|| door::person().map(|person| person.id()));
    id.map(UserId::to_pgrx)
}

/// Everybody who acts. See the comment on the SQL function.
#[pg_extern(schema = "warden", stable, parallel_restricted)]
fn acting_people() -> Vec<pgrx::Uuid> {
    let signed_in = sealed::with_identity(|identity| [identity.user_id, identity.actor_id]);
    let people = signed_in.into_iter().flatten().chain(door::person().map(|person| person.id()));
    people.map(UserId::to_pgrx).collect()
}

/// Whether a user could grant this now. See the comment on the SQL function.
#[pg_extern(schema = "warden", stable, parallel_restricted)]
fn user_may_grant(user_id: pgrx::Uuid, scopes: Vec<String>, roles: Vec<String>, giving: default!(bool, false)) -> bool {
    or_raise((|| {
        let found = directory::find_by_id(UserId::from_pgrx(user_id))?;
        let Some(user) = found.filter(|user| user.active && !user.is_agent) else { return Ok(false) };
        let granted = permissions::granted(&user, None, &Limits::none(), &[])?;
        let person = Person::new(&user, None, granted)?;
        let facts = permissions::facts()?;
        Ok(person.beyond(&facts, &roles, giving)?.is_none() && person.holds(&facts, &permissions::parsed(&scopes)))
    })())
}

/// Somebody who administers, and what that person holds: the user of this transaction, or of the token that
/// `begin_admin` was given. A database role by itself is the operator, who is nobody's subject.
#[derive(Clone)]
pub struct Person {
    user_id: UserId,
    tenant_id: Option<TenantId>,
    roles: Rc<[String]>,
    granted: Granted,
    wildcards: Vec<Pattern>,
    /// Its credential leaves it all that its roles and grants hold.
    is_whole: bool,
}

impl Person {
    /// `granted`: what its credential leaves it.
    ///
    /// # Errors
    /// Where its roles cannot be read.
    pub fn new(user: &User, tenant_id: Option<TenantId>, granted: Granted) -> Result<Self> {
        let own = permissions::granted(user, tenant_id, &Limits::none(), &[])?;
        let is_whole = own.scopes.iter().all(|scope| granted.scopes.contains(scope));
        let wildcards = permissions::facts()?.wildcards(user);
        Ok(Self { user_id: user.id, tenant_id, roles: user.roles.clone(), granted, wildcards, is_whole })
    }

    pub const fn id(&self) -> UserId {
        self.user_id
    }

    /// Who acts in this transaction, as far as it goes beyond one tenant: what a tenant has made of him is nothing to
    /// grant everywhere.
    fn of(identity: &Identity) -> Result<Self> {
        Self::unlimited(identity).map(|person| person.within(identity))
    }

    /// The same, whatever its credential leaves it.
    fn unlimited(identity: &Identity) -> Result<Self> {
        let found = directory::find_by_id(identity.actor_id)?.filter(|user| user.active);
        let Some(actor) = found else {
            return Err(Error::forbidden("the acting user is not active", MORE));
        };
        if actor.is_agent {
            return Err(Error::forbidden("an agent administers nothing", "Its owner does it, or an administrator."));
        }
        let own = permissions::granted(&actor, identity.tenant_id, &Limits::none(), &[])?;
        Self::new(&actor, identity.tenant_id, own)
    }

    /// As far as the transaction holds it, too.
    fn within(self, identity: &Identity) -> Self {
        let scopes: Rc<[String]> =
            self.granted.scopes.iter().filter(|scope| identity.granted.contains(scope)).cloned().collect();
        let is_whole = self.is_whole && scopes.len() == self.granted.scopes.len();
        let reads_only = self.granted.reads_only || identity.reads_only;
        Self { granted: Granted { scopes, reads_only }, is_whole, ..self }
    }

    fn holds(&self, facts: &Facts, patterns: &[Pattern]) -> bool {
        let mut wildcards = patterns.iter().filter(|pattern| pattern.is_wildcard());
        self.holds_covered(facts, patterns) && wildcards.all(|wildcard| self.holds_wildcard(facts, wildcard))
    }

    /// What a wildcard covers grows: it is held by who has it, or a wider one, that the credential leaves whole, and not by
    /// who holds all that there is today.
    fn holds_wildcard(&self, facts: &Facts, asked: &Pattern) -> bool {
        self.wildcards.iter().map(std::slice::from_ref).any(|own| {
            let is_left = || !facts.registry.covered(own).is_empty() && self.holds_covered(facts, own);
            facts.registry.may_have(own, asked) && (self.is_whole || is_left())
        })
    }

    fn holds_covered(&self, facts: &Facts, patterns: &[Pattern]) -> bool {
        let (user_id, tenant_id) = (self.user_id.to_string(), self.tenant_id.map(|id| id.to_string()));
        let has = |scope: &str| self.granted.scopes.iter().any(|held| held == scope);
        facts.registry.covered(patterns).into_iter().all(|scope| match scope {
            Held::One(name) => has(name),
            Held::Own(template) if template.is_of_context() => true,
            Held::Own(template) => template.of(&user_id, tenant_id.as_deref()).is_some_and(|scope| has(&scope)),
        })
    }

    /// The first of some roles that it may not give. `giving`: somebody gets or loses them, so that what they open by name
    /// counts, too, which else is not asked: by sharing a row with a role no client keeps an admin from its users.
    fn beyond<'a>(&self, facts: &Facts, roles: &'a [String], giving: bool) -> Result<Option<&'a String>> {
        for role in roles {
            let by_name = || self.has(role) || self.has(OWNER);
            if !self.may_give(facts, role) || (giving && !by_name() && named_roles::is_named(role)?) {
                return Ok(Some(role));
            }
        }
        Ok(None)
    }

    fn has(&self, role: &str) -> bool {
        self.roles.iter().any(|has| has == role)
    }

    /// Whether it has all that comes with a role; of one without scopes that is its name. An owner is made by owners
    /// alone, whatever its scopes are said to be.
    fn may_give(&self, facts: &Facts, role: &str) -> bool {
        let Some(Role { scopes, reads_only, .. }) = facts.role(role) else { return self.has(role) };
        let by_scopes = role != OWNER && !scopes.is_empty();
        (by_scopes || self.has(role)) && self.holds(facts, scopes) && (*reads_only || !self.granted.reads_only)
    }
}

/// Refuses what is not one known scope, or one known template.
///
/// # Errors
/// 22023.
pub fn require_one(scope: &str) -> Result<()> {
    asked(scope).map(|_| ())
}

/// Whether the transaction holds one scope, or what a template is for it; nobody holds any.
///
/// It was known when it was declared, so nothing is looked up.
pub fn is_held(scope: &str) -> bool {
    let held = sealed::with_identity(|identity| {
        if !scope.ends_with('}') {
            return identity.holds(scope);
        }
        matches!(scope.parse(), Ok(Pattern::Own(template)) if identity.own(&template).is_some_and(|own| identity.holds(&own)))
    });
    held.unwrap_or(false)
}

fn holds(scope: Option<&str>) -> Result<bool> {
    let asked = asked(scope.unwrap_or_default())?;
    if let Standing::Expired = sealed::standing() {
        return Err(Error::IdentityExpired);
    }
    let held = sealed::with_identity(|identity| match &asked {
        Asked::One(name) => identity.holds(name),
        Asked::Own(template) => identity.own(template).is_some_and(|scope| identity.holds(&scope)),
    });
    Ok(held.unwrap_or(false))
}

fn asked(scope: &str) -> Result<Asked> {
    permissions::facts()?.registry.asked(scope).map_err(|reason| match reason {
        NotAsked::Malformed => Error::invalid("this is no scope", SYNTAX),
        NotAsked::Unknown => Error::invalid(format!("unknown scope \"{scope}\""), KNOWN),
        NotAsked::Several => Error::invalid(
            format!("\"{scope}\" is more than one scope"),
            "Wildcards are for granting: ask for one scope.",
        ),
    })
}

fn unknown(scopes: Option<Vec<Option<String>>>) -> Result<Vec<String>> {
    let scopes: Option<Vec<String>> = scopes.and_then(|scopes| scopes.into_iter().collect());
    let scopes =
        scopes.ok_or_else(|| Error::invalid("scopes are missing", "Pass a list without nulls; it may be empty."))?;
    let facts = permissions::facts()?;
    let mut unknown = Vec::new();
    for scope in scopes {
        let pattern: Pattern = scope.parse().map_err(|_| Error::invalid("this is no scope", SYNTAX))?;
        if facts.registry.knows(&pattern) {
            continue;
        }
        if facts.registry.asked(&scope).is_ok() {
            return Err(Error::invalid(
                format!("\"{scope}\" belongs to one identity"),
                "Nobody grants it: the identity gives it itself. Grant the template, as files:{{user_id}}.",
            ));
        }
        unknown.push(scope);
    }
    Ok(unknown)
}

/// Those of the asked scopes that who holds the others may be given.
pub fn covered(asked: Vec<String>, held: &[String]) -> Result<Vec<String>> {
    let facts = permissions::facts()?;
    let granted = permissions::parsed(held);
    let may_have = |scope: &String| {
        held.contains(scope) || scope.parse().is_ok_and(|pattern| facts.registry.may_have(&granted, &pattern))
    };
    Ok(asked.into_iter().filter(may_have).collect())
}

fn may_grant(scopes: &[String], roles: &[String], writing: bool, giving: bool) -> Result<()> {
    if let Standing::Expired = sealed::standing() {
        return Err(Error::IdentityExpired);
    }
    let person = match sealed::with_identity(Identity::clone) {
        Some(identity) => Some(Person::of(&identity)?),
        None => door::person(),
    };
    let Some(person) = person else {
        // Whoever was here, or was turned away, does not become the operator by leaving.
        return if transaction::had_somebody() {
            Err(Error::forbidden(
                "somebody was signed in, or refused, earlier in this transaction",
                "Who acts as a database role alone grants in a transaction of its own.",
            ))
        } else {
            Ok(())
        };
    };
    let facts = permissions::facts()?;
    let refused = |what: &str, name: &str| {
        Err(Error::forbidden(format!("{what} \"{name}\" is more than the acting user holds"), MORE))
    };
    if let Some(role) = person.beyond(&facts, roles, giving)? {
        return refused("role", role);
    }
    if writing && person.granted.reads_only {
        return Err(Error::forbidden("the acting user only reads", MORE));
    }
    for scope in scopes {
        if !person.holds(&facts, &permissions::parsed(std::slice::from_ref(scope))) {
            return refused("scope", scope);
        }
    }
    Ok(())
}

/// Refuses an identity that may not act as others.
///
/// # Errors
/// 42501 without the scope; what a tenant has made of somebody does not count, since a user is more than a member.
pub fn require_may_act_as(identity: &Identity) -> Result<()> {
    let person = Person::of(identity)?;
    if person.granted.scopes.iter().any(|scope| scope == ACT_AS) { Ok(()) } else { Err(missing(ACT_AS)) }
}

/// Refuses a subject that is an owner, or holds what the acting user does not, whatever that one's credential leaves it.
/// `subject`: with its roles in the tenant.
///
/// # Errors
/// 42501.
pub fn require_holds_no_more(identity: &Identity, subject: &User) -> Result<()> {
    if subject.roles.iter().any(|role| role == OWNER) {
        return Err(Error::forbidden("nobody acts as an owner", "Owners act themselves."));
    }
    let person = Person::unlimited(identity)?;
    let facts = permissions::facts()?;
    let by_role = person.beyond(&facts, &subject.roles, false)?.is_none();
    if by_role && person.holds(&facts, &permissions::parsed(&subject.scopes)) {
        return Ok(());
    }
    Err(Error::forbidden(
        "this user holds more than the acting one",
        "Nobody acts as a user who may do what he may not.",
    ))
}

/// Refuses a person that is no owner; a database role by itself is not asked.
///
/// # Errors
/// 42501.
pub fn require_owner() -> Result<()> {
    may_grant(&[], &[OWNER.to_owned()], false, false)
}

/// Refuses a person that does not hold the scope of admins; a database role by itself is not asked.
///
/// # Errors
/// 42501.
pub fn require_admin() -> Result<()> {
    may_grant(&[ADMIN.to_owned()], &[], false, false)
}

/// 42501 for who does not hold a scope.
pub fn missing(scope: &str) -> Error {
    Error::forbidden(
        format!("scope \"{scope}\" is required"),
        "What this transaction holds is in warden.current_scopes().",
    )
}

const MORE: &str = "Nobody grants or takes what he does not hold himself.";
const OWNER: &str = "owner";
const ADMIN: &str = "admin";
const ACT_AS: &str = "users:act_as";
const SYNTAX: &str = "Write names of letters, digits and ._-/@+ between colons: agents:read; to grant also agents:*, * and files:{{user_id}}.";
const KNOWN: &str = "Scopes are known that ship with the extension, and those of roles: warden.define_role().";
