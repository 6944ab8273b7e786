//! Who a credential speaks for: a bearer token (RFC 6750), or an API key in its place.

use crate::address::Network;
use crate::agents::Bounds;
use crate::directory::User;
use crate::error::Error;
use crate::ids::{SessionId, TenantId};
use crate::permissions::Limits;
use crate::shown::ShownKey;
use crate::{api_keys, tokens};
use std::rc::Rc;

/// The users that a credential speaks for, and what it grants.
pub struct Bearer {
    pub user: User,
    /// Who acts, where it is not the user itself.
    pub actor: Option<User>,
    /// Who else bounds what it grants.
    pub bounds: Bounds,
    /// In microseconds since 2000-01-01 UTC.
    pub expires_at: i64,
    pub tenant_id: Option<TenantId>,
    /// Whether it is a token of this database.
    pub is_own: bool,
    /// The claim `iat` of a token, in microseconds since 2000-01-01 UTC.
    pub issued_at: Option<i64>,
    /// Where it is an API key.
    pub key: Option<ShownKey>,
    /// What it narrows the scopes of the user to.
    pub limits: Rc<Limits>,
    pub named: Rc<Named>,
}

/// What a credential names: for the log, and for whoever asks later whether it is good still.
#[derive(Default, PartialEq, Eq, Hash)]
pub struct Named {
    pub issuer: Option<Rc<str>>,
    pub subject: Option<Rc<str>>,
    pub session_id: Option<SessionId>,
    /// The claim `jti` of a token.
    pub jti: Option<Rc<str>>,
}

/// Why a credential is refused: a stable word for the log, and what the log may say besides.
pub struct Refused {
    pub reason: &'static str,
    pub named: Rc<Named>,
}

/// A refusal, or an error of the server's own.
pub enum Failure {
    Refused(Refused),
    /// The address that the credential states is banned.
    Banned(Network),
    Error(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl Named {
    /// The refusal of what is named so.
    pub fn refused(self: &Rc<Self>, reason: &'static str) -> Failure {
        Failure::Refused(Refused { reason, named: Rc::clone(self) })
    }
}

/// Whether what a first use writes is written: an unknown subject of an issuer that provisions becomes a user, and a
/// key is noted as used.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum FirstSight {
    Provision,
    OnlyLook,
}

/// Verifies a credential and finds its user, by the clock of the call.
#[inline(always)]
pub fn bearer(credential: &str, first_sight: FirstSight) -> Result<Bearer, Failure> {
    if api_keys::is_key(credential) {
        api_keys::bearer(credential, first_sight)
    } else {
        tokens::bearer(credential, first_sight)
    }
}
