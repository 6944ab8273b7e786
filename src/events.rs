//! Small SQL functions that belong to no family: events of the application, HTTP status, version.

use crate::caller::{self, Kind};
use crate::error::{Error, Result, or_raise};
use crate::{audit, autonomous, http_status, issuers};
use pgrx::JsonB;
use pgrx::prelude::*;

/// Writes an event of the application to the audit log. See the comment on the SQL function.
#[pg_extern(schema = "warden", volatile, parallel_unsafe, security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn record_event(
    action: Option<&str>,
    object: default!(Option<&str>, "NULL"),
    detail: default!(Option<JsonB>, "'{}'"),
    outlive_rollback: default!(Option<bool>, "false"),
) -> bool {
    or_raise((|| {
        let action = action
            .filter(|action| !action.is_empty() && action.len() <= 255)
            .ok_or_else(|| Error::invalid("an event needs an action", "Say what happened in at most 255 bytes."))?;
        let detail = detail.map_or(serde_json::json!({}), |detail| detail.0);
        let record = audit::Record::now(audit::Source::Application, action, object, detail);
        if outlive_rollback.unwrap_or(false) {
            require_trust()?;
            autonomous::commit(&autonomous::Write::Record(record))?;
        } else {
            record.write()?;
        }
        Ok(true)
    })())
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
