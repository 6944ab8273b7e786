//! Going on by a refresh token, which is good for one use: `refresh`.

use crate::autonomous::{self, Task};
use crate::error::{Result, or_raise};
use crate::grant::{self, Answer, Denied, Granted, denied_by_task, deny};
use crate::ids::{SessionId, UserId};
use crate::login::{RefreshToken, hexadecimal, idle_timeout};
use crate::signing_keys::{self, AccessToken};
use crate::spi::Statement;
use crate::uuids::from_pgrx;
use crate::{clock, hooks, settings};
use pgrx::IntoDatum;
use pgrx::prelude::*;
use serde_json::{Value, json};

/// The next tokens of a session. See the comment on the SQL function.
#[pg_extern(schema = "warden", volatile, parallel_unsafe, security_definer)]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::type_complexity)]
fn refresh(
    refresh_token: Option<&str>,
    scopes: default!(Option<Vec<Option<String>>>, "NULL"),
) -> TableIterator<
    'static,
    (
        name!(access_token, Option<String>),
        name!(token_type, Option<String>),
        name!(expires_in, Option<i32>),
        name!(refresh_token, Option<String>),
        name!(scope, Option<String>),
        name!(error, Option<String>),
        name!(error_description, Option<String>),
        name!(retry_after, Option<i32>),
    ),
> {
    hooks::hide_statement();
    TableIterator::once(grant::row(or_raise(next(refresh_token.unwrap_or_default(), scopes))))
}

fn next(refresh_token: &str, scopes: Option<Vec<Option<String>>>) -> Result<Answer> {
    // Before anything is looked at: of two that use one token at once, the later has asked before it was used.
    let asked_at = clock::to_iso_text(clock::now());
    signing_keys::require_key()?;
    if refresh_token.is_empty() {
        return Ok(Err(Denied::InvalidRequest("a refresh token is needed")));
    }
    let hash = RefreshToken::hash(refresh_token);
    let known = hash.as_deref().map(session_of).transpose()?.flatten();
    // Nobody has a worker started by what is no token.
    let (Some(hash), Some(_)) = (hash, known) else {
        return deny("refresh", Denied::InvalidGrant, "unknown_refresh_token", &[]);
    };
    let asked = match grant::asked(scopes) {
        Ok(asked) => asked,
        Err(denied) => return deny("refresh", denied, "invalid_scope", &[]),
    };
    let new = RefreshToken::generate()?;
    let answer = autonomous::run(
        Task::RotateRefreshToken,
        json!({
            "hash": hexadecimal(&hash), "new_hash": new.hash, "asked_at": asked_at, "scopes": asked,
            "idle_timeout": idle_timeout(),
        }),
    )?;
    let user_id = answer["user_id"].as_str().and_then(UserId::parse);
    let session_id = answer["session_id"].as_str().map(SessionId::from);
    let (Some(session_id), Some(user_id)) = (session_id, user_id) else {
        let reason = answer["error"].as_str().unwrap_or_default();
        return deny("refresh", denied_by_task(reason), reason, &[]);
    };
    let scopes = texts(&answer["scopes"]);
    // The last token of a session ends with it.
    let ends_in = answer["ends_in"].as_i64().and_then(|seconds| i32::try_from(seconds).ok()).unwrap_or(i32::MAX);
    let expires_in = settings::access_token_lifetime().min(ends_in);
    let token = AccessToken { user_id, session_id, scopes: &scopes, expires_in, tenant_id: None, actor_id: None };
    let access_token = signing_keys::issue(&token)?;
    Ok(Ok(Granted { access_token, expires_in, refresh_token: Some(new.text), scopes }))
}

/// The user and the session that a refresh token belongs to, whether that goes on or not.
pub fn session_of(hash: &[u8]) -> Result<Option<(UserId, SessionId)>> {
    thread_local! {
        static SESSION: Statement = const { Statement::new(
            c"SELECT s.user_id, s.id FROM warden.refresh_tokens r JOIN warden.sessions s ON s.id OPERATOR(pg_catalog.=) r.session_id WHERE r.hash OPERATOR(pg_catalog.=) $1",
            &[pg_sys::BYTEAOID],
        ) };
    }
    let found = SESSION.with(|session| {
        session.first(&[hash.to_vec().into_datum()], |row| Ok((row.get::<pgrx::Uuid>(1)?, row.get::<pgrx::Uuid>(2)?)))
    })?;
    Ok(found.and_then(|(user, session)| Some((UserId::from_pgrx(user?), from_pgrx(session?).to_string().into()))))
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}
