//! The settings an operator may change. What each protects is said where it is defined.

#![allow(unsafe_code)]

use pgrx::prelude::*;
use pgrx::{GucContext, GucFlags, GucRegistry, GucSetting, PostgresGucEnum, pg_guard};
use std::ffi::{CStr, c_int, c_void};

/// What reading a protected table without an identity means.
#[derive(Clone, Copy, PartialEq, Eq, PostgresGucEnum)]
pub enum MissingIdentity {
    /// No rows, and no writes.
    #[name = c"none"]
    Silent,
    /// 28000, for those who want a forgotten `authenticate` to be loud.
    #[name = c"error"]
    Loud,
}

/// Which SQLSTATEs the errors of the extension have for the client.
#[derive(Clone, Copy, PartialEq, Eq, PostgresGucEnum)]
pub enum ErrorStyle {
    /// Those of Postgres.
    #[name = c"postgres"]
    Postgres,
    /// `PT` and the HTTP status, which PostgREST answers.
    #[name = c"postgrest"]
    Postgrest,
}

static MISSING_IDENTITY: GucSetting<MissingIdentity> = GucSetting::<MissingIdentity>::new(MissingIdentity::Silent);
static MAX_IDENTITY_AGE: GucSetting<i32> = GucSetting::<i32>::new(900);
static ALLOW_IDENTITY_SWITCH: GucSetting<bool> = GucSetting::<bool>::new(false);
static ERROR_STYLE: GucSetting<ErrorStyle> = GucSetting::<ErrorStyle>::new(ErrorStyle::Postgres);

/// `warden.missing_identity`; anybody may change it, because neither value shows a row.
pub fn missing_identity_is_error() -> bool {
    MISSING_IDENTITY.get() == MissingIdentity::Loud
}

/// `warden.max_identity_age` in microseconds: the longest an identity lives, whatever its token says.
pub fn max_identity_age() -> i64 {
    i64::from(MAX_IDENTITY_AGE.get()) * 1_000_000
}

/// `warden.allow_identity_switch`: several users in one transaction, for test suites that roll one back.
pub fn allow_identity_switch() -> bool {
    ALLOW_IDENTITY_SWITCH.get()
}

/// `warden.error_style`; anybody may change it, because it changes five characters of what the client is told.
pub fn error_style() -> ErrorStyle {
    ERROR_STYLE.get()
}

/// The headers of the HTTP request under way, as PostgREST sets them; empty where there is none.
pub fn request_headers() -> String {
    // SAFETY: with `missing_ok` an unknown setting answers null, any other a NUL-terminated text, which is
    // copied before anything could change it.
    unsafe {
        let headers = pg_sys::GetConfigOption(c"request.headers".as_ptr(), true, false);
        if headers.is_null() { String::new() } else { CStr::from_ptr(headers).to_string_lossy().into_owned() }
    }
}

/// Defines the settings. Called once when the library is loaded into a process.
pub fn define() {
    GucRegistry::define_enum_guc(
        c"warden.missing_identity",
        c"What a protected table answers where nobody is signed in: none (no rows) or error (28000).",
        c"",
        &MISSING_IDENTITY,
        GucContext::Userset,
        GucFlags::default(),
    );
    // SAFETY: the hooks have the types that the majors 15 to 18 share, and neither raises for a default.
    unsafe {
        GucRegistry::define_int_guc_with_hooks(
            MAX_IDENTITY_AGE_NAME,
            c"The longest an identity lives within a transaction, whatever its token says.",
            c"",
            &MAX_IDENTITY_AGE,
            1,
            86_400,
            GucContext::Suset,
            GucFlags::UNIT_S,
            Some(check_max_identity_age),
            None,
            None,
        );
        GucRegistry::define_bool_guc_with_hooks(
            ALLOW_IDENTITY_SWITCH_NAME,
            c"Lets one transaction act for several users in turn. For test suites only.",
            c"",
            &ALLOW_IDENTITY_SWITCH,
            GucContext::Suset,
            GucFlags::default(),
            Some(check_allow_identity_switch),
            None,
            None,
        );
    }
    GucRegistry::define_enum_guc(
        c"warden.error_style",
        c"Which SQLSTATEs our errors have for the client: postgres (28000) or postgrest (PT401).",
        c"",
        &ERROR_STYLE,
        GucContext::Userset,
        GucFlags::default(),
    );
    // SAFETY: a static text; from here on only the settings defined above exist under the prefix.
    unsafe { pg_sys::MarkGUCPrefixReserved(c"warden".as_ptr()) };
}

#[pg_guard]
unsafe extern "C-unwind" fn check_max_identity_age(
    _value: *mut c_int,
    _extra: *mut *mut c_void,
    source: pg_sys::GucSource::Type,
) -> bool {
    said_by_the_operator(MAX_IDENTITY_AGE_NAME, source)
}

#[pg_guard]
unsafe extern "C-unwind" fn check_allow_identity_switch(
    value: *mut bool,
    _extra: *mut *mut c_void,
    source: pg_sys::GucSource::Type,
) -> bool {
    // SAFETY: Postgres passes a pointer to its own copy of the value.
    !unsafe { *value } || said_by_the_operator(ALLOW_IDENTITY_SWITCH_NAME, source)
}

/// Whether the session itself may set this, and not just a function that runs as a superuser for it: a wrapper
/// around `set_config` that a project has would otherwise set it for every client.
fn said_by_the_operator(setting: &CStr, source: pg_sys::GucSource::Type) -> bool {
    // SAFETY: reads variables; the catalogue is looked at within a transaction only, for a static name. The hint
    // is a static text, which Postgres copies and does not free.
    unsafe {
        // The configuration, a role's or a database's own settings; and a worker takes over what its leader has.
        if source <= pg_sys::GucSource::PGC_S_DATABASE_USER || pg_sys::InitializingParallelWorker {
            return true;
        }
        let user = pg_sys::GetSessionUserId();
        let acl_set = pg_sys::AclMode::from(pg_sys::ACL_SET);
        if pg_sys::IsTransactionState()
            && pg_sys::pg_parameter_aclcheck(setting.as_ptr(), user, acl_set) == pg_sys::AclResult::ACLCHECK_OK
        {
            return true;
        }
        pg_sys::GUC_check_errhint_string =
            c"A superuser sets it in a session of its own, or by ALTER ROLE or ALTER DATABASE.".as_ptr().cast_mut();
        false
    }
}

const MAX_IDENTITY_AGE_NAME: &CStr = c"warden.max_identity_age";
const ALLOW_IDENTITY_SWITCH_NAME: &CStr = c"warden.allow_identity_switch";
