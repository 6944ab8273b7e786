//! The door for owners, admins and migrations: `begin_admin`, and what the policy `warden_admin` asks.
//!
//! Under FORCE ROW LEVEL SECURITY a table's owner sees no row of others, and says nothing about it: a
//! backfill of no rows, a foreign key validated over rows it does not see. So these roles have a
//! policy of their own that raises where it would have hidden something, unless the transaction has
//! opened the door; each opening is recorded before it takes effect, and stays recorded.
//!
//! The policy is written for their roles alone, yet a client meets it through a view or a function
//! that belongs to the owner. There it is false from the start: the planner takes it out, so that the
//! client keeps the plan of its own policy.

#![allow(unsafe_code)]

use crate::audit::{self, Record, Source};
use crate::bearer::{Failure, FirstSight, bearer};
use crate::c_function::version_1;
use crate::error::{Error, Result, or_raise};
use crate::ids::UserId;
use crate::scope_checks::Person;
use crate::sealed::{self, Standing};
use crate::spi::Statement;
use crate::{autonomous, bans, caller, elevated, hooks, permissions, refusals, transaction, unguarded};
use pgrx::prelude::*;
use pgrx::{IntoDatum, pg_getarg_datum_raw};
use serde_json::json;
use std::cell::{Cell, RefCell};

/// Opens the door for the rest of the transaction. See the comment on the SQL function.
#[pg_extern(sql = false)]
fn begin_admin(reason: Option<&str>, token: Option<&str>) -> bool {
    if token.is_some() {
        hooks::hide_statement();
    }
    or_raise(open(reason.unwrap_or_default(), token))
}

/// The policy of owners, admins and migrations. See the comment on the SQL function.
#[pg_extern(sql = false)]
fn admin_open() -> bool {
    if or_raise(stands_open()) {
        return true;
    }
    if !or_raise(may_open(caller::oid())) {
        return false;
    }
    match sealed::standing() {
        // Who acts for a user sees the rows of that user, and asks for no more.
        Standing::Valid => false,
        Standing::Expired => Error::IdentityExpired.raise(),
        Standing::Nobody => Error::forbidden(
            format!(
                "row-level security binds role \"{}\": it would see or write less than it believes",
                caller::name()
            ),
            "SELECT warden.begin_admin('why') earlier in the same transaction; each opening is recorded.",
        )
        .raise(),
    }
}

/// Whether whoever acts here is not bound by whose rows they are, and may change that too.
#[pg_extern(sql = false)]
fn admin_is_open() -> bool {
    or_raise(stands_open())
}

version_1!(pg_finfo_warden_admin_open_support);

/// Planner support of `warden.admin_open()`: for a caller to whom no door opens it is the constant false.
///
/// A plan that is kept is made anew for another role, except inside of a definer function, whose role
/// stays: should an owner ever call in the same backend what a client called before, it meets the
/// client's plan and sees fewer rows, never more. Opening the door discards such plans.
///
/// # Safety
/// Only Postgres calls it, with a call frame of its own.
#[unsafe(no_mangle)]
#[pg_guard]
pub unsafe extern "C-unwind" fn warden_admin_open_support(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: a support function is passed a node, and may answer one that the current memory context owns.
    unsafe {
        let request = pg_getarg_datum_raw(fcinfo, 0).cast_mut_ptr::<pg_sys::Node>();
        if (*request).type_ == pg_sys::NodeTag::T_SupportRequestSimplify
            && !or_raise(stands_open())
            && !or_raise(may_open(caller::oid()))
        {
            return pg_sys::Datum::from(pg_sys::makeBoolConst(false, false));
        }
    }
    pg_sys::Datum::null()
}

/// Whether the door is open to the role in force here. Read for each row of those who may pass.
fn stands_open() -> Result<bool> {
    thread_local! {
        static LAST: Cell<Option<(u32, pg_sys::Oid, pg_sys::Oid, bool)>> = const { Cell::new(None) };
    }
    let Some(opener) = sealed::admin_role() else { return Ok(false) };
    let actor = unguarded::user_id();
    let lxid = transaction::local_id();
    if let Some((known_lxid, known_opener, known_actor, answer)) = LAST.get()
        && (known_lxid, known_opener, known_actor) == (lxid, opener, actor)
    {
        return Ok(answer);
    }
    let answer = opens(opener, actor)?;
    LAST.set(Some((lxid, opener, actor, answer)));
    Ok(answer)
}

fn open(reason: &str, token: Option<&str>) -> Result<bool> {
    let reason = audit::require_reason(reason, "opening protected tables")?;
    caller::require_own_statement()?;
    let role = caller::oid();
    if !may_open(role)? {
        return Err(Error::forbidden(
            format!("role \"{}\" may not open protected tables", caller::name()),
            "Owners of protected tables may; a superuser adds others by warden.add_admin_role() or warden.add_migration_role().",
        ));
    }
    transaction::warn_outside_block("begin_admin");
    let actor = token.map(actor).transpose()?;
    let mut record = Record::now(Source::Warden, "begin_admin", None, json!({ "reason": reason }));
    if let Some(actor) = actor {
        record = record.by(actor);
    }
    if autonomous::cannot_write() {
        refusals::log_event(
            "begin_admin",
            &[("reason", Some(reason)), ("actor", actor.map(|id| id.to_string()).as_deref())],
        );
    } else {
        autonomous::commit(&autonomous::Write::Record(record))?;
    }
    sealed::set_admin_role(role);
    // SAFETY: marks the kept plans of this backend for being made anew.
    unsafe { pg_sys::ResetPlanCache() };
    Ok(true)
}

/// The person whose token `begin_admin` was given, for the rest of the transaction, also where that is rolled back to
/// before it: what a person may grant is bounded by what it holds.
pub fn person() -> Option<Person> {
    PERSON
        .with_borrow(|person| person.clone())
        .filter(|(lxid, _)| *lxid == transaction::local_id())
        .map(|(_, person)| person)
}

thread_local! {
    /// With the transaction that it acts in.
    static PERSON: RefCell<Option<(u32, Person)>> = const { RefCell::new(None) };
}

/// The user whose token names the person behind a role that several use.
fn actor(token: &str) -> Result<UserId> {
    match bearer(token, FirstSight::OnlyLook) {
        Ok(bearer) => {
            let actor = bearer.actor.as_ref().unwrap_or(&bearer.user);
            if actor.is_agent {
                return Err(Error::forbidden("an agent opens no protected tables", "Pass the token of a person."));
            }
            let granted = permissions::granted(actor, bearer.tenant_id, &bearer.limits, bearer.bounds.users())?;
            let person = Person::new(actor, bearer.tenant_id, granted)?;
            PERSON.set(Some((transaction::local_id(), person)));
            Ok(actor.id)
        }
        Err(Failure::Error(error)) => Err(error),
        Err(Failure::Banned(address)) => Err(bans::refusal("begin_admin", &address.to_string())),
        Err(Failure::Refused(refused)) => {
            let fields = [("issuer", refused.named.issuer.as_deref()), ("subject", refused.named.subject.as_deref())];
            refusals::log("begin_admin", refused.reason, &fields);
            Err(Error::Unauthenticated)
        }
    }
}

/// Whether a role is, or acts with the rights of, an owner of a protected table, an admin or a migration role.
fn may_open(role: pg_sys::Oid) -> Result<bool> {
    thread_local! {
        static MAY_OPEN: Statement =
            const { Statement::new(c"SELECT warden.may_open_door($1)", &[pg_sys::OIDOID]) };
    }
    ask(&MAY_OPEN, &[role.into_datum()])
}

/// Whether what `opener` has opened is open to `actor`, in whose name a query runs.
fn opens(opener: pg_sys::Oid, actor: pg_sys::Oid) -> Result<bool> {
    thread_local! {
        static OPENS: Statement =
            const { Statement::new(c"SELECT warden.door_opens_to($1, $2)", &[pg_sys::OIDOID, pg_sys::OIDOID]) };
    }
    ask(&OPENS, &[opener.into_datum(), actor.into_datum()])
}

fn ask(question: &'static std::thread::LocalKey<Statement>, arguments: &[Option<pg_sys::Datum>]) -> Result<bool> {
    let answer = elevated::with_rights_of_extension(|| {
        question.with(|statement| statement.first(arguments, |row| row.get::<bool>(1)))
    })?;
    Ok(answer.flatten().unwrap_or(false))
}
