//! Settings that hold while some work is done, and are what they were after it: the SET clause of a function, for a part
//! of one.

#![allow(unsafe_code)]

use pgrx::pg_sys;
use std::ffi::CStr;

/// What becomes of settings that the work itself has changed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Others {
    /// They stay, as after a function with a SET clause.
    Kept,
    /// They are set back as well: the work runs code of somebody else.
    Undone,
}

/// Does `work` with these settings, by name and value, whoever may change them. Should it raise, the abort of the
/// (sub)transaction sets them back.
pub fn with<R>(settings: &[(&CStr, &CStr)], others: Others, work: impl FnOnce() -> R) -> R {
    // SAFETY: sets variables of the backend, and sets them back; the texts are NUL-terminated and copied.
    unsafe {
        let level = pg_sys::NewGUCNestLevel();
        for (name, value) in settings {
            pg_sys::set_config_option(
                name.as_ptr(),
                value.as_ptr(),
                pg_sys::GucContext::PGC_SUSET,
                pg_sys::GucSource::PGC_S_SESSION,
                pg_sys::GucAction::GUC_ACTION_SAVE,
                true,
                0,
                false,
            );
        }
        let result = work();
        pg_sys::AtEOXact_GUC(others == Others::Kept, level);
        result
    }
}
