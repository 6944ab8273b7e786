//! Whether the statement under way is the extension's own.
//!
//! The event triggers refuse what weakens a protected table; `protect` and `unprotect` have to pass.
//! What lets them pass is a flag in this process that no SQL can reach, up only while they execute
//! their own statements.

use std::cell::Cell;

thread_local! {
    static ACTING: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work` with the flag up; it comes down also when an error unwinds.
pub fn during<R>(work: impl FnOnce() -> R) -> R {
    let _down = Restore(ACTING.replace(true));
    work()
}

/// Whether the extension itself acts.
pub fn is_under_way() -> bool {
    ACTING.get()
}

struct Restore(bool);

impl Drop for Restore {
    fn drop(&mut self) {
        ACTING.set(self.0);
    }
}
