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

use super::table_owner::{act_as, act_as_client};
use crate::error::{Error, Result};
use crate::held_settings::{self, Others};
use crate::{caller, exemption, spi};
use pgrx::pg_sys::{self, Oid};
use std::ffi::CString;

/// Runs `work` as the owner of tables in a schema (quoted). Waits for locks no longer than `lock_timeout`,
/// or 5 s where none is set: a client that idles in a transaction keeps nobody waiting for ever.
///
/// # Errors
/// 55000 for a superuser.
pub fn writing_as<R>(owner: Oid, schema: &str, work: impl FnOnce() -> Result<R>) -> Result<R> {
    refuse_superuser(owner, schema)?;
    let path = CString::new(format!("{schema}, pg_temp")).map_err(|_| Error::internal("a name holds a zero byte"))?;
    let settings = [(c"search_path", path.as_c_str()), (c"lock_timeout", c"5s")];
    // SAFETY: reads a variable of the backend.
    let waits_for_ever = unsafe { pg_sys::LockTimeout } == 0;
    let settings = if waits_for_ever { &settings[..] } else { &settings[..1] };
    let _later = ForgetPlans;
    held_settings::with(settings, Others::Undone, || act_as(owner, work))
}

/// What the owner's code has planned here may be called where row security binds it; also after an error.
struct ForgetPlans;

impl Drop for ForgetPlans {
    fn drop(&mut self) {
        exemption::forget_plans();
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
/// client, who would have fired it in the end and is bound by row security: this function has more rights than that.
pub fn defer_nothing() -> Result<()> {
    act_as_client(caller::oid(), || spi::write("SET CONSTRAINTS ALL IMMEDIATE", &[]))?;
    Ok(())
}
