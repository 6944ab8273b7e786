//! What a SECURITY DEFINER clause with a pinned search_path does, for a part of a function only.
//!
//! The clause costs every call 3 µs: the search path is parsed again in the function and once more
//! after it. `authenticate` runs in every transaction and needs the rights of the extension in few of
//! them: to load an issuer's keys, to create a user seen for the first time.

#![allow(unsafe_code)]

use crate::held_settings::{self, Others};
use pgrx::pg_sys::{self, Oid};
use std::ffi::c_int;

/// Runs `work` with the rights of the extension, names resolved in `pg_catalog` alone.
///
/// Only for statements on tables of the extension. Should `work` raise, the abort of the
/// (sub)transaction restores both, as it does for SECURITY DEFINER functions.
pub fn with_rights_of_extension<R>(work: impl FnOnce() -> R) -> R {
    let (mut user, mut context): (Oid, c_int) = (Oid::INVALID, 0);
    // SAFETY: sets variables of the backend, and sets them back. The extension belongs to a superuser,
    // as its control file demands.
    unsafe {
        pg_sys::GetUserIdAndSecContext(&mut user, &mut context);
        let elevated = context | pg_sys::SECURITY_LOCAL_USERID_CHANGE as c_int;
        pg_sys::SetUserIdAndSecContext(Oid::from(pg_sys::BOOTSTRAP_SUPERUSERID), elevated);
        let result = held_settings::with(&[(c"search_path", c"pg_catalog, pg_temp")], Others::Kept, work);
        pg_sys::SetUserIdAndSecContext(user, context);
        result
    }
}
