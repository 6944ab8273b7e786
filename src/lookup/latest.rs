//! As of when rows are read: the latest committed state, not what the transaction began with.

#![allow(unsafe_code)]

use super::row::Row;
use crate::error::Result;
use crate::unguarded::{self, raising};
use pgrx::pg_sys::{self, ffi::pg_guard_ffi_boundary};

/// The latest committed state of the database, whatever the isolation level of the transaction: a
/// suspension or revocation is seen under REPEATABLE READ too.
pub struct Latest {
    pub(super) snapshot: pg_sys::Snapshot,
    /// What the statement sees that is under way; `None` where that is the same, and where there is none.
    statement: Option<pg_sys::Snapshot>,
}

impl Latest {
    /// Calls `read` with a snapshot taken now; within a parallel query, which allows no new one, with the
    /// query's own. No identity is decided there: a parallel query can change no setting.
    pub fn with<R>(read: impl FnOnce(&Self) -> Result<R>) -> Result<R> {
        // SAFETY: the active snapshot outlives the call of `read`, and is popped again (by the abort
        // of the transaction, should `read` raise).
        unsafe {
            let mut statement = None;
            pg_guard_ffi_boundary(|| {
                raising::PushActiveSnapshot(if unguarded::is_in_parallel_mode() {
                    unguarded::active_snapshot()
                } else {
                    statement = unguarded::has_active_snapshot().then(unguarded::active_snapshot);
                    raising::GetLatestSnapshot()
                });
            });
            let result = read(&Self { snapshot: unguarded::active_snapshot(), statement });
            raising::PopActiveSnapshot();
            result
        }
    }

    /// The database as the statement sees it that is under way, where a row was written, or changed, since its snapshot was
    /// taken; `None` for a row that it sees as it is.
    pub fn before(&self, row: &Row<'_>) -> Option<Self> {
        let snapshot = self.statement?;
        // SAFETY: the snapshot is below the active one, and a transaction's; within a transaction.
        let is_since = unsafe {
            pg_sys::TransactionIdIsNormal(row.written_by)
                && !pg_sys::TransactionIdIsCurrentTransactionId(row.written_by)
                && pg_sys::XidInMVCCSnapshot(row.written_by, snapshot)
        };
        is_since.then_some(Self { snapshot, statement: None })
    }
}
