//! `app.current_user_id` and its siblings: the verified identity where `current_setting` reads it.
//!
//! A policy that a project has already, and an audit trigger, may read them. Nobody can set them: they
//! hold nothing, and what they show comes from the sealed identity.

#![allow(unsafe_code)]

use crate::identity::Identity;
use crate::sealed;
use pgrx::prelude::*;
use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char, c_void};
use std::ptr;

/// The variables behind the settings, which always hold ''.
static mut VARIABLES: [*mut c_char; SETTINGS.len()] = [ptr::null_mut(); SETTINGS.len()];

thread_local! {
    /// What each has shown last: the text must outlive the hook's call.
    static SHOWN: RefCell<[CString; SETTINGS.len()]> = RefCell::default();
}

type ShowHook = unsafe extern "C-unwind" fn() -> *const c_char;

const SETTINGS: [(&CStr, ShowHook); 5] = [
    (c"app.current_user_id", show::<0>),
    (c"app.current_tenant_id", show::<1>),
    (c"app.current_session_id", show::<2>),
    (c"app.current_scopes", show::<3>),
    (c"app.current_actor_id", show::<4>),
];

fn text(identity: &Identity, index: usize) -> String {
    match index {
        0 => identity.user_id.to_string(),
        1 => identity.tenant_id.map(|id| id.to_string()).unwrap_or_default(),
        2 => identity.session_id.clone().map(String::from).unwrap_or_default(),
        3 => identity.scopes().join(" "),
        _ => identity.actor_id.to_string(),
    }
}

/// Defines the settings. Called once when the library is loaded into a process.
pub fn define() {
    for (index, (name, show)) in SETTINGS.into_iter().enumerate() {
        // SAFETY: names and variables are static, the hooks have the types that the majors 15 to 18
        // share, and the boot value passes the check.
        unsafe {
            pg_sys::DefineCustomStringVariable(
                name.as_ptr(),
                c"Mirror of the verified identity of this transaction. Nobody can set it.".as_ptr(),
                ptr::null(),
                (&raw mut VARIABLES).cast::<*mut c_char>().add(index),
                c"".as_ptr(),
                pg_sys::GucContext::PGC_SUSET,
                sealed::FLAGS,
                Some(check),
                None,
                Some(show),
            );
        }
    }
}

// The hooks run outside transactions too: no catalogue access, no error, no panic.

unsafe extern "C-unwind" fn check(
    value: *mut *mut c_char,
    _extra: *mut *mut c_void,
    source: pg_sys::GucSource::Type,
) -> bool {
    // SAFETY: Postgres passes a pointer to its own copy of the text.
    source == pg_sys::GucSource::PGC_S_DEFAULT && unsafe { sealed::is_empty(*value) }
}

/// Reading a setting must not fail (SHOW ALL, pg_settings), so an expired identity is empty here.
unsafe extern "C-unwind" fn show<const INDEX: usize>() -> *const c_char {
    // A text with a NUL cannot come out of a setting; should it ever, the mirror is empty.
    let shown = sealed::with_identity(|identity| CString::new(text(identity, INDEX)).unwrap_or_default());
    SHOWN.with_borrow_mut(|texts| {
        texts[INDEX] = shown.unwrap_or_default();
        texts[INDEX].as_ptr()
    })
}
