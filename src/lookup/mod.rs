//! Reading rows of the extension's own tables by an index, the way Postgres reads its catalogs.
//!
//! Authentication comes before every transaction, and starting a planned statement costs more than
//! all the rest of it: 13 µs for the three tables it needs, against 6 µs this way. What is read is
//! the same: the rows that the given snapshot sees. No transaction id is assigned, and no lock is
//! held beyond the call.
//!
//! `key` is what rows are looked up by, `latest` as of when, and `row` what is read of one. `known` is where
//! the table and its index are, `place` where a row was last.

#![allow(unsafe_code)]

mod key;
mod known;
mod latest;
mod place;
mod row;

pub use key::{Key, uuid_datum, uuid_in_place};
pub use latest::Latest;
pub use place::Place;
pub use row::Row;

use crate::error::Result;
use known::{Known, MAX_COLUMNS, MAX_KEY};
use pgrx::pg_sys::{self, Datum, Oid};
use place::Asked;
use std::cell::Cell;
use std::ffi::{CStr, c_int};
use std::ops::ControlFlow;

/// Rows of a table of the schema `warden` by the value of a key. Make it a thread-local.
///
/// The key is found by whatever index leads with its columns, and without an index too, only slower:
/// an administrator may rebuild indexes.
pub struct Lookup {
    table: &'static CStr,
    key: &'static [Key],
    columns: &'static [&'static CStr],
    known: Cell<Option<Known>>,
}

impl Lookup {
    pub const fn new(table: &'static CStr, key: &'static [Key], columns: &'static [&'static CStr]) -> Self {
        assert!(key.len() <= MAX_KEY && columns.len() <= MAX_COLUMNS);
        Self { table, key, columns, known: Cell::new(None) }
    }

    /// Hands the first row with this key to `map`; `None` where there is none.
    ///
    /// A NULL in the key equals nothing.
    pub fn first<R>(
        &self,
        latest: &Latest,
        key: &[Option<Datum>],
        map: impl FnOnce(&Row<'_>) -> Result<R>,
    ) -> Result<Option<R>> {
        self.first_near(latest, key, &Cell::new(None), map)
    }

    /// As [`Lookup::first`], for a unique key whose row is looked for at a place first, and its place
    /// remembered.
    pub fn first_near<R>(
        &self,
        latest: &Latest,
        key: &[Option<Datum>],
        place: &Cell<Option<Place>>,
        map: impl FnOnce(&Row<'_>) -> Result<R>,
    ) -> Result<Option<R>> {
        let mut map = Some(map);
        let mut first = None;
        let mut take = |row: &Row<'_>| {
            if let Some(map) = map.take() {
                first = Some(map(row)?);
            }
            Ok(ControlFlow::Break(()))
        };
        let there = match place.get() {
            Some(known) => self.at(latest, key, known, &mut take)?,
            None => false,
        };
        if !there {
            place.set(None);
            self.scan(latest, key, |row, found| {
                place.set(found);
                take(row)
            })?;
        }
        Ok(first)
    }

    /// Hands each row with this key to `visit`, until that breaks off.
    pub fn each(
        &self,
        latest: &Latest,
        key: &[Option<Datum>],
        mut visit: impl FnMut(&Row<'_>) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        self.scan(latest, key, |row, _| visit(row))
    }

    /// As [`Lookup::each`], by the first columns of the key.
    pub fn each_below(
        &self,
        latest: &Latest,
        key: &[Option<Datum>],
        mut visit: impl FnMut(&Row<'_>) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        if key.iter().any(Option::is_none) {
            return Ok(());
        }
        self.scan_by(latest, key, |row, _| visit(row))
    }

    /// Whether the table has no row that the snapshot sees.
    pub fn is_empty(&self, latest: &Latest) -> Result<bool> {
        let mut empty = true;
        self.scan_by(latest, &[], |_, _| {
            empty = false;
            Ok(ControlFlow::Break(()))
        })?;
        Ok(empty)
    }

    fn scan(
        &self,
        latest: &Latest,
        key: &[Option<Datum>],
        visit: impl FnMut(&Row<'_>, Option<Place>) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        if self.can_equal(key) { self.scan_by(latest, key, visit) } else { Ok(()) }
    }

    /// By as much of the key as is given; by none of it, every row.
    fn scan_by(
        &self,
        latest: &Latest,
        key: &[Option<Datum>],
        mut visit: impl FnMut(&Row<'_>, Option<Place>) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let (known, table) = self.open()?;
        let mut scan_key = known.with_values(key);
        // SAFETY: the relation is open while the scan is, the snapshot is active, and the keys have
        // the types of their columns. Should anything raise, the abort of the transaction closes both.
        unsafe {
            let scan = pg_sys::systable_beginscan(
                table,
                known.index,
                known.index != Oid::INVALID,
                latest.snapshot,
                key.len() as c_int,
                scan_key.as_mut_ptr(),
            );
            let mut visited = Ok(ControlFlow::Continue(()));
            while let Ok(ControlFlow::Continue(())) = visited {
                let tuple = pg_sys::systable_getnext(scan);
                if tuple.is_null() {
                    break;
                }
                visited = visit(&Row::of(table, tuple, &known.columns), Place::of(table, scan, tuple));
            }
            pg_sys::systable_endscan(scan);
            pg_sys::table_close(table, pg_sys::AccessShareLock as c_int);
            visited.map(|_| ())
        }
    }

    /// Hands the row at a place to `visit`, if the snapshot sees one there that has this key.
    fn at(
        &self,
        latest: &Latest,
        key: &[Option<Datum>],
        place: Place,
        visit: impl FnOnce(&Row<'_>) -> Result<ControlFlow<()>>,
    ) -> Result<bool> {
        let Some(known) = self.known.get().filter(|_| self.can_equal(key)) else { return Ok(false) };
        let mut scan_key = known.with_values(key);
        let asked = Asked {
            table: known.table,
            catalog: known.catalog,
            snapshot: latest.snapshot,
            key: &mut scan_key[..key.len()],
        };
        let mut row = Row::empty(&known.columns);
        // SAFETY: the snapshot is active, the key is that of the table as of this state of the catalog,
        // in which `Lookup::find` has seen that it has no more columns than a row has room for.
        unsafe {
            let Some(pinned) = place.read(asked, &mut row.values, &mut row.nulls) else { return Ok(false) };
            let visited = visit(&row);
            pinned.release();
            visited.map(|_| true)
        }
    }

    /// Whether there can be a row with this key: NULL equals nothing.
    fn can_equal(&self, key: &[Option<Datum>]) -> bool {
        key.len() == self.key.len() && key.iter().all(Option::is_some)
    }
}
