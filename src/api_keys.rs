//! API keys: `wk_`, twelve digits that find the key, `_`, and the secret, of which only a hash is kept.

use crate::autonomous::{self, Task, Write};
use crate::bearer::{Bearer, Failure, FirstSight, Named};
use crate::error::or_raise;
use crate::ids::UserId;
use crate::lookup::{Key, Latest, Lookup};
use crate::permissions::Limits;
use crate::secret::{self, Secret};
use crate::shown::ShownKey;
use crate::{agents, audit, clock, directory, settings};
use pgrx::IntoDatum;
use pgrx::prelude::*;
use serde_json::json;
use std::cell::Cell;
use std::rc::Rc;
use uuid::Uuid;

/// A row of the table, as authentication needs it.
struct ApiKey {
    id: Uuid,
    user_id: UserId,
    secret_hash: Vec<u8>,
    scopes: Vec<String>,
    expires_at: Option<i64>,
    revoked: bool,
    last_used_at: Option<i64>,
}

thread_local! {
    static KEY_BY_PREFIX: Lookup = const { Lookup::new(
        c"api_keys",
        &[Key::text(c"prefix")],
        &[c"id", c"user_id", c"secret_hash", c"scopes", c"expires_at", c"revoked_at", c"last_used_at"],
    ) };

    /// Until when uses of keys are not noted, where that has just failed.
    static NOT_NOTED_UNTIL: Cell<i64> = const { Cell::new(i64::MIN) };
}

/// A new key: what finds it, what proves it, and the whole, which is shown once. Not callable by clients.
#[pg_extern(schema = "warden", volatile, parallel_unsafe)]
fn generate_api_key() -> TableIterator<'static, (name!(prefix, String), name!(secret_hash, Vec<u8>), name!(key, String))>
{
    let (prefix, Secret { text, hash }) =
        or_raise(secret::prefix().and_then(|prefix| Ok((prefix, Secret::generate()?))));
    let key = format!("{SCHEME}{prefix}_{text}");
    TableIterator::once((prefix, hash, key))
}

/// Whether a credential claims to be a key: no token begins like this.
pub fn is_key(credential: &str) -> bool {
    credential.starts_with(SCHEME)
}

/// Finds the key and its user, by the clock of the call.
pub fn bearer(credential: &str, first_sight: FirstSight) -> Result<Bearer, Failure> {
    let nameless = Rc::<Named>::default();
    let (prefix, secret) = parse(credential).ok_or_else(|| nameless.refused("malformed_key"))?;
    // Hashed whether there is such a key or not.
    let hash = secret::hash(secret);
    let found = Latest::with(|latest| {
        KEY_BY_PREFIX.with(|keys| {
            keys.first(latest, &[prefix.into_datum()], |row| {
                Ok(ApiKey {
                    id: row.uuid(0)?,
                    user_id: row.uuid(1)?.into(),
                    secret_hash: row.get::<Vec<u8>>(2)?.unwrap_or_default(),
                    scopes: row.texts(3)?,
                    expires_at: row.time(4)?,
                    revoked: row.time(5)?.is_some(),
                    last_used_at: row.time(6)?,
                })
            })
        })
    })?;
    let key = found.ok_or_else(|| nameless.refused("unknown_key"))?;
    if !secret::equal(&key.secret_hash, &hash) {
        return Err(nameless.refused("wrong_secret_of_key"));
    }
    let now = clock::now();
    let named = Rc::new(Named { subject: Some(key.user_id.to_string().into()), ..Named::default() });
    if key.revoked {
        return Err(named.refused("revoked"));
    } else if key.expires_at.is_some_and(|end| now >= end) {
        return Err(named.refused("expired"));
    }
    let user = directory::find_by_id(key.user_id)?.ok_or_else(|| named.refused("unknown_user"))?;
    if !user.active {
        return Err(named.refused("user_not_active"));
    }
    let bounds = agents::bounds(&user, None, &named)?;
    if first_sight == FirstSight::Provision {
        note_use(&key, now);
    }
    let longest = now + settings::max_identity_age();
    Ok(Bearer {
        user,
        actor: None,
        bounds,
        expires_at: key.expires_at.map_or(longest, |end| end.min(longest)),
        tenant_id: None,
        limits: Rc::new(Limits::of_key(&key.scopes)),
        is_own: false,
        issued_at: None,
        key: Some(ShownKey { id: key.id, expires_at: key.expires_at }),
        named,
    })
}

/// Once an hour: it is a write of its own, which a request should not wait for each time.
fn note_use(key: &ApiKey, now: i64) {
    const HOUR: i64 = 3_600_000_000;
    const MINUTE: i64 = 60_000_000;
    if now < NOT_NOTED_UNTIL.get() {
        return;
    }
    if key.last_used_at.is_some_and(|last| now - last < HOUR) || autonomous::cannot_write() {
        return;
    }
    let write =
        Write::Task { task: Task::TouchKey, arguments: json!({ "id": key.id.to_string() }), who: audit::Who::now() };
    // Whether it was noted or not, the key is good: nobody waits for a worker for it, nor again and again for a lock.
    if autonomous::commit_if_free(&write).is_err() {
        NOT_NOTED_UNTIL.set(now + MINUTE);
    }
}

fn parse(credential: &str) -> Option<(&str, &str)> {
    let (prefix, secret) = credential.strip_prefix(SCHEME)?.split_once('_')?;
    (secret::is_prefix(prefix) && secret::is_secret(secret)).then_some((prefix, secret))
}

const SCHEME: &str = "wk_";
