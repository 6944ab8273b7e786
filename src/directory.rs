//! Looking a subject up: the user it names, its status, and whether the issuer may speak for it.
//!
//! Read at every authentication with the latest snapshot, never cached: a suspension, a deletion or
//! a distrusted issuer is felt by the next transaction, also under REPEATABLE READ.

#![allow(unsafe_code)]

use crate::audit;
use crate::error::{Error, Result};
use crate::spi::{self, Row, Statement};
use pgrx::prelude::*;
use pgrx::{IntoDatum, pg_sys::Datum};
use serde_json::json;
use uuid::Uuid;

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
pub struct User {
    pub id: Uuid,
    pub external_id: Option<String>,
    pub roles: Vec<String>,
    pub active: bool,
    /// Microseconds since 2000-01-01 UTC; tokens issued before are refused.
    pub tokens_valid_after: i64,
    /// Whether the issuer may speak for the user: it is linked to this issuer and subject, or to none at all.
    pub linked_elsewhere: bool,
}

/// What the directory says of an issuer's subject.
pub struct Found {
    /// The issuer's keys and rules as they are now; what was verified under others is void.
    pub generation: Uuid,
    pub user: Option<User>,
}

/// The columns of a user, the first being the issuer's generation (or NULL where no issuer is asked).
macro_rules! user_columns {
    () => {
        "u.id, u.external_id, u.roles, u.status OPERATOR(pg_catalog.=) 'active', u.tokens_valid_after"
    };
}

/// Finds a subject named directly, as a user of the directory. Users linked to an issuer can only be
/// named by an issuer and subject they are linked to.
macro_rules! find_named {
    ($key:literal) => {
        concat!(
            "SELECT i.generation, ",
            user_columns!(),
            ", ",
            "EXISTS (SELECT FROM warden.identities l WHERE l.user_id OPERATOR(pg_catalog.=) u.id) ",
            "AND NOT EXISTS (SELECT FROM warden.identities l WHERE l.issuer OPERATOR(pg_catalog.=) $1 ",
            "AND l.subject OPERATOR(pg_catalog.=) $2 AND l.user_id OPERATOR(pg_catalog.=) u.id) ",
            "FROM warden.trusted_issuers i LEFT JOIN warden.users u ON ",
            $key,
            " WHERE i.issuer OPERATOR(pg_catalog.=) $1\0"
        )
    };
}

thread_local! {
    static BY_USER_ID: Statement = const { Statement::new(
        c_text(find_named!("u.id OPERATOR(pg_catalog.=) $3")),
        &[pg_sys::TEXTOID, pg_sys::TEXTOID, pg_sys::UUIDOID],
    ) };
    static BY_EXTERNAL_ID: Statement = const { Statement::new(
        c_text(find_named!("u.external_id OPERATOR(pg_catalog.=) $2")),
        &[pg_sys::TEXTOID, pg_sys::TEXTOID],
    ) };
    static BY_SUBJECT: Statement = const { Statement::new(
        c_text(concat!(
            "SELECT i.generation, ", user_columns!(), ", false FROM warden.trusted_issuers i ",
            "LEFT JOIN (warden.identities l JOIN warden.users u ON u.id OPERATOR(pg_catalog.=) l.user_id) ",
            "ON l.issuer OPERATOR(pg_catalog.=) $1 AND l.subject OPERATOR(pg_catalog.=) $2 ",
            "WHERE i.issuer OPERATOR(pg_catalog.=) $1\0"
        )),
        &[pg_sys::TEXTOID, pg_sys::TEXTOID],
    ) };
    static USER_BY_ID: Statement = const { Statement::new(
        c_text(concat!(
            "SELECT NULL::uuid, ", user_columns!(), ", false FROM warden.users u ",
            "WHERE u.id OPERATOR(pg_catalog.=) $1\0"
        )),
        &[pg_sys::UUIDOID],
    ) };
    static USER_BY_EXTERNAL_ID: Statement = const { Statement::new(
        c_text(concat!(
            "SELECT NULL::uuid, ", user_columns!(), ", false FROM warden.users u ",
            "WHERE u.external_id OPERATOR(pg_catalog.=) $1\0"
        )),
        &[pg_sys::TEXTOID],
    ) };
}

/// The user that a subject of an issuer names; `None` where the issuer is not trusted.
pub fn find_subject(issuer: &str, subject: &str, subject_is: SubjectIs) -> Result<Option<Found>> {
    let (issuer, text) = (issuer.into_datum(), subject.into_datum());
    let map = |row: Row<'_>| {
        let generation = row.get::<pgrx::Uuid>(1)?.ok_or_else(|| Error::internal("an issuer has no generation"))?;
        Ok(Found { generation: Uuid::from_bytes(*generation.as_bytes()), user: user(&row)? })
    };
    match subject_is {
        SubjectIs::UserId => {
            let id = canonical_uuid(subject).and_then(uuid_datum);
            BY_USER_ID.with(|statement| statement.first(&[issuer, text, id], map))
        }
        SubjectIs::ExternalId => BY_EXTERNAL_ID.with(|statement| statement.first(&[issuer, text], map)),
        SubjectIs::Subject => BY_SUBJECT.with(|statement| statement.first(&[issuer, text], map)),
    }
}

/// The user with this id.
pub fn find_by_id(id: Uuid) -> Result<Option<User>> {
    let found = USER_BY_ID.with(|statement| statement.first(&[uuid_datum(id)], |row| user(&row)))?;
    Ok(found.flatten())
}

/// The user with this external id.
pub fn find_by_external_id(external_id: &str) -> Result<Option<User>> {
    let arguments = [external_id.into_datum()];
    let found = USER_BY_EXTERNAL_ID.with(|statement| statement.first(&arguments, |row| user(&row)))?;
    Ok(found.flatten())
}

/// Creates the user that an issuer has named for the first time, linked to it. Does nothing where
/// somebody else just did, or where nothing can be written (a standby, a read-only transaction).
pub fn provision(issuer: &str, subject: &str, subject_is: SubjectIs) -> Result<()> {
    // SAFETY: reads variables.
    if unsafe { pg_sys::RecoveryInProgress() || pg_sys::XactReadOnly } {
        return Ok(());
    }
    let id = match (subject_is, canonical_uuid(subject)) {
        (SubjectIs::UserId, None) => return Ok(()),
        // An external id that is a UUID is the user's id: see the constraint on warden.users.
        (SubjectIs::UserId | SubjectIs::ExternalId, Some(id)) => id,
        (SubjectIs::ExternalId, None) | (SubjectIs::Subject, _) => new_id()?,
    };
    let external_id = (subject_is == SubjectIs::ExternalId).then_some(subject);
    let id = pgrx::Uuid::from_bytes(*id.as_bytes());
    // The user only together with its link: where either exists the statement adds nothing, so that
    // no issuer comes to speak for a user that is there already. The link first (its foreign key is
    // checked when the statement ends): of two transactions that see one subject the second waits for it.
    let added = spi::write(
        "WITH linked AS (
             INSERT INTO warden.identities (issuer, subject, user_id)
             SELECT $3, $4, $1 WHERE NOT EXISTS (
                 SELECT FROM warden.users u WHERE u.id = $1 OR u.external_id = $2)
             ON CONFLICT DO NOTHING RETURNING user_id)
         INSERT INTO warden.users (id, external_id) SELECT user_id, $2 FROM linked RETURNING id",
        &[id.into(), external_id.into(), issuer.into(), subject.into()],
    )?;
    if added > 0 {
        let detail = json!({ "issuer": issuer, "subject": subject });
        audit::record("provision_user", Some(&id.to_string()), detail)?;
    }
    Ok(())
}

/// A UUID in the one form that Postgres prints; any other spelling would be an alias of it.
pub fn canonical_uuid(text: &str) -> Option<Uuid> {
    Uuid::try_parse(text).ok().filter(|id| id.to_string() == text)
}

fn user(row: &Row<'_>) -> Result<Option<User>> {
    let Some(id) = row.get::<pgrx::Uuid>(2)? else { return Ok(None) };
    Ok(Some(User {
        id: Uuid::from_bytes(*id.as_bytes()),
        external_id: row.get(3)?,
        roles: row.get::<Vec<String>>(4)?.unwrap_or_default(),
        active: row.get(5)?.unwrap_or(false),
        tokens_valid_after: row.get::<TimestampWithTimeZone>(6)?.map_or(i64::MAX, |timestamp| timestamp.into_inner()),
        linked_elsewhere: row.get(7)?.unwrap_or(true),
    }))
}

fn uuid_datum(id: Uuid) -> Option<Datum> {
    pgrx::Uuid::from_bytes(*id.as_bytes()).into_datum()
}

/// A random id, from the server's own generator.
fn new_id() -> Result<Uuid> {
    let rows = spi::read("SELECT gen_random_uuid()", &[], |row| Ok(row.get::<pgrx::Uuid>(1)?))?;
    let id = rows.into_iter().flatten().next();
    id.map(|id| Uuid::from_bytes(*id.as_bytes())).ok_or_else(|| Error::internal("no random id could be had"))
}

/// A text that ends in its only NUL as a C text, at compile time.
const fn c_text(text: &'static str) -> &'static std::ffi::CStr {
    match std::ffi::CStr::from_bytes_with_nul(text.as_bytes()) {
        Ok(text) => text,
        // Only reachable at compile time, where it stops the build.
        #[allow(clippy::panic)]
        Err(_) => panic!("a statement must end in its only NUL"),
    }
}
