//! The sealed settings: where the identity of a transaction lives, and who may put it there.
//!
//! `warden.identity` holds the identity as text and is only ever set transaction-locally by this
//! library, so that savepoints, COMMIT, ROLLBACK and parallel workers are Postgres' own business.
//! `warden.seal` is the number that the identity must carry to count. It is written past the
//! settings machinery and never rolled back, yet parallel workers inherit it like any setting: what
//! ends an identity for good (a failed authentication, its expiry) is therefore felt by everybody
//! who works for the transaction, whatever is rolled back afterwards.
//! `warden.admin_role` is the role that has opened the door for owners and admins (door.rs).
//!
//! The check hooks are the trust boundary. They know the library's hand by a flag that is up only
//! during its own call, so a superuser's `set_config` wrapper, a granted parameter, ALTER ROLE SET
//! or a value planted before the library was loaded all meet the same refusal.

#![allow(unsafe_code)]

use crate::error::{Error, Result};
use crate::identity::{Head, Identity};
use pgrx::prelude::*;
use std::cell::{Cell, RefCell, UnsafeCell};
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr;

/// Nobody: no identity carries this number.
const SEAL_NONE: i32 = 0;
/// The identity has expired; reading it raises instead of answering nobody.
const SEAL_EXPIRED: i32 = -1;

/// The variable behind `warden.identity`; Postgres owns the memory.
static mut IDENTITY: *mut c_char = ptr::null_mut();
/// The variable behind `warden.seal`.
static mut SEAL: c_int = SEAL_NONE;
/// The variable behind `warden.admin_role`.
static mut ADMIN_ROLE: c_int = 0;

/// What the policy functions need for each row, parsed once by the assign hook.
#[derive(Clone, Copy)]
struct Hot {
    serial: i32,
    expires_at: i64,
    has_tenant: bool,
    external_number: Option<i64>,
    reads_only: bool,
    /// Whether it is an agent, and the external number of its owner.
    lends: bool,
    lending_number: Option<i64>,
}

const NOBODY: Hot = Hot {
    serial: SEAL_NONE,
    expires_at: i64::MIN,
    has_tenant: false,
    external_number: None,
    reads_only: false,
    lends: false,
    lending_number: None,
};

/// What one backend knows. Not thread-local, whose look-up in a shared library costs a call for each
/// row of a sequential scan.
struct PerBackend<T>(UnsafeCell<T>);

// SAFETY: a backend is single-threaded; no other thread ever runs code of this library.
unsafe impl<T> Sync for PerBackend<T> {}

static HOT: PerBackend<Hot> = PerBackend(UnsafeCell::new(NOBODY));
/// The bytes that `current_user_id()` and `current_tenant_id()` return a copy of; meaningful only while
/// the standing is valid.
static USER_ID: PerBackend<[u8; 16]> = PerBackend(UnsafeCell::new([0; 16]));
static TENANT_ID: PerBackend<[u8; 16]> = PerBackend(UnsafeCell::new([0; 16]));
/// How often an identity, or none, has been assigned.
static ASSIGNED: PerBackend<u64> = PerBackend(UnsafeCell::new(0));
/// Of whoever lends to an agent.
static LENDING_ID: PerBackend<[u8; 16]> = PerBackend(UnsafeCell::new([0; 16]));

#[inline]
fn hot() -> Hot {
    // SAFETY: plain data of a single-threaded backend, to which nobody holds a reference.
    unsafe { *HOT.0.get() }
}

thread_local! {
    /// Up only while this library itself sets a sealed setting.
    static OUR_HAND: Cell<bool> = const { Cell::new(false) };
    /// The head of the identity that this library is assigning at this moment.
    static WRITTEN: Cell<Option<Head>> = const { Cell::new(None) };
    /// Whether [`let_seal_travel`] has done its work in this backend.
    static SEAL_TRAVELS: Cell<bool> = const { Cell::new(false) };
    /// The whole identity, for everything that is not called for each row; read when first asked for.
    static WHOLE: RefCell<Option<Identity>> = const { RefCell::new(None) };
}

/// Whether the identity of this transaction counts.
pub enum Standing {
    Nobody,
    Valid,
    Expired,
}

/// The standing by the seal alone; expiry is noticed by [`notice_expiry`] when a statement starts.
#[inline]
pub fn standing() -> Standing {
    let hot = hot();
    // SAFETY: a backend is single-threaded, and the variable is a plain integer.
    let seal = unsafe { SEAL };
    if hot.serial == SEAL_NONE {
        Standing::Nobody
    } else if hot.serial == seal {
        Standing::Valid
    } else if seal == SEAL_EXPIRED {
        Standing::Expired
    } else {
        Standing::Nobody
    }
}

/// A number that is another one after each change of the identity, by a rollback too, in this backend.
#[inline]
pub fn assigned() -> u64 {
    // SAFETY: as in `hot`.
    unsafe { *ASSIGNED.0.get() }
}

/// The user's sixteen bytes; meaningful only while the standing is valid.
#[inline]
pub fn user_id_bytes() -> *const u8 {
    USER_ID.0.get().cast::<u8>().cast_const()
}

/// The tenant's sixteen bytes, or `None` where the identity names no tenant.
#[inline]
pub fn tenant_id_bytes() -> Option<*const u8> {
    hot().has_tenant.then(|| TENANT_ID.0.get().cast::<u8>().cast_const())
}

/// The external id as a number, where it is one in canonical form.
#[inline]
pub fn external_number() -> Option<i64> {
    hot().external_number
}

/// Whether the identity is an agent's; meaningful only while the standing is valid.
#[inline]
pub fn lends() -> bool {
    hot().lends
}

/// The sixteen bytes of the owner that lends to the agent; meaningful only while [`lends`] is true.
#[inline]
pub fn lending_id_bytes() -> *const u8 {
    LENDING_ID.0.get().cast::<u8>().cast_const()
}

/// The external id of that owner as a number.
#[inline]
pub fn lending_number() -> Option<i64> {
    hot().lending_number
}

/// Whether the transaction acts for a user that only reads.
#[inline]
pub fn reads_only() -> bool {
    hot().reads_only && matches!(standing(), Standing::Valid)
}

/// Calls `read` with the identity of this transaction, if there is a valid one.
///
/// `read` must not call into Postgres: an error there would leave the cell borrowed.
pub fn with_identity<R>(read: impl FnOnce(&Identity) -> R) -> Option<R> {
    match standing() {
        Standing::Valid => with_whole(read),
        Standing::Nobody | Standing::Expired => None,
    }
}

/// Reads the rest of the identity from the setting, unless it was read since it was assigned.
fn with_whole<R>(read: impl FnOnce(&Identity) -> R) -> Option<R> {
    if WHOLE.with_borrow(Option::is_none) {
        // SAFETY: a backend is single-threaded; Postgres keeps the text until it assigns another.
        let identity = unsafe { text(IDENTITY) }.and_then(Identity::decode)?;
        WHOLE.set(Some(identity));
    }
    WHOLE.with_borrow(|whole| whole.as_ref().map(read))
}

/// Ends the identity, if its time has come, until the end of the transaction or a fresh token.
///
/// Called with the clock when a statement starts. The leader decides for its parallel workers: they
/// inherit the seal and never look at the clock.
#[inline]
pub fn notice_expiry(clock: impl FnOnce() -> i64) {
    let hot = hot();
    // SAFETY: as in `standing`.
    unsafe {
        if hot.serial != SEAL_NONE && hot.serial == SEAL && clock() >= hot.expires_at {
            SEAL = SEAL_EXPIRED;
        }
    }
}

/// Sets the identity for the rest of the transaction (or of the savepoint) and the seal to match.
#[inline(always)]
pub fn set(identity: &Identity) -> Result<()> {
    let control = || Error::invalid("an identifier of the identity contains a control character", "");
    let mut text = identity.encode().ok_or_else(control)?;
    text.push('\0');
    let text = CStr::from_bytes_with_nul(text.as_bytes()).map_err(|_| control())?;
    assign(c"warden.identity", text, Some(identity.head()));
    let_seal_travel();
    set_seal(identity.serial);
    Ok(())
}

/// Ends the identity for the rest of the transaction, or until a rollback to an earlier savepoint.
pub fn clear() {
    assign(c"warden.identity", c"", None);
}

/// The seal in force.
pub fn seal() -> i32 {
    // SAFETY: as in `standing`.
    unsafe { SEAL }
}

/// Puts a seal in force; 0 ends every identity of the transaction, whatever is rolled back later.
pub fn set_seal(serial: i32) {
    // SAFETY: as in `standing`.
    unsafe { SEAL = serial }
}

/// The role that has opened the door for the rest of this transaction, if any has.
pub fn admin_role() -> Option<pg_sys::Oid> {
    // SAFETY: as in `standing`.
    let role = unsafe { ADMIN_ROLE };
    // A setting is signed, the number of a role is not.
    (role != 0).then(|| pg_sys::Oid::from(role.cast_unsigned()))
}

/// Opens the door in the name of a role, for the rest of the transaction or of the savepoint.
pub fn set_admin_role(role: pg_sys::Oid) {
    let text = CString::new(role.to_u32().cast_signed().to_string()).unwrap_or_default();
    assign(c"warden.admin_role", &text, None);
}

/// Defines the sealed settings. Called once when the library is loaded into a process.
pub fn define() {
    // SAFETY: the names, descriptions and variables are static, the hooks have the types that the
    // majors 15 to 18 share, and the boot values pass them.
    unsafe {
        pg_sys::DefineCustomStringVariable(
            c"warden.identity".as_ptr(),
            c"The verified identity of this transaction. Only pg_warden sets it.".as_ptr(),
            ptr::null(),
            &raw mut IDENTITY,
            c"".as_ptr(),
            pg_sys::GucContext::PGC_SUSET,
            FLAGS,
            Some(check_identity),
            Some(assign_identity),
            None,
        );
        pg_sys::DefineCustomIntVariable(
            c"warden.seal".as_ptr(),
            c"The seal that the identity must carry to count. Only pg_warden sets it.".as_ptr(),
            ptr::null(),
            &raw mut SEAL,
            SEAL_NONE,
            SEAL_EXPIRED,
            i32::MAX,
            // Not to be set once the connection has begun, by anybody: a SET or RESET, even of 0, would
            // have Postgres remember the seal and restore it on ROLLBACK TO.
            pg_sys::GucContext::PGC_SU_BACKEND,
            FLAGS,
            Some(check_number),
            None,
            None,
        );
        pg_sys::DefineCustomIntVariable(
            c"warden.admin_role".as_ptr(),
            c"The role that has opened protected tables in this transaction. Only pg_warden sets it.".as_ptr(),
            ptr::null(),
            &raw mut ADMIN_ROLE,
            0,
            i32::MIN,
            i32::MAX,
            pg_sys::GucContext::PGC_SUSET,
            FLAGS,
            Some(check_number),
            None,
            None,
        );
    }
}

/// Has Postgres hand the seal to parallel workers, which it does not do with a setting that has its
/// default. Not done when the library is loaded: that may happen within a parallel query, where
/// nothing can be set.
fn let_seal_travel() {
    if SEAL_TRAVELS.get() {
        return;
    }
    with_our_hand(|| {
        // SAFETY: both texts are NUL-terminated and copied by Postgres.
        unsafe {
            pg_sys::SetConfigOption(
                c"warden.seal".as_ptr(),
                c"0".as_ptr(),
                pg_sys::GucContext::PGC_SU_BACKEND,
                pg_sys::GucSource::PGC_S_OVERRIDE,
            );
        }
    });
    SEAL_TRAVELS.set(true);
}

/// Not in a configuration file, nor in the sample of one.
pub const FLAGS: c_int = (pg_sys::GUC_NOT_IN_SAMPLE | pg_sys::GUC_DISALLOW_IN_FILE) as c_int;

/// `head` is what the assign hook would read of the text.
#[inline(always)]
fn assign(setting: &CStr, text: &CStr, head: Option<Head>) {
    with_our_hand(|| {
        WRITTEN.set(head);
        // SAFETY: both texts are NUL-terminated, the value is copied by Postgres. An error unwinds through
        // `with_our_hand`, which lowers the flag on the way.
        unsafe {
            pg_sys::set_config_option(
                setting.as_ptr(),
                text.as_ptr(),
                pg_sys::GucContext::PGC_SUSET,
                pg_sys::GucSource::PGC_S_SESSION,
                pg_sys::GucAction::GUC_ACTION_LOCAL,
                true,
                0,
                false,
            );
        }
    });
}

fn with_our_hand(act: impl FnOnce()) {
    struct Lower;
    impl Drop for Lower {
        fn drop(&mut self) {
            OUR_HAND.set(false);
            WRITTEN.set(None);
        }
    }
    OUR_HAND.set(true);
    let _lower = Lower;
    act();
}

/// Ours, or a parallel worker's that takes over what its leader had.
fn trusted_hand() -> bool {
    // SAFETY: a plain boolean that Postgres sets while a worker restores its leader's settings.
    OUR_HAND.get() || unsafe { pg_sys::InitializingParallelWorker }
}

// The hooks below run outside transactions too: no catalogue access, no error, no panic.

unsafe extern "C-unwind" fn check_identity(
    value: *mut *mut c_char,
    _extra: *mut *mut c_void,
    source: pg_sys::GucSource::Type,
) -> bool {
    // SAFETY: Postgres passes a pointer to its own copy of the text.
    trusted_hand() || (source == pg_sys::GucSource::PGC_S_DEFAULT && unsafe { is_empty(*value) })
}

unsafe extern "C-unwind" fn check_number(
    value: *mut c_int,
    _extra: *mut *mut c_void,
    source: pg_sys::GucSource::Type,
) -> bool {
    // SAFETY: Postgres passes a pointer to its own copy of the number.
    trusted_hand() || (source == pg_sys::GucSource::PGC_S_DEFAULT && unsafe { *value } == 0)
}

/// # Safety
/// `text` is NUL-terminated or null.
pub unsafe fn is_empty(text: *const c_char) -> bool {
    // SAFETY: the caller passes a NUL-terminated text or null.
    text.is_null() || unsafe { *text } == 0
}

unsafe extern "C-unwind" fn assign_identity(value: *const c_char, _extra: *mut c_void) {
    // Only within `assign`: when a savepoint is rolled back, Postgres assigns an earlier text.
    let written = WRITTEN.take();
    // SAFETY: Postgres passes a NUL-terminated text or null.
    let head = match written {
        None if unsafe { is_empty(value) } => None,
        None => unsafe { text(value) }.and_then(Head::decode),
        written => written,
    };
    WHOLE.with(|whole| {
        // Borrowed only where memory has run out in the midst of a read: the backend is ending (memory.rs).
        if let Ok(mut whole) = whole.try_borrow_mut() {
            *whole = None;
        }
    });
    let hot = head.as_ref().map_or(NOBODY, |head| Hot {
        serial: head.serial,
        expires_at: head.expires_at,
        has_tenant: head.tenant_id.is_some(),
        external_number: head.external_number,
        reads_only: head.reads_only,
        lends: head.lends.is_some(),
        lending_number: head.lends.and_then(|lends| lends.external_number),
    });
    // SAFETY: a backend is single-threaded, and nobody holds a Rust reference to what is written here.
    unsafe {
        *HOT.0.get() = hot;
        *ASSIGNED.0.get() += 1;
        if let Some(head) = head {
            *USER_ID.0.get() = *head.user_id.as_uuid().as_bytes();
            if let Some(tenant_id) = head.tenant_id {
                *TENANT_ID.0.get() = *tenant_id.as_uuid().as_bytes();
            }
            if let Some(lends) = head.lends {
                *LENDING_ID.0.get() = *lends.owner_id.as_uuid().as_bytes();
            }
        }
    }
}

/// A text of Postgres'; what is not UTF-8 is no text.
///
/// # Safety
/// `value` is null, or NUL-terminated and unchanged while the answer is used.
unsafe fn text<'a>(value: *const c_char) -> Option<&'a str> {
    if value.is_null() {
        return None;
    }
    // SAFETY: promised by the caller.
    unsafe { CStr::from_ptr(value) }.to_str().ok()
}
