//! Small SQL functions that belong to no family: events of the application, HTTP status, version.

use crate::caller::{self, Kind};
use crate::error::{Error, Result, or_raise};
use crate::{audit, autonomous, http_status, issuers, spi};
use pgrx::JsonB;
use pgrx::datum::AnyElement;
use pgrx::prelude::*;

/// Writes an event of the application to the audit log. See the comment on the SQL function.
///
/// The detail is a jsonb, and not parsed by Rust, which reads 128 levels and no more.
#[pg_extern(sql = false)]
fn record_event(
    action: Option<&str>,
    object: Option<&str>,
    detail: Option<AnyElement>,
    outlive_rollback: Option<bool>,
) -> bool {
    or_raise((|| {
        let action = action
            .filter(|action| !action.is_empty() && action.len() <= 255)
            .ok_or_else(|| Error::invalid("an event needs an action", "Say what happened in at most 255 bytes."))?;
        if object.is_some_and(|object| object.len() > LONGEST_OBJECT) {
            return Err(too_large(format!("the object of an event has at most {LONGEST_OBJECT} bytes")));
        }
        let detail = detail.map_or_else(|| Ok("{}".to_owned()), |detail| spi::jsonb_text(&detail))?;
        if detail.len() > LARGEST_DETAIL {
            return Err(too_large(format!("the detail of an event has at most {LARGEST_DETAIL} bytes")));
        }
        if depth(&detail) > DEEPEST_DETAIL {
            return Err(too_large(format!("the detail of an event has at most {DEEPEST_DETAIL} levels")));
        }
        let record = audit::Record::with_text(audit::Source::Application, action, object, detail);
        if outlive_rollback.unwrap_or(false) {
            require_trust()?;
            autonomous::commit(&autonomous::Write::Record(record))?;
        } else {
            record.write()?;
        }
        Ok(true)
    })())
}

fn too_large(message: String) -> Error {
    Error::invalid(message, "Keep what is large in a table of your own, and record its key.")
}

/// How deep the arrays and objects of a JSON text are nested.
fn depth(json: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut in_string, mut escaped) = (false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// A write that outlives rollback starts a process, so ordinary clients may not ask for it.
fn require_trust() -> Result<()> {
    if issuers::administers()? || caller::is(Kind::Trusted)? {
        return Ok(());
    }
    caller::require(Kind::Trusted)
}

/// Writes a record of the extension's own. See the comment on the SQL function.
#[pg_extern(schema = "warden", volatile, parallel_unsafe)]
fn write_audit(action: &str, object: Option<&str>, detail: JsonB) -> bool {
    or_raise(audit::record(action, object, detail.0).map(|()| true))
}

/// Whether the client runs as a superuser or an admin role, and asks itself.
///
/// Not SECURITY DEFINER, so as to see who asks: code that a foreign key or a definer function runs as
/// its owner is not shown what the client beyond it may see.
#[pg_extern(schema = "warden", stable, parallel_restricted)]
fn caller_administers() -> bool {
    caller::asks_itself() && or_raise(issuers::administers())
}

/// Whether the client runs as a superuser or an admin role, for functions that are SECURITY DEFINER themselves.
///
/// A trigger is somebody else's code and runs with the rights of whoever sets it off: it is no administrator.
#[pg_extern(schema = "warden", stable, parallel_restricted)]
fn client_administers() -> bool {
    or_raise(issuers::administers().and_then(|administers| Ok(administers && caller::is_own_statement()?)))
}

/// Refuses everybody but superusers and admin roles, for functions that are SECURITY DEFINER themselves.
#[pg_extern(schema = "warden", stable, parallel_restricted)]
fn require_administrator() -> bool {
    or_raise(issuers::require_administrator().map(|()| true))
}

/// Refuses everybody but superusers, for functions that are SECURITY DEFINER themselves.
#[pg_extern(schema = "warden", stable, parallel_restricted)]
fn require_superuser() -> bool {
    or_raise(if caller::is_superuser() {
        Ok(true)
    } else {
        Err(Error::forbidden(format!("role \"{}\" is no superuser", caller::name()), "Have a superuser do it."))
    })
}

/// Refuses everybody but superusers, admin and trusted roles. See the comment on the SQL function.
#[pg_extern(sql = false)]
fn require_trusted_caller() -> bool {
    or_raise(require_trust().map(|()| true))
}

/// The HTTP status for a SQLSTATE. See the comment on the SQL function.
#[pg_extern(schema = "warden", name = "http_status", immutable, parallel_safe)]
fn http_status_of(sqlstate: &str) -> i32 {
    http_status::status(sqlstate)
}

/// The version of the loaded library.
#[pg_extern(schema = "warden", stable, parallel_safe)]
fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// The log keeps what it is given for good, so nobody fills it in a few calls.
const LARGEST_DETAIL: usize = 1 << 20;
const LONGEST_OBJECT: usize = 2000;

/// Less than any reader of JSON gives up at.
const DEEPEST_DETAIL: usize = 100;
