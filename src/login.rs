//! Signing in by a password: `login`.

use crate::attempts::{Attempts, Counted};
use crate::autonomous::{self, Task};
use crate::error::{Error, Result, or_raise};
use crate::grant::{self, Answer, Denied, Granted, denied_by_task, deny};
use crate::ids::{SessionId, UserId};
use crate::passwords::{self, Password, Unhashable};
use crate::secret::{self, Secret};
use crate::signing_keys::{self, AccessToken};
use crate::spi::Statement;
use crate::{bans, hooks, settings};
use pgrx::prelude::*;
use pgrx::{Inet, IntoDatum};
use serde_json::json;

/// Signs a user in. See the comment on the SQL function.
#[pg_extern(schema = "warden", volatile, parallel_unsafe, security_definer)]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::type_complexity)]
fn login(
    identifier: Option<&str>,
    password: Option<&str>,
    client_ip: default!(Option<Inet>, "NULL"),
    user_agent: default!(Option<&str>, "NULL"),
    device: default!(Option<&str>, "NULL"),
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
    hooks::hide_password();
    let (identifier, password) = (identifier.unwrap_or_default(), password.unwrap_or_default());
    let from = From { client_ip, user_agent, device };
    TableIterator::once(grant::row(or_raise(sign_in(identifier, password, &from, scopes))))
}

/// Where a user signs in, as the caller says.
struct From<'a> {
    client_ip: Option<Inet>,
    user_agent: Option<&'a str>,
    device: Option<&'a str>,
}

/// Who would be signed in.
struct Candidate {
    account: String,
    person: String,
    user_id: Option<UserId>,
    hash: Option<String>,
    /// What stands against it whatever the password.
    obstacle: Option<String>,
}

fn sign_in(identifier: &str, password: &str, from: &From<'_>, scopes: Option<Vec<Option<String>>>) -> Result<Answer> {
    bans::refuse_banned("login", from.client_ip.as_ref())?;
    signing_keys::require_key()?;
    if identifier.is_empty() || password.is_empty() {
        return Ok(Err(Denied::InvalidRequest("an identifier and a password are needed")));
    }
    let candidate = find(identifier)?;
    let user_id = candidate.user_id.map(|id| id.to_string());
    let address = from.client_ip.as_ref().map(|address| address.0.as_str());
    // Not who was asked for: people type passwords into the wrong field.
    let fields = [("subject", user_id.as_deref()), ("client_ip", address)];
    let attempts = Attempts::at_account(&candidate.account, &candidate.person, from.client_ip.as_ref())?;
    let by_other_names = match attempts.count()? {
        Counted::Allowed => false,
        // Without a hash: that it is too early says nothing about the account, which need not exist.
        Counted::TooEarly(seconds) => return deny("login", Denied::SlowDown(seconds), "throttled", &fields),
        // By another name of the user's there were too many. Whoever was told so would know that both are one user's: this
        // takes as long as a guess, and is answered like a wrong one.
        Counted::Refused => true,
    };
    let password = Password::presented(password);
    let verified = verify(password.as_ref(), candidate.hash.as_deref())?;
    let reason = match (candidate.obstacle.as_deref(), verified) {
        _ if by_other_names => Some("throttled_by_other_names"),
        // Only who knows the password would have come in otherwise.
        (Some("user_not_active"), false) | (None, false) => Some("wrong_password"),
        (obstacle, _) => obstacle,
    };
    if let Some(reason) = reason {
        return deny("login", Denied::InvalidGrant, reason, &fields);
    }
    let (Some(user_id), Some(hash), Some(password)) = (candidate.user_id, candidate.hash, password) else {
        return Err(Error::internal("a password was verified of nobody"));
    };
    let held = held_by(user_id)?;
    let scopes = match grant::narrow(held, scopes)? {
        Ok(scopes) => scopes,
        Err(denied) => return deny("login", denied, "invalid_scope", &fields),
    };
    let new_hash = passwords::is_weaker(&hash, settings::password_cost()).then(|| hash_of(&password)).transpose()?;
    let refresh = RefreshToken::generate()?;
    let answer = autonomous::run(
        Task::SignIn,
        json!({
            "user_id": user_id, "verified_hash": hash, "new_hash": new_hash, "keys": attempts.keys(),
            "kind": "login", "scopes": scopes, "refresh_hash": refresh.hash,
            "lifetime": seconds(settings::session_lifetime()), "idle_timeout": idle_timeout(),
            "max_sessions": settings::max_sessions(), "evict": settings::evict_sessions(),
            "client_ip": address, "user_agent": from.user_agent, "device": from.device,
        }),
    )?;
    let Some(session_id) = answer["session_id"].as_str().map(SessionId::from) else {
        let reason = answer["error"].as_str().unwrap_or_default();
        return deny("login", denied_by_task(reason), reason, &fields);
    };
    let expires_in = settings::access_token_lifetime().min(shortest_session());
    let token = AccessToken { user_id, session_id, scopes: &scopes, expires_in, tenant_id: None, actor_id: None };
    let access_token = signing_keys::issue(&token)?;
    Ok(Ok(Granted { access_token, expires_in, refresh_token: Some(refresh.text), scopes }))
}

fn find(identifier: &str) -> Result<Candidate> {
    thread_local! {
        // With the latest snapshot: under REPEATABLE READ too the password is what it is now.
        static CANDIDATE: Statement = const { Statement::new(
            c"SELECT c.account, c.person, c.user_id, c.hash, c.obstacle FROM warden.sign_in_candidate($1) AS c",
            &[pg_sys::TEXTOID],
        ) };
    }
    // No email and no name is longer; whatever is behind this is nobody's.
    let identifier: String = identifier.chars().take(LONGEST_IDENTIFIER).collect();
    let found = CANDIDATE.with(|candidate| {
        candidate.first(&[identifier.into_datum()], |row| {
            Ok(Candidate {
                account: row.get(1)?.unwrap_or_default(),
                person: row.get(2)?.unwrap_or_default(),
                user_id: row.get::<pgrx::Uuid>(3)?.map(UserId::from_pgrx),
                hash: row.get(4)?,
                obstacle: row.get(5)?,
            })
        })
    })?;
    found.ok_or_else(|| Error::internal("a candidate has no row"))
}

/// Whether it is the password that this hash is of; takes as long where there is no hash, no such password, or a hash that cost
/// less than one does today.
pub fn verify(password: Option<&Password>, hash: Option<&str>) -> Result<bool> {
    match (password, hash) {
        (Some(password), Some(hash)) => password.matches(hash, settings::password_cost()).map_err(unhashable),
        _ => passwords::spend(settings::password_cost()).map(|()| false).map_err(unhashable),
    }
}

/// The hash of a password at the cost of today.
pub fn hash_of(password: &Password) -> Result<String> {
    password.hash(settings::password_cost(), secret::random()?).map_err(unhashable)
}

fn unhashable(_: Unhashable) -> Error {
    Error::internal("a password could not be hashed")
}

/// The scopes that a user holds now.
fn held_by(user_id: UserId) -> Result<Vec<String>> {
    thread_local! {
        static HELD: Statement =
            const { Statement::new(c"SELECT warden.scopes_of_user($1)", &[pg_sys::UUIDOID]) };
    }
    let id = user_id.to_pgrx();
    let held = HELD.with(|held| held.first(&[id.into_datum()], |row| row.get::<Vec<String>>(1)))?;
    Ok(held.flatten().unwrap_or_default())
}

/// A new refresh token, and what is kept of it.
pub struct RefreshToken {
    pub text: String,
    /// In hexadecimal digits.
    pub hash: String,
}

impl RefreshToken {
    pub fn generate() -> Result<Self> {
        let secret = Secret::generate()?;
        Ok(Self { text: format!("{REFRESH_TOKEN}{}", secret.text), hash: hexadecimal(&secret.hash) })
    }

    /// What is kept of a refresh token; `None` for what is none.
    pub fn hash(text: &str) -> Option<Vec<u8>> {
        text.strip_prefix(REFRESH_TOKEN).filter(|secret| secret::is_secret(secret)).map(secret::hash)
    }
}

pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// As an interval is written.
pub fn seconds(seconds: i32) -> String {
    format!("{seconds} seconds")
}

pub fn idle_timeout() -> String {
    seconds(settings::session_idle_timeout())
}

/// The least that a new session lasts, in seconds.
fn shortest_session() -> i32 {
    match settings::session_idle_timeout() {
        0 => settings::session_lifetime(),
        idle => settings::session_lifetime().min(idle),
    }
}

const REFRESH_TOKEN: &str = "wr_";
const LONGEST_IDENTIFIER: usize = 1024;
