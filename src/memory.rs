//! What happens when there is no memory left for Rust: the backend ends, the server does not.
//!
//! Rust aborts the process when an allocation fails, and a backend that is killed by a signal takes every
//! other session with it: the postmaster restarts the server. Any client that can make its own backend
//! run out (by a large argument, or by filling the memory before it calls) could do that to everybody.
//! So a failed allocation is FATAL instead: the client is told, its transaction is rolled back, its
//! connection is closed. It cannot be an ERROR, since an allocation must not unwind.

#![allow(unsafe_code)]

use pgrx::pg_sys;
use std::alloc::{GlobalAlloc, Layout, System};
use std::ffi::{c_char, c_int};
use std::ptr;

struct EndsBackend;

#[global_allocator]
static ALLOCATOR: EndsBackend = EndsBackend;

// SAFETY: everything is the system's allocator, but that a failure does not return.
unsafe impl GlobalAlloc for EndsBackend {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: passes on what the caller promises.
        or_end(unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        or_end(unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        or_end(unsafe { System.realloc(memory, layout, size) })
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[inline]
fn or_end(memory: *mut u8) -> *mut u8 {
    if memory.is_null() {
        end_backend();
    }
    memory
}

/// Reports FATAL, past pgrx, which would allocate for it. Postgres keeps memory for the report.
#[cold]
fn end_backend() {
    unsafe extern "C-unwind" {
        fn errstart(level: c_int, domain: *const c_char) -> bool;
        fn errcode(state: c_int) -> c_int;
        fn errmsg(format: *const c_char, ...) -> c_int;
        fn errfinish(file: *const c_char, line: c_int, function: *const c_char);
    }
    // SAFETY: the signatures are those of PostgreSQL 15 to 18. A report at level FATAL ends the process
    // and does not unwind; were it ever to return, the caller would see the null it has.
    unsafe {
        if errstart(pg_sys::FATAL as c_int, ptr::null()) {
            errcode(pg_sys::errcodes::PgSqlErrorCode::ERRCODE_OUT_OF_MEMORY as c_int);
            errmsg(c"out of memory".as_ptr());
            errfinish(c"memory.rs".as_ptr(), line!() as c_int, c"end_backend".as_ptr());
        }
    }
}
