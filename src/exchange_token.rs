//! A token of this database for another one (RFC 8693): `exchange_token`.

use crate::autonomous::{self, Task};
use crate::bearer::{Bearer, Failure, FirstSight, bearer};
use crate::error::{Error, Result, or_raise};
use crate::grant::{self, Answer, Denied, Granted, denied_by_task, deny};
use crate::ids::SessionId;
use crate::login::seconds;
use crate::permissions;
use crate::signing_keys::{self, AccessToken};
use crate::{api_keys, bans, clock, hooks, sessions, settings};
use pgrx::prelude::*;
use serde_json::json;
use std::cell::RefCell;
use uuid::Uuid;

/// A token for a token. See the comment on the SQL function.
#[pg_extern(schema = "warden", volatile, parallel_unsafe, security_definer)]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::type_complexity)]
fn exchange_token(
    subject_token: Option<&str>,
    scopes: default!(Option<Vec<Option<String>>>, "NULL"),
    expires_in: default!(Option<Interval>, "NULL"),
) -> TableIterator<
    'static,
    (
        name!(access_token, Option<String>),
        name!(issued_token_type, Option<String>),
        name!(token_type, Option<String>),
        name!(expires_in, Option<i32>),
        name!(scope, Option<String>),
        name!(error, Option<String>),
        name!(error_description, Option<String>),
    ),
> {
    hooks::hide_statement();
    let answer = or_raise(exchange(subject_token.unwrap_or_default(), scopes, expires_in));
    let issued_token_type = answer.is_ok().then(|| ACCESS_TOKEN.to_owned());
    let (access_token, token_type, expires_in, _, scope, error, description, _) = grant::row(answer);
    TableIterator::once((access_token, issued_token_type, token_type, expires_in, scope, error, description))
}

fn exchange(token: &str, scopes: Option<Vec<Option<String>>>, expires_in: Option<Interval>) -> Result<Answer> {
    signing_keys::require_key()?;
    if token.is_empty() {
        return Ok(Err(Denied::InvalidRequest("a subject token is needed")));
    } else if api_keys::is_key(token) {
        return Ok(Err(Denied::InvalidRequest("an API key is used as it is")));
    }
    let asked_for = match expires_in {
        None => i64::from(settings::access_token_lifetime()),
        Some(interval) => whole_seconds(interval),
    };
    if asked_for < 1 {
        return Ok(Err(Denied::InvalidRequest("the token would have expired")));
    }
    let subject = match bearer(token, FirstSight::Provision) {
        Ok(subject) => subject,
        Err(Failure::Error(error)) => return Err(error),
        Err(Failure::Banned(address)) => return Err(bans::refusal("exchange_token", &address.to_string())),
        Err(Failure::Refused(why)) => {
            let fields = [("issuer", why.named.issuer.as_deref()), ("subject", why.named.subject.as_deref())];
            return deny("exchange_token", Denied::InvalidGrant, why.reason, &fields);
        }
    };
    let user_id = subject.user.id.to_string();
    let fields = [("subject", Some(user_id.as_str()))];
    let granted = grantable(&subject)?;
    let scopes = match grant::narrow(granted, scopes)? {
        Ok(scopes) => scopes,
        Err(denied) => return deny("exchange_token", denied, "invalid_scope", &fields),
    };
    let (parent_id, ends_in) = parent(&subject)?;
    let expires_in = asked_for.min(i64::from(settings::exchange_lifetime())).min(ends_in);
    let Some(expires_in) = i32::try_from(expires_in).ok().filter(|&left| left > 0) else {
        return deny("exchange_token", Denied::InvalidGrant, "session_over", &fields);
    };
    let answer = autonomous::run(
        Task::BeginSession,
        json!({
            "user_id": user_id, "kind": "exchange", "scopes": scopes, "parent_id": parent_id,
            // Between here and the task it may be revoked.
            "subject": {
                "issuer": subject.named.issuer.as_deref(), "jti": subject.named.jti.as_deref(),
                "issued_at": subject.issued_at.map(clock::to_unix_seconds), "session": subject.named.session_id,
            },
            "lifetime": seconds(expires_in), "idle_timeout": seconds(0),
            "max_sessions": settings::max_sessions(), "evict": settings::evict_sessions(),
        }),
    )?;
    let Some(session_id) = answer["session_id"].as_str().map(SessionId::from) else {
        let reason = answer["error"].as_str().unwrap_or_default();
        return deny("exchange_token", denied_by_task(reason), reason, &fields);
    };
    let access_token = signing_keys::issue(&AccessToken {
        user_id: subject.user.id,
        session_id,
        scopes: &scopes,
        expires_in,
        // What the token was limited to, or who used it for the user, is not left behind.
        tenant_id: subject.tenant_id,
        actor_id: subject.actor.map(|actor| actor.id),
    })?;
    Ok(Ok(Granted { access_token, expires_in, refresh_token: None, scopes }))
}

/// The scopes that a transaction of this token would hold: what its client may not have is not left behind either.
fn grantable(subject: &Bearer) -> Result<Vec<String>> {
    Ok(permissions::granted(&subject.user, subject.tenant_id, &subject.limits, subject.bounds.users())?.scopes.to_vec())
}

/// The session of a token of our own, and the seconds that it lasts.
fn parent(subject: &Bearer) -> Result<(Option<Uuid>, i64)> {
    if !subject.is_own {
        return Ok((None, i64::MAX));
    }
    let id = subject.named.session_id.as_ref().and_then(SessionId::to_uuid);
    let session = id.map(|id| sessions::find(id, &RefCell::default())).transpose()?.flatten();
    let session = session.ok_or_else(|| Error::internal("a token of ours has no session"))?;
    Ok((id, (session.over_at - clock::now()).div_euclid(1_000_000)))
}

fn whole_seconds(interval: Interval) -> i64 {
    (interval.as_micros() / 1_000_000).clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
}

const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
