//! A row looked for where it was found last, which spares the way down the index: most of what a
//! lookup costs.
//!
//! A place is a hint and never believed. The buffer is read only where it still holds the block of the
//! place; a row there counts only where the snapshot sees it and it has the key. Whatever else is found
//! (the row has moved, the table was emptied or written anew) means: ask the index.

#![allow(unsafe_code)]

use crate::catalog;
use crate::unguarded::raising;
use pgrx::itemptr::item_pointer_get_block_number_no_check;
use pgrx::pg_sys::ffi::pg_guard_ffi_boundary;
use pgrx::pg_sys::{self, Datum, Oid};
use std::ffi::c_int;

const LOCK: c_int = pg_sys::AccessShareLock as c_int;
const NO_BUFFER: pg_sys::Buffer = pg_sys::InvalidBuffer as pg_sys::Buffer;

/// Where a row was when it was found.
#[derive(Clone, Copy)]
pub struct Place {
    buffer: pg_sys::Buffer,
    tid: pg_sys::ItemPointerData,
}

/// What is asked of the row at a place.
pub struct Asked<'a> {
    pub table: Oid,
    /// The state of the catalog in which the table was known to be this one.
    pub catalog: u64,
    pub snapshot: pg_sys::Snapshot,
    pub key: &'a mut [pg_sys::ScanKeyData],
}

/// A row that was found at a place: its table is open, and its page stays, until [`Pinned::release`].
/// If that is never called, for an error, the abort of the transaction does it.
#[must_use]
pub struct Pinned {
    table: pg_sys::Relation,
    page: pg_sys::Buffer,
    row: pg_sys::Buffer,
}

impl Place {
    /// Where a scan has found its current tuple; `None` for a table that is not stored as a heap.
    ///
    /// # Safety
    /// `table` and `scan` are open, and `tuple` is the scan's current one.
    pub unsafe fn of(table: pg_sys::Relation, scan: pg_sys::SysScanDesc, tuple: pg_sys::HeapTuple) -> Option<Self> {
        // SAFETY: promised by the caller; the slots of a heap are buffer slots.
        unsafe {
            let is_heap = (*(*table).rd_rel).relam == pg_sys::HEAP_TABLE_AM_OID;
            let buffer = is_heap.then(|| (*(*scan).slot.cast::<pg_sys::BufferHeapTupleTableSlot>()).buffer);
            let shared = buffer.filter(|buffer| *buffer > 0);
            shared.map(|buffer| Self { buffer, tid: (*tuple).t_self })
        }
    }

    /// Reads the row with this key at this place, if there is one, into `values` and `nulls`.
    ///
    /// # Safety
    /// Within a transaction. The snapshot is active, the key belongs to the table, and the two arrays
    /// have room for each of its columns.
    pub unsafe fn read(self, asked: Asked<'_>, values: &mut [Datum], nulls: &mut [bool]) -> Option<Pinned> {
        // One guard around all of it, instead of one around each call. An error passes over frames in
        // which nothing waits to be dropped.
        // SAFETY: promised by the caller.
        unsafe {
            pg_guard_ffi_boundary(|| {
                if catalog::heard() != asked.catalog {
                    return None;
                }
                // As `Lookup::open`: raises where the table was dropped this very moment.
                let table = raising::table_open(asked.table, LOCK);
                let mut pinned = Pinned { table, page: NO_BUFFER, row: NO_BUFFER };
                // Having the lock is to have heard of every change of the table before.
                let found = catalog::heard() == asked.catalog
                    && pinned.pin(self)
                    && pinned.fetch(self, asked.snapshot, values, nulls)
                    && has_key(asked.key, values, nulls);
                if found {
                    Some(pinned)
                } else {
                    pinned.let_go();
                    None
                }
            })
        }
    }
}

impl Pinned {
    /// Gives up table and page.
    ///
    /// # Safety
    /// Nothing uses the values that were read any more.
    pub unsafe fn release(self) {
        // SAFETY: both are still held.
        unsafe { pg_guard_ffi_boundary(|| self.let_go()) }
    }

    /// Keeps the block of a place where it is, if the buffer still holds it.
    unsafe fn pin(&mut self, place: Place) -> bool {
        // SAFETY: the table is open.
        unsafe {
            #[cfg(feature = "pg15")]
            let file = (*self.table).rd_node;
            #[cfg(not(feature = "pg15"))]
            let file = (*self.table).rd_locator;
            let block = item_pointer_get_block_number_no_check(place.tid);
            let pinned = raising::ReadRecentBuffer(file, pg_sys::ForkNumber::MAIN_FORKNUM, block, place.buffer);
            if pinned {
                self.page = place.buffer;
            }
            pinned
        }
    }

    unsafe fn fetch(
        &mut self,
        place: Place,
        snapshot: pg_sys::Snapshot,
        values: &mut [Datum],
        nulls: &mut [bool],
    ) -> bool {
        let mut tuple = pg_sys::HeapTupleData { t_self: place.tid, ..Default::default() };
        // SAFETY: the table is open, the snapshot is active; the arrays are long enough.
        unsafe {
            let visible = raising::heap_fetch(self.table, snapshot, &mut tuple, &mut self.row, false);
            if visible {
                raising::heap_deform_tuple(&mut tuple, (*self.table).rd_att, values.as_mut_ptr(), nulls.as_mut_ptr());
            }
            visible
        }
    }

    unsafe fn let_go(&self) {
        // SAFETY: what is held is released once.
        unsafe {
            for buffer in [self.row, self.page] {
                if buffer != NO_BUFFER {
                    raising::ReleaseBuffer(buffer);
                }
            }
            raising::table_close(self.table, LOCK);
        }
    }
}

/// Whether a row has this key.
unsafe fn has_key(key: &mut [pg_sys::ScanKeyData], values: &[Datum], nulls: &[bool]) -> bool {
    key.iter_mut().all(|key| {
        let number = key.sk_attno as usize - 1;
        let (value, argument) = (values[number], key.sk_argument);
        // SAFETY: the function compares two values of the column's type.
        !nulls[number]
            && unsafe { raising::FunctionCall2Coll(&mut key.sk_func, key.sk_collation, value, argument) }
                != Datum::from(false)
    })
}
