//! The database's clock, in the two units the extension uses.

use crate::unguarded;
use pgrx::prelude::*;

/// Seconds between 1970-01-01 and 2000-01-01 UTC, Postgres' epoch.
const POSTGRES_EPOCH: i64 = 946_684_800;
const MICROSECONDS: i64 = 1_000_000;

/// Now, in microseconds since 2000-01-01 UTC; moves on within a transaction.
pub fn now() -> i64 {
    unguarded::current_timestamp()
}

/// A `timestamptz` as whole seconds since 1970-01-01 UTC (the NumericDate of RFC 7519), rounded down.
pub fn to_unix_seconds(timestamp: i64) -> i64 {
    timestamp.div_euclid(MICROSECONDS) + POSTGRES_EPOCH
}

/// Whole seconds since 1970-01-01 UTC as a `timestamptz`; the far future where it does not fit.
pub fn from_unix_seconds(seconds: i64) -> i64 {
    (seconds - POSTGRES_EPOCH).saturating_mul(MICROSECONDS)
}

/// A `timestamptz` as text of ISO 8601 in UTC.
pub fn to_iso_text(timestamp: i64) -> Option<String> {
    let timestamp = TimestampWithTimeZone::try_from(timestamp).ok()?;
    timestamp.to_iso_string_with_timezone("UTC").ok()
}
