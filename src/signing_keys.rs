//! The database as an issuer of its own: `generate_signing_key`, `issue_access_token`.
//!
//! Its public keys stand beside those of all issuers, so that a token of ours is verified like any other.

use crate::error::{Error, Result, or_raise};
use crate::jwt::{self, SigningKey};
use crate::{clock, spi};
use aws_lc_rs::rand::SystemRandom;
use pgrx::JsonB;
use pgrx::prelude::*;
use serde_json::{Map, Value, json};
use uuid::Uuid;

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
    or_raise(issue(user_id, session_id, &scopes, expires_in))
}

fn issue(user_id: pgrx::Uuid, session_id: &str, scopes: &[String], expires_in: i32) -> Result<String> {
    // Read here, and never an argument: what is bound to a statement can be logged.
    let found = spi::read(
        "SELECT o.issuer, k.kid, k.private_key, gen_random_uuid()::text
         FROM warden.signing_keys k CROSS JOIN warden.own_issuer o ORDER BY k.created_at DESC LIMIT 1",
        &[],
        |row| Ok((row.get::<String>(1)?, row.get::<String>(2)?, row.get::<Vec<u8>>(3)?, row.get::<String>(4)?)),
    )?;
    let Some((Some(issuer), Some(kid), Some(private_key), Some(jti))) = found.into_iter().next() else {
        return Err(Error::wrong_state(
            "there is no key to sign tokens with",
            "An administrator calls warden.rotate_signing_key(), also after a restore: a dump has no private key.",
        ));
    };
    let now = clock::to_unix_seconds(clock::now());
    let mut claims = Map::new();
    for (name, value) in [
        ("iss", json!(issuer)),
        ("aud", json!(issuer)),
        ("sub", json!(Uuid::from_bytes(*user_id.as_bytes()).to_string())),
        ("iat", json!(now)),
        ("exp", json!(now + i64::from(expires_in))),
        ("jti", json!(jti)),
        ("session_id", json!(session_id)),
        // Space-joined: RFC 8693 section 4.2.
        ("scope", Value::String(scopes.join(" "))),
    ] {
        claims.insert(name.to_owned(), value);
    }
    jwt::sign(&kid, &private_key, claims).map_err(|_| Error::internal("a token could not be signed"))
}
