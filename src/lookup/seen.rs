//! A row that was read before: looked for where it was then, and not taken apart again while it is what it was. That
//! spares the way down the index and most of the rest of what a lookup costs.
//!
//! Nothing of it is believed. The buffer is read only where it still holds the block of the row; a row there counts only
//! where the snapshot sees it, and it is byte for byte the one that was read, of a table whose definition has not
//! changed. Whatever else is found (the row has moved, it was changed, the table was emptied or written anew) means: ask
//! the index.

#![allow(unsafe_code)]

use crate::catalog;
use crate::unguarded::raising;
use pgrx::itemptr::item_pointer_get_block_number_no_check;
use pgrx::pg_sys::ffi::pg_guard_ffi_boundary;
use pgrx::pg_sys::{self, Oid};
use std::ffi::c_int;
use std::mem::offset_of;

const LOCK: c_int = pg_sys::AccessShareLock as c_int;

/// A row as it was when it was read, and what was read of it.
pub struct Seen<V> {
    pub(super) value: V,
    table: Oid,
    /// The state of the catalog in which the table was known to be this one.
    catalog: u64,
    buffer: pg_sys::Buffer,
    tid: pg_sys::ItemPointerData,
    stored: Box<[u8]>,
    shape: Shape,
}

/// How a row is laid out, beside its bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Shape {
    /// Fewer than the table has, where columns were added since.
    columns: u16,
    has_null: bool,
    /// The length of its header.
    header: u8,
}

/// A row that a scan has found: its current one.
pub(super) struct Found {
    pub(super) table: pg_sys::Relation,
    pub(super) scan: pg_sys::SysScanDesc,
    pub(super) tuple: pg_sys::HeapTuple,
    pub(super) catalog: u64,
}

impl Found {
    /// What was read of the row, to be found again with it; `None` where a row of its kind cannot be: it is not in a
    /// shared buffer, or a value of it is stored elsewhere.
    ///
    /// # Safety
    /// Table and scan are open, and the tuple is the scan's current one.
    pub(super) unsafe fn seen<V>(&self, value: V) -> Option<Seen<V>> {
        // SAFETY: promised by the caller; the slots of a heap are buffer slots.
        unsafe {
            if (*(*self.table).rd_rel).relam != pg_sys::HEAP_TABLE_AM_OID {
                return None;
            }
            let buffer = (*(*self.scan).slot.cast::<pg_sys::BufferHeapTupleTableSlot>()).buffer;
            if buffer <= 0 {
                return None;
            }
            let (shape, stored) = stored(&*self.tuple)?;
            Some(Seen {
                value,
                table: (*self.table).rd_id,
                catalog: self.catalog,
                buffer,
                tid: (*self.tuple).t_self,
                stored: stored.into(),
                shape,
            })
        }
    }
}

impl<V> Seen<V> {
    /// Whether the snapshot sees the row where it was, and it is what it was.
    ///
    /// # Safety
    /// Within a transaction, with the snapshot active.
    #[inline(always)]
    pub(super) unsafe fn is_unchanged(&self, snapshot: pg_sys::Snapshot) -> bool {
        // One guard around all of it, instead of one around each call. An error passes over frames in
        // which nothing waits to be dropped.
        // SAFETY: promised by the caller.
        unsafe {
            pg_guard_ffi_boundary(|| {
                if catalog::heard() != self.catalog {
                    return false;
                }
                // As `Lookup::open`: raises where the table was dropped this very moment.
                let table = raising::table_open(self.table, LOCK);
                // Having the lock is to have heard of every change of the table before.
                let unchanged = catalog::heard() == self.catalog && self.is_there(table, snapshot);
                raising::table_close(table, LOCK);
                unchanged
            })
        }
    }

    /// # Safety
    /// The table is open and the snapshot active; an error of Postgres may pass over the caller.
    unsafe fn is_there(&self, table: pg_sys::Relation, snapshot: pg_sys::Snapshot) -> bool {
        let mut tuple = pg_sys::HeapTupleData { t_self: self.tid, ..Default::default() };
        let mut pinned = pg_sys::InvalidBuffer as pg_sys::Buffer;
        // SAFETY: promised by the caller; a tuple that was fetched stays while its buffer is pinned.
        unsafe {
            #[cfg(feature = "pg15")]
            let file = (*table).rd_node;
            #[cfg(not(feature = "pg15"))]
            let file = (*table).rd_locator;
            let block = item_pointer_get_block_number_no_check(self.tid);
            if !raising::ReadRecentBuffer(file, pg_sys::ForkNumber::MAIN_FORKNUM, block, self.buffer) {
                return false;
            }
            let visible = raising::heap_fetch(table, snapshot, &mut tuple, &mut pinned, false);
            let unchanged = visible && stored(&tuple) == Some((self.shape, &*self.stored));
            if visible {
                raising::ReleaseBuffer(pinned);
            }
            raising::ReleaseBuffer(self.buffer);
            unchanged
        }
    }
}

/// What the values of a row are made of: all but who wrote it, and what Postgres has noted of that since. `None` where
/// some of it is stored elsewhere.
///
/// # Safety
/// The tuple stays while the answer is used.
unsafe fn stored<'a>(tuple: &pg_sys::HeapTupleData) -> Option<(Shape, &'a [u8])> {
    // SAFETY: promised by the caller: a tuple is as long as it says, its header included.
    unsafe {
        let header = &*tuple.t_data;
        let flags = u32::from(header.t_infomask);
        if flags & pg_sys::HEAP_HASEXTERNAL != 0 {
            return None;
        }
        let shape = Shape {
            columns: header.t_infomask2 & pg_sys::HEAP_NATTS_MASK as u16,
            has_null: flags & pg_sys::HEAP_HASNULL != 0,
            header: header.t_hoff,
        };
        let start = offset_of!(pg_sys::HeapTupleHeaderData, t_bits);
        let length = (tuple.t_len as usize).checked_sub(start)?;
        Some((shape, std::slice::from_raw_parts(tuple.t_data.cast::<u8>().add(start), length)))
    }
}
