//! Ending a session by what belongs to it: `logout`.

use crate::autonomous::{self, Task};
use crate::bearer::Failure;
use crate::error::{Result, or_raise};
use crate::ids::{SessionId, UserId};
use crate::login::RefreshToken;
use crate::{api_keys, hooks, issuers, refresh, refusals, sealed, tokens};
use pgrx::prelude::*;
use serde_json::json;

/// Ends a session. See the comment on the SQL function.
#[pg_extern(schema = "warden", volatile, parallel_unsafe, security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn logout(token: default!(Option<&str>, "NULL")) -> bool {
    hooks::hide_statement();
    or_raise(match token {
        None => end_own(),
        Some(token) => end(token),
    })
}

/// Ends the session of the identity, and the identity.
fn end_own() -> Result<bool> {
    let own = sealed::with_identity(|identity| (identity.user_id, identity.session_id.clone()));
    let Some((user_id, Some(session))) = own else { return Ok(false) };
    end_session(user_id, &session)
}

/// Ends what a token belongs to. Nothing is believed of it before it was verified: whoever could end a session by what a
/// forged token says could end anybody's.
fn end(token: &str) -> Result<bool> {
    if let Some(hash) = RefreshToken::hash(token) {
        return match refresh::session_of(&hash)? {
            Some((user_id, session_id)) => end_session(user_id, &session_id),
            None => Ok(refused("unknown_refresh_token")),
        };
    } else if api_keys::is_key(token) {
        return Ok(refused("a_key_has_no_session"));
    }
    let claims = match tokens::claims(token) {
        Ok(claims) => claims,
        Err(Failure::Error(error)) => return Err(error),
        Err(Failure::Banned(_)) => return Ok(refused("banned_address")),
        Err(Failure::Refused(why)) => return Ok(refused(why.reason)),
    };
    let Some(issuer) = issuers::find(claims.issuer())? else { return Ok(refused("unknown_issuer")) };
    if issuer.is_own {
        return match (UserId::parse(claims.subject()), claims.session_id().map(SessionId::from)) {
            (Some(user_id), Some(session)) => end_session(user_id, &session),
            _ => Ok(refused("no_session")),
        };
    }
    let Some(jti) = claims.jti() else { return Ok(refused("no_jti")) };
    autonomous::run(
        Task::RememberRevokedToken,
        json!({
            "jti": jti, "issuer": claims.issuer(), "subject": claims.subject(),
            "expires_at": claims.expires_at().saturating_add(issuer.rules.leeway_seconds),
        }),
    )?;
    Ok(true)
}

fn end_session(user_id: UserId, session: &SessionId) -> Result<bool> {
    let Some(session_id) = session.to_uuid() else { return Ok(refused("session_of_another_issuer")) };
    let answer = autonomous::run(
        Task::EndSessions,
        json!({ "user_id": user_id, "session_id": session_id, "reason": "logout", "action": "logout" }),
    )?;
    let ended = answer["ended"].as_i64().is_some_and(|ended| ended > 0);
    let is_own = sealed::with_identity(|identity| identity.session_id.as_ref() == Some(session)).unwrap_or(false);
    if ended && is_own {
        sealed::clear();
    }
    Ok(ended)
}

fn refused(reason: &str) -> bool {
    refusals::log("logout", reason, &[]);
    false
}
