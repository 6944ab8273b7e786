//! The settings an operator may change. What each protects is said where it is defined.

#![allow(unsafe_code)]

use crate::passwords::Cost;
use pgrx::prelude::*;
use pgrx::{GucContext, GucFlags, GucRegistry, GucSetting, PostgresGucEnum, pg_guard};
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ops::RangeInclusive;

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
static MAX_ACT_AS_AGE: GucSetting<i32> = GucSetting::<i32>::new(300);
static ALLOW_IDENTITY_SWITCH: GucSetting<bool> = GucSetting::<bool>::new(false);
static ACCESS_TOKEN_LIFETIME: GucSetting<i32> = GucSetting::<i32>::new(900);
static SESSION_LIFETIME: GucSetting<i32> = GucSetting::<i32>::new(30 * 86_400);
static SESSION_IDLE_TIMEOUT: GucSetting<i32> = GucSetting::<i32>::new(7 * 86_400);
static MAX_SESSIONS: GucSetting<i32> = GucSetting::<i32>::new(50);
static EVICT_SESSIONS: GucSetting<bool> = GucSetting::<bool>::new(true);
static PASSWORD_MEMORY: GucSetting<i32> = GucSetting::<i32>::new(19_456);
static PASSWORD_ITERATIONS: GucSetting<i32> = GucSetting::<i32>::new(2);
static PASSWORD_PARALLELISM: GucSetting<i32> = GucSetting::<i32>::new(1);
static EXCHANGE_LIFETIME: GucSetting<i32> = GucSetting::<i32>::new(86_400);
static ADDRESS_HEADER: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(None);
static ERROR_STYLE: GucSetting<ErrorStyle> = GucSetting::<ErrorStyle>::new(ErrorStyle::Postgres);

/// `warden.missing_identity`; anybody may change it, because neither value shows a row.
pub fn missing_identity_is_error() -> bool {
    MISSING_IDENTITY.get() == MissingIdentity::Loud
}

/// `warden.max_identity_age` in microseconds: the longest an identity lives, whatever its token says.
pub fn max_identity_age() -> i64 {
    i64::from(MAX_IDENTITY_AGE.get()) * 1_000_000
}

/// `warden.max_act_as_age` in microseconds: the longest that somebody acts as another user.
pub fn max_act_as_age() -> i64 {
    i64::from(MAX_ACT_AS_AGE.get()) * 1_000_000
}

/// `warden.allow_identity_switch`: several users in one transaction, for test suites that roll one back.
pub fn allow_identity_switch() -> bool {
    ALLOW_IDENTITY_SWITCH.get()
}

/// `warden.access_token_lifetime`, in seconds.
pub fn access_token_lifetime() -> i32 {
    ACCESS_TOKEN_LIFETIME.get()
}

/// `warden.session_lifetime`, in seconds.
pub fn session_lifetime() -> i32 {
    SESSION_LIFETIME.get()
}

/// `warden.session_idle_timeout`, in seconds; 0 for none.
pub fn session_idle_timeout() -> i32 {
    SESSION_IDLE_TIMEOUT.get()
}

/// `warden.max_sessions`; 0 for any number.
pub fn max_sessions() -> i32 {
    MAX_SESSIONS.get()
}

/// `warden.evict_sessions`: whether an old session makes room for a new one.
pub fn evict_sessions() -> bool {
    EVICT_SESSIONS.get()
}

/// `warden.exchange_lifetime`, in seconds: the longest that `exchange_token` grants.
pub fn exchange_lifetime() -> i32 {
    EXCHANGE_LIFETIME.get()
}

/// `warden.password_memory`, `warden.password_iterations`, `warden.password_parallelism`.
pub fn password_cost() -> Cost {
    Cost {
        memory: PASSWORD_MEMORY.get().unsigned_abs(),
        iterations: PASSWORD_ITERATIONS.get().unsigned_abs(),
        parallelism: PASSWORD_PARALLELISM.get().unsigned_abs(),
    }
}

/// `warden.error_style`; anybody may change it, because it changes five characters of what the client is told.
pub fn error_style() -> ErrorStyle {
    ERROR_STYLE.get()
}

/// `warden.address_header`: the header in which a proxy states the client's address; empty for none.
pub fn address_header() -> String {
    ADDRESS_HEADER.get().and_then(|name| name.into_string().ok()).unwrap_or_default()
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
    define_int::<0>(
        c"The longest an identity lives within a transaction, whatever its token says.",
        &MAX_IDENTITY_AGE,
        1..=86_400,
        GucFlags::UNIT_S,
    );
    define_int::<1>(
        c"How long an access token of this database is good.",
        &ACCESS_TOKEN_LIFETIME,
        60..=3_600,
        GucFlags::UNIT_S,
    );
    define_int::<2>(
        c"How long a session lasts at most, however active it is.",
        &SESSION_LIFETIME,
        60..=i32::MAX,
        GucFlags::UNIT_S,
    );
    define_int::<3>(
        c"How long a session lasts after its last refresh; 0 for as long as any.",
        &SESSION_IDLE_TIMEOUT,
        0..=i32::MAX,
        GucFlags::UNIT_S,
    );
    define_int::<4>(
        c"How many sessions a user has at a time; 0 for any number.",
        &MAX_SESSIONS,
        0..=i32::MAX,
        GucFlags::default(),
    );
    // Less memory than 7 MiB is none that OWASP lists. The bounds are those of one sign-in that a server bears.
    define_int::<6>(
        c"How much memory the hash of a new password takes (argon2id).",
        &PASSWORD_MEMORY,
        7_168..=2_097_152,
        GucFlags::UNIT_KB,
    );
    define_int::<7>(
        c"How often the hash of a new password passes over that memory.",
        &PASSWORD_ITERATIONS,
        1..=100,
        GucFlags::default(),
    );
    define_int::<8>(
        c"In how many lanes the hash of a new password is computed.",
        &PASSWORD_PARALLELISM,
        1..=64,
        GucFlags::default(),
    );
    define_int::<9>(
        c"How long a token that was exchanged for another is good at most.",
        &EXCHANGE_LIFETIME,
        60..=30 * 86_400,
        GucFlags::UNIT_S,
    );
    define_int::<10>(
        c"The longest that somebody acts as another user within a transaction.",
        &MAX_ACT_AS_AGE,
        1..=86_400,
        GucFlags::UNIT_S,
    );
    // SAFETY: the hooks have the types that the majors 15 to 18 share, and neither raises for a default.
    unsafe {
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
    // SAFETY: as above.
    unsafe {
        GucRegistry::define_bool_guc_with_hooks(
            FOR_OPERATORS[5],
            c"Whether the session longest without activity makes room for one more than warden.max_sessions; off refuses the new one.",
            c"",
            &EVICT_SESSIONS,
            GucContext::Suset,
            GucFlags::default(),
            Some(check_operator::<5, bool>),
            None,
            None,
        );
    }
    // SAFETY: as above.
    unsafe {
        GucRegistry::define_string_guc_with_hooks(
            FOR_OPERATORS[11],
            c"The header in which the proxy before a gateway states the client's address, for pre_request(); none by default.",
            c"",
            &ADDRESS_HEADER,
            GucContext::Suset,
            GucFlags::default(),
            Some(check_operator::<11, *mut c_char>),
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

/// Defines the setting at this place of [`FOR_OPERATORS`].
fn define_int<const SETTING: usize>(
    description: &'static CStr,
    value: &'static GucSetting<i32>,
    range: RangeInclusive<i32>,
    flags: GucFlags,
) {
    // SAFETY: the hook has the type that the majors 15 to 18 share, and does not raise for a default.
    unsafe {
        GucRegistry::define_int_guc_with_hooks(
            FOR_OPERATORS[SETTING],
            description,
            c"",
            value,
            *range.start(),
            *range.end(),
            GucContext::Suset,
            flags,
            Some(check_operator::<SETTING, c_int>),
            None,
            None,
        );
    }
}

/// The check hook of the setting at this place of [`FOR_OPERATORS`]: Postgres does not tell a hook which one it checks.
/// Without a guard: nothing in its frame waits to be dropped.
unsafe extern "C-unwind" fn check_operator<const SETTING: usize, T>(
    _value: *mut T,
    _extra: *mut *mut c_void,
    source: pg_sys::GucSource::Type,
) -> bool {
    said_by_the_operator(FOR_OPERATORS[SETTING], source)
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

/// Settings with a check hook that only asks who sets them.
const FOR_OPERATORS: [&CStr; 12] = [
    c"warden.max_identity_age",
    c"warden.access_token_lifetime",
    c"warden.session_lifetime",
    c"warden.session_idle_timeout",
    c"warden.max_sessions",
    c"warden.evict_sessions",
    c"warden.password_memory",
    c"warden.password_iterations",
    c"warden.password_parallelism",
    c"warden.exchange_lifetime",
    c"warden.max_act_as_age",
    c"warden.address_header",
];
const ALLOW_IDENTITY_SWITCH_NAME: &CStr = c"warden.allow_identity_switch";
