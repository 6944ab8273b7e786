//! What the transaction under way has been authenticated by, for what outlives it: that asks whether it is good still.
//!
//! Kept outside of the settings, by the transaction's local id, and only added to: ROLLBACK TO goes back to an earlier
//! identity, and nothing shown since makes that one good. So all that a user has shown has to be. A credential that was
//! declined is none: another user's does not vouch for anybody.

use crate::bearer::{Bearer, Named};
use crate::error::{Error, Result, or_raise};
use crate::ids::UserId;
use crate::lookup::uuid_datum;
use crate::spi::Statement;
use crate::{elevated, sealed, transaction};
use pgrx::JsonB;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::prelude::*;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;
use uuid::Uuid;

/// A credential, as far as it can be revoked.
#[derive(PartialEq, Eq, Hash)]
pub struct Shown {
    /// For whom it speaks.
    user_id: UserId,
    named: Rc<Named>,
    key: Option<ShownKey>,
    certificate: Option<ShownKey>,
}

/// An API key, or the certificate of a device.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ShownKey {
    pub id: Uuid,
    pub expires_at: Option<i64>,
}

/// What a transaction has shown.
#[derive(Default)]
struct All {
    /// The local id of the transaction.
    of: u32,
    /// Apart: nearly every transaction shows one, which then needs no hash.
    first: Option<Shown>,
    others: HashSet<Shown>,
}

thread_local! {
    static SHOWN: RefCell<All> = RefCell::default();
}

impl Shown {
    pub fn of(bearer: &Bearer) -> Self {
        Self { user_id: bearer.user.id, named: Rc::clone(&bearer.named), key: bearer.key, certificate: None }
    }

    pub fn of_certificate(user_id: UserId, certificate: ShownKey) -> Self {
        Self { user_id, named: Rc::default(), key: None, certificate: Some(certificate) }
    }

    /// Remembers it: the transaction acts by it.
    #[inline(always)]
    pub fn note(self) {
        let transaction = transaction::local_id();
        SHOWN.with_borrow_mut(|all| {
            if all.of != transaction {
                all.of = transaction;
                all.first = Some(self);
                if !all.others.is_empty() {
                    all.others.clear();
                }
            } else if all.first.as_ref() != Some(&self) {
                all.others.insert(self);
            }
        });
    }

    fn to_json(&self) -> Value {
        json!({
            "user_id": self.user_id.to_string(), "session": self.named.session_id, "issuer": self.named.issuer.as_deref(),
            "jti": self.named.jti.as_deref(), "key_id": self.key.map(|key| key.id.to_string()),
            "certificate_id": self.certificate.map(|certificate| certificate.id.to_string()),
        })
    }
}

/// What this transaction has been authenticated by. See the comment on the SQL function.
#[pg_extern(schema = "warden", volatile, parallel_unsafe)]
fn shown_credentials() -> JsonB {
    JsonB(Value::Array(of_the_user(Shown::to_json)))
}

/// The end of the key or certificate that this transaction has authenticated by, the first of several: what is made by
/// one does not outlive it. NULL where there is none, or no end of it.
#[pg_extern(schema = "warden", volatile, parallel_unsafe)]
fn shown_key_ends_at() -> Option<TimestampWithTimeZone> {
    let end = of_the_user(|shown| shown.key.or(shown.certificate)?.expires_at).into_iter().flatten().min();
    let timestamp = |end| TimestampWithTimeZone::try_from(end).map_err(|_| Error::internal("a key has no usable end"));
    end.map(|end| or_raise(timestamp(end)))
}

/// Whether the credential of this transaction is good still. See the comment on the SQL function.
#[pg_extern(schema = "warden", volatile, parallel_unsafe)]
fn is_shown_credential_good() -> bool {
    let actor_id = sealed::with_identity(|identity| identity.actor_id);
    actor_id.is_some_and(|actor_id| or_raise(are_good(actor_id)))
}

/// Whether what the transaction was authenticated by would be accepted still, also where the transaction sees what was
/// committed long ago: an identity lasts, what begins anew does not.
pub fn are_good(actor_id: UserId) -> Result<bool> {
    thread_local! {
        static IS_GOOD: Statement = const {
            Statement::new(c"SELECT warden.is_credential_good($1, warden.credential_in_use())", &[pg_sys::UUIDOID])
        };
    }
    let good = elevated::with_rights_of_extension(|| {
        IS_GOOD.with(|statement| statement.first(&[uuid_datum(actor_id.as_uuid())], |row| row.get::<bool>(1)))
    })?;
    Ok(good.flatten().unwrap_or(false))
}

/// Of each credential of the user who acts, or for whom somebody acts; with `warden.allow_identity_switch` there are
/// others'.
fn of_the_user<R>(answer: impl Fn(&Shown) -> R) -> Vec<R> {
    let users = sealed::with_identity(|identity| [identity.user_id, identity.actor_id]);
    let transaction = transaction::local_id();
    SHOWN.with_borrow(|all| {
        let shown = all.first.iter().chain(&all.others).filter(|_| all.of == transaction);
        shown.filter(|shown| users.is_some_and(|users| users.contains(&shown.user_id))).map(answer).collect()
    })
}
