//! Invites: `wi_` and a secret, of which only a hash is kept; or eight digits, kept by a keyed hash, and redeemed for one
//! invite that is named. `redeem_invite`, and the codes.
//!
//! Of eight digits there are few, so the key of the database is what keeps a copy of the table from being tried out, and
//! the count of wrong ones, which a transaction of its own commits with the comparison, what keeps a client from it.

use crate::attempts::{Attempts, Counted};
use crate::autonomous::{self, Task};
use crate::error::{Error, Result, or_raise};
use crate::ids::{TenantId, UserId};
use crate::login::{hash_of, hexadecimal};
use crate::sealed::{self, Standing};
use crate::secret::{self, Secret};
use crate::set_password::chosen;
use crate::spi::{self, Statement};
use crate::uuids::{from_pgrx, to_pgrx};
use crate::{bans, hooks, refusals};
use aws_lc_rs::hmac;
use pgrx::prelude::*;
use pgrx::{Inet, IntoDatum, JsonB};
use serde_json::{Value, json};
use uuid::Uuid;

/// A new code. See the comment on the SQL function.
#[pg_extern(schema = "warden", volatile, parallel_unsafe)]
fn generate_invite_code(
    id: pgrx::Uuid,
    short: bool,
) -> TableIterator<'static, (name!(code, String), name!(code_hash, Vec<u8>))> {
    TableIterator::once(or_raise(if short { new_digits(from_pgrx(id)) } else { new_secret() }))
}

/// Redeems an invite. See the comment on the SQL function.
#[pg_extern(schema = "warden", volatile, parallel_unsafe, security_definer)]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::too_many_arguments, clippy::type_complexity)]
fn redeem_invite(
    code: Option<&str>,
    email: default!(Option<&str>, "NULL"),
    password: default!(Option<&str>, "NULL"),
    name: default!(Option<&str>, "NULL"),
    full_name: default!(Option<&str>, "NULL"),
    display_name: default!(Option<&str>, "NULL"),
    invite_id: default!(Option<pgrx::Uuid>, "NULL"),
    client_ip: default!(Option<Inet>, "NULL"),
) -> TableIterator<
    'static,
    (
        name!(user_id, Option<pgrx::Uuid>),
        name!(tenant_id, Option<pgrx::Uuid>),
        name!(is_new, Option<bool>),
        name!(error, Option<String>),
        name!(error_description, Option<String>),
        name!(retry_after, Option<i32>),
    ),
> {
    hooks::hide_password();
    let stated = Stated { email, password, name, full_name, display_name, client_ip };
    let answer = or_raise(redeem(code.unwrap_or_default(), invite_id.map(from_pgrx), &stated));
    TableIterator::once(match answer {
        Ok(Redeemed { user_id, tenant_id, is_new }) => {
            (user_id.map(UserId::to_pgrx), tenant_id.map(TenantId::to_pgrx), Some(is_new), None, None, None)
        }
        Err(denied) => {
            (None, None, None, Some(denied.error.to_owned()), Some(denied.description.to_owned()), denied.retry_after)
        }
    })
}

/// What somebody says who redeems an invite.
struct Stated<'a> {
    email: Option<&'a str>,
    password: Option<&'a str>,
    name: Option<&'a str>,
    full_name: Option<&'a str>,
    display_name: Option<&'a str>,
    client_ip: Option<Inet>,
}

struct Redeemed {
    user_id: Option<UserId>,
    tenant_id: Option<TenantId>,
    is_new: bool,
}

/// Why it is not redeemed, as far as the client may know.
struct Denied {
    error: &'static str,
    description: &'static str,
    retry_after: Option<i32>,
}

type Answer = std::result::Result<Redeemed, Denied>;

/// A code as it was written.
enum Code {
    /// The hash of a long one.
    Long(Vec<u8>),
    /// Eight digits.
    Short(String),
}

/// Who is signed in, and by what.
struct Redeemer {
    user_id: UserId,
    credential: Value,
}

fn redeem(code: &str, invite_id: Option<Uuid>, stated: &Stated<'_>) -> Result<Answer> {
    bans::refuse_banned("redeem_invite", stated.client_ip.as_ref())?;
    let address = stated.client_ip.as_ref().map(|address| address.0.as_str());
    let redeemer = match redeemer()? {
        Ok(redeemer) => redeemer,
        Err(denied) => return Ok(Err(denied)),
    };
    if code.trim().is_empty() {
        return Ok(Err(invalid("a code is needed")));
    } else if redeemer.is_some()
        && [stated.password, stated.name, stated.full_name, stated.display_name].iter().any(Option::is_some)
    {
        return Ok(Err(invalid("who is signed in keeps name and password")));
    }
    let password = stated.password.map(chosen).transpose()?;
    require_fields(stated)?;
    let Some(code) = Code::parse(code) else { return Ok(denied("malformed_code", invite_id, address)) };
    let (guesses, attempts) = match &code {
        Code::Long(hash) => match with_hash(hash, invite_id)? {
            Some(id) => (vec![(id, hash.clone())], Attempts::from_address(None)?),
            // Nobody has a worker started by what is no code.
            None => return Ok(denied("unknown_code", invite_id, address)),
        },
        Code::Short(_) if invite_id.is_none() && stated.email.is_none() => {
            return Ok(Err(invalid("eight digits need the id of the invite, or the email that it is bound to")));
        }
        Code::Short(digits) => {
            let attempts = Attempts::from_address(stated.client_ip.as_ref())?;
            if let Counted::TooEarly(seconds) = attempts.count()? {
                log("throttled", invite_id, address);
                return Ok(Err(slow_down(seconds)));
            }
            // Also where there is none, so that the time does not say whether there is one.
            (guesses(digits, &meant(invite_id, stated.email)?)?, attempts)
        }
    };
    let password_hash = password.as_ref().map(hash_of).transpose()?;
    let guesses: Vec<Value> =
        guesses.iter().map(|(id, hash)| json!({ "id": id.to_string(), "hash": hexadecimal(hash) })).collect();
    let answer = autonomous::run(
        Task::UseInvite,
        json!({
            "guesses": guesses, "keys": attempts.keys(), "client_ip": address,
            "redeemer_id": redeemer.as_ref().map(|redeemer| redeemer.user_id),
            "credential": redeemer.as_ref().map(|redeemer| &redeemer.credential),
            "email": stated.email, "name": stated.name, "full_name": stated.full_name,
            "display_name": stated.display_name, "password_hash": password_hash,
        }),
    )?;
    let Some(reason) = answer["error"].as_str() else {
        let user_id = answer["user_id"].as_str().and_then(UserId::parse);
        let tenant_id = answer["tenant_id"].as_str().and_then(TenantId::parse);
        let is_new = answer["is_new"].as_bool().unwrap_or(false);
        return Ok(Ok(Redeemed { user_id, tenant_id, is_new }));
    };
    log(reason, invite_id, address);
    Ok(Err(match reason {
        "throttled" => slow_down(answer["retry_after"].as_i64().and_then(|wait| i32::try_from(wait).ok()).unwrap_or(1)),
        "email_taken" => taken("a user with this email exists: sign in first"),
        "name_taken" => taken("a user with this name exists"),
        "nothing_to_sign_in_by" => invalid("a password needs an email or a name"),
        "quota" => {
            Denied { error: "access_denied", description: "there is no room for another user", retry_after: None }
        }
        _ => INVALID_GRANT,
    }))
}

/// Nobody, or the user who acts for himself.
fn redeemer() -> Result<std::result::Result<Option<Redeemer>, Denied>> {
    if let Standing::Expired = sealed::standing() {
        return Err(Error::IdentityExpired);
    }
    let Some((user_id, actor_id)) = sealed::with_identity(|identity| (identity.user_id, identity.actor_id)) else {
        return Ok(Ok(None));
    };
    if user_id != actor_id {
        let description = "who acts for another redeems no invite";
        return Ok(Err(Denied { error: "access_denied", description, retry_after: None }));
    }
    let found = spi::read("SELECT warden.credential_in_use()", &[], |row| Ok(row.get::<JsonB>(1)?))?;
    let credential = found.into_iter().flatten().next().map_or(Value::Null, |credential| credential.0);
    Ok(Ok(Some(Redeemer { user_id, credential })))
}

/// Here, where its error reaches the caller.
fn require_fields(stated: &Stated<'_>) -> Result<()> {
    spi::read(
        "SELECT warden.require_user_fields(NULL, $2, $1, 'human', $3, $4)",
        &[stated.email.into(), stated.name.into(), stated.full_name.into(), stated.display_name.into()],
        |_| Ok(()),
    )
    .map(|_| ())
}

impl Code {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(secret) = text.strip_prefix(SCHEME) {
            return secret::is_secret(secret).then(|| Self::Long(secret::hash(secret)));
        }
        // As people write them down: 1234 5678, 1234-5678.
        let digits: String =
            text.chars().filter(|character| !matches!(character, ' ' | '-')).take(DIGITS + 1).collect();
        (digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(Self::Short(digits))
    }
}

fn new_secret() -> Result<(String, Vec<u8>)> {
    let Secret { text, hash } = Secret::generate()?;
    Ok((format!("{SCHEME}{text}"), hash))
}

fn new_digits(id: Uuid) -> Result<(String, Vec<u8>)> {
    // Of 64 bits the remainder is even to one in 10^11.
    let number = u64::from_le_bytes(secret::random()?) % 10_u64.pow(DIGITS as u32);
    let digits = format!("{number:0DIGITS$}");
    let hash = Keyed::new()?.hash(id, &digits);
    Ok((digits, hash))
}

fn guesses(digits: &str, meant: &[Uuid]) -> Result<Vec<(Uuid, Vec<u8>)>> {
    let key = Keyed::new()?;
    Ok(meant.iter().map(|id| (*id, key.hash(*id, digits))).collect())
}

/// The key of the database. Read here, and never an argument: what is bound to a statement can be logged.
struct Keyed(hmac::Key);

impl Keyed {
    fn new() -> Result<Self> {
        thread_local! {
            static KEY: Statement = const { Statement::new(c"SELECT k.key FROM warden.invite_key k", &[]) };
        }
        let key = KEY.with(|key| key.first(&[], |row| row.get::<Vec<u8>>(1)))?.flatten();
        let key = key.filter(|key| !key.is_empty()).ok_or_else(|| Error::internal("there is no key of invites"))?;
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &key)))
    }

    /// The id is of one length, so nothing is hashed like something else.
    fn hash(&self, id: Uuid, digits: &str) -> Vec<u8> {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(id.as_bytes());
        context.update(digits.as_bytes());
        context.sign().as_ref().to_vec()
    }
}

/// The invite of a long code, over or not; by the latest snapshot, as all that is read here.
fn with_hash(hash: &[u8], invite_id: Option<Uuid>) -> Result<Option<Uuid>> {
    thread_local! {
        static INVITE: Statement = const { Statement::new(
            c"SELECT i.id FROM warden.invites i WHERE i.code_hash OPERATOR(pg_catalog.=) $1 AND NOT i.short",
            &[pg_sys::BYTEAOID],
        ) };
    }
    let found = INVITE.with(|invite| invite.first(&[hash.to_vec().into_datum()], |row| row.get::<pgrx::Uuid>(1)))?;
    Ok(found.flatten().map(from_pgrx).filter(|id| invite_id.is_none_or(|meant| meant == *id)))
}

/// The invites that eight digits may be of.
fn meant(invite_id: Option<Uuid>, email: Option<&str>) -> Result<Vec<Uuid>> {
    thread_local! {
        static MEANT: Statement = const { Statement::new(
            c"SELECT warden.short_invites_meant($1, $2)",
            &[pg_sys::UUIDOID, pg_sys::TEXTOID],
        ) };
    }
    let arguments = [invite_id.map(to_pgrx).into_datum(), email.into_datum()];
    let found = MEANT.with(|meant| meant.first(&arguments, |row| row.get::<Vec<pgrx::Uuid>>(1)))?;
    Ok(found.flatten().unwrap_or_default().into_iter().map(from_pgrx).collect())
}

fn denied(reason: &str, invite_id: Option<Uuid>, address: Option<&str>) -> Answer {
    log(reason, invite_id, address);
    Err(INVALID_GRANT)
}

/// Not the email that was stated: people type codes into the wrong field.
fn log(reason: &str, invite_id: Option<Uuid>, address: Option<&str>) {
    let invite_id = invite_id.map(|id| id.to_string());
    refusals::log("redeem_invite", reason, &[("invite", invite_id.as_deref()), ("client_ip", address)]);
}

fn invalid(description: &'static str) -> Denied {
    Denied { error: "invalid_request", description, retry_after: None }
}

fn taken(description: &'static str) -> Denied {
    Denied { error: "user_exists", description, retry_after: None }
}

fn slow_down(seconds: i32) -> Denied {
    Denied { error: "slow_down", description: "too many failed attempts", retry_after: Some(seconds) }
}

const INVALID_GRANT: Denied =
    Denied { error: "invalid_grant", description: "this invite cannot be redeemed", retry_after: None };
const SCHEME: &str = "wi_";
const DIGITS: usize = 8;
