//! Rules about named entities, asked of the tables: `entity_allowed` and what explains it.
//!
//! Asked for each row where a policy has it, so it is one look at the index of each table, past the executor; what is
//! decided is in `entity_rules.rs`. Nothing is kept: a rule is felt by the next statement.

use crate::entity_rules::{Access, Entities, Holder, Reason, Subject, decide};
use crate::error::{Error, Result, or_raise};
use crate::identity::Identity;
use crate::ids::UserId;
use crate::lookup::{Key, Latest, Lookup};
use crate::readers::somebody;
use crate::uuids::to_pgrx;
use crate::{agents, directory, sealed};
use pgrx::IntoDatum;
use pgrx::pg_sys::Datum;
use pgrx::prelude::*;
use std::ops::ControlFlow;
use uuid::Uuid;

/// Whether an entity is open to the signed-in user. See the comment on the SQL function.
#[pg_extern(sql = false)]
fn entity_allowed(entity_type: Option<&str>, entity_id: Option<&str>) -> bool {
    somebody() && or_raise(decide_for_signed_in(entity_type, entity_id)).is_some_and(|decision| decision.allowed)
}

/// The same with its reason. See the comment on the SQL function.
#[pg_extern(sql = false)]
#[allow(clippy::type_complexity)]
fn decide_entity_for_me(
    entity_type: Option<&str>,
    entity_id: Option<&str>,
) -> TableIterator<'static, (name!(allowed, bool), name!(reason, String), name!(rule_id, Option<pgrx::Uuid>))> {
    let decision = or_raise(decide_for_signed_in(entity_type, entity_id));
    TableIterator::new(decision.map(Decision::row))
}

/// The same for anybody. See the comment on the SQL function.
#[pg_extern(sql = false)]
#[allow(clippy::type_complexity)]
fn decide_entity(
    entity_type: Option<&str>,
    entity_id: Option<&str>,
    user_id: pgrx::Uuid,
    roles: Vec<String>,
) -> TableIterator<'static, (name!(allowed, bool), name!(reason, String), name!(rule_id, Option<pgrx::Uuid>))> {
    let user_id = UserId::from_pgrx(user_id);
    let decision = or_raise(Latest::with(|latest| {
        Tables { latest }.decide(entity_type, entity_id, &Subject { user_id, roles: &roles })
    }));
    TableIterator::once(decision.row())
}

struct Decision {
    allowed: bool,
    reason: &'static str,
    rule: Option<Uuid>,
}

impl Decision {
    fn row(self) -> (bool, String, Option<pgrx::Uuid>) {
        (self.allowed, self.reason.to_owned(), self.rule.map(to_pgrx))
    }
}

/// For the user, and not for an actor to whom it is denied: nobody comes by it in the name of another; nor for an agent
/// whose owner does not have it. `None` for nobody.
fn decide_for_signed_in(entity_type: Option<&str>, entity_id: Option<&str>) -> Result<Option<Decision>> {
    let Some(identity) = sealed::with_identity(Identity::clone) else { return Ok(None) };
    let actor = match identity.actor_id {
        actor_id if actor_id == identity.user_id => None,
        actor_id => {
            Some(directory::find_by_id(actor_id)?.ok_or_else(|| Error::forbidden("the acting user is not there", ""))?)
        }
    };
    let owner = agents::owner(&identity)?;
    Latest::with(|latest| {
        let tables = Tables { latest };
        let user = Subject { user_id: identity.user_id, roles: &identity.roles };
        let decision = tables.decide(entity_type, entity_id, &user)?;
        if let Some(owner) = owner.filter(|_| decision.allowed) {
            let of_owner =
                tables.decide(entity_type, entity_id, &Subject { user_id: owner.id, roles: &owner.roles })?;
            if !of_owner.allowed {
                return Ok(Some(Decision { reason: "owner_not_allowed", ..of_owner }));
            }
        }
        if let Some(actor) = actor.filter(|_| decision.allowed) {
            let actor = Subject { user_id: actor.id, roles: &actor.roles };
            let key = (entity_type.unwrap_or_default().to_owned(), entity_id.unwrap_or_default().to_owned());
            let of_actor = decide(&tables, &key, &actor)?;
            if of_actor.reason.denies() {
                return Ok(Some(Decision { allowed: false, reason: "actor_deny", rule: of_actor.rule }));
            }
        }
        Ok(Some(decision))
    })
}

/// The tables, by one snapshot.
struct Tables<'a> {
    latest: &'a Latest,
}

thread_local! {
    static ENTITIES: Lookup = const { Lookup::new(
        c"entities", &[Key::text(c"entity_type"), Key::text(c"entity_id")], &[c"default_included"],
    ) };
    static RULES: Lookup = const { Lookup::new(
        c"entity_rules", &[Key::text(c"entity_type"), Key::text(c"entity_id")],
        &[c"id", c"user_id", c"role", c"access"],
    ) };
    static PARENTS: Lookup = const { Lookup::new(
        c"entity_parents", &[Key::text(c"entity_type"), Key::text(c"entity_id")], &[c"parent_type", c"parent_id"],
    ) };
}

impl Tables<'_> {
    fn decide(&self, entity_type: Option<&str>, entity_id: Option<&str>, subject: &Subject<'_>) -> Result<Decision> {
        let (Some(entity_type), Some(entity_id)) = (entity_type, entity_id) else {
            return Ok(Decision { allowed: false, reason: Reason::UnknownEntity.as_str(), rule: None });
        };
        let decision = decide(self, &(entity_type.to_owned(), entity_id.to_owned()), subject)?;
        Ok(Decision { allowed: decision.reason.allows(), reason: decision.reason.as_str(), rule: decision.rule })
    }
}

impl Entities for Tables<'_> {
    type Key = (String, String);
    type Error = Error;

    fn default_included(&self, entity: &Self::Key) -> Result<Option<bool>> {
        let found = ENTITIES.with(|entities| entities.first(self.latest, &datums(entity), |row| row.get::<bool>(0)))?;
        Ok(found.flatten())
    }

    fn rules(&self, entity: &Self::Key, met: &mut dyn FnMut(Holder<'_>, Access, Uuid)) -> Result<()> {
        RULES.with(|rules| {
            rules.each(self.latest, &datums(entity), |row| {
                let access = if row.text(3)? == Some("allow") { Access::Allow } else { Access::Deny };
                let holder = match row.text(2)? {
                    Some(role) => Holder::Role(role),
                    None => Holder::User(row.uuid(1)?.into()),
                };
                met(holder, access, row.uuid(0)?);
                Ok(ControlFlow::Continue(()))
            })
        })
    }

    fn parents(&self, entity: &Self::Key) -> Result<Vec<Self::Key>> {
        let mut parents = Vec::new();
        PARENTS.with(|rows| {
            rows.each(self.latest, &datums(entity), |row| {
                let text = |position| row.text(position).map(|text| text.unwrap_or_default().to_owned());
                parents.push((text(0)?, text(1)?));
                Ok(ControlFlow::Continue(()))
            })
        })?;
        Ok(parents)
    }
}

fn datums((entity_type, entity_id): &(String, String)) -> [Option<Datum>; 2] {
    [entity_type.as_str().into_datum(), entity_id.as_str().into_datum()]
}
