//! Acting as a table's owner: the only way in which the extension touches a table that is not its own.
//!
//! Whatever runs there of somebody else's (index expressions, checks, triggers, defaults, operators)
//! runs with the owner's rights and not with ours, in a security-restricted operation as VACUUM and
//! foreign keys use it: no temporary objects, no settings, no prepared statements are left behind.
//! FORCE ROW LEVEL SECURITY does not bind the owner there, as it does not bind foreign keys.

#![allow(unsafe_code)]

use pgrx::pg_sys::{self, Oid};

/// Runs `work` as `owner`; whoever acted before acts again afterwards, also when it fails.
pub fn act_as<R>(owner: Oid, work: impl FnOnce() -> R) -> R {
    let _before = Before::change_to(owner, true);
    work()
}

/// Likewise as a client: bound by row security as it is.
pub fn act_as_client<R>(client: Oid, work: impl FnOnce() -> R) -> R {
    let _before = Before::change_to(client, false);
    work()
}

/// Who acted before.
struct Before {
    user: Oid,
    context: i32,
}

impl Before {
    fn change_to(role: Oid, exempt: bool) -> Self {
        const RESTRICTED: u32 = pg_sys::SECURITY_LOCAL_USERID_CHANGE | pg_sys::SECURITY_RESTRICTED_OPERATION;
        const EXEMPT: u32 = pg_sys::SECURITY_NOFORCE_RLS;
        let mut before = Self { user: Oid::INVALID, context: 0 };
        // SAFETY: both functions only read and set variables of the backend. The flags are set beside
        // those in force, so that nested restrictions are never lifted.
        unsafe {
            pg_sys::GetUserIdAndSecContext(&mut before.user, &mut before.context);
            let restricted = before.context | RESTRICTED as i32;
            let context = if exempt { restricted | EXEMPT as i32 } else { restricted & !(EXEMPT as i32) };
            pg_sys::SetUserIdAndSecContext(role, context);
        }
        before
    }
}

impl Drop for Before {
    fn drop(&mut self) {
        // SAFETY: sets variables of the backend to what they were. It runs while an error unwinds too;
        // the abort of the (sub)transaction then sets them once more to what they were at its start.
        unsafe { pg_sys::SetUserIdAndSecContext(self.user, self.context) }
    }
}
