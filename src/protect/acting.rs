//! Whether the statement under way is the extension's own.
//!
//! The event triggers refuse what weakens a protected table; `protect` and `unprotect` have to pass.
//! What lets them pass is a mark in this process that no SQL can reach, up only while they execute
//! their own statements.
//!
//! Within one of these may run what is not ours: the predicate of a policy holds a literal of a domain, whose CHECK
//! calls a function, and that is so as soon as it is parsed. Whatever such code does is judged like anything else. It
//! is known by how deep it is: whoever executes SQL, SPI and every language, puts a callback onto the stack that says
//! in what context an error arises, and between us and our own statement there is that of SPI alone.

#![allow(unsafe_code)]

use pgrx::pg_sys;
use std::cell::Cell;

thread_local! {
    /// How high that stack is where our statement is executed.
    static ACTING: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Runs `work`, which executes our own statements by SPI, with the mark up; it comes down also when an error unwinds.
pub fn during<R>(work: impl FnOnce() -> R) -> R {
    let _down = Restore(ACTING.replace(Some(height() + 1)));
    work()
}

/// Whether the command that an event trigger is called for is one of the extension's own.
pub fn is_under_way() -> bool {
    ACTING.get().is_some_and(|ours| ours == height())
}

fn height() -> usize {
    // SAFETY: reads a variable, and follows a list that Postgres keeps on the stacks of the functions that called us.
    unsafe {
        let mut entry = pg_sys::error_context_stack;
        let mut height = 0;
        while !entry.is_null() {
            height += 1;
            entry = (*entry).previous;
        }
        height
    }
}

struct Restore(Option<usize>);

impl Drop for Restore {
    fn drop(&mut self) {
        ACTING.set(self.0);
    }
}
