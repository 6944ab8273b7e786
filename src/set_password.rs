//! Passwords that are chosen: `set_password`, and of the first user, `setup_owner`.

use crate::attempts::{Attempts, Counted};
use crate::autonomous::{self, Task};
use crate::caller::{self, Kind};
use crate::error::{Error, Result, or_raise};
use crate::ids::{SessionId, UserId};
use crate::login::{hash_of, verify};
use crate::passwords::{Password, Unusable};
use crate::sealed::{self, Standing};
use crate::spi::{self, Statement};
use crate::{hooks, issuers, refusals};
use pgrx::prelude::*;
use pgrx::{IntoDatum, JsonB};
use serde_json::{Value, json};

/// Sets a user's password. See the comment on the SQL function.
#[pg_extern(schema = "warden", volatile, parallel_unsafe, security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn set_password(
    user_id: Option<pgrx::Uuid>,
    password: Option<&str>,
    current_password: default!(Option<&str>, "NULL"),
) -> bool {
    hooks::hide_password();
    let (user_id, password) = (user_id.map(UserId::from_pgrx), password.unwrap_or_default());
    or_raise((|| {
        if issuers::administers()? && caller::is_own_statement()? {
            reset(user_id, password)
        } else {
            change_own(user_id, password, current_password.unwrap_or_default())
        }
    })())
}

/// Creates the first user. See the comment on the SQL function.
#[pg_extern(schema = "warden", volatile, parallel_unsafe, security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn setup_owner(email: Option<&str>, password: Option<&str>, name: default!(Option<&str>, "NULL")) -> pgrx::Uuid {
    hooks::hide_password();
    or_raise((|| {
        if !issuers::administers()? {
            caller::require(Kind::Trusted)?;
        }
        set_up(email, password.unwrap_or_default(), name).map(UserId::to_pgrx)
    })())
}

/// An administrator's word, in the transaction of the administrator, who may just have created the user.
fn reset(user_id: Option<UserId>, password: &str) -> Result<bool> {
    let id = user_id.map(UserId::to_pgrx);
    spi::read("SELECT warden.require_may_manage($1)", &[id.into()], |_| Ok(()))?;
    let hash = hash_of(&chosen(password)?)?;
    let arguments = json!({ "user_id": user_id, "hash": hash });
    let answers =
        spi::change("SELECT warden.store_password($1)", &[JsonB(arguments).into()], |row| Ok(row.get::<JsonB>(1)?))?;
    let answer = answers.into_iter().flatten().next().map_or(Value::Null, |answer| answer.0);
    match answer["error"].as_str() {
        None => Ok(true),
        Some("unknown_user") => Err(Error::NotFound { message: "user not found".into() }),
        Some(_) => Err(Error::wrong_state(
            "only a human user has a password",
            "Services sign in by API keys; anonymous visitors do not sign in.",
        )),
    }
}

/// The user's own word, who proves again that it is him: a token that was left open is not enough.
fn change_own(user_id: Option<UserId>, password: &str, current_password: &str) -> Result<bool> {
    let own = sealed::with_identity(|identity| {
        (identity.user_id, identity.actor_id, identity.session_id.as_ref().and_then(SessionId::to_uuid))
    });
    let Some((own_id, actor_id, session_id)) = own else {
        let is_expired = matches!(sealed::standing(), Standing::Expired);
        return Err(if is_expired { Error::IdentityExpired } else { Error::IdentityMissing });
    };
    // The same for who is somebody else and who is nobody.
    if user_id != Some(own_id) || actor_id != own_id {
        return Err(Error::forbidden(
            "this is not the signed-in user",
            "Users set their own passwords; an administrator sets anybody's.",
        ));
    }
    let password = chosen(password)?;
    let attempts = Attempts::of_user(own_id);
    let subject = own_id.to_string();
    let refused = |reason: &str| {
        refusals::log("set_password", reason, &[("subject", Some(&subject))]);
        Error::Unauthenticated
    };
    if let Counted::TooEarly(retry_after) = attempts.count()? {
        refused("throttled");
        return Err(Error::Throttled { retry_after });
    }
    let kept = password_of(own_id)?;
    if !verify(Password::presented(current_password).as_ref(), kept.as_deref())? {
        return Err(refused(if kept.is_some() { "wrong_password" } else { "no_password" }));
    }
    let arguments = json!({
        "user_id": own_id, "hash": hash_of(&password)?, "verified_hash": kept, "kept_session": session_id,
    });
    match autonomous::run(Task::StorePassword, arguments)?["error"].as_str() {
        None => Ok(true),
        Some(reason) => Err(refused(reason)),
    }
}

fn set_up(email: Option<&str>, password: &str, name: Option<&str>) -> Result<UserId> {
    let Some(email) = email else {
        return Err(Error::invalid("an owner needs an email", "Pass one address like ann@example.com."));
    };
    // Here, where its error reaches the caller.
    spi::read(
        "SELECT warden.require_user_fields(NULL, $2, $1, 'human', NULL, NULL), warden.normalise_email($1)",
        &[email.into(), name.into()],
        |row| Ok(row.get::<String>(2)?),
    )?
    .into_iter()
    .flatten()
    .next()
    .ok_or_else(|| Error::invalid("an owner needs an email", "Pass one address like ann@example.com."))?;
    let hash = hash_of(&chosen(password)?)?;
    let answer = autonomous::run(Task::SetUpOwner, json!({ "email": email, "name": name, "hash": hash }))?;
    let created = answer["user_id"].as_str().and_then(UserId::parse);
    let created = created.ok_or_else(|| {
        Error::wrong_state(
            "the database has users already",
            "An administrator creates users by warden.create_user(), and gives roles by warden.assign_role().",
        )
    })?;
    Ok(created)
}

/// A password that somebody chooses.
///
/// # Errors
/// 22023.
pub fn chosen(password: &str) -> Result<Password> {
    Password::choose(password).map_err(|unusable| {
        let message = match unusable {
            Unusable::TooShort => "password is too short",
            Unusable::TooLong => "password is too long",
        };
        Error::invalid(message, "A password has 8 characters to 1024 bytes, of any kind.")
    })
}

fn password_of(user_id: UserId) -> Result<Option<String>> {
    thread_local! {
        static PASSWORD: Statement = const { Statement::new(c"SELECT warden.password_of($1)", &[pg_sys::UUIDOID]) };
    }
    let id = user_id.to_pgrx();
    Ok(PASSWORD.with(|password| password.first(&[id.into_datum()], |row| row.get::<String>(1)))?.flatten())
}
