//! What policies call: who the transaction acts for.
//!
//! These run once for each row of a sequential scan, so they read what the assign hook has parsed:
//! no SPI, no parsing, no allocation but for what they return. They are declared in `sql/identity.sql`,
//! STABLE and PARALLEL SAFE, and loading them is what loads the library: a policy that reads
//! `current_setting` instead would believe a value planted before the library was there.

#![allow(unsafe_code)]

use crate::c_function::version_1;
use crate::error::Error;
use crate::identity::Identity;
use crate::sealed::{self, Standing};
use crate::settings;
use pgrx::prelude::*;
use pgrx::{IntoDatum, pg_getarg, pg_guard};
use std::ffi::c_void;

/// Declares a C function of the version-1 calling convention.
macro_rules! policy_function {
    ($(#[$doc:meta])* $name:ident, $info:ident, cannot_fail: $cannot_fail:expr, $value:expr) => {
        version_1!($info);

        $(#[$doc])*
        ///
        /// # Safety
        /// Only Postgres calls it, with a call frame of its own.
        #[unsafe(no_mangle)]
        pub unsafe extern "C-unwind" fn $name(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
            #[pg_guard]
            unsafe extern "C-unwind" fn guarded(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
                or_null(fcinfo, if somebody() { ($value)(fcinfo) } else { None })
            }
            // Apart: what runs for each row sets up no frame.
            #[cold]
            #[inline(never)]
            unsafe extern "C-unwind" fn otherwise(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
                // SAFETY: passes on what Postgres passed.
                unsafe { guarded(fcinfo) }
            }
            // What cannot fail needs no guard, which costs as much as all the rest.
            if let (true, Standing::Valid) = ($cannot_fail, sealed::standing()) {
                return or_null(fcinfo, ($value)(fcinfo));
            }
            // SAFETY: passes on what Postgres passed.
            unsafe { otherwise(fcinfo) }
        }
    };
}

#[inline]
fn or_null(fcinfo: pg_sys::FunctionCallInfo, value: Option<pg_sys::Datum>) -> pg_sys::Datum {
    value.unwrap_or_else(|| {
        // SAFETY: Postgres passes a valid call frame.
        unsafe { (*fcinfo).isnull = true };
        pg_sys::Datum::null()
    })
}

/// A copy of sixteen bytes, made once for all rows of a query: the original becomes another user's, and an
/// argument of a procedure that commits, or a value in a query that acts for several, outlives that.
#[inline]
fn kept(fcinfo: pg_sys::FunctionCallInfo, id: *const u8) -> pg_sys::Datum {
    // SAFETY: Postgres passes a valid call frame, whose `fn_extra` is ours and null or such a copy; `id` points
    // to sixteen bytes.
    unsafe {
        let id = *id.cast::<Id>();
        let copy = (*(*fcinfo).flinfo).fn_extra.cast::<Id>();
        if !copy.is_null() && *copy == id { pg_sys::Datum::from(copy) } else { copied(fcinfo, id) }
    }
}

type Id = [u8; UUID_LENGTH];

/// The first copy is kept. Another is made neither in its place, where somebody may still look; nor beside it, where it
/// would stay for as long as the expression is kept, that of a domain for as long as the connection.
///
/// # Safety
/// As `kept`.
#[cold]
#[inline(never)]
unsafe fn copied(fcinfo: pg_sys::FunctionCallInfo, id: Id) -> pg_sys::Datum {
    unsafe extern "C-unwind" {
        // Not pgrx's, whose guards cost more than the rest: no frame in between has anything to clean up.
        fn MemoryContextAlloc(context: pg_sys::MemoryContext, size: usize) -> *mut c_void;
        fn palloc(size: usize) -> *mut c_void;
    }
    // SAFETY: promised by the caller; both functions answer with as many bytes as asked for, or raise.
    unsafe {
        let function = &mut *(*fcinfo).flinfo;
        let copy: *mut Id = if function.fn_extra.is_null() {
            function.fn_extra = MemoryContextAlloc(function.fn_mcxt, UUID_LENGTH);
            function.fn_extra.cast()
        } else {
            palloc(UUID_LENGTH).cast()
        };
        *copy = id;
        pg_sys::Datum::from(copy)
    }
}

policy_function!(
    /// `warden.current_user_id()`.
    warden_current_user_id,
    pg_finfo_warden_current_user_id,
    cannot_fail: true,
    |fcinfo: pg_sys::FunctionCallInfo| Some(kept(fcinfo, sealed::user_id_bytes()))
);

policy_function!(
    /// `warden.current_tenant_id()`.
    warden_current_tenant_id,
    pg_finfo_warden_current_tenant_id,
    cannot_fail: true,
    |fcinfo: pg_sys::FunctionCallInfo| sealed::tenant_id_bytes().map(|id| kept(fcinfo, id))
);

policy_function!(
    /// `warden.current_external_number()`.
    warden_current_external_number,
    pg_finfo_warden_current_external_number,
    cannot_fail: true,
    |_: pg_sys::FunctionCallInfo| sealed::external_number().and_then(IntoDatum::into_datum)
);

policy_function!(
    /// `warden.current_external_id()`.
    warden_current_external_id,
    pg_finfo_warden_current_external_id,
    cannot_fail: false,
    |_: pg_sys::FunctionCallInfo| sealed::with_identity(|identity| identity.external_text()).and_then(IntoDatum::into_datum)
);

policy_function!(
    /// `warden.lending_user_id(capability)`.
    warden_lending_user_id,
    pg_finfo_warden_lending_user_id,
    cannot_fail: !sealed::lends(),
    |fcinfo: pg_sys::FunctionCallInfo| is_lent(fcinfo).then(|| kept(fcinfo, sealed::lending_id_bytes()))
);

policy_function!(
    /// `warden.lending_external_number(capability)`.
    warden_lending_external_number,
    pg_finfo_warden_lending_external_number,
    cannot_fail: !sealed::lends(),
    |fcinfo: pg_sys::FunctionCallInfo| {
        if is_lent(fcinfo) { sealed::lending_number().and_then(IntoDatum::into_datum) } else { None }
    }
);

policy_function!(
    /// `warden.lending_external_id(capability)`.
    warden_lending_external_id,
    pg_finfo_warden_lending_external_id,
    cannot_fail: !sealed::lends(),
    |fcinfo: pg_sys::FunctionCallInfo| {
        let lent = |identity: &Identity| identity.lends.as_ref().map(|lends| lends.external_text());
        if is_lent(fcinfo) { sealed::with_identity(lent).flatten().and_then(IntoDatum::into_datum) } else { None }
    }
);

/// Whether the agent of this transaction has the capability that is the argument; who is none has none, and does not
/// even look at it.
#[inline]
fn is_lent(fcinfo: pg_sys::FunctionCallInfo) -> bool {
    if !sealed::lends() {
        return false;
    }
    // SAFETY: Postgres passes a valid call frame, and the function is declared with one text.
    let capability = unsafe { pg_getarg::<&str>(fcinfo, 0) };
    let holds = |identity: &Identity| capability.is_some_and(|name| identity.lends(name).is_some());
    sealed::with_identity(holds).unwrap_or(false)
}

/// Whether there is a valid identity; loud where it has expired, or where the operator wants a
/// missing one to be.
#[inline]
pub fn somebody() -> bool {
    match sealed::standing() {
        Standing::Valid => true,
        Standing::Expired => Error::IdentityExpired.raise(),
        // Inside the door nobody is missing.
        Standing::Nobody if settings::missing_identity_is_error() && sealed::admin_role().is_none() => {
            Error::IdentityMissing.raise()
        }
        Standing::Nobody => false,
    }
}

/// The session the token names, or NULL. Never raises for a missing identity.
#[pg_extern(schema = "warden", stable, parallel_safe)]
fn current_session_id() -> Option<String> {
    read(|identity| identity.session_id.clone().map(String::from)).flatten()
}

/// Who acts: the user itself, or whoever acts on the user's behalf.
#[pg_extern(schema = "warden", stable, parallel_safe)]
fn current_actor_id() -> Option<pgrx::Uuid> {
    read(|identity| identity.actor_id.to_pgrx())
}

/// The roles of the user in the directory when the token was verified; empty for nobody.
#[pg_extern(schema = "warden", stable, parallel_safe)]
fn current_roles() -> Vec<String> {
    read(|identity| identity.roles.to_vec()).unwrap_or_default()
}

/// The scopes that are held; empty for nobody.
#[pg_extern(schema = "warden", stable, parallel_safe)]
fn current_scopes() -> Vec<String> {
    read(Identity::scopes).unwrap_or_default()
}

/// The whole identity as one object, or NULL for nobody.
#[pg_extern(schema = "warden", stable, parallel_safe)]
fn identity() -> Option<pgrx::JsonB> {
    read(|identity| {
        pgrx::JsonB(serde_json::json!({
            "user_id": identity.user_id,
            "external_id": identity.external_id.as_deref(),
            "tenant_id": identity.tenant_id,
            "session_id": identity.session_id,
            "actor_id": identity.actor_id,
            "roles": *identity.roles,
            "scopes": identity.scopes(),
            "expires_at": crate::clock::to_iso_text(identity.expires_at),
        }))
    })
}

fn read<R>(read: impl FnOnce(&Identity) -> R) -> Option<R> {
    if let Standing::Expired = sealed::standing() {
        Error::IdentityExpired.raise();
    }
    sealed::with_identity(read)
}

/// `UUID_LEN` of Postgres.
const UUID_LENGTH: usize = 16;
