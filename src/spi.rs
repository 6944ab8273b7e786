//! The one door to SQL from Rust.
//!
//! [`Statement`] is for the hot path: planned once for each backend, it reads with the latest
//! snapshot whatever the isolation level, so that a suspension or revocation is seen under
//! REPEATABLE READ too, assigns no transaction id and works on a standby. A kept plan survives
//! DROP and CREATE EXTENSION: Postgres analyses its text again when the tables behind it change.
//! [`read`] and [`write`] are for everything else. Arguments are always bound.

#![allow(unsafe_code)]

use crate::error::{Error, Result};
use pgrx::datum::{AnyElement, DatumWithOid};
use pgrx::prelude::*;
use pgrx::spi::{Spi, SpiHeapTupleData};
use pgrx::{FromDatum, IntoDatum};
use std::cell::Cell;
use std::ffi::{CStr, c_char};
use std::marker::PhantomData;
use std::ptr;

/// A reading statement whose plan is kept for the life of the backend. Make it a thread-local.
pub struct Statement {
    sql: &'static CStr,
    arguments: &'static [pg_sys::Oid],
    plan: Cell<pg_sys::SPIPlanPtr>,
}

/// The first row that a [`Statement`] found.
pub struct Row<'a> {
    tuple: pg_sys::HeapTuple,
    columns: pg_sys::TupleDesc,
    _while_connected: PhantomData<&'a ()>,
}

impl Statement {
    pub const fn new(sql: &'static CStr, arguments: &'static [pg_sys::Oid]) -> Self {
        Self { sql, arguments, plan: Cell::new(ptr::null_mut()) }
    }

    /// Runs the statement with the latest snapshot and hands its first row to `map`; `None` where
    /// there is no row.
    pub fn first<R>(
        &self,
        arguments: &[Option<pg_sys::Datum>],
        map: impl FnOnce(Row<'_>) -> Result<R>,
    ) -> Result<Option<R>> {
        if arguments.len() != self.arguments.len() {
            return Err(Error::internal("a statement was given the wrong number of arguments"));
        }
        let mut values: Vec<_> = arguments.iter().map(|value| value.unwrap_or(pg_sys::Datum::null())).collect();
        let nulls: Vec<c_char> =
            arguments.iter().map(|value| if value.is_some() { b' ' } else { b'n' } as c_char).collect();
        Spi::connect(|_| {
            let plan = self.plan()?;
            // SAFETY: the plan is kept, the arrays have the length it expects, and the snapshot is
            // popped again (by the abort of the transaction, should the statement raise).
            unsafe {
                pg_sys::PushActiveSnapshot(latest_snapshot());
                let status = pg_sys::SPI_execute_plan(plan, values.as_mut_ptr(), nulls.as_ptr(), true, 1);
                pg_sys::PopActiveSnapshot();
                if status != pg_sys::SPI_OK_SELECT as i32 {
                    return Err(Error::internal(format!("a statement ended with status {status}")));
                }
                if pg_sys::SPI_processed == 0 {
                    return Ok(None);
                }
                let table = &*pg_sys::SPI_tuptable;
                map(Row { tuple: *table.vals, columns: table.tupdesc, _while_connected: PhantomData }).map(Some)
            }
        })
    }

    fn plan(&self) -> Result<pg_sys::SPIPlanPtr> {
        if self.plan.get().is_null() {
            // SAFETY: called between SPI_connect and SPI_finish; SPI_prepare copies what it is given.
            unsafe {
                let arguments = self.arguments.as_ptr().cast_mut();
                let plan = pg_sys::SPI_prepare(self.sql.as_ptr(), self.arguments.len() as i32, arguments);
                if plan.is_null() || pg_sys::SPI_keepplan(plan) != 0 {
                    return Err(Error::internal("a statement could not be planned"));
                }
                self.plan.set(plan);
            }
        }
        Ok(self.plan.get())
    }
}

impl Row<'_> {
    /// The column at `position`, counted from 1, as a value of its own; `None` for NULL.
    pub fn get<T: FromDatum + IntoDatum>(&self, position: i32) -> Result<Option<T>> {
        // SAFETY: tuple and descriptor belong to the SPI result, which lives while `self` does; the
        // type of the column is checked before the datum is read as it.
        unsafe {
            let found = pg_sys::SPI_gettypeid(self.columns, position);
            if !T::is_compatible_with(found) {
                return Err(Error::internal(format!("column {position} has an unexpected type")));
            }
            let mut is_null = false;
            let datum = pg_sys::SPI_getbinval(self.tuple, self.columns, position, &mut is_null);
            Ok(T::from_datum(datum, is_null))
        }
    }
}

/// The latest snapshot; within a parallel query, which allows no new one, the query's own. No identity
/// is decided there: a parallel query can change no setting.
unsafe fn latest_snapshot() -> pg_sys::Snapshot {
    // SAFETY: called within a transaction, and a parallel query has an active snapshot.
    unsafe { if pg_sys::IsInParallelMode() { pg_sys::GetActiveSnapshot() } else { pg_sys::GetLatestSnapshot() } }
}

/// A jsonb that a function of ours was given, as Postgres prints it.
pub fn jsonb_text(argument: &AnyElement) -> Result<String> {
    let arguments = [Some(argument.datum())];
    // SAFETY: the SQL function declares the argument as jsonb; jsonb_out takes that and answers with a text
    // that ends with a NUL, in our memory context.
    let text = unsafe { pgrx::direct_function_call::<&CStr>(pg_sys::jsonb_out, &arguments) };
    let text = text.and_then(|text| text.to_str().ok());
    text.map(str::to_owned).ok_or_else(|| Error::internal("a jsonb has no text"))
}

/// Reads rows with the snapshot of the statement that called us.
pub fn read<R>(
    sql: &str,
    arguments: &[DatumWithOid<'_>],
    map: impl Fn(&SpiHeapTupleData<'_>) -> Result<R>,
) -> Result<Vec<R>> {
    Spi::connect(|client| {
        let mut rows = Vec::new();
        for row in client.select(sql, None, arguments)? {
            rows.push(map(&row)?);
        }
        Ok(rows)
    })
}

/// Runs any statement, up to a number of rows that it returns; answers how many it returned or changed,
/// and the text in the first column of the first, if that is one.
pub fn run(sql: &str, row_limit: i64) -> Result<(i64, Option<String>)> {
    Spi::connect_mut(|client| {
        let rows = client.update(sql, Some(row_limit), &[])?;
        let count = rows.len() as i64;
        let text = rows.columns().is_ok_and(|columns| columns > 0 && count > 0);
        let text = if text { rows.first().get::<String>(1).ok().flatten() } else { None };
        Ok((count, text))
    })
}

/// Runs a statement that writes; answers how many rows it returned or changed. In a read-only
/// transaction, as every transaction of a standby is, it raises 25006.
pub fn write(sql: &str, arguments: &[DatumWithOid<'_>]) -> Result<usize> {
    prevent_if_read_only();
    Spi::connect_mut(|client| Ok(client.update(sql, None, arguments)?.len()))
}

/// As [`write()`], for a statement that returns rows.
pub fn change<R>(
    sql: &str,
    arguments: &[DatumWithOid<'_>],
    map: impl Fn(&SpiHeapTupleData<'_>) -> Result<R>,
) -> Result<Vec<R>> {
    prevent_if_read_only();
    Spi::connect_mut(|client| {
        let mut rows = Vec::new();
        for row in client.update(sql, None, arguments)? {
            rows.push(map(&row)?);
        }
        Ok(rows)
    })
}

/// Ahead of SPI, which would first fail to assign a transaction id on a standby, as an internal error.
fn prevent_if_read_only() {
    // SAFETY: the text is NUL-terminated; it stands where Postgres names the refused command.
    unsafe { pg_sys::PreventCommandIfReadOnly(c"a function that writes".as_ptr()) };
}
