//! Memory contexts of Postgres': working in one, and being told that it is given back.

#![allow(unsafe_code)]

use pgrx::pg_sys;
use std::ffi::c_void;

/// Goes back to the memory context that was current before, also when an error unwinds.
#[must_use]
pub struct Back(pg_sys::MemoryContext);

/// Allocates in a context from here on, until what this returns is dropped.
///
/// # Safety
/// The context is there until then.
pub unsafe fn switch_to(context: pg_sys::MemoryContext) -> Back {
    // SAFETY: promised by the caller.
    Back(unsafe { pg_sys::MemoryContextSwitchTo(context) })
}

impl Drop for Back {
    fn drop(&mut self) {
        // SAFETY: the context that was current before is still there.
        unsafe { pg_sys::MemoryContextSwitchTo(self.0) };
    }
}

/// Has `forget` called with `what` once a context is reset or deleted: at the end of what it belongs to, however that ends.
///
/// # Safety
/// The context is there. `forget` runs while memory is given back: it neither fails nor calls into Postgres, and takes
/// `what` for what it is by then.
pub unsafe fn at_end(
    context: pg_sys::MemoryContext,
    forget: unsafe extern "C-unwind" fn(*mut c_void),
    what: *mut c_void,
) {
    // SAFETY: allocated in the context that it is registered with, which calls it when it is reset or deleted.
    unsafe {
        let size = size_of::<pg_sys::MemoryContextCallback>();
        let callback = pg_sys::MemoryContextAlloc(context, size).cast::<pg_sys::MemoryContextCallback>();
        callback.write(pg_sys::MemoryContextCallback { func: Some(forget), arg: what, next: std::ptr::null_mut() });
        pg_sys::MemoryContextRegisterResetCallback(context, callback);
    }
}
