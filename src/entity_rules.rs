//! Whether a named entity is open to somebody: the ladder of rules, of its own or of its parents.
//!
//! Pure. Rules are about one user or about everybody with a role. What is about the user decides before what is about a
//! role, and within either a deny beats every allow. An entity with rules of its own is decided by them alone; one
//! without hands the question on to its parents, and these to theirs. Where no rule decides it is open only if that was
//! declared of the entity itself; one that nobody has declared is open to nobody.

#![forbid(unsafe_code)]

use crate::ids::UserId;
use std::collections::BTreeSet;
use uuid::Uuid;

/// Who asks.
pub struct Subject<'a> {
    pub user_id: UserId,
    pub roles: &'a [String],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Allow,
    Deny,
}

/// Whom a rule is about.
#[derive(Debug, Clone, Copy)]
pub enum Holder<'a> {
    User(UserId),
    Role(&'a str),
}

/// What is written about entities.
pub trait Entities {
    type Key: Clone + Ord;
    type Error;

    /// Whether an entity is open where no rule decides; `None` for one that was not declared.
    fn default_included(&self, entity: &Self::Key) -> Result<Option<bool>, Self::Error>;

    /// Meets every rule of an entity, each with its id.
    fn rules(&self, entity: &Self::Key, met: &mut dyn FnMut(Holder<'_>, Access, Uuid)) -> Result<(), Self::Error>;

    fn parents(&self, entity: &Self::Key) -> Result<Vec<Self::Key>, Self::Error>;
}

/// Why it is open or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// A rule about the user, of the entity or of a parent.
    User(Access, From),
    /// A rule about one of its roles.
    Role(Access, From),
    DefaultIncluded,
    NotAssigned,
    UnknownEntity,
}

/// Where a rule stands that decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    Entity,
    Parent,
}

/// An answer, with the rule that decided where one did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    pub reason: Reason,
    pub rule: Option<Uuid>,
}

/// Decides about an entity.
///
/// # Errors
/// Those of reading: what cannot be read decides nothing.
pub fn decide<E: Entities>(entities: &E, asked: &E::Key, subject: &Subject<'_>) -> Result<Decision, E::Error> {
    let Some(default_included) = entities.default_included(asked)? else {
        return Ok(Decision { reason: Reason::UnknownEntity, rule: None });
    };
    let (mut nearest, mut from) = (vec![asked.clone()], From::Entity);
    let mut seen: BTreeSet<E::Key> = nearest.iter().cloned().collect();
    while !nearest.is_empty() {
        let mut level = Level::default();
        for entity in &nearest {
            entities.rules(entity, &mut |holder, access, rule| level.meet(subject, holder, access, rule))?;
        }
        if level.has_rules {
            if let Some(decision) = level.decision(from) {
                return Ok(decision);
            }
            break;
        }
        let mut further = Vec::new();
        for entity in &nearest {
            for parent in entities.parents(entity)? {
                if seen.insert(parent.clone()) {
                    further.push(parent);
                }
            }
        }
        (nearest, from) = (further, From::Parent);
    }
    Ok(Decision { reason: if default_included { Reason::DefaultIncluded } else { Reason::NotAssigned }, rule: None })
}

/// The rules of the entity, or of all parents that are equally near.
#[derive(Default)]
struct Level {
    has_rules: bool,
    user: Option<(Access, Uuid)>,
    role: Option<(Access, Uuid)>,
}

impl Level {
    fn meet(&mut self, subject: &Subject<'_>, holder: Holder<'_>, access: Access, rule: Uuid) {
        self.has_rules = true;
        let band = match holder {
            Holder::User(id) if id == subject.user_id => &mut self.user,
            Holder::Role(role) if subject.roles.iter().any(|has| has == role) => &mut self.role,
            Holder::User(_) | Holder::Role(_) => return,
        };
        if !matches!(band, Some((Access::Deny, _))) {
            *band = Some((access, rule));
        }
    }

    fn decision(&self, from: From) -> Option<Decision> {
        let by_user = self.user.map(|(access, rule)| (Reason::User(access, from), rule));
        let by_role = || self.role.map(|(access, rule)| (Reason::Role(access, from), rule));
        by_user.or_else(by_role).map(|(reason, rule)| Decision { reason, rule: Some(rule) })
    }
}

impl Reason {
    pub fn allows(self) -> bool {
        matches!(self, Self::User(Access::Allow, _) | Self::Role(Access::Allow, _) | Self::DefaultIncluded)
    }

    /// Whether somebody has said no, and not just nobody yes.
    pub fn denies(self) -> bool {
        matches!(self, Self::User(Access::Deny, _) | Self::Role(Access::Deny, _))
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::User(Access::Allow, From::Entity) => "user_allow",
            Self::User(Access::Deny, From::Entity) => "user_deny",
            Self::Role(Access::Allow, From::Entity) => "role_allow",
            Self::Role(Access::Deny, From::Entity) => "role_deny",
            Self::User(Access::Allow, From::Parent) => "parent_user_allow",
            Self::User(Access::Deny, From::Parent) => "parent_user_deny",
            Self::Role(Access::Allow, From::Parent) => "parent_role_allow",
            Self::Role(Access::Deny, From::Parent) => "parent_role_deny",
            Self::DefaultIncluded => "default_included",
            Self::NotAssigned => "not_assigned",
            Self::UnknownEntity => "unknown_entity",
        }
    }
}
