//! Functions of Postgres without pgrx's guards.
//!
//! pgrx puts a guard around each call into Postgres that turns an error into a panic; it costs 20 to
//! 30 ns, and an authentication makes dozens of calls in 3 µs.

#![allow(unsafe_code)]

use pgrx::pg_sys::{self, Datum, Oid, Snapshot, TimestampTz};
use std::ffi::{c_char, c_int};

/// Declares functions that can neither raise nor wait, and safe wrappers of them.
macro_rules! cannot_raise {
    ($($(#[$doc:meta])* $wrapper:ident = $name:ident() -> $result:ty;)*) => {
        mod postgres {
            use super::*;
            unsafe extern "C-unwind" {
                $(#[allow(clashing_extern_declarations)] pub fn $name() -> $result;)*
            }
        }
        $(
            $(#[$doc])*
            #[inline]
            pub fn $wrapper() -> $result {
                // SAFETY: reads the state of the backend or the clock, and nothing else.
                unsafe { postgres::$name() }
            }
        )*
    };
}

cannot_raise! {
    /// The clock, in microseconds since 2000-01-01 UTC.
    current_timestamp = GetCurrentTimestamp() -> TimestampTz;
    /// When the client's message arrived, in the same unit.
    statement_timestamp = GetCurrentStatementStartTimestamp() -> TimestampTz;
    /// The role in force here.
    user_id = GetUserId() -> Oid;
    /// The role that the client runs as, outside of SECURITY DEFINER functions.
    outer_user_id = GetOuterUserId() -> Oid;
    /// Whether the client has begun a transaction block.
    is_transaction_block = IsTransactionBlock() -> bool;
    /// Whether a parallel query is under way.
    is_in_parallel_mode = IsInParallelMode() -> bool;
    /// Whether a snapshot was pushed.
    has_active_snapshot = ActiveSnapshotSet() -> bool;
    /// The snapshot pushed last; the caller has seen to it that there is one.
    active_snapshot = GetActiveSnapshot() -> Snapshot;
}

unsafe extern "C-unwind" {
    // Neither raises.
    #[allow(clashing_extern_declarations)]
    pub fn GetUserIdAndSecContext(role: *mut Oid, context: *mut c_int);
    #[allow(clashing_extern_declarations)]
    pub fn SetUserIdAndSecContext(role: Oid, context: c_int);
}

/// Functions that can raise. For a caller that puts one guard around several of them, or whom Postgres
/// calls; either has nothing in its frame that waits to be dropped.
pub mod raising {
    use super::*;

    #[allow(clashing_extern_declarations)]
    unsafe extern "C-unwind" {
        pub fn standard_ExecutorStart(query: *mut pg_sys::QueryDesc, eflags: c_int);
        pub fn standard_planner(
            query: *mut pg_sys::Query,
            text: *const c_char,
            options: c_int,
            parameters: pg_sys::ParamListInfo,
        ) -> *mut pg_sys::PlannedStmt;
        pub fn ResetPlanCache();

        pub fn FetchPreparedStatement(name: *const c_char, raise: bool) -> *mut pg_sys::PreparedStatement;
        pub fn standard_ProcessUtility(
            statement: *mut pg_sys::PlannedStmt,
            text: *const c_char,
            read_only_tree: bool,
            context: pg_sys::ProcessUtilityContext::Type,
            parameters: pg_sys::ParamListInfo,
            environment: *mut pg_sys::QueryEnvironment,
            receiver: *mut pg_sys::DestReceiver,
            completion: *mut pg_sys::QueryCompletion,
        );

        pub fn GetLatestSnapshot() -> Snapshot;
        pub fn PushActiveSnapshot(snapshot: Snapshot);
        /// Raises nothing where one was pushed.
        pub fn PopActiveSnapshot();

        pub fn table_open(table: Oid, lock: c_int) -> pg_sys::Relation;
        pub fn table_close(table: pg_sys::Relation, lock: c_int);
        #[cfg(feature = "pg15")]
        pub fn ReadRecentBuffer(
            file: pg_sys::RelFileNode,
            fork: pg_sys::ForkNumber::Type,
            block: pg_sys::BlockNumber,
            buffer: pg_sys::Buffer,
        ) -> bool;
        #[cfg(not(feature = "pg15"))]
        pub fn ReadRecentBuffer(
            file: pg_sys::RelFileLocator,
            fork: pg_sys::ForkNumber::Type,
            block: pg_sys::BlockNumber,
            buffer: pg_sys::Buffer,
        ) -> bool;
        pub fn ReleaseBuffer(buffer: pg_sys::Buffer);
        pub fn heap_fetch(
            table: pg_sys::Relation,
            snapshot: Snapshot,
            tuple: pg_sys::HeapTuple,
            buffer: *mut pg_sys::Buffer,
            keep: bool,
        ) -> bool;
        pub fn pg_detoast_datum(value: *mut pg_sys::varlena) -> *mut pg_sys::varlena;
        pub fn deconstruct_array(
            array: *mut pg_sys::ArrayType,
            kind: Oid,
            length: c_int,
            by_value: bool,
            align: c_char,
            values: *mut *mut Datum,
            nulls: *mut *mut bool,
            count: *mut c_int,
        );
    }
}
