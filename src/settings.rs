//! The settings an operator may change. What each protects is said where it is defined.

#![allow(unsafe_code)]

use pgrx::prelude::*;
use pgrx::{GucContext, GucFlags, GucRegistry, GucSetting, PostgresGucEnum};
use std::ffi::CStr;

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
    GucRegistry::define_int_guc(
        c"warden.max_identity_age",
        c"The longest an identity lives within a transaction, whatever its token says.",
        c"",
        &MAX_IDENTITY_AGE,
        1,
        86_400,
        GucContext::Suset,
        GucFlags::UNIT_S,
    );
    GucRegistry::define_bool_guc(
        c"warden.allow_identity_switch",
        c"Lets one transaction act for several users in turn. For test suites only.",
        c"",
        &ALLOW_IDENTITY_SWITCH,
        GucContext::Suset,
        GucFlags::default(),
    );
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
