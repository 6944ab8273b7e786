//! Looking a subject up: the user it names, its status, and whether the issuer may speak for it.
//!
//! Read at every authentication with the latest snapshot, never cached (only where the row was last found is, and
//! what it said as long as it is the same bytes): a suspension or a deletion is felt by the next transaction, also
//! under REPEATABLE READ.

#![forbid(unsafe_code)]

use crate::autonomous::{self, Task};
use crate::error::Result;
use crate::ids::{SessionId, UserId};
use crate::lookup::{Key, Latest, Lookup, Row, Seen, uuid_in_place};
use pgrx::IntoDatum;
use serde_json::json;
use std::cell::RefCell;
use std::ffi::CStr;
use std::ops::ControlFlow;
use std::rc::Rc;

/// What the subject of an issuer's tokens is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubjectIs {
    /// `users.id` in canonical form.
    UserId,
    /// `users.external_id`.
    ExternalId,
    /// A name of the issuer's own, `identities.subject`.
    Subject,
}

impl SubjectIs {
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "user_id" => Self::UserId,
            "external_id" => Self::ExternalId,
            "subject" => Self::Subject,
            _ => return None,
        })
    }
}

/// A row of the directory, as authentication needs it.
#[derive(Clone)]
pub struct User {
    pub id: UserId,
    pub external_id: Option<Rc<str>>,
    pub roles: Rc<[String]>,
    /// Scopes of the user alone.
    pub scopes: Rc<[String]>,
    pub active: bool,
    /// Microseconds since 2000-01-01 UTC; tokens issued before are refused.
    pub tokens_valid_after: i64,
    /// The one session whose tokens that does not concern.
    pub kept_session: Option<SessionId>,
    /// Whether it is an agent, who has an owner (agents.rs).
    pub is_agent: bool,
    pub is_service: bool,
    /// Whether the user may be linked to an issuer; where not, it is linked to none.
    linked: bool,
    /// Whether the issuer may speak for the user: it is linked to this issuer and subject, or to none at all.
    pub linked_elsewhere: bool,
}

thread_local! {
    static USER_BY_ID: Lookup = const { Lookup::new(c"users", &[Key::uuid(c"id")], USER) };
    static USER_BY_EXTERNAL_ID: Lookup = const { Lookup::new(c"users", &[Key::text(c"external_id")], USER) };
    static USER_OF_IDENTITY: Lookup = const { Lookup::new(
        c"identities", &[Key::text(c"issuer"), Key::text(c"subject")], &[c"user_id"],
    ) };
    static IDENTITIES_OF_USER: Lookup = const { Lookup::new(
        c"identities", &[Key::uuid(c"user_id")], &[c"issuer", c"subject"],
    ) };
}

const USER: &[&CStr] = &[
    c"id",
    c"external_id",
    c"roles",
    c"status",
    c"tokens_valid_after",
    c"linked",
    c"kept_session",
    c"scopes",
    c"kind",
];

/// A subject of tokens, who is looked for again and again.
pub struct Subject {
    issuer: Box<str>,
    name: Box<str>,
    is: SubjectIs,
    /// The name as a user's id, where it is one.
    id: Option<UserId>,
    /// Whether the issuer is this database, which speaks for all of its users, whoever else does.
    is_own: bool,
    seen: RefCell<Option<Seen<User>>>,
}

impl Subject {
    pub fn new(issuer: &str, name: &str, is: SubjectIs, is_own: bool) -> Self {
        let is = if is_own { SubjectIs::UserId } else { is };
        let id = UserId::parse(name);
        Self { issuer: issuer.into(), name: name.into(), is, id, is_own, seen: RefCell::default() }
    }

    /// The user that it names, now.
    #[inline(always)]
    pub fn find(&self) -> Result<Option<User>> {
        Latest::with(|latest| {
            let user = match self.is {
                SubjectIs::UserId => self.id.map(|id| by_id(latest, id, &self.seen)).transpose()?.flatten(),
                SubjectIs::ExternalId => by_external_id(latest, &self.name, &self.seen)?,
                SubjectIs::Subject => match linked_user(latest, &self.issuer, &self.name)? {
                    Some(id) => by_id(latest, id, &self.seen)?,
                    None => None,
                },
            };
            // Users linked to an issuer can only be named by an issuer and subject they are linked to.
            match user {
                Some(user) if user.linked && !self.is_own && self.is != SubjectIs::Subject => {
                    let linked_elsewhere = is_linked_elsewhere(latest, user.id, &self.issuer, &self.name)?;
                    Ok(Some(User { linked_elsewhere, ..user }))
                }
                user => Ok(user),
            }
        })
    }
}

/// The user with this id.
pub fn find_by_id(id: UserId) -> Result<Option<User>> {
    let key = [uuid_in_place(id.as_uuid())];
    Latest::with(|latest| USER_BY_ID.with(|users| users.first(latest, &key, user)))
}

/// The user with this external id.
pub fn find_by_external_id(external_id: &str) -> Result<Option<User>> {
    let key = [external_id.into_datum()];
    Latest::with(|latest| USER_BY_EXTERNAL_ID.with(|users| users.first(latest, &key, user)))
}

#[inline(always)]
fn by_id(latest: &Latest, id: UserId, seen: &RefCell<Option<Seen<User>>>) -> Result<Option<User>> {
    let is_it = |seen: &User| seen.id == id;
    USER_BY_ID.with(|users| users.first_again(latest, &[uuid_in_place(id.as_uuid())], seen, is_it, user))
}

fn by_external_id(latest: &Latest, external_id: &str, seen: &RefCell<Option<Seen<User>>>) -> Result<Option<User>> {
    let is_it = |seen: &User| seen.external_id.as_deref() == Some(external_id);
    let key = [external_id.into_datum()];
    USER_BY_EXTERNAL_ID.with(|users| users.first_again(latest, &key, seen, is_it, user))
}

fn linked_user(latest: &Latest, issuer: &str, subject: &str) -> Result<Option<UserId>> {
    let key = [issuer.into_datum(), subject.into_datum()];
    USER_OF_IDENTITY.with(|identities| identities.first(latest, &key, |row| row.uuid(0).map(UserId::from)))
}

fn is_linked_elsewhere(latest: &Latest, user_id: UserId, issuer: &str, subject: &str) -> Result<bool> {
    let (mut linked, mut linked_here) = (false, false);
    IDENTITIES_OF_USER.with(|identities| {
        identities.each(latest, &[uuid_in_place(user_id.as_uuid())], |row| {
            linked = true;
            linked_here = row.text(0)? == Some(issuer) && row.text(1)? == Some(subject);
            Ok(if linked_here { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })
    })?;
    Ok(linked && !linked_here)
}

/// A user to be: whom an issuer has named for the first time.
pub struct Newcomer<'a> {
    pub issuer: &'a str,
    pub subject: &'a str,
    pub subject_is: SubjectIs,
    /// An address that the issuer has verified.
    pub verified_email: Option<&'a str>,
    /// Whether the address may link the subject to a user that is there.
    pub link: bool,
}

/// Creates the user that an issuer has named for the first time, linked to it, or links it to the user with its
/// address. Does nothing where somebody else just did, or on a standby.
///
/// By a transaction of its own: whoever sees the same subject or address shall not wait until a client ends its
/// transaction, and gateways begin one READ ONLY for each GET, while whoever has just signed up reads first.
pub fn provision(newcomer: &Newcomer<'_>) -> Result<()> {
    let Newcomer { issuer, subject, subject_is, verified_email, link } = *newcomer;
    let id = match (subject_is, UserId::parse(subject)) {
        // What is no id can be no user.
        (SubjectIs::UserId, None) => return Ok(()),
        // An external id that is a UUID is the user's id: see the constraint on warden.users.
        (SubjectIs::UserId | SubjectIs::ExternalId, Some(id)) => Some(id),
        (SubjectIs::ExternalId, None) | (SubjectIs::Subject, _) => None,
    };
    if autonomous::cannot_write() {
        return Ok(());
    }
    let arguments = json!({
        "issuer": issuer,
        "subject": subject,
        "id": id,
        "external_id": (subject_is == SubjectIs::ExternalId).then_some(subject),
        "email": verified_email,
        "link": link,
    });
    autonomous::run(Task::ProvisionUser, arguments)?;
    Ok(())
}

fn user(row: &Row<'_>) -> Result<User> {
    let kind = row.text(8)?;
    Ok(User {
        id: row.uuid(0)?.into(),
        external_id: row.text(1)?.map(Rc::from),
        roles: row.texts(2)?.into(),
        scopes: row.texts(7)?.into(),
        active: row.text(3)? == Some("active"),
        tokens_valid_after: row.time(4)?.unwrap_or(i64::MAX),
        kept_session: row.text(6)?.map(SessionId::from),
        is_agent: kind == Some("agent"),
        is_service: kind == Some("service"),
        linked: row.get(5)?.unwrap_or(true),
        linked_elsewhere: false,
    })
}
