//! Who a transaction acts for: `authenticate`, `set_current_user`, `sign_out`, `require_user`.
//!
//! What runs in every transaction is not SECURITY DEFINER: it reads the extension's tables past the
//! rights of the caller (`lookup/`), and takes the rights of the extension only where it needs them
//! (`elevated.rs`).

#![allow(unsafe_code)]

use crate::bearer::{Bearer, Failure, FirstSight, Named, bearer};
use crate::caller::{self, Kind};
use crate::directory::{self, User};
use crate::error::{Error, Result, or_raise};
use crate::identity::Identity;
use crate::ids::{TenantId, UserId};
use crate::permissions::{self, Granted, Limits};
use crate::shown::{Shown, ShownKey};
use crate::tenants::{self, Membership};
use crate::transaction::{self, Attempt};
use crate::{
    agents, api_keys, bans, clock, device_certificates, hooks, issuers, jwt, refusals, sealed, settings, tokens,
};
use pgrx::prelude::*;
use pgrx::{Inet, JsonB};
use std::rc::Rc;

/// Acts for the user of a bearer token. See the comment on the SQL function.
#[pg_extern(schema = "warden", volatile, parallel_unsafe)]
fn authenticate(
    token: Option<&str>,
    client_ip: default!(Option<Inet>, "NULL"),
    tenant_id: default!(Option<pgrx::Uuid>, "NULL"),
) -> pgrx::Uuid {
    hooks::hide_statement();
    let tenant_id = tenant_id.map(TenantId::from_pgrx);
    or_raise(sign_in("authenticate", token.unwrap_or_default(), client_ip.as_ref(), tenant_id)).to_pgrx()
}

/// What `authenticate` and the functions of gateways do; `function` is the one that was called.
#[inline(always)]
pub fn sign_in(function: &str, token: &str, client_ip: Option<&Inet>, tenant_id: Option<TenantId>) -> Result<UserId> {
    caller::require_row_security()?;
    transaction::warn_outside_block(function);
    let attempt = Attempt::begin()?;
    bans::refuse_banned(function, client_ip)?;
    let refused = |refused| refuse(function, refused, client_ip);
    let bearer = bearer(token, FirstSight::Provision).map_err(refused)?;
    let (tenant_id, roles_in_tenant) = tenant(&bearer, tenant_id).map_err(refused)?;
    let shown = Shown::of(&bearer);
    let Bearer { mut user, actor, bounds, expires_at, limits, named, .. } = bearer;
    user.roles = tenants::join_roles(&user.roles, roles_in_tenant);
    let bounds = bounds.in_tenant(&mut user, tenant_id, &named).map_err(refused)?;
    let Granted { scopes: granted, reads_only } = permissions::granted(&user, tenant_id, &limits, bounds.users())?;
    let identity = Identity {
        serial: attempt.serial(),
        expires_at: expires_at.min(clock::now() + settings::max_identity_age()),
        user_id: user.id,
        actor_id: actor.map_or(user.id, |actor| actor.id),
        tenant_id,
        session_id: named.session_id.clone(),
        external_id: user.external_id,
        roles: user.roles,
        granted,
        reads_only,
        lends: bounds.lends(),
    };
    attempt.succeed(&identity)?;
    shown.note();
    Ok(identity.user_id)
}

/// Acts for a user whom a trusted role has verified itself. See the comment on the SQL function.
#[pg_extern(schema = "warden", volatile, parallel_unsafe)]
fn set_current_user(
    user_id: Option<pgrx::Uuid>,
    tenant_id: default!(Option<pgrx::Uuid>, "NULL"),
    client_ip: default!(Option<Inet>, "NULL"),
) -> pgrx::Uuid {
    or_raise(state("set_current_user", tenant_id, client_ip.as_ref(), || match user_id {
        Some(user_id) => Stated::user(directory::find_by_id(UserId::from_pgrx(user_id))?),
        None => Stated::user(None),
    }))
    .to_pgrx()
}

/// As `set_current_user`, by external id. See the comment on the SQL function.
#[pg_extern(schema = "warden", volatile, parallel_unsafe)]
fn set_current_external_user(
    external_id: Option<&str>,
    tenant_id: default!(Option<pgrx::Uuid>, "NULL"),
    client_ip: default!(Option<Inet>, "NULL"),
) -> pgrx::Uuid {
    or_raise(state("set_current_external_user", tenant_id, client_ip.as_ref(), || match external_id {
        Some(external_id) => Stated::user(directory::find_by_external_id(external_id)?),
        None => Stated::user(None),
    }))
    .to_pgrx()
}

/// As `set_current_user`, by the certificate of a device. See the comment on the SQL function.
#[pg_extern(schema = "warden", volatile, parallel_unsafe)]
fn set_current_device(
    fingerprint: Option<&str>,
    tenant_id: default!(Option<pgrx::Uuid>, "NULL"),
    client_ip: default!(Option<Inet>, "NULL"),
) -> pgrx::Uuid {
    or_raise(state("set_current_device", tenant_id, client_ip.as_ref(), || {
        let (user, certificate, named) = device_certificates::find(fingerprint.unwrap_or_default())?;
        Ok(Stated { user, certificate: Some(certificate), named })
    }))
    .to_pgrx()
}

/// Ends the identity for the rest of the transaction; whether there was one.
#[pg_extern(schema = "warden", volatile, parallel_unsafe)]
fn sign_out() -> bool {
    let signed_in = !matches!(sealed::standing(), sealed::Standing::Nobody);
    sealed::clear();
    signed_in
}

/// Whether the transaction acts for this user; refused otherwise.
#[pg_extern(schema = "warden", stable, parallel_safe, name = "require_user")]
fn require_user(user_id: Option<pgrx::Uuid>) -> bool {
    or_raise(require(|identity| user_id.map(UserId::from_pgrx) == Some(identity.user_id)))
}

/// As `require_user`, for an id in text form.
#[pg_extern(schema = "warden", stable, parallel_safe, name = "require_user")]
fn require_user_text(user_id: Option<&str>) -> bool {
    or_raise(require(|identity| {
        user_id.is_some_and(|id| {
            UserId::parse(id) == Some(identity.user_id) || identity.external_id.as_deref() == Some(id)
        })
    }))
}

/// The claims of a valid token. See the comment on the SQL function.
#[pg_extern(schema = "warden", volatile, parallel_unsafe, security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn verify_token(token: Option<&str>) -> JsonB {
    hooks::hide_statement();
    or_raise((|| {
        let claims =
            tokens::claims(token.unwrap_or_default()).map_err(|failure| refuse("verify_token", failure, None))?;
        Ok(JsonB(serde_json::Value::Object(claims.json().clone())))
    })())
}

/// Every check of a token with its result. See the comment on the SQL function.
#[pg_extern(schema = "warden", volatile, parallel_unsafe, security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn explain_token(
    token: Option<&str>,
) -> TableIterator<'static, (name!(check, String), name!(passed, bool), name!(detail, String))> {
    hooks::hide_statement();
    TableIterator::new(or_raise(explain(token.unwrap_or_default())))
}

/// The checks of the token itself, then those of the directory.
fn explain(token: &str) -> Result<Vec<(String, bool, String)>> {
    issuers::require_administrator()?;
    if api_keys::is_key(token) {
        return explain_bearer(token, "key");
    }
    let now = clock::to_unix_seconds(clock::now());
    // Looked up beforehand: the pure module calls back, and must not meet an error of Postgres.
    let named = jwt::parse(token).ok().and_then(|token| token.issuer().map(str::to_owned));
    let issuer = named.map(|name| issuers::find(&name)).transpose()?.flatten();
    let checks = jwt::explain(token, now, &|_| {
        issuer.as_ref().map(|issuer| (std::sync::Arc::clone(&issuer.keys), issuer.rules.clone()))
    });
    let verified = checks.iter().all(|check| check.passed);
    let provisions = issuer.as_ref().is_some_and(|issuer| issuer.provision);
    let mut rows: Vec<_> =
        checks.into_iter().map(|check| (check.check.to_owned(), check.passed, check.detail)).collect();
    if verified {
        let mut found = explain_bearer(token, "user")?;
        if let [(_, passed, detail)] = found.as_mut_slice()
            && detail == "unknown user"
            && provisions
        {
            let links = issuer.as_ref().is_some_and(|issuer| issuer.link_verified_email);
            *passed = true;
            *detail = format!("unknown so far, would be created{}", if links { " or linked by its email" } else { "" });
        }
        rows.extend(found);
    }
    Ok(rows)
}

/// What the directory says of a credential that is good as far as it goes, and of the tenant that it names.
fn explain_bearer(credential: &str, check: &str) -> Result<Vec<(String, bool, String)>> {
    let row = |check: &str, explained: std::result::Result<String, Failure>| match explained {
        Ok(detail) => Ok((check.to_owned(), true, detail)),
        Err(Failure::Refused(refused)) => Ok((check.to_owned(), false, refused.reason.replace('_', " "))),
        Err(Failure::Banned(address)) => Ok(("address".to_owned(), false, format!("{address} is banned"))),
        Err(Failure::Error(error)) => Err(error),
    };
    let bearer = match bearer(credential, FirstSight::OnlyLook) {
        Ok(bearer) => bearer,
        Err(failure) => return Ok(vec![row(check, Err(failure))?]),
    };
    let mut rows = vec![row(check, Ok(format!("user {} is active", bearer.user.id)))?];
    if let Some(tenant_id) = bearer.tenant_id
        && tenants::are_there()?
    {
        let member = tenant(&bearer, None).map(|_| format!("the user is a member of tenant {tenant_id}"));
        rows.push(row("tenant", member)?);
    }
    Ok(rows)
}

/// The active user that a trusted role states, and the certificate by which, where it does so by one.
struct Stated {
    user: User,
    certificate: Option<ShownKey>,
    named: Rc<Named>,
}

impl Stated {
    fn user(found: Option<User>) -> std::result::Result<Self, Failure> {
        let named = Rc::<Named>::default();
        let active = found.filter(|user| user.active);
        let user = active.ok_or_else(|| named.refused("user_unknown_or_not_active"))?;
        Ok(Self { user, certificate: None, named })
    }
}

fn state(
    function: &str,
    tenant_id: Option<pgrx::Uuid>,
    client_ip: Option<&Inet>,
    find: impl FnOnce() -> std::result::Result<Stated, Failure>,
) -> Result<UserId> {
    caller::require(Kind::Trusted)?;
    caller::require_row_security()?;
    transaction::warn_outside_block(function);
    let attempt = Attempt::begin()?;
    bans::refuse_banned(function, client_ip)?;
    let Stated { mut user, certificate, named } = find().map_err(|failure| refuse(function, failure, client_ip))?;
    let tenant_id = tenant_id.map(TenantId::from_pgrx);
    let roles_in_tenant = match tenant_id.map(|tenant_id| tenants::membership(tenant_id, user.id)).transpose()? {
        None | Some(Membership::NoTenants) => Vec::new(),
        Some(Membership::Member(roles)) => roles,
        Some(Membership::Refused(reason)) => {
            refusals::log(function, reason, &[]);
            return Err(Error::Unauthenticated);
        }
    };
    user.roles = tenants::join_roles(&user.roles, roles_in_tenant);
    let bounds = agents::bounds(&user, None, &named).and_then(|bounds| bounds.in_tenant(&mut user, tenant_id, &named));
    let bounds = bounds.map_err(|failure| refuse(function, failure, None))?;
    let Granted { scopes: granted, reads_only } =
        permissions::granted(&user, tenant_id, &Limits::none(), bounds.users())?;
    let longest = clock::now() + settings::max_identity_age();
    let identity = Identity {
        serial: attempt.serial(),
        expires_at: certificate.and_then(|shown| shown.expires_at).map_or(longest, |end| end.min(longest)),
        user_id: user.id,
        actor_id: user.id,
        tenant_id,
        session_id: None,
        external_id: user.external_id,
        roles: user.roles,
        granted,
        reads_only,
        lends: bounds.lends(),
    };
    attempt.succeed(&identity)?;
    if let Some(certificate) = certificate {
        Shown::of_certificate(identity.user_id, certificate).note();
    }
    Ok(identity.user_id)
}

/// The tenant to act in, with the user's roles there: the token's, or the one that the caller names; where
/// both name one, the same.
///
/// A database without tenants takes the word of the issuer for it, and nobody else's.
#[inline(always)]
fn tenant(bearer: &Bearer, asked: Option<TenantId>) -> std::result::Result<(Option<TenantId>, Vec<String>), Failure> {
    let (said, refused) = (bearer.tenant_id, |reason| Err(bearer.named.refused(reason)));
    if said.is_some() && asked.is_some() && asked != said {
        return refused("tenant_not_in_token");
    }
    let Some(tenant_id) = said.or(asked) else { return Ok((None, Vec::new())) };
    match tenants::membership(tenant_id, bearer.user.id)? {
        Membership::NoTenants if said.is_none() => refused("tenant_not_in_token"),
        Membership::NoTenants => Ok((said, Vec::new())),
        Membership::Member(roles) => Ok((Some(tenant_id), roles)),
        Membership::Refused(reason) => refused(reason),
    }
}

/// Logs why, and answers the one error that every refusal of a credential is.
fn refuse(function: &str, failure: Failure, client_ip: Option<&Inet>) -> Error {
    match failure {
        Failure::Error(error) => error,
        Failure::Banned(address) => bans::refusal(function, &address.to_string()),
        Failure::Refused(refused) => {
            let fields = [
                ("issuer", refused.named.issuer.as_deref()),
                ("subject", refused.named.subject.as_deref()),
                ("client_ip", client_ip.map(|address| address.0.as_str())),
            ];
            refusals::log(function, refused.reason, &fields);
            Error::Unauthenticated
        }
    }
}

fn require(matches: impl FnOnce(&Identity) -> bool) -> Result<bool> {
    if let sealed::Standing::Expired = sealed::standing() {
        return Err(Error::IdentityExpired);
    }
    if sealed::with_identity(matches).unwrap_or(false) {
        return Ok(true);
    }
    Err(Error::forbidden("this is not the signed-in user", ""))
}
