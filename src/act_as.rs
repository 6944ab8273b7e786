//! Acting as another user: `act_as`, the one declared exception to one transaction, one user.
//!
//! It changes who the user is, and nothing of the policies: they compare with that user as they do with any, so no plan
//! has a term for administrators. What it is bounded by is looked at anew each time, and recorded before it begins.

use crate::audit::{self, Record, Source};
use crate::directory::{self, User};
use crate::error::{Error, Result, or_raise};
use crate::identity::Identity;
use crate::ids::UserId;
use crate::lookup::{Key, Latest, Lookup, uuid_datum};
use crate::permissions::{self, Granted, Limits};
use crate::scope_checks::{require_holds_no_more, require_may_act_as};
use crate::sealed::{self, Standing};
use crate::tenants::{self, Membership};
use crate::transaction::{self, Attempt};
use crate::{autonomous, caller, clock, refusals, settings, shown};
use pgrx::prelude::*;
use serde_json::json;

/// Acts as another user. See the comment on the SQL function.
#[pg_extern(schema = "warden", volatile, parallel_unsafe)]
fn act_as(user_id: Option<pgrx::Uuid>, reason: Option<&str>) -> pgrx::Uuid {
    let subject_id = user_id.map(UserId::from_pgrx);
    or_raise(begin(subject_id, reason.unwrap_or_default())).to_pgrx()
}

fn begin(subject_id: Option<UserId>, reason: &str) -> Result<UserId> {
    caller::require_row_security()?;
    transaction::warn_outside_block("act_as");
    if let Standing::Expired = sealed::standing() {
        return Err(Error::IdentityExpired);
    }
    let actor = sealed::with_identity(Identity::clone);
    let own_statement = caller::require_own_statement();
    let credential_is_good = actor.as_ref().map(|actor| shown::are_good(actor.actor_id)).transpose()?;
    // From here on nobody, whatever becomes of it: who wanted to act as another does not go on as himself unawares.
    let attempt = Attempt::begin()?;
    own_statement?;
    let actor = actor.ok_or(Error::IdentityMissing)?;
    let logged = |error: Error| log(subject_id, error);
    if credential_is_good != Some(true) {
        return Err(logged(Error::Unauthenticated));
    }
    let reason = audit::require_reason(reason, "acting as another user")?;
    let subject = subject(&actor, subject_id).map_err(logged)?;
    let identity = identity(&actor, subject, attempt.serial())?;
    attempt.require_subject(actor.user_id, identity.user_id, identity.reads_only)?;
    record(&actor, &identity, reason)?;
    attempt.succeed_as(&identity)?;
    Ok(identity.user_id)
}

/// The user as whom the actor may act, with its roles in the tenant of the transaction.
fn subject(actor: &Identity, subject_id: Option<UserId>) -> Result<User> {
    require_may_act_as(actor)?;
    if actor.actor_id != actor.user_id {
        return Err(Error::forbidden("who acts for another does not act as a third", "Sign in as oneself first."));
    }
    let not_found = || Error::NotFound { message: "user not found".into() };
    let subject_id = subject_id.ok_or_else(not_found)?;
    if subject_id == actor.user_id {
        return Err(Error::invalid("this is the signed-in user", "Pass the id of another one."));
    }
    let mut subject = directory::find_by_id(subject_id)?.filter(|user| user.active).ok_or_else(not_found)?;
    let roles_in_tenant = match actor.tenant_id.map(|id| tenants::membership(id, subject_id)).transpose()? {
        None | Some(Membership::NoTenants) => Vec::new(),
        Some(Membership::Member(roles)) => roles,
        // Whom the tenant does not have is nobody there.
        Some(Membership::Refused(_)) => return Err(not_found()),
    };
    subject.roles = tenants::join_roles(&subject.roles, roles_in_tenant);
    if let Some(who) = excluded(subject_id)? {
        return Err(Error::forbidden(format!("nobody acts as {who}"), ""));
    }
    require_holds_no_more(actor, &subject)?;
    Ok(subject)
}

/// What a user is as whom nobody acts, whatever he holds.
fn excluded(user_id: UserId) -> Result<Option<&'static str>> {
    thread_local! {
        static USER: Lookup =
            const { Lookup::new(c"users", &[Key::uuid(c"id")], &[c"kind", c"is_private"]) };
    }
    let excluded = Latest::with(|latest| {
        USER.with(|users| {
            users.first(latest, &[uuid_datum(user_id.as_uuid())], |row| {
                // An agent acts for its owner, and has no rights of its own to lend.
                Ok(if row.text(0)? == Some("agent") {
                    Some("an agent")
                } else if row.get::<bool>(1)? != Some(false) {
                    Some("a private user")
                } else {
                    None
                })
            })
        })
    })?;
    Ok(excluded.unwrap_or(Some("a user who is gone")))
}

/// The subject, as far as the actor's scopes go, and no longer than the actor.
fn identity(actor: &Identity, subject: User, serial: i32) -> Result<Identity> {
    let Granted { scopes, reads_only } = permissions::granted(&subject, actor.tenant_id, &Limits::none(), &[])?;
    let (own, others) = (subject.id.to_string(), actor.user_id.to_string());
    // The actor holds files: and its own id where the subject holds files: and that one's.
    let both = |scope: &&String| actor.granted.contains(scope) || actor.granted.contains(&scope.replace(&own, &others));
    Ok(Identity {
        serial,
        expires_at: actor.expires_at.min(clock::now() + settings::max_act_as_age()),
        user_id: subject.id,
        actor_id: actor.user_id,
        tenant_id: actor.tenant_id,
        // The session is the actor's; it is in the record.
        session_id: None,
        external_id: subject.external_id,
        roles: subject.roles,
        granted: scopes.iter().filter(both).cloned().collect::<Vec<_>>().into(),
        reads_only: reads_only || actor.reads_only,
        lends: None,
    })
}

fn record(actor: &Identity, identity: &Identity, reason: &str) -> Result<()> {
    let (user_id, actor_id) = (identity.user_id.to_string(), actor.user_id.to_string());
    if autonomous::cannot_write() {
        let fields = [("user", Some(user_id.as_str())), ("actor", Some(&actor_id)), ("reason", Some(reason))];
        refusals::log_event("act_as", &fields);
        return Ok(());
    }
    let detail = json!({ "reason": reason, "expires_at": clock::to_iso_text(identity.expires_at) });
    let record = Record::now(Source::Warden, "act_as", Some(&user_id), detail).of(actor).acting_for(identity.user_id);
    autonomous::commit(&autonomous::Write::Record(record)).map(|_| ())
}

/// One line for each refusal; the client is told as much as it may know.
fn log(subject_id: Option<UserId>, error: Error) -> Error {
    let reason = match &error {
        Error::Unauthenticated => "revoked",
        Error::NotFound { .. } => "unknown_user",
        Error::Forbidden { message, .. } => message,
        _ => return error,
    };
    refusals::log("act_as", reason, &[("user", subject_id.map(|id| id.to_string()).as_deref())]);
    error
}
