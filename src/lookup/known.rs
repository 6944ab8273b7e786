//! Where the table of a lookup, its index and its columns are: found by name, and kept until the catalog changes.

#![allow(unsafe_code)]

use super::Lookup;
use crate::catalog;
use crate::error::{Error, Result};
use pgrx::PgList;
use pgrx::pg_sys::{self, Datum, Oid};
use std::ffi::{CStr, c_int};
use std::ptr;

/// The most columns that a key may have, that a lookup may read, and that a table may have.
pub(super) const MAX_KEY: usize = 3;
pub(super) const MAX_COLUMNS: usize = 9;
pub(super) const MAX_ATTRIBUTES: usize = 48;

/// Where table, index and columns are, as of one state of the catalog.
#[derive(Clone, Copy)]
pub(super) struct Known {
    pub(super) catalog: u64,
    pub(super) table: Oid,
    pub(super) index: Oid,
    key: [pg_sys::ScanKeyData; MAX_KEY],
    pub(super) columns: [Column; MAX_COLUMNS],
}

#[derive(Clone, Copy)]
pub(super) struct Column {
    pub(super) number: i16,
    pub(super) kind: Oid,
    collation: Oid,
}

impl Lookup {
    /// The table, locked against changes of its definition, and what is known of it since.
    pub(super) fn open(&self) -> Result<(Known, pg_sys::Relation)> {
        loop {
            let known = self.known()?;
            // SAFETY: raises where the table was dropped this very moment; what else has changed
            // before we had the lock, the callback has heard when we have it.
            unsafe {
                let table = pg_sys::table_open(known.table, pg_sys::AccessShareLock as c_int);
                if known.catalog == catalog::state() {
                    return Ok((known, table));
                }
                pg_sys::table_close(table, pg_sys::AccessShareLock as c_int);
            }
        }
    }

    /// What is known of the table, looked up again where the catalog has changed since.
    fn known(&self) -> Result<Known> {
        let catalog = catalog::state();
        if let Some(known) = self.known.get().filter(|known| known.catalog == catalog) {
            return Ok(known);
        }
        // SAFETY: catalogue look-ups within a transaction; the relation is open while it is read.
        unsafe {
            let schema = pg_sys::get_namespace_oid(c"warden".as_ptr(), true);
            let table = pg_sys::get_relname_relid(self.table.as_ptr(), schema);
            if table == Oid::INVALID {
                return Err(Error::internal("a table of the extension is missing"));
            }
            let relation = pg_sys::table_open(table, pg_sys::AccessShareLock as c_int);
            let known = self.find(relation, catalog);
            pg_sys::table_close(relation, pg_sys::AccessShareLock as c_int);
            let known = known?;
            self.known.set(Some(known));
            Ok(known)
        }
    }

    /// # Safety
    /// `table` is open.
    unsafe fn find(&self, table: pg_sys::Relation, catalog: u64) -> Result<Known> {
        // SAFETY: promised by the caller; scan keys are plain data, for which zero is a valid start.
        unsafe {
            let oid = (*table).rd_id;
            let mut key: [pg_sys::ScanKeyData; MAX_KEY] = Default::default();
            for (entry, of) in key.iter_mut().zip(self.key) {
                let Column { number, kind, collation } = column(oid, of.column)?;
                if kind != of.kind {
                    return Err(Error::internal("a key of the extension has an unexpected type"));
                }
                let (equals, equal) = (pg_sys::BTEqualStrategyNumber as u16, Oid::from(of.equal));
                pg_sys::ScanKeyEntryInitialize(entry, 0, number, equals, Oid::INVALID, collation, equal, Datum::null());
                // The key is kept: it must not point into the memory of this call.
                entry.sk_func.fn_mcxt = pg_sys::TopMemoryContext;
            }
            if (*(*table).rd_att).natts as usize > MAX_ATTRIBUTES {
                return Err(Error::internal("a table of the extension has too many columns"));
            }
            let mut columns = [Column { number: 0, kind: Oid::INVALID, collation: Oid::INVALID }; MAX_COLUMNS];
            for (found, name) in columns.iter_mut().zip(self.columns) {
                *found = column(oid, name)?;
            }
            let index = index(table, &key[..self.key.len()]);
            Ok(Known { catalog, table: oid, index, key, columns })
        }
    }
}

impl Known {
    pub(super) fn with_values(&self, values: &[Option<Datum>]) -> [pg_sys::ScanKeyData; MAX_KEY] {
        let mut key = self.key;
        for (entry, value) in key.iter_mut().zip(values) {
            entry.sk_argument = value.unwrap_or(Datum::null());
        }
        key
    }
}

/// A btree that leads with the key, or 0.
///
/// # Safety
/// `table` is open.
unsafe fn index(table: pg_sys::Relation, key: &[pg_sys::ScanKeyData]) -> Oid {
    // SAFETY: promised by the caller; each index is open while it is read.
    unsafe {
        let indexes = PgList::<Oid>::from_pg(pg_sys::RelationGetIndexList(table));
        let found = indexes.iter_oid().find(|oid| {
            let index = pg_sys::index_open(*oid, pg_sys::AccessShareLock as c_int);
            let fits = serves(&*index, key);
            pg_sys::index_close(index, pg_sys::AccessShareLock as c_int);
            fits
        });
        found.unwrap_or(Oid::INVALID)
    }
}

/// Whether an index finds every row with this key.
///
/// # Safety
/// `index` is open.
unsafe fn serves(index: &pg_sys::RelationData, key: &[pg_sys::ScanKeyData]) -> bool {
    // SAFETY: promised by the caller: an open index has these.
    unsafe {
        let form = &*index.rd_index;
        let columns = form.indkey.values.as_slice(form.indnkeyatts as usize);
        let collations = std::slice::from_raw_parts(index.rd_indcollation, columns.len());
        let leads = columns.len() >= key.len()
            && key.iter().zip(columns).all(|(key, column)| key.sk_attno == *column)
            && key.iter().zip(collations).all(|(key, collation)| key.sk_collation == *collation);
        let whole = form.indisvalid
            && !form.indcheckxmin
            && pg_sys::heap_attisnull(index.rd_indextuple, pg_sys::Anum_pg_index_indpred as c_int, ptr::null_mut());
        leads && whole && (*index.rd_rel).relam == pg_sys::BTREE_AM_OID
    }
}

fn column(table: Oid, name: &CStr) -> Result<Column> {
    let (mut kind, mut modifier, mut collation) = (Oid::INVALID, 0, Oid::INVALID);
    // SAFETY: catalogue look-ups within a transaction.
    unsafe {
        let number = pg_sys::get_attnum(table, name.as_ptr());
        if number <= 0 {
            return Err(Error::internal("a column of the extension is missing"));
        }
        pg_sys::get_atttypetypmodcoll(table, number, &mut kind, &mut modifier, &mut collation);
        Ok(Column { number, kind, collation })
    }
}
