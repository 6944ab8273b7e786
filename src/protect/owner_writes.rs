//! Writing the rows of other people's tables as their owner, and leaving nothing behind that would run as
//! somebody else.
//!
//! What fires on a write (triggers, checks, cascades) is the owner's code. It runs under `act_as`, with the
//! names of its own schema in reach, as it expects, and not those of whoever calls. A deferred trigger would
//! run when the transaction commits, as whoever commits it: Postgres refuses to defer one in a
//! security-restricted operation (42501), so constraints are made immediate beforehand.
//!
//! A superuser is not acted as: whoever owns a function that such a table calls would have its rights.

#![allow(unsafe_code)]

use super::table_owner::act_as;
use crate::error::{Error, Result};
use crate::{caller, spi};
use pgrx::pg_sys::{self, Oid};
use std::ffi::{CStr, CString};

/// Runs `work` as the owner of tables in a schema (quoted). Waits for locks no longer than `lock_timeout`,
/// or 5 s where none is set: a client that idles in a transaction keeps nobody waiting for ever.
///
/// # Errors
/// 55000 for a superuser.
pub fn writing_as<R>(owner: Oid, schema: &str, work: impl FnOnce() -> Result<R>) -> Result<R> {
    refuse_superuser(owner, schema)?;
    let path = CString::new(format!("{schema}, pg_temp")).map_err(|_| Error::internal("a name holds a zero byte"))?;
    // SAFETY: sets variables of the backend, and sets them back, also those that the owner's code has set;
    // the texts are NUL-terminated and copied. Should `work` raise, the abort of the (sub)transaction does it.
    unsafe {
        let level = pg_sys::NewGUCNestLevel();
        set(c"search_path", &path);
        if pg_sys::LockTimeout == 0 {
            set(c"lock_timeout", c"5s");
        }
        let result = act_as(owner, work);
        pg_sys::AtEOXact_GUC(false, level);
        result
    }
}

/// Refuses a superuser as the owner of what is to be read or written.
///
/// # Errors
/// 55000.
pub fn refuse_superuser(owner: Oid, what: &str) -> Result<()> {
    // SAFETY: a catalogue look-up within a transaction.
    if unsafe { pg_sys::superuser_arg(owner) } {
        return Err(Error::wrong_state(
            format!("a superuser owns {what}"),
            "Code of others would run with its rights: ALTER TABLE ... OWNER TO an ordinary role.",
        ));
    }
    Ok(())
}

/// Makes constraints immediate for the rest of the transaction. What was deferred so far fires now, as the
/// client, who would have fired it in the end: this function has more rights than that.
pub fn defer_nothing() -> Result<()> {
    act_as(caller::oid(), || spi::write("SET CONSTRAINTS ALL IMMEDIATE", &[]))?;
    Ok(())
}

/// # Safety
/// Within a nest level that is left again.
unsafe fn set(name: &CStr, value: &CStr) {
    // SAFETY: as the caller promises; both texts are NUL-terminated and copied.
    unsafe {
        pg_sys::set_config_option(
            name.as_ptr(),
            value.as_ptr(),
            pg_sys::GucContext::PGC_USERSET,
            pg_sys::GucSource::PGC_S_SESSION,
            pg_sys::GucAction::GUC_ACTION_SAVE,
            true,
            0,
            false,
        );
    }
}
