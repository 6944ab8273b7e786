//! Sessions of the database's own tokens, and tokens that were revoked one by one.
//!
//! Read at every authentication with the latest snapshot, never cached (only where the row was last found is, and
//! what it said as long as it is the same bytes): what was ended is refused in the next transaction, also under
//! REPEATABLE READ.

use crate::catalog;
use crate::error::Result;
use crate::ids::UserId;
use crate::lookup::{Key, Latest, Lookup, Seen, uuid_in_place};
use pgrx::IntoDatum;
use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;
use uuid::Uuid;

/// A session, as authentication needs it.
#[derive(Clone)]
pub struct Session {
    id: Uuid,
    pub user_id: UserId,
    /// Microseconds since 2000-01-01 UTC, as all times here.
    pub started_at: i64,
    /// The first moment that is too late: the end of the session, of its longest life or of its idleness.
    pub over_at: i64,
}

thread_local! {
    static SESSION_BY_ID: Lookup = const { Lookup::new(
        c"sessions",
        &[Key::uuid(c"id")],
        &[c"user_id", c"started_at", c"expires_at", c"idle_expires_at", c"ended_at", c"id"],
    ) };
    static REVOKED_BY_JTI: Lookup = const { Lookup::new(c"revoked_tokens", &[Key::text(c"jti")], &[c"issuer"]) };

    /// The state of the catalog in which no token was revoked; 0 where some are, or nobody has looked.
    static NONE_REVOKED_AS_OF: Cell<u64> = const { Cell::new(0) };
}

/// The session with this id. `seen` remembers its row.
pub fn find(id: Uuid, seen: &RefCell<Option<Seen<Session>>>) -> Result<Option<Session>> {
    Latest::with(|latest| {
        SESSION_BY_ID.with(|sessions| {
            let is_it = |seen: &Session| seen.id == id;
            sessions.first_again(latest, &[uuid_in_place(&id)], seen, is_it, |row| {
                let ends = [row.time(2)?, row.time(3)?, row.time(4)?];
                Ok(Session {
                    id: row.uuid(5)?,
                    user_id: row.uuid(0)?.into(),
                    started_at: row.time(1)?.unwrap_or(i64::MIN),
                    over_at: ends.into_iter().flatten().min().unwrap_or(i64::MIN),
                })
            })
        })
    })
}

/// Whether a token of this name (claim `jti`) was revoked, of this issuer or whichever.
///
/// In most databases none ever was, and a backend knows that until somebody revokes one: the trigger of the
/// table says so to all of them.
#[inline(always)]
pub fn is_revoked(issuer: &str, jti: &str) -> Result<bool> {
    // Before the table is read: what changes in between is found to have changed the next time.
    let as_of = catalog::state_of_call();
    if NONE_REVOKED_AS_OF.get() == as_of {
        return Ok(false);
    }
    Latest::with(|latest| {
        REVOKED_BY_JTI.with(|tokens| {
            if tokens.is_empty(latest)? {
                if catalog::may_keep(as_of) {
                    NONE_REVOKED_AS_OF.set(as_of);
                }
                return Ok(false);
            }
            let mut revoked = false;
            tokens.each(latest, &[jti.into_datum()], |row| {
                revoked = row.text(0)?.is_none_or(|named| named == issuer);
                Ok(if revoked { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
            })?;
            Ok(revoked)
        })
    })
}
