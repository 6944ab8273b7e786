//! The record of what was changed, written in the transaction that changes it.

use crate::error::{Error, Result};
use crate::identity::Identity;
use crate::ids::{SessionId, TenantId, UserId};
use crate::{caller, door, sealed, spi};
use pgrx::JsonB;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::cell::RefCell;

/// Who says it: the extension about itself, or the application.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub enum Source {
    #[serde(rename = "pg_warden")]
    Warden,
    #[serde(rename = "application")]
    Application,
}

/// Why somebody does what is kept for good.
///
/// # Errors
/// 22023 where `reason` says nothing, or too much; `what` begins the message.
pub fn require_reason<'a>(reason: &'a str, what: &str) -> Result<&'a str> {
    let reason = reason.trim();
    if reason.is_empty() || reason.len() > LONGEST_REASON {
        return Err(Error::invalid(
            format!("{what} needs a reason"),
            format!("Say why, in at most {LONGEST_REASON} bytes; it is kept in the audit log."),
        ));
    }
    Ok(reason)
}

/// In bytes.
const LONGEST_REASON: usize = 1000;

/// Who acts: the identity of a transaction, and the role of its client.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Who {
    database_role: String,
    user_id: Option<UserId>,
    actor_id: Option<UserId>,
    tenant_id: Option<TenantId>,
    session_id: Option<SessionId>,
}

thread_local! {
    /// On whose behalf a background worker writes: it has neither an identity nor a client of its own.
    static ON_BEHALF_OF: RefCell<Option<Who>> = const { RefCell::new(None) };
}

impl Who {
    /// Who acts in the current transaction.
    pub fn now() -> Self {
        if let Some(who) = ON_BEHALF_OF.with_borrow(Clone::clone) {
            return who;
        }
        let nobody =
            Self { database_role: caller::name(), user_id: None, actor_id: None, tenant_id: None, session_id: None };
        sealed::with_identity(|identity| nobody.clone().with(identity))
            // Nobody's rows are meant, but whose token `begin_admin` was given is who does it.
            .unwrap_or_else(|| Self { actor_id: door::person().map(|person| person.id()), ..nobody })
    }

    fn with(self, identity: &Identity) -> Self {
        Self {
            user_id: Some(identity.user_id),
            actor_id: Some(identity.actor_id),
            tenant_id: identity.tenant_id,
            session_id: identity.session_id.clone(),
            ..self
        }
    }

    /// From here on the process writes on behalf of this one. Only for a background worker, which ends with its write.
    pub fn speak_for(self) {
        ON_BEHALF_OF.set(Some(self));
    }
}

/// One row of the audit log. Who acts comes from the transaction, never from an argument.
#[derive(Debug, Serialize, Deserialize)]
pub struct Record {
    source: Source,
    action: String,
    object: Option<String>,
    /// JSON as text: a number or a depth that Rust does not read stays what it is.
    detail: String,
    #[serde(flatten)]
    who: Who,
}

/// Writes one row about the extension itself.
///
/// `action` is the SQL name of the function, `object` what it was done to, `detail` whatever else a
/// reader needs; no secrets.
pub fn record(action: &str, object: Option<&str>, detail: Value) -> Result<()> {
    Record::now(Source::Warden, action, object, detail).write()
}

impl Record {
    /// A record of the current transaction's identity and client role.
    pub fn now(source: Source, action: &str, object: Option<&str>, detail: Value) -> Self {
        Self::with_text(source, action, object, detail.to_string())
    }

    /// As `now`, with a detail that is JSON as text.
    pub fn with_text(source: Source, action: &str, object: Option<&str>, detail: String) -> Self {
        Self { source, action: action.to_owned(), object: object.map(str::to_owned), detail, who: Who::now() }
    }

    /// Names who acts, where the transaction itself has no identity.
    pub fn by(self, actor: UserId) -> Self {
        Self { who: Who { actor_id: Some(actor), ..self.who }, ..self }
    }

    /// Names an identity that the transaction has just left.
    pub fn of(self, identity: &Identity) -> Self {
        Self { who: self.who.with(identity), ..self }
    }

    /// Names for whom the actor of this transaction acts from here on.
    pub fn acting_for(self, user: UserId) -> Self {
        Self { who: Who { user_id: Some(user), ..self.who }, ..self }
    }

    /// Inserts the record in the current transaction.
    pub fn write(&self) -> Result<()> {
        let values = serde_json::to_value(self)
            .map_err(|error| Error::internal(format!("a record could not be written: {error}")))?;
        spi::write(
            "INSERT INTO warden.audit_records
                 (source, action, object, detail, database_role, user_id, actor_id, tenant_id, session_id)
             SELECT r.source, r.action, r.object, r.detail::jsonb, r.database_role, r.user_id, r.actor_id, r.tenant_id, r.session_id
             FROM jsonb_to_record($1) AS r (source text, action text, object text, detail text,
                 database_role text, user_id uuid, actor_id uuid, tenant_id uuid, session_id text)",
            &[JsonB(values).into()],
        )?;
        Ok(())
    }
}
