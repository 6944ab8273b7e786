//! Agents: users with an owner, each never more than its owner.
//!
//! What is registered of an agent, and its owner, are read at every authentication with the latest snapshot, as users
//! are: an agent that was suspended, or whose owner was, is refused in the next transaction. Users of other kinds pay
//! nothing for it.

use crate::bearer::{Failure, Named};
use crate::directory::{self, User};
use crate::error::{Error, Result};
use crate::identity::{Identity, Lends};
use crate::ids::{TenantId, UserId};
use crate::lookup::{Key, Latest, Lookup, Row, uuid_datum};
use crate::tenants::{self, Membership};
use std::rc::Rc;

/// Who else bounds what a credential grants, and what an agent may read of its owner.
#[derive(Default)]
pub struct Bounds {
    /// The owner of an agent; and of an agent that acts for somebody the agent itself.
    users: Vec<User>,
    /// Capabilities are of an agent as itself: who acts for a user has the rows of that user, and no others.
    lends: Option<Rc<Lends>>,
}

/// A row of the table, as authentication needs it.
struct Registration {
    owner_id: UserId,
    active: bool,
    capabilities: Vec<String>,
}

thread_local! {
    static AGENT_BY_ID: Lookup = const { Lookup::new(
        c"agents", &[Key::uuid(c"user_id")], &[c"owner_id", c"status", c"capabilities"],
    ) };
}

/// What bounds the user that a credential speaks for, and whoever acts for it. Neither is refused for anything else.
#[inline(always)]
pub fn bounds(user: &User, actor: Option<&User>, named: &Rc<Named>) -> std::result::Result<Bounds, Failure> {
    let mut bounds = Bounds::default();
    if user.is_agent {
        let (owner, capabilities) = registered(user, named)?;
        if actor.is_none() {
            bounds.lends =
                Some(Rc::new(Lends { owner_id: owner.id, external_id: owner.external_id.clone(), capabilities }));
        }
        bounds.users.push(owner);
    }
    if let Some(agent) = actor.filter(|actor| actor.is_agent) {
        let (owner, _) = registered(agent, named)?;
        // One of a service is for everybody whom an issuer has it act for; a person's is for that person.
        if owner.id != user.id && !owner.is_service {
            return Err(named.refused("agent_of_another_user"));
        }
        bounds.users.push(agent.clone());
        if owner.id != user.id {
            bounds.users.push(owner);
        }
    }
    Ok(bounds)
}

impl Bounds {
    /// The bounds as of a tenant: the roles there of those who are no agents count too, and who is no member of it has
    /// no agent there. Takes from an agent the roles that its owner does not have.
    #[inline(always)]
    pub fn in_tenant(
        mut self,
        user: &mut User,
        tenant_id: Option<TenantId>,
        named: &Rc<Named>,
    ) -> std::result::Result<Self, Failure> {
        for bound in self.users.iter_mut().filter(|bound| !bound.is_agent) {
            match tenant_id.map(|tenant_id| tenants::membership(tenant_id, bound.id)).transpose()? {
                None | Some(Membership::NoTenants) => {}
                Some(Membership::Member(roles)) => {
                    bound.roles = tenants::join_roles(&bound.roles, roles);
                }
                Some(Membership::Refused(_)) => return Err(named.refused("owner_of_agent_not_in_the_tenant")),
            }
        }
        if user.is_agent
            && let Some(owner) = self.users.first()
        {
            user.roles = user.roles.iter().filter(|role| owner.roles.contains(role)).cloned().collect();
        }
        Ok(self)
    }

    pub fn users(&self) -> &[User] {
        &self.users
    }

    pub fn lends(&self) -> Option<Rc<Lends>> {
        self.lends.clone()
    }
}

/// The owner of the agent that a transaction acts as, with its roles in the tenant; `None` where it acts as no agent.
pub fn owner(identity: &Identity) -> Result<Option<User>> {
    let Some(lends) = &identity.lends else { return Ok(None) };
    let mut owner =
        directory::find_by_id(lends.owner_id)?.ok_or_else(|| Error::forbidden("the owner is not there", ""))?;
    let roles = match identity.tenant_id.map(|tenant_id| tenants::membership(tenant_id, owner.id)).transpose()? {
        Some(Membership::Member(roles)) => roles,
        None | Some(Membership::NoTenants | Membership::Refused(_)) => Vec::new(),
    };
    owner.roles = tenants::join_roles(&owner.roles, roles);
    Ok(Some(owner))
}

/// The owner and the capabilities of an agent that may act.
fn registered(agent: &User, named: &Rc<Named>) -> std::result::Result<(User, Vec<String>), Failure> {
    let found = Latest::with(|latest| {
        AGENT_BY_ID.with(|agents| agents.first(latest, &[uuid_datum(agent.id.as_uuid())], registration))
    })?;
    let Registration { owner_id, active, capabilities } = found.ok_or_else(|| named.refused("agent_not_registered"))?;
    if !active {
        return Err(named.refused("agent_not_active"));
    }
    // An agent owns none, whoever writes the table.
    let owner = directory::find_by_id(owner_id)?.filter(|owner| owner.active && !owner.is_agent);
    let owner = owner.ok_or_else(|| named.refused("owner_of_agent_not_active"))?;
    Ok((owner, capabilities))
}

fn registration(row: &Row<'_>) -> Result<Registration> {
    Ok(Registration {
        owner_id: row.uuid(0)?.into(),
        active: row.text(1)? == Some("active"),
        capabilities: row.texts(2)?,
    })
}
