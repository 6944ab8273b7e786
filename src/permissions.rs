//! What a user may do: the scopes that its roles, its own grants, the client and the credential leave together.
//!
//! Roles, known scopes and registered clients change rarely, so a backend keeps them until a commit that changes them
//! says so (`catalog.rs`). Those of the user are read with it, at every authentication.

use crate::catalog;
use crate::directory::User;
use crate::error::Result;
use crate::ids::{TenantId, UserId};
use crate::lookup::{Key, Latest, Lookup};
use crate::scopes::{self, Held, Known, Pattern, Registry};
use pgrx::IntoDatum;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::rc::Rc;

/// What a transaction holds.
#[derive(Clone)]
pub struct Granted {
    /// Without those that the ids of the identity are themselves.
    pub scopes: Rc<[String]>,
    /// None of the user's roles may write.
    pub reads_only: bool,
}

/// What a credential narrows the scopes of its user to.
pub struct Limits {
    /// The scopes that it states; `None` where it states none, and narrows nothing.
    stated: Option<Vec<String>>,
    /// The clients that it names.
    clients: Vec<String>,
    /// What they left the user last time.
    last: RefCell<Option<Last>>,
}

/// An answer, and all that it depends on.
struct Last {
    catalog: u64,
    roles: Rc<[String]>,
    scopes: Rc<[String]>,
    ids: (UserId, Option<TenantId>),
    granted: Granted,
}

/// What a backend keeps.
#[derive(PartialEq)]
pub struct Facts {
    pub registry: Registry,
    roles: HashMap<String, Role>,
}

#[derive(PartialEq)]
pub struct Role {
    pub scopes: Vec<Pattern>,
    pub reads_only: bool,
    /// One of this name ships.
    pub ships: bool,
}

thread_local! {
    static ROLES: Lookup =
        const { Lookup::new(c"roles", &[], &[c"role", c"scopes", c"reads_only", c"shipped"]) };
    static SCOPES: Lookup =
        const { Lookup::new(c"scopes", &[], &[c"scope", c"implies", c"by_name_only", c"shipped"]) };
    static CLIENT_BY_ID: Lookup = const { Lookup::new(c"clients", &[Key::text(c"client_id")], &[c"scopes"]) };

    static FACTS: RefCell<Option<Rc<Facts>>> = const { RefCell::new(None) };
    /// The state of the catalog before they were read.
    static AS_OF: Cell<u64> = const { Cell::new(0) };
}

/// The scopes of a user under the limits of a credential, as far as those who bound it hold them too (agents.rs).
#[inline(always)]
pub fn granted(user: &User, tenant_id: Option<TenantId>, limits: &Limits, bounds: &[User]) -> Result<Granted> {
    if !bounds.is_empty() {
        // Nothing is kept of these: it would depend on more.
        return Ok(facts()?.granted(user, tenant_id, &limits.patterns()?, bounds));
    }
    // Before anything is read: what changes in between is found to have changed the next time.
    let catalog = catalog::state_of_call();
    let ids = (user.id, tenant_id);
    let known = limits.last.borrow().as_ref().and_then(|last| {
        let same = last.catalog == catalog && last.ids == ids && last.roles == user.roles && last.scopes == user.scopes;
        same.then(|| last.granted.clone())
    });
    if let Some(granted) = known {
        return Ok(granted);
    }
    let facts = facts()?;
    let granted = facts.granted(user, tenant_id, &limits.patterns()?, &[]);
    if catalog::may_keep(catalog) {
        let last =
            Last { catalog, roles: user.roles.clone(), scopes: user.scopes.clone(), ids, granted: granted.clone() };
        limits.last.replace(Some(last));
    }
    Ok(granted)
}

/// Every known scope, for who shall be refused for no lack of one.
pub fn every_scope(user_id: UserId, tenant_id: Option<TenantId>) -> Result<Rc<[String]>> {
    let facts = facts()?;
    Ok(named(facts.registry.all(), user_id, tenant_id))
}

/// Roles and known scopes as they are now.
pub fn facts() -> Result<Rc<Facts>> {
    let catalog = catalog::state();
    if AS_OF.get() == catalog
        && let Some(facts) = FACTS.with_borrow(Clone::clone)
    {
        return Ok(facts);
    }
    let facts = Rc::new(Latest::with(Facts::read)?);
    if catalog::may_keep(catalog) {
        FACTS.set(Some(Rc::clone(&facts)));
        AS_OF.set(catalog);
    }
    Ok(facts)
}

impl Facts {
    fn read(latest: &Latest) -> Result<Self> {
        let mut facts = Self { registry: Registry::default(), roles: HashMap::new() };
        // What ships first: what was said here takes its place.
        for shipped in [true, false] {
            ROLES.with(|roles| {
                roles.each(latest, &[], |row| {
                    if row.get::<bool>(3)? == Some(shipped) {
                        let name = row.text(0)?.unwrap_or_default().to_owned();
                        let ships = shipped || facts.roles.contains_key(&name);
                        let reads_only = row.get::<bool>(2)?.unwrap_or(true);
                        facts.roles.insert(name, Role { scopes: parsed(&row.texts(1)?), reads_only, ships });
                    }
                    Ok(ControlFlow::Continue(()))
                })
            })?;
            SCOPES.with(|scopes| {
                scopes.each(latest, &[], |row| {
                    if row.get::<bool>(3)? == Some(shipped)
                        && let Ok(scope) = row.text(0)?.unwrap_or_default().parse()
                    {
                        let by_name_only = row.get::<bool>(2)?.unwrap_or(true);
                        facts.registry.add(scope, Known { implies: parsed(&row.texts(1)?), by_name_only });
                    }
                    Ok(ControlFlow::Continue(()))
                })
            })?;
        }
        Ok(facts)
    }

    /// Whether a user holds all that patterns cover, which are known, by its roles and alone.
    pub fn holds(&self, user: &User, patterns: &[Pattern]) -> bool {
        let known = !patterns.is_empty() && patterns.iter().all(|pattern| self.registry.knows(pattern));
        known && self.registry.covered(patterns).is_subset(&self.held(user, &[]))
    }

    /// A role that users may have.
    pub fn role(&self, name: &str) -> Option<&Role> {
        self.roles.get(name)
    }

    fn granted(&self, user: &User, tenant_id: Option<TenantId>, limits: &[Vec<Pattern>], bounds: &[User]) -> Granted {
        let mut effective = self.held(user, limits);
        for bound in bounds {
            let theirs = self.held(bound, &[]);
            effective.retain(|held| theirs.contains(held));
        }
        let scopes = named(effective.into_iter(), user.id, tenant_id);
        Granted { scopes, reads_only: self.reads_only(user) || bounds.iter().any(|bound| self.reads_only(bound)) }
    }

    /// The wildcards that a user has by its roles and alone, those included that its scopes imply.
    pub fn wildcards(&self, user: &User) -> Vec<Pattern> {
        let roles = user.roles.iter().filter_map(|role| self.roles.get(role));
        let declared: Vec<_> = roles.flat_map(|role| &role.scopes).cloned().chain(parsed(&user.scopes)).collect();
        self.registry.wildcards(&declared)
    }

    fn held(&self, user: &User, limits: &[Vec<Pattern>]) -> BTreeSet<Held<'_>> {
        let roles = user.roles.iter().filter_map(|role| self.roles.get(role));
        let own = parsed(&user.scopes);
        self.registry.effective(roles.flat_map(|role| &role.scopes).chain(&own), limits.iter().map(Vec::as_slice))
    }

    /// An agent without roles of its own writes where its owner does.
    fn reads_only(&self, user: &User) -> bool {
        let mut roles = user.roles.iter().filter_map(|role| self.roles.get(role)).peekable();
        !(user.is_agent && roles.peek().is_none()) && roles.all(|role| role.reads_only)
    }
}

impl Limits {
    /// Of whom a trusted role states: none.
    pub fn none() -> Self {
        Self { stated: None, clients: Vec::new(), last: RefCell::new(None) }
    }

    /// Of an API key: the scopes it was made with.
    pub fn of_key(scopes: &[String]) -> Self {
        Self { stated: Some(scopes.to_vec()), ..Self::none() }
    }

    /// Of a token. One of another issuer that asks only for what its application is told of the user states no scopes.
    pub fn of_token(stated: Option<&[String]>, is_own: bool, clients: Vec<String>) -> Self {
        let says_nothing = |scopes: &&[String]| !is_own && scopes.iter().all(|scope| scopes::is_of_sign_in(scope));
        let stated = stated.filter(|scopes| scopes.is_empty() || !says_nothing(scopes));
        Self { stated: stated.map(<[String]>::to_vec), clients, ..Self::none() }
    }

    pub fn states_nothing(&self) -> bool {
        self.stated.as_ref().is_none_or(Vec::is_empty)
    }

    /// Each list that a scope must be covered by. A client that is not registered has none.
    fn patterns(&self) -> Result<Vec<Vec<Pattern>>> {
        let mut lists: Vec<_> = self.stated.iter().map(|stated| parsed(stated)).collect();
        for client in &self.clients {
            lists.extend(of_client(client)?);
        }
        Ok(lists)
    }
}

/// The names of what an identity holds, without those that its ids are themselves.
fn named<'a>(held: impl Iterator<Item = Held<'a>>, user_id: UserId, tenant_id: Option<TenantId>) -> Rc<[String]> {
    let (user_id, tenant_id) = (user_id.to_string(), tenant_id.map(|id| id.to_string()));
    let name = |held| match held {
        Held::One(name) => Some(name.to_owned()),
        Held::Own(template) if template.is_of_context() => None,
        Held::Own(template) => template.of(&user_id, tenant_id.as_deref()),
    };
    held.filter_map(name).collect()
}

fn of_client(client_id: &str) -> Result<Option<Vec<Pattern>>> {
    // A NUL is in no name that Postgres could compare.
    if client_id.contains('\0') {
        return Ok(None);
    }
    let key = [client_id.into_datum()];
    let read = |row: &crate::lookup::Row<'_>| Ok(parsed(&row.texts(0)?));
    Latest::with(|latest| CLIENT_BY_ID.with(|clients| clients.first(latest, &key, read)))
}

/// What is no scope names nothing.
pub fn parsed(scopes: &[String]) -> Vec<Pattern> {
    scopes.iter().filter_map(|scope| scope.parse().ok()).collect()
}
