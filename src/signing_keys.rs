//! The database as an issuer of its own: `generate_signing_key`, `issue_access_token`.
//!
//! Its public keys stand beside those of all issuers, so that a token of ours is verified like any other.

use crate::clock;
use crate::error::{Error, Result, or_raise};
use crate::ids::{SessionId, TenantId, UserId};
use crate::jwt::{self, SigningKey};
use crate::spi::Statement;
use aws_lc_rs::rand::SystemRandom;
use pgrx::JsonB;
use pgrx::prelude::*;
use serde_json::{Map, Value, json};

/// A new key pair. See the comment on the SQL function.
#[pg_extern(schema = "warden", volatile, parallel_unsafe)]
fn generate_signing_key() -> TableIterator<'static, (name!(kid, String), name!(private_key, Vec<u8>), name!(jwk, JsonB))>
{
    let key = SigningKey::generate(&SystemRandom::new()).map_err(|_| Error::internal("a key could not be generated"));
    let SigningKey { kid, private_key, jwk } = or_raise(key);
    TableIterator::once((kid, private_key, JsonB(jwk)))
}

/// A signed access token. See the comment on the SQL function.
#[pg_extern(schema = "warden", volatile, parallel_unsafe)]
fn issue_access_token(user_id: pgrx::Uuid, session_id: &str, scopes: Vec<String>, expires_in: i32) -> String {
    let (user_id, session_id) = (UserId::from_pgrx(user_id), SessionId::from(session_id));
    or_raise(issue(&AccessToken { user_id, session_id, scopes: &scopes, expires_in, tenant_id: None, actor_id: None }))
}

/// What an access token says.
pub struct AccessToken<'a> {
    pub user_id: UserId,
    pub session_id: SessionId,
    pub scopes: &'a [String],
    /// In seconds.
    pub expires_in: i32,
    pub tenant_id: Option<TenantId>,
    /// Who acts, where it is not the user itself.
    pub actor_id: Option<UserId>,
}

thread_local! {
    // With the latest snapshot: under REPEATABLE READ a key that was replaced since would sign. Read here, and never an
    // argument: what is bound to a statement can be logged.
    static KEY: Statement = const { Statement::new(
        c"SELECT o.issuer, k.kid, k.private_key, pg_catalog.gen_random_uuid()::text FROM warden.signing_keys k CROSS JOIN warden.own_issuer o ORDER BY k.created_at DESC LIMIT 1",
        &[],
    ) };
}

/// Whether tokens can be signed: asked before anything is done for which there would be no token.
///
/// # Errors
/// 55000 where there is no key.
pub fn require_key() -> Result<()> {
    KEY.with(|key| key.first(&[], |_| Ok(())))?.ok_or_else(no_key)
}

/// Signs an access token.
///
/// # Errors
/// 55000 where there is no key.
pub fn issue(token: &AccessToken<'_>) -> Result<String> {
    let found = KEY.with(|key| {
        key.first(&[], |row| {
            Ok((row.get::<String>(1)?, row.get::<String>(2)?, row.get::<Vec<u8>>(3)?, row.get::<String>(4)?))
        })
    })?;
    let Some((Some(issuer), Some(kid), Some(private_key), Some(jti))) = found else { return Err(no_key()) };
    let now = clock::to_unix_seconds(clock::now());
    let mut claims = Map::new();
    for (name, value) in [
        ("iss", json!(issuer)),
        ("aud", json!(issuer)),
        ("sub", json!(token.user_id.to_string())),
        ("iat", json!(now)),
        ("exp", json!(now + i64::from(token.expires_in))),
        ("jti", json!(jti)),
        ("session_id", json!(token.session_id)),
        // Space-joined: RFC 8693 section 4.2.
        ("scope", Value::String(token.scopes.join(" "))),
    ] {
        claims.insert(name.to_owned(), value);
    }
    if let Some(tenant_id) = token.tenant_id {
        claims.insert("tenant_id".to_owned(), json!(tenant_id.to_string()));
    }
    if let Some(actor_id) = token.actor_id {
        claims.insert("act".to_owned(), json!({ "sub": actor_id.to_string() }));
    }
    jwt::sign(&kid, &private_key, claims).map_err(|_| Error::internal("a token could not be signed"))
}

fn no_key() -> Error {
    Error::wrong_state(
        "there is no key to sign tokens with",
        "An administrator calls warden.rotate_signing_key(), also after a restore: a dump has no private key.",
    )
}
